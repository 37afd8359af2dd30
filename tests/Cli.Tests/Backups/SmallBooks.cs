using System.Globalization;
using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.Cli.Tests.Backups;

/// <summary>A system of which nothing but PostgreSQL exists, with books of two shards that these tests write themselves.</summary>
public sealed class SmallBooks : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims backup o'clock 100% ");
    private PrivatePostgres? _postgres;

    private SmallBooks() => Layout = new SystemLayout(FilePath("data"), FreePort.Take(SystemLayout.PortCount));

    public static CityPolicy Policy { get; } = new("/policy", "shizhou");

    public SystemLayout Layout { get; }

    public string Archive => FilePath("wal");

    public string BackupDirectory => FilePath("backup");

    public PrivatePostgres Postgres => _postgres!;

    public string FilePath(string name) => Path.Combine(_directory.FullName, name);

    /// <param name="archives">Whether it keeps its WAL.</param>
    public static async Task<SmallBooks> StartAsync(bool archives = true)
    {
        SmallBooks books = new();
        books.Layout.Create();
        await books.StartPostgresAsync(archives);
        await books.ExecuteAsync("""
            CREATE TABLE store (epoch text, shards integer, initialised boolean);
            CREATE TABLE shard_watermark (shard integer, sequence bigint);
            CREATE TABLE batch (posted_at timestamptz);
            INSERT INTO store VALUES ('e', 2, true);
            INSERT INTO shard_watermark VALUES (0, 0), (1, 100);
            """);
        (SystemState.Empty with { Policy = Policy, PortBase = books.Layout.PortBase })
            .With(ProcessDefinitions.Postgres, new ProcessRecord(
                books.Postgres.Process.Pid, books.Postgres.Process.StartTicks, "", DateTimeOffset.UnixEpoch))
            .Write(books.Layout.StateFile);
        await File.WriteAllTextAsync(books.Layout.KafkaKeyFile, "key\n");
        return books;
    }

    public async Task StartPostgresAsync(bool archives) => _postgres = await PrivatePostgres.StartAsync(
        Layout.PostgresDirectory, Layout.PostgresPort, archives ? new WalArchive(Archive) : null);

    /// <summary>Books one record in the first shard.</summary>
    /// <param name="ends">Whether a segment of WAL ends with it.</param>
    /// <returns>A moment behind it, and before what is booked next.</returns>
    public async Task<DateTimeOffset> BookAsync(bool ends = true)
    {
        await ExecuteAsync("INSERT INTO batch VALUES (now()); UPDATE shard_watermark SET sequence = sequence + 1 WHERE shard = 0");
        DateTime behind = (DateTime)(await ExecuteAsync("SELECT clock_timestamp()"))!;
        // Recovery stops at the first commit that is too late, so there must be one.
        await ExecuteAsync("SELECT txid_current()");
        if (ends) await ExecuteAsync("SELECT pg_switch_wal()");
        return new DateTimeOffset(behind);
    }

    public Task<BackupManifest> BackUpAsync(bool archives = true) => new Backup(Layout, Postgres, Policy)
        .TakeAsync(BackupDirectory, archives ? Archive : null, null, (_, _) => { }, CancellationToken.None);

    /// <summary>In order, so that everything is archived.</summary>
    public async Task StopAsync()
    {
        if (_postgres is not null) await _postgres.DisposeAsync();
        _postgres = null;
    }

    /// <summary>Into a system of its own unless another is named.</summary>
    public async Task<RestoreReport> RestoreAsync(
        RestoreOrder order, SystemLayout? into = null, List<string>? told = null, long freeBytes = long.MaxValue,
        CancellationToken cancellation = default)
    {
        using Supervisor supervisor = await Supervisor.OpenAsync(into ?? Another(), _ => { }, CancellationToken.None);
        return await new Restore(into ?? Another(), supervisor, line => told?.Add(line)) { FreeBytesOf = _ => freeBytes }
            .RunAsync(order, cancellation);
    }

    public RestoreOrder Order(DateTimeOffset? to = null, bool latest = false, string? archive = null, bool replace = false) =>
        new(BackupDirectory, to, latest, archive, null, replace);

    /// <summary>A system that there is nothing of.</summary>
    public SystemLayout Another(string name = "another") => new(FilePath(name), Layout.PortBase);

    /// <summary>A copy of the archive of WAL that a test may spoil.</summary>
    public string CopyOfArchive()
    {
        string copy = Directory.CreateDirectory(FilePath(Guid.NewGuid().ToString("n"))).FullName;
        foreach (string file in Directory.EnumerateFiles(Archive)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    public string[] SegmentsOf(string archive) => [.. Directory.EnumerateFiles(archive).Select(file => Path.GetFileName(file))
        .Where(name => name.Length == 24 && string.CompareOrdinal(name, Backup().FirstWalFile) > 0).Order(StringComparer.Ordinal)];

    public BackupManifest Backup() => BackupManifest.Read(BackupDirectory);

    /// <summary>Up to which record the first shard's books go that are in a system, read as a service would.</summary>
    public static async Task<long> BookedAsync(SystemLayout layout)
    {
        await using PrivatePostgres postgres = await PrivatePostgres.StartAsync(layout.PostgresDirectory);
        return (long)(await ExecuteAsync(postgres, "SELECT sequence FROM shard_watermark WHERE shard = 0"))!;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _directory.Delete(recursive: true);
    }

    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);

    private Task<object?> ExecuteAsync(string sql) => ExecuteAsync(Postgres, sql);

    private static async Task<object?> ExecuteAsync(PrivatePostgres postgres, string sql)
    {
        await using NpgsqlConnection connection = new(postgres.ConnectionString("ledger") + ";Pooling=false");
        await connection.OpenAsync();
        await using NpgsqlCommand command = new(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
