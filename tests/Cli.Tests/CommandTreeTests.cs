using System.CommandLine;
using Claims.Cli.Commands;

namespace Claims.Cli.Tests;

public sealed class CommandTreeTests
{
    [Fact]
    public void Command_that_is_named_is_made_alone_and_whole()
    {
        foreach (Command command in CommandTree.For([]).Subcommands.Where(command => command.Name is not ("help" or "completions")))
        {
            Command alone = Assert.Single(CommandTree.For([command.Name, "--help"]).Subcommands);

            Assert.Equal(Described(command), Described(alone));
        }
    }

    [Theory]
    [InlineData]
    [InlineData("--help")]
    [InlineData("help", "operations")]
    [InlineData("completions", "bash")]
    [InlineData("sned", "visits.jsonl")]
    [InlineData("--wait", "send")]
    public void Words_that_begin_with_no_command_find_all(params string[] words)
    {
        string[] names = [.. CommandTree.For(words).Subcommands.Select(command => command.Name)];

        Assert.Equal(
            [
                "demo", "test", "bench", "load", "chaos", "up", "down", "status", "import", "facility", "insured", "recheck", "send",
                "explain", "rebuild", "backup", "restore", "conformance", "clinic", "ledger", "policy", "certs", "broker", "help",
                "completions",
            ],
            names);
    }

    [Fact]
    public void Number_of_a_command_that_is_made_alone_is_told_in_a_sentence()
    {
        ParseResult parsed = CommandTree.For(["ledger", "resume", "first"]).Parse(["ledger", "resume", "first"]);

        Assert.Contains("must be a whole number, not 'first'", Assert.Single(parsed.Errors).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Described(Command command) =>
    [
        $"{command.Name}: {command.Description} {string.Join(' ', command.Options.Select(option => option.Name))}",
        .. command.Subcommands.SelectMany(Described),
    ];
}
