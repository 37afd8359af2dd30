using System.Diagnostics.Metrics;
using Claims.Hosting;
using Claims.PrivateServers;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Hosting.Tests;

/// <summary>Whether a real PostgreSQL gets its WAL into its archive.</summary>
public sealed class ArchiveWatchTests
{
    private const string Failing = "claims_postgres_archive_broken";
    private const string ArchivedAt = "claims_postgres_archived_timestamp_seconds";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Archive_that_takes_nothing_is_shown_until_it_does_again()
    {
        DirectoryInfo archive = Directory.CreateTempSubdirectory("claims-archive-");
        await using PrivatePostgres server = await PrivatePostgres.StartAsync(archive: new WalArchive(archive.FullName));
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(server.ConnectionString("postgres"));
        using ArchiveWatch watch = new(database, TimeProvider.System, NullLogger<ArchiveWatch>.Instance);

        await SwitchAsync(database);
        await UntilAsync(watch, shown => shown.GetValueOrDefault(ArchivedAt) > 0 && shown[Failing] == 0);
        string away = archive.FullName + "-away";
        Directory.Move(archive.FullName, away);
        await SwitchAsync(database);
        await UntilAsync(watch, shown => shown[Failing] == 1);
        Directory.Move(away, archive.FullName);
        // PostgreSQL tries again at the next segment, or within a minute.
        await SwitchAsync(database);
        await UntilAsync(watch, shown => shown[Failing] == 0);
        await server.DisposeAsync();
        archive.Delete(recursive: true);
    }

    [Fact]
    public async Task Server_without_an_archive_and_one_that_is_away_show_nothing()
    {
        await using PrivatePostgres server = await PrivatePostgres.StartAsync();
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(server.ConnectionString("postgres"));
        using ArchiveWatch watch = new(database, TimeProvider.System, NullLogger<ArchiveWatch>.Instance);

        await watch.RefreshAsync(CancellationToken.None);
        Assert.Empty(Shown(watch));
        await server.KillAsync();
        await watch.RefreshAsync(CancellationToken.None);
        Assert.Empty(Shown(watch));
    }

    private static async Task SwitchAsync(NpgsqlDataSource database)
    {
        await using NpgsqlCommand end = database.CreateCommand("SELECT txid_current()");
        await end.ExecuteNonQueryAsync();
        await using NpgsqlCommand next = database.CreateCommand("SELECT pg_switch_wal()");
        await next.ExecuteNonQueryAsync();
    }

    private static async Task UntilAsync(ArchiveWatch watch, Func<Dictionary<string, long>, bool> holds)
    {
        long deadline = Environment.TickCount64 + (long)Limit.TotalMilliseconds;
        while (true)
        {
            await watch.RefreshAsync(CancellationToken.None);
            Dictionary<string, long> shown = Shown(watch);
            if (holds(shown)) return;
            Assert.True(Environment.TickCount64 < deadline, $"still {string.Join(", ", shown)}");
            await Task.Delay(Poll);
        }
    }

    private static Dictionary<string, long> Shown(ArchiveWatch watch)
    {
        Dictionary<string, long> shown = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (watch.Owns(instrument.Meter)) listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => shown[instrument.Name] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return shown;
    }
}
