using System.Diagnostics;
using System.Globalization;

namespace Claims.PrivateServers;

/// <summary>How to start a server. Output and errors are appended to <paramref name="LogFile"/>.</summary>
public sealed record ServerCommand(string FileName, IReadOnlyList<string> Arguments, string LogFile)
{
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public string WorkingDirectory { get; init; } = "/";
}

/// <summary>A started server: one that ends with this process, or one that outlives it.</summary>
public sealed class ServerProcess : IDisposable
{
    // The wrapper ends the server when its standard input closes, which the kernel does for us however this process ends.
    private const string OwnedScript =
        """exec 3<&0; "$@" </dev/null >>"$CLAIMS_LOG_FILE" 2>&1 3<&- & echo $!; read -r _ <&3; kill -KILL $! 2>/dev/null""";

    private const string DetachedScript = """exec "$@" </dev/null >>"$CLAIMS_LOG_FILE" 2>&1""";

    private readonly Process _wrapper;

    private ServerProcess(Process wrapper, ProcessIdentity identity)
    {
        _wrapper = wrapper;
        Identity = identity;
    }

    public ProcessIdentity Identity { get; }

    /// <summary>Starts a server that is killed when the result is disposed or this process ends, whatever ends it.</summary>
    public static async Task<ServerProcess> StartOwnedAsync(ServerCommand command, CancellationToken cancellationToken = default)
    {
        Process wrapper = Start(command, ["/bin/sh", "-c", OwnedScript, "sh"], redirect: true);
        string? pid = await wrapper.StandardOutput.ReadLineAsync(cancellationToken);
        int serverPid = int.Parse(pid ?? "0", CultureInfo.InvariantCulture);
        return new ServerProcess(wrapper, ProcessIdentity.Of(serverPid) ?? new ProcessIdentity(serverPid, 0));
    }

    /// <summary>Starts a server in a session of its own: it survives this process and hears no Ctrl-C of its terminal.</summary>
    public static ProcessIdentity StartDetached(ServerCommand command)
    {
        // setsid does not fork here because a child of .NET leads no process group: the number stays.
        using Process process = Start(command, ["setsid", "/bin/sh", "-c", DetachedScript, "sh"], redirect: false);
        return ProcessIdentity.Of(process.Id) ?? new ProcessIdentity(process.Id, 0);
    }

    /// <summary>The last lines of a log file, for an error message; empty where there are none.</summary>
    public static string LogTail(string logFile, int lines = 5)
    {
        if (!File.Exists(logFile))
            return "";
        return string.Join('\n', File.ReadLines(logFile).Where(line => line.Length > 0).TakeLast(lines));
    }

    public void Dispose()
    {
        Identity.Signal(ProcessSignal.Kill);
        _wrapper.StandardInput.Dispose();
        _wrapper.WaitForExit();
        _wrapper.Dispose();
    }

    private static Process Start(ServerCommand command, string[] launcher, bool redirect)
    {
        ProcessStartInfo start = new(launcher[0], [.. launcher[1..], command.FileName, .. command.Arguments])
        {
            WorkingDirectory = command.WorkingDirectory,
            RedirectStandardInput = redirect,
            RedirectStandardOutput = redirect,
        };
        foreach ((string name, string value) in command.Environment)
            start.Environment[name] = value;
        start.Environment["CLAIMS_LOG_FILE"] = command.LogFile;
        return Process.Start(start) ?? throw new PrivateServerException($"{command.FileName} could not be started.");
    }
}
