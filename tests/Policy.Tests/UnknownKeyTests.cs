using System.Text;
using Claims.Policy;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Policy.Tests;

/// <summary>A key that nobody reads is a rule that nobody applies: each mapping of each pack refuses one more.</summary>
public sealed class UnknownKeyTests
{
    private const string Unknown = "surprise";

    public static TheoryData<string, string> Packs
    {
        get
        {
            TheoryData<string, string> packs = [];
            foreach (string folder in (string[])["policy", "cities"])
            {
                foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, folder), "*-outpatient.yaml"))
                    packs.Add(folder, Path.GetFileName(file).Split('-')[0]);
            }

            return packs;
        }
    }

    [Theory]
    [MemberData(nameof(Packs))]
    public void Key_that_no_mapping_has_is_refused_by_its_line(string folder, string city)
    {
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        foreach (string directory in (string[])["policy", folder])
        {
            foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, directory), "*.yaml"))
                files[Path.GetFileName(file)] = File.ReadAllBytes(file);
        }

        string[] read = [.. files.Keys.Where(name => name.StartsWith($"{city}-", StringComparison.Ordinal)
            || (city == "zhengzhou" && name is "henan-floors.yaml" or "rulings.yaml"))];
        PolicyLoader.Load(files, city);
        List<string> taken = [];
        int tried = 0;
        foreach (string name in read)
        {
            string text = Encoding.UTF8.GetString(files[name]);
            foreach (Mark mapping in Mappings(text))
            {
                (string broken, long line) = WithOneMore(text, mapping);
                Dictionary<string, byte[]> pack = new(files, StringComparer.Ordinal) { [name] = Encoding.UTF8.GetBytes(broken) };
                tried++;
                if (!FaultsOf(pack, city).Any(fault => fault.StartsWith($"{name}:{line}: ", StringComparison.Ordinal)
                    && fault.Contains(Unknown, StringComparison.Ordinal)))
                    taken.Add($"{name}:{line}");
            }
        }

        Assert.Empty(taken);
        Assert.True(tried > 20, $"{tried} mappings were found.");
    }

    private static List<Mark> Mappings(string text)
    {
        List<Mark> found = [];
        Parser parser = new(new StringReader(text));
        while (parser.MoveNext())
        {
            if (parser.Current is MappingStart mapping) found.Add(mapping.Start);
        }

        return found;
    }

    /// <returns>The text with the key first in the mapping, and the line that it stands on.</returns>
    private static (string Text, long Line) WithOneMore(string text, Mark mapping)
    {
        int at = (int)mapping.Index;
        string one = text[at] == '{'
            ? $"{{{Unknown}: 1{(text[(at + 1)..].TrimStart().StartsWith('}') ? "" : ", ")}"
            : $"{Unknown}: 1\n{new string(' ', (int)mapping.Column - 1)}";
        return (string.Concat(text.AsSpan(0, at), one, text.AsSpan(text[at] == '{' ? at + 1 : at)), mapping.Line);
    }

    private static IReadOnlyList<string> FaultsOf(Dictionary<string, byte[]> pack, string city)
    {
        try
        {
            PolicyLoader.Load(pack, city);
            return [];
        }
        catch (PolicyException exception)
        {
            return exception.Faults;
        }
    }
}
