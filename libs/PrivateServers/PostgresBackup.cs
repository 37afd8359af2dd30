using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Claims.PrivateServers;

/// <summary>A base backup of a whole database cluster, as pg_basebackup makes it: the files of the cluster, the WAL that makes them one
/// state, and PostgreSQL's manifest with a checksum of each.</summary>
public static partial class PostgresBackup
{
    private const string VersionFile = "PG_VERSION";
    private const string ManifestFile = "backup_manifest";

    /// <summary>The major version of the PostgreSQL that is installed here.</summary>
    public static async Task<string> InstalledMajorAsync(CancellationToken cancellationToken)
    {
        string said = "";
        await ProgramRun.RunAsync(new ServerCommand(PrivatePostgres.Program("postgres"), ["--version"], ""),
            line => said += line, cancellationToken);
        return VersionPattern().Match(said).Groups["major"].Value;
    }

    /// <summary>Copies the cluster while it serves. Returns once everything is on disk and verified.</summary>
    /// <param name="directory">Does not exist, or is empty.</param>
    /// <param name="megabytesPerSecond">At most; null for as fast as it goes.</param>
    /// <param name="copied">Takes the kilobytes that are copied, and those that there are about.</param>
    /// <exception cref="PrivateServerException">What PostgreSQL said against it.</exception>
    public static async Task TakeAsync(PrivatePostgres postgres, string directory, int? megabytesPerSecond, Action<long, long> copied,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(postgres);
        string[] arguments =
        [
            "--pgdata", directory, "--wal-method=stream", "--checkpoint=fast", "--progress", "--no-password", "--label=claims backup",
            "--host=127.0.0.1", string.Create(CultureInfo.InvariantCulture, $"--port={postgres.Port}"), "--username", PrivatePostgres.User,
            .. megabytesPerSecond is { } rate ? new[] { string.Create(CultureInfo.InvariantCulture, $"--max-rate={rate}M") } : [],
        ];
        ServerCommand command = new(PrivatePostgres.Program("pg_basebackup"), arguments, "")
        {
            Environment = new Dictionary<string, string> { ["LC_ALL"] = "C", ["PGPASSWORD"] = postgres.Password },
        };
        List<string> said = [];
        int exitCode = await ProgramRun.RunAsync(command, line =>
        {
            if (ProgressPattern().Match(line) is { Success: true } progress)
            {
                copied(long.Parse(progress.Groups["done"].ValueSpan, CultureInfo.InvariantCulture),
                    long.Parse(progress.Groups["total"].ValueSpan, CultureInfo.InvariantCulture));
            }
            else
            {
                said.Add(line);
            }
        }, cancellationToken);
        if (exitCode != 0) throw new PrivateServerException($"pg_basebackup failed: {string.Join(' ', said.TakeLast(3))}");
        await VerifyAsync(directory, cancellationToken);
    }

    /// <summary>Reads every file of a backup and compares it with its checksum, and reads the WAL that belongs to it.</summary>
    /// <exception cref="PrivateServerException">The backup is not what it was; the message names files.</exception>
    public static async Task VerifyAsync(string directory, CancellationToken cancellationToken)
    {
        List<string> said = [];
        ServerCommand command = new(PrivatePostgres.Program("pg_verifybackup"), ["--quiet", directory], "")
        {
            Environment = new Dictionary<string, string> { ["LC_ALL"] = "C" },
        };
        int exitCode = await ProgramRun.RunAsync(command, said.Add, cancellationToken);
        if (exitCode != 0) throw new PrivateServerException($"The backup in {directory} is damaged: {string.Join("; ", said.Take(3))}");
    }

    /// <summary>Where the backup begins and ends in the WAL.</summary>
    /// <exception cref="PrivateServerException">It has no manifest of PostgreSQL that can be read.</exception>
    public static async Task<WalRange> RangeAsync(string directory, CancellationToken cancellationToken)
    {
        try
        {
            await using FileStream file = File.OpenRead(Path.Combine(directory, ManifestFile));
            using JsonDocument manifest = await JsonDocument.ParseAsync(file, cancellationToken: cancellationToken);
            JsonElement last = manifest.RootElement.GetProperty("WAL-Ranges").EnumerateArray().Last();
            return new WalRange(last.GetProperty("Timeline").GetInt32(), last.GetProperty("Start-LSN").GetString()!,
                last.GetProperty("End-LSN").GetString()!);
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new PrivateServerException($"The backup in {directory} has no manifest that can be read: {e.Message}", e);
        }
    }

    /// <summary>Of the PostgreSQL that the backup was taken of.</summary>
    public static string MajorOf(string directory) =>
        File.Exists(Path.Combine(directory, VersionFile)) ? File.ReadAllText(Path.Combine(directory, VersionFile)).Trim() : "";

    [GeneratedRegex(@"^\s*(?<done>[0-9]+)/(?<total>[0-9]+) kB", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ProgressPattern();

    [GeneratedRegex(@"\) (?<major>[0-9]+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex VersionPattern();
}

/// <summary>A stretch of WAL, LSNs as PostgreSQL writes them.</summary>
public sealed record WalRange(int Timeline, string StartLsn, string EndLsn);
