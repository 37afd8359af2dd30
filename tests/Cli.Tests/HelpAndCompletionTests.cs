using System.CommandLine;
using System.Diagnostics;
using Claims.Cli.Commands;

namespace Claims.Cli.Tests;

/// <summary>The handbook in the terminal, and what the shell completes.</summary>
[Collection(nameof(FakeSystem))]
public sealed class HelpAndCompletionTests(FakeSystem system)
{
    private static readonly string[] Page =
        ["# Title", "intro", "## Backup and restore", "how", "### To a moment", "when", "```", "# no heading", "```", "## After", "end"];

    [Fact]
    public async Task Help_lists_every_page_and_shows_one_without_where_its_links_lead()
    {
        Ran topics = await system.RunAsync("help");
        Ran page = await system.RunAsync("help", "Reasons");

        IEnumerable<string> pages =
            Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => Path.GetFileNameWithoutExtension(path));
        Assert.Equal(pages.Order(StringComparer.Ordinal), topics.Lines.Skip(1).Select(line => line.Split(' ')[0]));
        Assert.Equal(0, page.ExitCode);
        Assert.StartsWith("# Reasons\n", page.Output, StringComparison.Ordinal);
        Assert.Contains("YEAR_CLOSED", page.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("](", page.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backup", "## Backup and restore|how|### To a moment|when|```|# no heading|```")]
    [InlineData("moment", "### To a moment|when|```|# no heading|```")]
    [InlineData("after", "## After|end")]
    [InlineData("no heading", "")]
    [InlineData("", "# Title|intro|## Backup and restore|how|### To a moment|when|```|# no heading|```|## After|end")]
    public void Help_shows_the_sections_whose_heading_has_the_words(string words, string expected) =>
        Assert.Equal(expected, string.Join('|', HelpCommand.SectionsWith(Page, words)));

    [Fact]
    public async Task Help_for_what_is_not_there_says_what_there_is()
    {
        Ran topic = await system.RunAsync("help", "mending");
        Ran section = await system.RunAsync("help", "reasons", "mending");

        Assert.Equal((1, "There is no topic 'mending'; `claims help` lists them, `claims COMMAND --help` has every option."),
            (topic.ExitCode, topic.Errors));
        Assert.Equal(1, section.ExitCode);
        Assert.StartsWith("No heading of reasons has 'mending'. It has: ", section.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "ledger send")]
    [InlineData("le", "ledger")]
    [InlineData("ledger st", "statement")]
    [InlineData("ledger statement --fo", "--format")]
    [InlineData("ledger statement F 2025-06 --format ", "csv html table")]
    [InlineData("ledger statement --format c", "csv")]
    [InlineData("send ledger st", "")]
    [InlineData("no-such ", "ledger send")]
    public async Task Shell_completes_commands_options_and_their_values(string typed, string expected)
    {
        RootCommand root = new() { LedgerCommand.Create(), SendCommand.Create() };
        string[] words = ["claims", .. typed.Split(' ')];
        string script = CompletionsCommand.Bash(root) + $$"""
            COMP_WORDS=({{string.Join(' ', words.Select(word => $"'{word}'"))}}); COMP_CWORD={{words.Length - 1}}
            _claims; printf '%s\n' "${COMPREPLY[@]}"
            """;

        string[] offered = await BashAsync(script);

        bool optionsToo = typed.Contains(" --", StringComparison.Ordinal);
        Assert.Equal(expected, string.Join(
            ' ', offered.Where(word => optionsToo || !word.StartsWith("--", StringComparison.Ordinal)).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Shell_offers_what_a_command_inherits_and_nothing_that_is_hidden()
    {
        RootCommand root = new()
        {
            new Command("books") { new Command("show"), new Command("secret") { Hidden = true }, new Option<bool>("--own") },
            new Option<string>("--at") { Recursive = true }, new Option<string>("--alone"),
            new Option<string>("--internal") { Recursive = true, Hidden = true },
        };

        string[] offered = await BashAsync(CompletionsCommand.Bash(root) + """
            COMP_WORDS=(claims books ''); COMP_CWORD=2
            _claims; printf '%s\n' "${COMPREPLY[@]}"
            """);

        Assert.Equal(["--at", "--own", "show"], offered.Where(word => word is not ("--help" or "--version")).Order(StringComparer.Ordinal));
    }

    private static async Task<string[]> BashAsync(string script)
    {
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["-u", "-s"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await bash.StandardInput.WriteAsync(script);
        bash.StandardInput.Close();
        string output = await bash.StandardOutput.ReadToEndAsync();
        Assert.Equal("", await bash.StandardError.ReadToEndAsync());
        await bash.WaitForExitAsync();
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
