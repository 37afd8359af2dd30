using System.Globalization;
using System.Runtime.InteropServices;

namespace Claims.PrivateServers;

/// <summary>
/// One process and no later one with the same number: <paramref name="StartTicks"/> is field 22 of /proc/PID/stat,
/// clock ticks between the machine's start and the process's.
/// </summary>
public readonly record struct ProcessIdentity(int Pid, long StartTicks)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>The process that runs under this number now; null where there is none, or only a zombie.</summary>
    public static ProcessIdentity? Of(int pid)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        bool gone = fields[0] is "Z" or "X";
        return gone ? null : new ProcessIdentity(pid, long.Parse(fields[19], CultureInfo.InvariantCulture));
    }

    public bool IsRunning => Pid > 0 && Of(Pid) == this;

    /// <summary>Sends the signal if this very process still runs.</summary>
    public void Signal(ProcessSignal signal)
    {
        if (IsRunning)
            _ = kill(Pid, (int)signal);
    }

    /// <returns>Whether the process has ended within the bound.</returns>
    public async Task<bool> WaitForExitAsync(TimeSpan bound, CancellationToken cancellationToken = default)
    {
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        while (IsRunning)
        {
            if (Environment.TickCount64 >= deadline)
                return false;
            await Task.Delay(PollInterval, cancellationToken);
        }
        return true;
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int pid, int signal);
}

/// <summary>Linux signal numbers.</summary>
public enum ProcessSignal
{
    Interrupt = 2,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}
