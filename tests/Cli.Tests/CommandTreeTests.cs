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

    /// <summary>An option that may be left out and is read as if it could not ends the command with an exception.</summary>
    [Fact]
    public void What_a_command_needs_is_asked_for_before_it_runs() => Assert.Equal(
        """
        import facilities: FILE.csv
        import insured: FILE.csv
        import catalogue: FILE.csv
        facility show: CODE
        facility suspend: CODE --reason
        facility resume: CODE --reason
        facility explain: CODE
        insured explain: ID
        insured merge: old new --reason
        send: OPS.jsonl
        explain: --facility --request
        backup: DIR
        restore: DIR
        conformance: --facility --against
        clinic add: code
        clinic reset: code
        clinic token: code
        clinic revoke: code
        ledger close-year: year
        ledger resume: shard
        ledger reconcile: FACILITY FILE
        ledger statement: FACILITY MONTH
        ledger income assess: --kind --county --year --key
        ledger income receive: --kind --amount-fen --key
        ledger pay run: --county --month
        ledger pay replenishments: --month
        ledger pay transfer: --route --amount-fen --key
        ledger plan set: --county --year --plan-fen --revision
        ledger plan show: --year
        ledger deficit: --from --to
        ledger balance: --on
        ledger close-month: month
        ledger reverse-voucher: voucher --key
        policy show: --on
        policy try: --facility-class --amounts
        policy contribution: --year
        policy subsidy: --year --county
        policy impact: --pack --from
        certs authority: dir
        certs issue: dir uri
        certs revoke: dir file
        broker: --address-file
        completions: shell
        """.ReplaceLineEndings("\n"), string.Join('\n', CommandTree.For([]).Subcommands.SelectMany(command => Needs("", command))));

    private static IEnumerable<string> Needs(string parent, Command command)
    {
        string path = $"{parent}{command.Name}";
        string[] needs =
        [
            .. command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0).Select(argument => argument.Name),
            .. command.Options.Where(option => option.Required).Select(option => option.Name),
        ];
        return
        [
            .. needs.Length == 0 ? [] : (string[])[$"{path}: {string.Join(' ', needs)}"],
            .. command.Subcommands.SelectMany(inner => Needs($"{path} ", inner)),
        ];
    }

    private static IEnumerable<string> Described(Command command) =>
    [
        $"{command.Name}: {command.Description} {string.Join(' ', command.Options.Select(option => option.Name))}",
        .. command.Subcommands.SelectMany(Described),
    ];
}
