using System.CommandLine;

namespace Claims.Cli.Commands;

public static class BenchCommand
{
    public static Command Create()
    {
        Command command = new("bench", "Measure the system against the peer and against the limit; medians and ratios. Options: --rounds N, --only PART…, --json.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((result, cancel) => LoadTests.RunAsync("bench", result.UnmatchedTokens, cancel));
        return command;
    }
}
