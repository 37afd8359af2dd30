using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Structure.Tests;

public sealed class TextTests
{
    private const int Columns = 140;
    private const string Exempt = "tests/Structure.Tests/long-lines.txt";

    /// <summary>The list can only shrink: neither may a file have more long lines than it says, nor fewer.</summary>
    [Fact]
    public void Lines_longer_than_140_columns_are_those_on_the_list()
    {
        Dictionary<string, int> listed = Sources.Lines(Exempt).Where(line => !line.StartsWith('#')).Select(line => line.Split(':'))
            .ToDictionary(line => line[0], line => int.Parse(line[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        Dictionary<string, int> found = Sources.Under("", ".cs", ".lua")
            .ToDictionary(file => file, file => Sources.Lines(file).Count(IsLong), StringComparer.Ordinal);
        string[] wrong =
        [
            .. from file in found.Keys.Union(listed.Keys).Order(StringComparer.Ordinal)
               let now = found.GetValueOrDefault(file)
               let allowed = listed.GetValueOrDefault(file)
               where now != allowed
               select now > allowed ? $"{file} has {now} long lines, {allowed} listed: wrap them" : $"{file}: lower {allowed} to {now}",
        ];
        Assert.True(wrong.Length == 0, $"{Exempt}, whose first lines say how to write it anew:\n{string.Join('\n', wrong)}");
    }

    /// <summary>A row of a table cannot be wrapped, and a command would change.</summary>
    [Fact]
    public void Prose_stays_within_140_columns()
    {
        IEnumerable<string> found =
            from page in Sources.Under("", ".md")
            from line in new Document(page, Sources.Text(page)).Prose.Split('\n')
            where IsLong(line) && !line.TrimStart().StartsWith('|')
            select $"{page}: {line[..40]}…";
        Assert.Empty(found);
    }

    [Theory]
    [InlineData(140, false)]
    [InlineData(141, true)]
    public void A_line_is_long_from_141_columns_on(int columns, bool tooLong) => Assert.Equal(tooLong, IsLong(new string('分', columns)));

    /// <summary>What is not done is said where users read it, under Limits, and not in the code.</summary>
    [Fact]
    public void Nothing_is_left_for_later_in_a_comment()
    {
        IEnumerable<string> found =
            from file in Sources.Under("")
            where !file.StartsWith("tests/Structure.Tests/", StringComparison.Ordinal)
            from line in Sources.Lines(file).Index()
            where IsLeftForLater(line.Item)
            select $"{file}:{line.Index + 1}";
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("// TODO: later", true)]
    [InlineData("-- FIXME", true)]
    [InlineData("MethodOfTODOS", false)]
    public void A_line_left_for_later_is_found(string line, bool found) => Assert.Equal(found, IsLeftForLater(line));

    /// <summary>A fault whose text has moved would be tried no more, and nobody would know.</summary>
    [Fact]
    public void Text_of_every_fault_stands_where_it_is_to_be_put()
    {
        ProcessStartInfo check = new("python3", [Path.Combine(Sources.Root, "tests", "mutants", "run"), "--check"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            Environment = { ["PYTHONDONTWRITEBYTECODE"] = "1" },
        };
        using Process process = Process.Start(check)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
    }

    private static bool IsLong(string line) => line.EnumerateRunes().Count() > Columns;

    private static bool IsLeftForLater(string line) => Regex.IsMatch(line, @"\b(TODO|FIXME)\b", RegexOptions.ExplicitCapture);
}
