using System.Diagnostics;
using Claims.Cli.LocalSystem;

namespace Claims.Cli;

/// <summary>Runs load-tests/ in a process of its own: the instrument's memory and collector are not the command's.</summary>
public static class LoadTests
{
    /// <param name="command">A command of Claims.LoadTests.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string command, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!,
            [Repository.Assembly("Claims.LoadTests"), command, .. arguments])
        { UseShellExecute = false };
        start.Environment[ProcessorShare.Setting.Key] = ProcessorShare.Setting.Value;
        using Process instrument = Process.Start(start)
            ?? throw new CommandException("dotnet could not be started.", ExitCodes.CannotStart);
        try
        {
            await instrument.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // It has had the same Ctrl-C and stops the servers that it started.
            await instrument.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        return instrument.ExitCode;
    }
}
