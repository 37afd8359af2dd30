using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Backups;

/// <summary>Takes a backup of a system while it serves: of PostgreSQL everything, and the keys that belong to it. Redis is not in it: the
/// books have what it holds.</summary>
public sealed class Backup(SystemLayout layout, PrivatePostgres postgres, CityPolicy policy)
{
    private const long Margin = 64 * WalArchive.SegmentBytes;

    /// <summary>Free bytes of the disk that a directory is on; replaced in tests.</summary>
    internal Func<string, long> FreeBytesOf { get; init; } = Places.FreeBytesOf;

    /// <param name="directory">A full path; it does not exist, or is empty.</param>
    /// <param name="archive">Where the system keeps its WAL, or null.</param>
    /// <param name="megabytesPerSecond">At most; null for as fast as it goes.</param>
    /// <param name="copied">Takes the kilobytes that are copied, and those that there are about.</param>
    /// <exception cref="CommandException">Why not; nothing is left in the directory.</exception>
    /// <exception cref="PrivateServerException">The same, in PostgreSQL's words.</exception>
    public async Task<BackupManifest> TakeAsync(
        string directory, string? archive, int? megabytesPerSecond, Action<long, long> copied, CancellationToken cancellationToken)
    {
        if (File.Exists(directory)) throw new CommandException($"{directory} is a file.");
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            throw new CommandException($"{directory} is not empty: a backup wants a directory of its own.");
        BooksState before = await BooksState.ReadAsync(postgres, cancellationToken);
        if (!before.Initialised)
            throw new CommandException("The store has not been opened yet: there is nothing to back up.", ExitCodes.Unavailable);
        bool made = !Directory.Exists(directory);
        Directory.CreateDirectory(directory, Places.OwnDirectory);
        try
        {
            File.SetUnixFileMode(directory, Places.OwnDirectory);
            long bytes = Places.BytesOf(Path.Combine(layout.PostgresDirectory, PrivatePostgres.DataName));
            Places.RequireRoom(directory, bytes + Margin, FreeBytesOf(directory));
            string into = BackupManifest.BaseOf(directory);
            await PostgresBackup.TakeAsync(postgres, into, megabytesPerSecond, copied, cancellationToken);
            BooksState after = await BooksState.ReadAsync(postgres, cancellationToken);
            CopySecrets(BackupManifest.SecretsOf(directory));
            WalRange range = await PostgresBackup.RangeAsync(into, cancellationToken);
            BackupManifest manifest = new(
                BackupManifest.KnownFormat, before.Now, after.Now, PostgresBackup.MajorOf(into), before.SystemIdentifier, range.Timeline,
                range.StartLsn, range.EndLsn,
                WalArchive.SegmentName(range.Timeline, WalArchive.ParseLsn(range.StartLsn) / WalArchive.SegmentBytes), archive,
                policy.City, policy.Directory, before.Epoch, before.Watermarks, Places.BytesOf(into));
            manifest.Write(directory);
            return manifest;
        }
        catch
        {
            foreach (string part in (string[])[BackupManifest.BaseOf(directory), BackupManifest.SecretsOf(directory)])
                if (Directory.Exists(part)) Directory.Delete(part, recursive: true);
            if (made && !Directory.EnumerateFileSystemEntries(directory).Any()) Directory.Delete(directory);
            throw;
        }
    }

    /// <summary>Without the password nobody gets into the restored PostgreSQL; without the key nobody reads what a Kafka of one's own has
    /// still kept.</summary>
    private void CopySecrets(string secrets)
    {
        Directory.CreateDirectory(secrets, Places.OwnDirectory);
        Places.CopySecret(Path.Combine(layout.PostgresDirectory, PrivatePostgres.PasswordName),
            Path.Combine(secrets, Secrets.PostgresPassword));
        if (File.Exists(layout.KafkaKeyFile)) Places.CopySecret(layout.KafkaKeyFile, Path.Combine(secrets, Secrets.KafkaKey));
    }
}

/// <summary>Names of a backup's secret files.</summary>
internal static class Secrets
{
    public const string PostgresPassword = "postgres.password";
    public const string KafkaKey = "kafka.key";
}
