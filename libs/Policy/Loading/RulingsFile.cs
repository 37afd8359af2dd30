using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class RulingsFile
{
    public static ImmutableSortedDictionary<string, Ruling> Read(PolicyNode file)
    {
        ImmutableSortedDictionary<string, Ruling>.Builder rulings =
            ImmutableSortedDictionary.CreateBuilder<string, Ruling>(StringComparer.Ordinal);
        if (file.Child("rulings") is { } node)
        {
            foreach (string id in node.Keys())
            {
                if (node.Child(id) is not { } ruling) continue;
                rulings[id] = new(id, ruling.Text("says"), ruling.Source());
                ruling.Close();
            }
        }

        file.Close();
        return rulings.ToImmutable();
    }
}
