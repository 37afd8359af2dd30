using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class CountiesFile
{
    private static readonly string[] FiscalClasses = ["district", "county", "airport_zone"];

    public static Content Read(PolicyNode file)
    {
        PoolingArea? area = file.Child("pooling_area") is { } areaNode ? ReadArea(areaNode) : null;
        ImmutableSortedDictionary<string, County>.Builder counties =
            ImmutableSortedDictionary.CreateBuilder<string, County>(StringComparer.Ordinal);
        if (file.Child("counties") is { } node)
        {
            foreach (string code in node.Keys())
            {
                if (!IsCode(code)) node.Fault(code, $"'{code}' is not a 6-digit administrative code.");
                if (code == area?.Code) node.Fault(code, $"'{code}' is the code of the pooling area.");
                if (node.Child(code) is { } county) counties[code] = ReadCounty(county, code);
            }
        }

        file.Close();
        return new(area, counties.ToImmutable());
    }

    private static PoolingArea ReadArea(PolicyNode node)
    {
        string code = node.Text("code");
        if (code.Length > 0 && !IsCode(code)) node.Fault("code", $"'{code}' is not a 6-digit administrative code.");
        PoolingArea area = new(code, node.Text("name"), node.Source(), node.Ruling());
        node.Close();
        return area;
    }

    private static County ReadCounty(PolicyNode node, string code)
    {
        bool inside = OneOf(node, "pooling", "inside", "outside") == "inside";
        County county = new(
            code,
            node.Text("name"),
            inside,
            inside ? OneOf(node, "accounts", "city", "county") == "city" ? FundAccounts.City : FundAccounts.County : null,
            inside ? OneOf(node, "fiscal", FiscalClasses) : null,
            node.Source(),
            node.Ruling());
        node.Close();
        return county;
    }

    private static string OneOf(PolicyNode node, string key, params string[] words)
    {
        string word = node.Text(key);
        if (word.Length > 0 && !words.Contains(word, StringComparer.Ordinal))
            node.Fault(key, $"'{word}' in '{key}' is not one of {string.Join(", ", words)}.");
        return word;
    }

    private static bool IsCode(string code) => code.Length == 6 && code.All(char.IsAsciiDigit);

    /// <param name="PoolingArea">Null after a fault only.</param>
    internal sealed record Content(PoolingArea? PoolingArea, ImmutableSortedDictionary<string, County> Counties);
}
