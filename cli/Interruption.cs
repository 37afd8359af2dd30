using System.Runtime.InteropServices;

namespace Claims.Cli;

/// <summary>Whether a person or another program has asked this process to end. The commands end by their cancellation tokens; this says
/// how.</summary>
public static class Interruption
{
    private static PosixSignalRegistration[] s_watched = [];
    private static int s_exitCode;

    /// <summary>As a shell counts them: 128 and the signal's number.</summary>
    public static int ExitCode => s_exitCode > 0 ? s_exitCode : ExitCodes.Interrupted;

    public static bool Happened => s_exitCode > 0;

    /// <summary>To be called once, before a command begins.</summary>
    public static void Watch() => s_watched =
    [
        .. s_watched,
        PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => s_exitCode = ExitCodes.Interrupted),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => s_exitCode = ExitCodes.Terminated),
    ];
}
