using System.Runtime.InteropServices;

namespace Claims.Cli;

/// <summary>
/// Ctrl-C and SIGTERM: the first asks the command to end, the second ends the process as it would any other. System.CommandLine has the
/// same, and does not tell the two apart afterwards.
/// </summary>
public static class Interruption
{
    private static readonly CancellationTokenSource Asked = new();
    private static PosixSignalRegistration[] s_watched = [];
    private static int s_exitCode;

    /// <summary>As a shell counts them: 128 and the signal's number.</summary>
    public static int ExitCode => s_exitCode > 0 ? s_exitCode : ExitCodes.Interrupted;

    public static bool Happened => Asked.IsCancellationRequested;

    /// <summary>To be called once, before a command begins.</summary>
    /// <returns>Cancelled by the first signal.</returns>
    public static CancellationToken Watch()
    {
        s_watched =
        [
            .. s_watched,
            PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Take(signal, ExitCodes.Interrupted)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Take(signal, ExitCodes.Terminated)),
        ];
        return Asked.Token;
    }

    private static void Take(PosixSignalContext signal, int exitCode)
    {
        if (Interlocked.CompareExchange(ref s_exitCode, exitCode, 0) != 0) return;
        signal.Cancel = true;
        // Whoever waits for the token goes on at once, and a signal's thread is no place for it.
        _ = Asked.CancelAsync();
    }
}
