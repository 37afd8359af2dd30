using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>A page that there is in English and in Chinese says the same in both: the same outline, and the same commands.</summary>
public sealed class LanguageTests
{
    [Theory]
    [InlineData("README.md", "README.zh-CN.md", "")]
    [InlineData("docs/operations.md", "docs/operations.zh-CN.md", "## Reference|## 参考")]
    public void Both_languages_have_the_same_outline(string english, string chinese, string until)
    {
        int[] levels = Levels(Head(Sources.Text(english), until));

        Assert.InRange(levels.Length, 10, 100);
        Assert.Equal(levels, Levels(Head(Sources.Text(chinese), until)));
    }

    [Fact]
    public void Both_handbooks_of_operation_have_the_same_commands()
    {
        string[] commands = Commands(Sources.Text("docs/operations.md"), "## Reference");

        Assert.InRange(commands.Length, 10, 100);
        Assert.Equal(commands, Commands(Sources.Text("docs/operations.zh-CN.md"), "## 参考"));
    }

    [Fact]
    public void Missing_heading_and_another_command_are_found()
    {
        const string English = "# A\n## B\n```sh\n./claims up   # starts it\n# not a heading\n```\n## Reference\n## More\n";

        Assert.Equal([1, 2], Levels(Head(English, "## Reference|## 参考")));
        Assert.Equal([1, 3], Levels(Head("# 甲\n### 乙\n## 参考\n", "## Reference|## 参考")));
        Assert.Equal(["./claims up\n"], Commands(English, "## Reference"));
        Assert.Equal(["./claims up --detach\n"], Commands("```sh\n./claims up --detach  # 启动\n```\n", "## 参考"));
    }

    /// <param name="until">Headings of which one ends what is compared; empty for the whole page.</param>
    private static string Head(string text, string until)
    {
        if (until.Length == 0) return text;
        int end = until.Split('|').Max(heading => text.IndexOf($"\n{heading}\n", StringComparison.Ordinal));
        return end < 0 ? text : text[..end];
    }

    private static int[] Levels(string text) =>
    [
        .. Regex.Matches(new Document("", text).Prose, "^(?<marks>#{1,6}) ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)
            .Select(heading => heading.Groups["marks"].Length),
    ];

    /// <summary>Without what is said about them, which is in the page's language.</summary>
    private static string[] Commands(string text, string until) =>
    [
        .. Regex.Matches(Head(text, until), "^```sh\n(?<commands>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(block => Regex.Replace(block.Groups["commands"].Value, "(?:^| +)#.*\n", "\n", RegexOptions.Multiline)
                .Replace("\n\n", "\n", StringComparison.Ordinal)),
    ];
}
