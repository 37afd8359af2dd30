using System.Net;
using Claims.Hosting;
using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Ledger.Tests;

/// <summary>A ledger whose PostgreSQL may lose what it answers books nothing, and goes on by itself once it may not. The server is this
/// class's own, and without fsync as it starts.</summary>
public sealed class UntrustedDatabaseTests : IAsyncLifetime
{
    private const string Fault = "PostgreSQL must have fsync and full_page_writes on; nothing is written until it has.";
    private readonly LedgerDatabase _databases = new();

    public Task InitializeAsync() => _databases.InitializeAsync();

    public Task DisposeAsync() => _databases.DisposeAsync();

    [Fact]
    public async Task Records_wait_while_the_server_may_lose_them_and_are_booked_once_it_may_not()
    {
        PublishedLog log = new PublishedLog(2).AddSettlements(20);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, log.Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger =
            RunningLedger.Create(await _databases.CreateAsync(), broker.BootstrapServers, acceptUnsafe: false);
        await ledger.OpenAsync(log);
        await ledger.StartPostingAsync();
        await Eventually.HoldsAsync(() => ledger.Reading == log.Shards, () => ledger.FeedProblem ?? "partitions are not read");
        Assert.Equal((HealthStatus.Unhealthy, Fault), await HealthAsync(ledger));

        for (int shard = 0; shard < log.Shards; shard++) kafka.Publish(log.Shard(shard));
        await Eventually.HoldsAsync(() => ledger.Own.Posting.CurrentCount == 0, () => "no batch is under way");
        // It stays so: it asks every second.
        Assert.False(await ledger.Own.Posting.WaitAsync(TimeSpan.FromSeconds(2)), "the batch has ended");
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));
        Assert.Equal(0, await ledger.CountAsync("SELECT sum(sequence)::bigint FROM shard_watermark"));

        await TrustAsync();

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        await Balanced.AssertAsync(ledger, log);
        Assert.Equal((HealthStatus.Healthy, null), await HealthAsync(ledger));
    }

    [Fact]
    public async Task Service_over_such_a_server_is_not_ready_and_every_entry_is_refused_with_the_reason_until_it_is_mended()
    {
        await using ServedLedger ledger = await ServedLedger.StartAsync(await _databases.CreateAsync(), acceptUnsafe: false);
        VoucherHeader header = new() { Key = "k", Actor = "a" };
        ReceiveRequest interest = new() { Header = header, Kind = IncomeKind.IncomeInterest, AmountFen = 250 };
        SetPlanRequest plan = new() { County = "410105", Year = 2025, PlanFen = 1, Revision = 1, Actor = "a" };
        OpenStoreRequest store = new() { ProposedEpoch = new string('0', 32), Shards = 2 };
        (string Name, Func<Task> Entry)[] entries =
        [
            ("open", () => ledger.Client.OpenStoreAsync(store).ResponseAsync),
            ("confirm", () => ledger.Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = store.ProposedEpoch }).ResponseAsync),
            ("receive", () => ledger.Funding.ReceiveAsync(interest).ResponseAsync),
            ("plan", () => ledger.Funding.SetPlanAsync(plan).ResponseAsync),
            ("month", () => ledger.Funding.CloseMonthAsync(new CloseMonthRequest { Month = "2001-01" }).ResponseAsync),
            ("act", () => ledger.Acts.RecordAsync(
                new RecordActRequest { Kind = ActKind.FileImported, Subject = "INSURED", Caller = "claims://role/finance/li" },
                new Metadata { { Claims.Hosting.Identity.Header, "claims://service/eligibility" } }).ResponseAsync),
            ("proposal", () => ledger.Acts.ProposeYearAsync(new ProposeYearRequest { Year = 2001 }).ResponseAsync),
            ("year", () => ledger.Client.CloseYearAsync(new CloseLedgerYearRequest { Year = 2001 }).ResponseAsync),
        ];

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(ledger));
        foreach ((string name, Func<Task> entry) in entries)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(entry);
            Assert.Equal((name, new Status(StatusCode.Unavailable, Fault)), (name, refused.Status));
        }

        // What only reads is answered.
        Assert.True((await ledger.Client.GetTrialBalanceAsync(new GetTrialBalanceRequest())).Balanced);
        await TrustAsync();

        PostgresTrust trust = ledger.Services.GetRequiredService<PostgresTrust>();
        await Eventually.HoldsAsync(async () => await trust.FindFaultAsync(CancellationToken.None) is null, () => "it is not trusted");
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(ledger));
        foreach ((_, Func<Task> entry) in entries) await entry();
    }

    private async Task TrustAsync()
    {
        await _databases.Postgres.ExecuteAsync("ALTER SYSTEM SET fsync = on");
        await _databases.Postgres.ExecuteAsync("ALTER SYSTEM SET full_page_writes = on");
        await _databases.Postgres.ExecuteAsync("SELECT pg_reload_conf()");
    }

    private static async Task<HttpStatusCode> ReadyAsync(ServedLedger ledger)
    {
        using HttpClient client = new();
        using HttpResponseMessage ready = await client.GetAsync(new Uri(ledger.Metrics, "/healthz/ready"));
        return ready.StatusCode;
    }

    private static async Task<(HealthStatus, string?)> HealthAsync(RunningLedger ledger)
    {
        HealthReport report = await ledger.Get<HealthCheckService>().CheckHealthAsync();
        return (report.Status, Assert.Single(report.Entries).Value.Description);
    }
}
