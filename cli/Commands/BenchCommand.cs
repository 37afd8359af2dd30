using System.CommandLine;
using System.Diagnostics;

namespace Claims.Cli.Commands;

/// <summary>Runs load-tests/ in a process of its own: the instrument's memory and collector are not the command's.</summary>
public static class BenchCommand
{
    public static Command Create()
    {
        Command command = new("bench", "Measure the system against the peer and against the limit; medians and ratios. Options: --rounds N, --only PART…, --json.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((result, cancel) => RunAsync([.. result.UnmatchedTokens], cancel));
        return command;
    }

    private static async Task<int> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, [Repository.Assembly("Claims.LoadTests"), "bench", .. arguments]) { UseShellExecute = false };
        using Process bench = Process.Start(start) ?? throw new CommandException("dotnet could not be started.", ExitCodes.CannotStart);
        try
        {
            await bench.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // It has had the same Ctrl-C and stops the servers that it started.
            await bench.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        return bench.ExitCode;
    }
}
