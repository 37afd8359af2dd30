using Claims.Hosting;
using Claims.Kafka;
using Claims.Ledger;
using Claims.Ledger.Acts;
using Claims.Ledger.Api;
using Claims.Ledger.Audit;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using AuditClient = Claims.V1.Audit.AuditClient;
using FundingClient = Claims.V1.Funding.FundingClient;
using ReconciliationClient = Claims.V1.Reconciliation.ReconciliationClient;

namespace Ledger.Tests;

/// <summary>The whole service in this process, on free ports, and clients of it.</summary>
internal sealed class ServedLedger : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly EmbeddedBroker? _broker;
    private readonly GrpcChannel _channel;

    private ServedLedger(WebApplication app, EmbeddedBroker? broker)
    {
        _app = app;
        _broker = broker;
        _channel = GrpcChannel.ForAddress(app.Addresses().Main);
        Client = new Claims.V1.Ledger.LedgerClient(_channel);
        Funding = new FundingClient(_channel);
        Reconciliation = new ReconciliationClient(_channel);
        Shards = new LedgerShards.LedgerShardsClient(_channel);
        Audit = new AuditClient(_channel);
        Refusals = new RefusalLog.RefusalLogClient(_channel);
        Acts = new Claims.V1.Acts.ActsClient(_channel);
        Impact = new Claims.V1.PolicyImpact.PolicyImpactClient(_channel);
        Recheck = new Recheck.RecheckClient(_channel);
    }

    public Claims.V1.Ledger.LedgerClient Client { get; }

    public FundingClient Funding { get; }

    public ReconciliationClient Reconciliation { get; }

    public LedgerShards.LedgerShardsClient Shards { get; }

    public AuditClient Audit { get; }

    public RefusalLog.RefusalLogClient Refusals { get; }

    public Claims.V1.Acts.ActsClient Acts { get; }

    public Claims.V1.PolicyImpact.PolicyImpactClient Impact { get; }

    public Recheck.RecheckClient Recheck { get; }

    public IServiceProvider Services => _app.Services;

    public Uri Metrics => _app.Addresses().Metrics;

    /// <param name="broker">Null: nothing is published, and nothing is read.</param>
    /// <param name="eligibility">Whose heads are assessed; null: nothing can be assessed.</param>
    /// <param name="policy">Directory of the packs, beside the tests.</param>
    /// <param name="acceptUnsafe">What the servers of these tests need, which are without fsync.</param>
    /// <param name="writesPolicyDown">At the start, as the service does: then the first batch is that act's.</param>
    /// <param name="adjudication">Whose accumulators are compared; null: they cannot be.</param>
    public static async Task<ServedLedger> StartAsync(string postgres, EmbeddedBroker? broker = null,
        Eligibility.EligibilityClient? eligibility = null, string policy = "policy", string city = "zhengzhou",
        AdjudicationOperations.AdjudicationOperationsClient? adjudication = null, bool acceptUnsafe = true,
        bool writesPolicyDown = false, TimeProvider? time = null)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [
                "--Claims:Port=0", "--Claims:MetricsPort=0", $"--Claims:Postgres={postgres}",
                $"--Claims:AcceptUnsafePostgres={acceptUnsafe}",
                $"--Claims:Kafka:bootstrap_servers={broker?.BootstrapServers ?? "127.0.0.1:1"}",
                $"--Claims:PolicyDirectory={Path.Combine(AppContext.BaseDirectory, policy)}", $"--Claims:City={city}",
                "--Claims:YearCloseDelayHours=0",
            ], "ledger");
        builder.Logging.ClearProviders();
        LedgerSettings settings = builder.AddSettings<LedgerSettings>();
        builder.AddPostgres(settings.Postgres, typeof(LedgerSettings).Assembly, LedgerServices.Role, settings.PostgresOwner,
            settings.AcceptUnsafePostgres);
        if (time is not null) builder.Services.AddSingleton(time);
        if (eligibility is not null) builder.Services.AddSingleton(eligibility);
        if (adjudication is not null) builder.Services.AddSingleton(adjudication);
        builder.Services.AddLedger();
        if (!writesPolicyDown)
            builder.Services.Remove(builder.Services.Single(service => service.ImplementationType == typeof(PolicyInForce)));
        WebApplication app = builder.Build();
        app.MapGrpcService<LedgerService>();
        app.MapGrpcService<AuditService>();
        app.MapGrpcService<ActsService>();
        app.MapGrpcService<LedgerShardsService>();
        app.MapGrpcService<FundingService>();
        app.MapGrpcService<ReconciliationService>();
        app.MapGrpcService<PolicyImpactService>();
        app.MapGrpcService<RecheckService>();
        app.MapGrpcService<RefusalLogService>();
        await app.StartAsync();
        return new ServedLedger(app, broker);
    }

    /// <summary>Publishes as adjudication's relay does: from the watermarks on, and again where the ledger asks, until all is in the
    /// books.</summary>
    public async Task PublishUntilBookedAsync(PublishedLog log)
    {
        using KafkaPublisher kafka = new(_broker ?? throw new InvalidOperationException("This ledger was started without a broker."));
        using CancellationTokenSource deadline = new(RunningLedger.Deadline);
        await Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = log.Epoch, Shards = log.Shards });
        using AsyncServerStreamingCall<Claims.V1.Watermarks> watch =
            Client.WatchWatermarks(new WatchWatermarksRequest(), cancellationToken: deadline.Token);
        long[] committed = [.. Enumerable.Repeat(-1L, log.Shards)];
        while (committed.Index().Any(shard => shard.Item < log.Shard(shard.Index).Count))
        {
            Assert.True(await watch.ResponseStream.MoveNext(deadline.Token));
            foreach (ShardWatermark shard in watch.ResponseStream.Current.Shards)
            {
                if (committed[shard.Shard] < 0 || shard.Gap) kafka.Publish(log.Shard(shard.Shard).Skip((int)shard.Sequence));
                committed[shard.Shard] = shard.Sequence;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _app.DisposeAsync();
    }
}
