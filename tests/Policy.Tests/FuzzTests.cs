using System.Text;
using Claims.Policy;
using Fuzz;
using Xunit.Abstractions;

namespace Policy.Tests;

/// <summary>The YAML of a policy, broken at random.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Fact]
    public void Pack_is_read_or_refused_with_its_faults()
    {
        string directory = Path.Combine(AppContext.BaseDirectory, "policy");
        Dictionary<string, byte[]> files = Directory.GetFiles(directory, "*.yaml")
            .ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes, StringComparer.Ordinal);
        string[] own = [.. files.Keys.Where(name => name.StartsWith("zhengzhou-", StringComparison.Ordinal) || name == "rulings.yaml")
            .Order(StringComparer.Ordinal)];
        byte separator = (byte)'\u0001';

        // The file's number, then its text.
        Mutations.Run(output, [.. own.Select((name, index) => (byte[])[(byte)index, separator, .. files[name]])], bytes =>
        {
            Dictionary<string, byte[]> broken = new(files, StringComparer.Ordinal);
            if (bytes.Length > 0) broken[own[bytes[0] % own.Length]] = bytes is [_, 1, ..] ? bytes[2..] : bytes[1..];
            PolicyLoader.Load(broken, "zhengzhou");
        }, typeof(PolicyException));
    }

    [Fact]
    public void Yaml_that_nests_without_end_is_refused()
    {
        string text = string.Concat(Enumerable.Repeat("[", 20_000));
        Assert.Throws<PolicyException>(() => PolicyLoader.Load(
            new Dictionary<string, byte[]>(StringComparer.Ordinal) { ["a-outpatient.yaml"] = Encoding.UTF8.GetBytes(text) }, "a"));
    }
}
