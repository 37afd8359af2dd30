using System.CommandLine;

namespace Claims.Cli.Commands;

public static class LoadCommand
{
    public static Command Create()
    {
        Command command = new(
            "load",
            "Run load scenarios, each against a system of its own, with a report and the books checked. "
            + "Options: NAME…, --list, --seconds N, --rate-scale X, --insured N, --visits N, --report DIR, --json.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((result, cancel) => LoadTests.RunAsync("load", result.UnmatchedTokens, cancel));
        return command;
    }
}
