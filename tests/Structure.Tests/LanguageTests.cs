using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>A page that is there in Chinese and English has the same headings, commands, pictures and diagrams in both, up to its
/// reference, which stands once, in English.</summary>
public sealed class LanguageTests
{
    public static TheoryData<string> Both =>
        [.. Sources.Under("", ".md").Where(page => Sources.Exists(ChineseOf(page)))];

    [Theory, MemberData(nameof(Both))]
    public void Both_languages_have_the_same_outline(string page) =>
        Assert.Equal(OutlineOf(Told(Sources.Text(page))), OutlineOf(Told(Sources.Text(ChineseOf(page)))));

    // Without a reference of its own the Chinese page tells in words what the English one names.
    public static TheoryData<string> Whole =>
        [.. Sources.Under("", ".md").Where(page => Sources.Exists(ChineseOf(page)) && Told(Sources.Text(page)) == Sources.Text(page))];

    [Theory, MemberData(nameof(Whole))]
    public void Both_languages_name_the_same_commands_options_and_settings(string page) =>
        Assert.Equal(NamesIn(Sources.Text(page)), NamesIn(Sources.Text(ChineseOf(page))));

    [Fact]
    public void Each_readme_says_of_a_page_in_which_language_it_is()
    {
        foreach ((string readme, string chinese, string english) in new[]
        {
            ("README.md", "Chinese", "English"), ("README.zh-CN.md", "中文", "英文"),
        })
        {
            string[] rows = [.. Sources.Lines(readme)
                .TakeWhile(line => !line.StartsWith("| `./claims", StringComparison.Ordinal))
                .Where(line => line.StartsWith('|') && line.Contains("](docs/", StringComparison.Ordinal))];
            Assert.True(rows.Length > 10, readme);
            Assert.All(rows, row => Assert.Contains(row.Contains(".zh-CN.md", StringComparison.Ordinal) ? chinese : english,
                row.Split('|')[^2], StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("# A\n## B\n```sh\nrun x    # now\n```\n![p](i.png)", "# ## sh:run x i.png")]
    [InlineData("# A\n```sh\n# only said\nrun x\n```\n```mermaid\nflowchart\n```", "# sh:run x mermaid:")]
    [InlineData("# A\n```sh\n# heading-like\n```", "# sh:")]
    public void Outline_is_of_headings_commands_without_their_comments_and_pictures(string text, string outline) =>
        Assert.Equal(outline, string.Join(' ', OutlineOf(text)));

    [Theory]
    [InlineData("# A\n## B\n## Reference\n## C\n", "# A\n## B")]
    [InlineData("# 甲\n## 参考\n", "# 甲")]
    [InlineData("# A\n### Reference\n", "# A\n### Reference\n")]
    public void Reference_is_not_told_twice(string text, string told) => Assert.Equal(told, Told(text));

    private static string Told(string text) => Regex.Split(text, "\n## (?:Reference|参考)\n")[0];

    private static IEnumerable<string> OutlineOf(string text)
    {
        string[] lines = text.Split('\n');
        for (int line = 0; line < lines.Length; line++)
        {
            if (lines[line].StartsWith("```", StringComparison.Ordinal))
            {
                int end = Array.FindIndex(lines, line + 1, one => one.StartsWith("```", StringComparison.Ordinal));
                string language = lines[line][3..].Trim();
                yield return $"{language}:{(language == "sh" ? CommandsOf(lines[(line + 1)..end]) : "")}";
                line = end;
            }
            else if (Regex.Match(lines[line], "^#{1,6}(?= )") is { Success: true } marks) yield return marks.Value;
            else if (Picture(lines[line]) is { Success: true } picture) yield return picture.Groups["file"].Value;
        }
    }

    private static string ChineseOf(string page) => Path.ChangeExtension(page, ".zh-CN.md");

    private static Match Picture(string line) =>
        Regex.Match(line, "^!\\[[^]]*\\]\\((?<file>[^)]+)\\)", RegexOptions.ExplicitCapture);

    // A remark is in the reader's language.
    private static string CommandsOf(string[] lines) => string.Join('\n',
        lines.Select(line => Regex.Replace(line, "(^|\\s+)# .*$", "", RegexOptions.ExplicitCapture)).Where(line => line.Length > 0));

    private static IEnumerable<string> NamesIn(string text) => Regex
        .Matches(text, "(?<![\\w-])--[a-z][a-z-]*|Claims__\\w+|claims_\\w+|(?<=`\\./claims )[a-z-]+")
        .Select(match => match.Value).Distinct().Order(StringComparer.Ordinal);
}
