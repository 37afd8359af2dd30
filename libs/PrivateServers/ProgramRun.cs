using System.Diagnostics;

namespace Claims.PrivateServers;

/// <summary>One run of a program to its end. It ends with this process, whatever ends that.</summary>
internal static class ProgramRun
{
    // The reader ends the program and what it has started, pg_basebackup has a second process, once standard input closes, which the
    // kernel does however this process ends.
    private const string Script = """
        exec 3<&0
        setsid "$@" </dev/null 3<&- 2>&1 &
        program=$!
        { read -r _ <&3; kill -KILL -- -$program; } >/dev/null 2>&1 &
        reader=$!
        exec 3<&-
        wait $program
        code=$?
        kill $reader 2>/dev/null
        exit $code
        """;

    /// <param name="line">Takes each line that the program writes, to standard output or error.</param>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(ServerCommand command, Action<string> line, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new("/bin/sh", ["-c", Script, "sh", command.FileName, .. command.Arguments])
        {
            UseShellExecute = false,
            WorkingDirectory = command.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach ((string name, string value) in command.Environment) start.Environment[name] = value;
        using Process process = Process.Start(start) ?? throw new PrivateServerException($"{command.FileName} could not be started.");
        // Ends it too where this is cancelled.
        await using StreamWriter input = process.StandardInput;
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } said) line(said);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }
}
