using System.Diagnostics;
using Claims.Cli;

namespace Claims.LoadTests.Chaos.Stage;

internal static class Files
{
    /// <summary>A directory with owners, modes and times, to a place that is not there yet.</summary>
    public static async Task CopyAsync(string from, string to, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new("cp", ["-a", from, to]) { UseShellExecute = false, RedirectStandardError = true };
        using Process copy = Process.Start(start)!;
        string errors = await copy.StandardError.ReadToEndAsync(cancellationToken);
        await copy.WaitForExitAsync(cancellationToken);
        if (copy.ExitCode != 0) throw new CommandException($"{from} cannot be copied: {errors.Trim()}", ExitCodes.Failed);
    }
}
