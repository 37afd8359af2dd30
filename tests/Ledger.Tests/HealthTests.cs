using Claims.Ledger.Posting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Postgres;

namespace Ledger.Tests;

/// <summary>Ready is who can read the books; what else is wrong is told, and turns no one away.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class HealthTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Stopped_shards_and_a_broker_that_is_away_are_told_and_do_not_turn_callers_away()
    {
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        Assert.Equal((HealthStatus.Healthy, "no store has been opened yet"), await CheckAsync(ledger));

        PublishedLog log = new(3);
        await ledger.OpenAsync(log);
        Assert.Equal((HealthStatus.Degraded, "Kafka cannot be read: waiting for adjudication to open the store"), await CheckAsync(ledger));

        ledger.Watermarks.Stop(2, "the record at offset 5 is none");
        ledger.Watermarks.Stop(1, "the record at offset 4 is none");
        Assert.Equal((HealthStatus.Degraded, "2 shards have stopped; shard 1: the record at offset 4 is none"), await CheckAsync(ledger));
    }

    [Fact]
    public async Task Whatever_works_by_itself_is_started_with_the_service()
    {
        await using RunningLedger ledger = RunningLedger.Create("Host=127.0.0.1;Port=1;Database=none;Username=none");

        Assert.Equal(
            [
                "ChainWorker", "ClosingWatch", "CountyNames", "FundWatch", "PlanWatch", "PolicyInForce", "PostingWorker", "RefusalRemoval",
            ],
            ledger.Get<IEnumerable<Microsoft.Extensions.Hosting.IHostedService>>().Select(service => service.GetType())
                .Where(type => type.Assembly == typeof(Claims.Ledger.LedgerSettings).Assembly).Select(type => type.Name)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Ledger_whose_database_cannot_be_read_is_not_ready()
    {
        await using RunningLedger ledger = RunningLedger.Create("Host=127.0.0.1;Port=1;Database=none;Username=none");

        (HealthStatus status, string text) = await CheckAsync(ledger);

        Assert.Equal(HealthStatus.Unhealthy, status);
        Assert.StartsWith("PostgreSQL cannot be read: ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commits_of_the_service_are_on_disk_whatever_the_database_was_set_to()
    {
        string postgres = await databases.CreateAsync();
        await databases.Postgres.ExecuteAsync($"ALTER DATABASE {TestPostgres.NameOf(postgres)} SET synchronous_commit = off");

        await using ServedLedger ledger = await ServedLedger.StartAsync(postgres);

        await using NpgsqlCommand show = ledger.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SHOW synchronous_commit");
        Assert.Equal("on", await show.ExecuteScalarAsync());
        await using NpgsqlDataSource others = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres) { Pooling = false });
        await using NpgsqlCommand control = others.CreateCommand("SHOW synchronous_commit");
        Assert.Equal("off", await control.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Session_that_cannot_be_made_is_told_until_there_is_one()
    {
        string postgres = await databases.CreateAsync();
        using Claims.Kafka.EmbeddedBroker broker = Claims.Kafka.EmbeddedBroker.Start(Claims.Kafka.ClaimsTopic.Name, 2);
        await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, new PublishedLog(2));
        Assert.Equal((HealthStatus.Healthy, ""), await CheckAsync(ledger));
        CancellationToken lost = ledger.Get<ShardSharing>().SessionLost;

        // New sessions may read, but not wait for a lock: so one is lost and none is made.
        await ledger.ExecuteAsync("REVOKE EXECUTE ON FUNCTION pg_advisory_lock_shared(integer, integer) FROM PUBLIC");
        await ledger.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
            + "application_name LIKE 'claims-ledger %'");

        await Eventually.HoldsAsync(
            async () =>
                await CheckAsync(ledger) is (HealthStatus.Degraded, var text)
                && text.StartsWith("the session that holds this instance's shards is lost: ", StringComparison.Ordinal),
            () => "the lost session is not told");
        Assert.True(lost.IsCancellationRequested);
        await Eventually.HoldsAsync(() => ledger.Own.Shards.Count == 0, () => "shards are held without a session");
        await Eventually.HoldsAsync(() => ledger.Get<LedgerMetrics>().Unposted == 2, () => "shards that nobody posts are not counted");
        await ledger.ExecuteAsync("GRANT EXECUTE ON FUNCTION pg_advisory_lock_shared(integer, integer) TO PUBLIC");
        await Eventually.HoldsAsync(async () => await CheckAsync(ledger) == (HealthStatus.Healthy, ""), () => "no session is made again");
        await Eventually.HoldsAsync(() => ledger.Own.Shards.Count == 2, () => "the shards are not taken again");
        await Eventually.HoldsAsync(() => ledger.Get<LedgerMetrics>().Unposted == 0, () => "the shards still count as posted by nobody");
    }

    private static async Task<(HealthStatus, string)> CheckAsync(RunningLedger ledger)
    {
        HealthReport report = await ledger.Get<HealthCheckService>().CheckHealthAsync();
        return (report.Status, Assert.Single(report.Entries).Value.Description ?? "");
    }
}
