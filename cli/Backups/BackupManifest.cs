using System.Text.Json;

namespace Claims.Cli.Backups;

/// <summary>What a backup says of itself, in the file that is written last: a directory without it is no backup.</summary>
/// <param name="StartedAt">By the clock of the machine, as PostgreSQL has it.</param>
/// <param name="EndedAt">The first moment that it can be restored to.</param>
/// <param name="SystemIdentifier">Of the database cluster.</param>
/// <param name="FirstWalFile">What is older in the archive of WAL is not needed for this backup.</param>
/// <param name="Archive">Where the WAL behind it goes; null for nowhere.</param>
/// <param name="Epoch">Of the store of accumulators that the books are kept for.</param>
/// <param name="Watermarks">Index = shard: up to which record at least the books have it.</param>
/// <param name="Bytes">Of the base backup's files.</param>
public sealed record BackupManifest(
    int Format,
    DateTimeOffset StartedAt,
    DateTimeOffset EndedAt,
    string PostgresMajor,
    string SystemIdentifier,
    int Timeline,
    string StartLsn,
    string EndLsn,
    string FirstWalFile,
    string? Archive,
    string City,
    string PolicyDirectory,
    string Epoch,
    IReadOnlyList<long> Watermarks,
    long Bytes)
{
    public const int KnownFormat = 1;

    private const string FileName = "claims-backup.json";

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Below a backup, where its base backup is.</summary>
    public static string BaseOf(string directory) => Path.Combine(directory, "base");

    /// <summary>Below a backup, where passwords and keys are, mode 700.</summary>
    public static string SecretsOf(string directory) => Path.Combine(directory, "secrets");

    /// <exception cref="CommandException">There is no whole backup, or one that this command does not know.</exception>
    public static BackupManifest Read(string directory)
    {
        string file = Path.Combine(directory, FileName);
        if (!File.Exists(file))
        {
            throw new CommandException(Directory.Exists(BaseOf(directory))
                ? $"{directory} holds a backup that was broken off: it has no {FileName}."
                : $"{directory} holds no backup: it has no {FileName}.");
        }

        try
        {
            BackupManifest manifest = JsonSerializer.Deserialize<BackupManifest>(File.ReadAllBytes(file), Options)!;
            if (manifest.Format != KnownFormat)
                throw new CommandException($"{file} is of format {manifest.Format}, and this command knows format {KnownFormat}.");
            return manifest;
        }
        catch (JsonException e)
        {
            throw new CommandException($"{file} cannot be read: {e.Message}", e);
        }
    }

    public void Write(string directory)
    {
        string unfinished = Path.Combine(directory, FileName + ".new");
        using (FileStream file = File.Create(unfinished))
        {
            JsonSerializer.Serialize(file, this, Options);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, Path.Combine(directory, FileName));
    }
}
