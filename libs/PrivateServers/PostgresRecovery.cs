using System.Globalization;
using System.Text.RegularExpressions;

namespace Claims.PrivateServers;

/// <summary>How far a base backup is carried on.</summary>
/// <param name="To">The last moment whose transactions count; null for as far as there is WAL.</param>
/// <param name="ToItsEnd">No further than the backup itself goes.</param>
/// <param name="WalDirectories">Where WAL behind the backup is looked for, in this order.</param>
/// <param name="Timeline">Whose WAL.</param>
public sealed record RecoveryGoal(DateTimeOffset? To, bool ToItsEnd, IReadOnlyList<string> WalDirectories, int Timeline);

/// <summary>The WAL that a cluster has which does not run.</summary>
/// <param name="Checkpoint">LSN of its last checkpoint: it was at least so far.</param>
public sealed record OwnWal(string Directory, long Checkpoint);

/// <summary>Where a recovery ended.</summary>
/// <param name="Lsn">Where the last record lies that was replayed; null where there was none.</param>
/// <param name="LastTransaction">When the last transaction was committed that was replayed; null where there was none.</param>
public sealed record RecoveryEnd(long? Lsn, DateTimeOffset? LastTransaction);

/// <summary>Makes a database cluster of a base backup and WAL.</summary>
public static partial class PostgresRecovery
{
    /// <summary>Below the directory of the new server.</summary>
    public const string LogName = "recovery.log";

    private const string ScriptName = "restore.sh";

    // Recovery tells of each segment, and every few seconds of a long one; the checkpoint at its end writes whatever was changed.
    private static readonly TimeSpan SilenceBound = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StopBound = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    // Arguments: the name wanted, where to, and the directories. PostgreSQL takes a failure for the end of what there is.
    private const string Script = """
        #!/bin/sh
        name=$1 to=$2
        shift 2
        for directory in "$@"; do
          if [ -f "$directory/$name" ]; then cp "$directory/$name" "$to" && exit 0; fi
        done
        exit 1

        """;

    /// <summary>Copies a backup to where a server of ours can have it, on disk before it returns.</summary>
    /// <param name="backup">The base backup.</param>
    /// <param name="directory">Of the new server; its cluster must not be there.</param>
    /// <exception cref="PrivateServerException">It could not be copied.</exception>
    public static async Task CopyAsync(string backup, string directory, CancellationToken cancellationToken)
    {
        string data = Path.Combine(directory, PrivatePostgres.DataName);
        await RunAsync("cp", "coreutils", ["-r", "--preserve=mode,timestamps", "--no-target-directory", backup, data], cancellationToken);
        await RunAsync("chmod", "coreutils", ["700", data], cancellationToken);
        await RunAsync("initdb", "postgresql", ["--sync-only", "-D", data], cancellationToken);
    }

    /// <summary>Where a cluster that does not run has the last of its WAL, which no archive may have yet; null where there is none of
    /// it.</summary>
    public static async Task<OwnWal?> WalOfAsync(string data, string systemIdentifier, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(data)) return null;
        try
        {
            ControlData control = await ControlData.ReadAsync(data, cancellationToken);
            return control.SystemIdentifier == systemIdentifier ? new OwnWal(Path.Combine(data, "pg_wal"), control.Checkpoint) : null;
        }
        catch (PrivateServerException)
        {
            return null;
        }
    }

    /// <summary>Replays WAL over the copy of a backup, and lets something look at the result while a server runs over it.</summary>
    /// <param name="directory">Of the server; password and log lie beside its cluster.</param>
    /// <param name="tell">Takes a line now and then.</param>
    /// <exception cref="RecoveryException">It did not come to the goal.</exception>
    public static async Task<RecoveryEnd> RunAsync(string directory, RecoveryGoal goal, Action<string> tell,
        Func<PrivatePostgres, Task> look, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(goal);
        ArgumentNullException.ThrowIfNull(look);
        string data = Path.Combine(directory, PrivatePostgres.DataName);
        string script = Path.Combine(directory, ScriptName);
        string log = Path.Combine(directory, LogName);
        await File.WriteAllTextAsync(script, Script, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(data, "recovery.signal"), "", cancellationToken);
        await File.WriteAllTextAsync(log, "", cancellationToken);
        int port = FreePort.Take();
        string restore = string.Join(' ', (string[])
            ["/bin/sh", WalArchive.Quoted(script), "\"%f\"", "\"%p\"", .. goal.WalDirectories.Select(WalArchive.Quoted)]);
        string[] arguments =
        [
            "-D", data, .. PrivatePostgres.Listening(port),
            "-c", "fsync=on", "-c", "full_page_writes=on", "-c", "max_wal_size=4GB",
            // Nobody sees it before it is what it is to be, and nothing of it goes into an archive.
            "-c", "hot_standby=off", "-c", "archive_mode=off",
            "-c", "timezone=UTC", "-c", "log_startup_progress_interval=5s", "-c", $"restore_command={restore}",
            "-c", string.Create(CultureInfo.InvariantCulture, $"recovery_target_timeline={goal.Timeline}"),
            "-c", "recovery_target_action=promote",
            .. goal.To is { } to
                ? new[] { "-c", $"recovery_target_time={ForPostgres(to)}" }
                : [],
            .. goal.ToItsEnd ? new[] { "-c", "recovery_target=immediate" } : [],
        ];
        using (ServerProcess server = await ServerProcess.StartOwnedAsync(
            PrivatePostgres.AsServerUser(PrivatePostgres.Program("postgres"), arguments, log), cancellationToken))
        {
            PrivatePostgres postgres = PrivatePostgres.Attach(directory, port, server.Identity);
            await WaitAsync(postgres, log, tell, cancellationToken);
            await look(postgres);
            server.Identity.Signal(ProcessSignal.Interrupt);
            if (!await server.Identity.WaitForExitAsync(StopBound, cancellationToken))
                throw new RecoveryException("PostgreSQL did not stop after its recovery", EndOf(log));
        }

        return EndOf(log);
    }

    private static string ForPostgres(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff'+00'", CultureInfo.InvariantCulture);

    private static async Task WaitAsync(PrivatePostgres postgres, string log, Action<string> tell, CancellationToken cancellationToken)
    {
        long grewAt = Environment.TickCount64;
        long length = 0;
        string told = "";
        while (!await postgres.AnswersAsync(cancellationToken))
        {
            if (!postgres.Process.IsRunning)
            {
                string[] reasons = [.. File.ReadLines(log).Where(line => line.Contains(" FATAL:  ", StringComparison.Ordinal)
                        && !line.Contains("the database system is", StringComparison.Ordinal))
                    .Select(line => line.Split(" FATAL:  ")[1])];
                throw new RecoveryException(reasons.Length > 0 ? reasons[0] : ServerProcess.LogTail(log, 3), EndOf(log));
            }

            long now = new FileInfo(log).Length;
            if (now != length) (length, grewAt) = (now, Environment.TickCount64);
            if (Environment.TickCount64 - grewAt > SilenceBound.TotalMilliseconds)
                throw new RecoveryException($"PostgreSQL has told nothing for {SilenceBound.TotalMinutes:0} minutes", EndOf(log));
            if (ServerProcess.LogTail(log, 1) is { } line && ProgressPattern().Match(line) is { Success: true } progress && line != told)
            {
                told = line;
                tell(progress.Groups["what"].Value);
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private static RecoveryEnd EndOf(string log)
    {
        string[] lines = [.. File.ReadLines(log)];
        Match? lsn = lines.Select(line => DonePattern().Match(line)).LastOrDefault(match => match.Success);
        Match? time = lines.Select(line => LastPattern().Match(line)).LastOrDefault(match => match.Success);
        return new RecoveryEnd(
            lsn is null ? null : WalArchive.ParseLsn(lsn.Groups["lsn"].Value),
            time is null ? null : DateTimeOffset.Parse(time.Groups["time"].Value + ":00", CultureInfo.InvariantCulture));
    }

    private static async Task RunAsync(string program, string package, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        List<string> said = [];
        string path = package == "postgresql" ? PrivatePostgres.Program(program) : Programs.Find(program, package);
        int exitCode = await ProgramRun.RunAsync(PrivatePostgres.AsServerUser(path, arguments, ""), said.Add, cancellationToken);
        if (exitCode != 0) throw new PrivateServerException($"{program} failed: {string.Join("; ", said.TakeLast(3))}");
    }

    [GeneratedRegex(@"LOG:  (?<what>redo in progress, .*|restored log file .*)$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ProgressPattern();

    [GeneratedRegex(@"LOG:  redo done at (?<lsn>[0-9A-F]+/[0-9A-F]+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex DonePattern();

    [GeneratedRegex(@"last completed transaction was at log time (?<time>[0-9-]+ [0-9:.]+\+00)$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex LastPattern();
}

/// <summary>A recovery did not come to its goal; the message says what PostgreSQL said.</summary>
public sealed class RecoveryException(string reason, RecoveryEnd end) : Exception(reason)
{
    /// <summary>How far it came.</summary>
    public RecoveryEnd End { get; } = end;
}
