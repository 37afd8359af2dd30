using Claims.Adjudication.Settling;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Outbox;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Refusals;
using Claims.Hosting;
using Claims.Kafka;
using Claims.Policy;
using Claims.V1;
using Grpc.AspNetCore.Server.Model;
using StackExchange.Redis;

namespace Claims.Adjudication;

/// <summary>The parts of the service, in the order in which data flows.</summary>
public static class AdjudicationServices
{
    public static void AddAdjudication(this WebApplicationBuilder builder, AdjudicationSettings settings)
    {
        // Read before anything listens: a service without its policy would only refuse.
        PolicyPack pack = PolicyLoader.Load(settings.PolicyDirectory, settings.City);
        builder.Services.AddSingleton(pack);

        builder.Services.AddSingleton<EligibilityDirectory.LookupCall>(services =>
        {
            Eligibility.EligibilityClient eligibility = services.GetRequiredService<Eligibility.EligibilityClient>();
            return (request, cancellation) => eligibility.LookupAsync(request, cancellationToken: cancellation).ResponseAsync;
        });
        builder.Services.AddSingleton<EligibilityDirectory>();
        builder.Services.AddHostedService(services => services.GetRequiredService<EligibilityDirectory>());

        builder.Services.AddSingleton<IConnectionMultiplexer>(
            _ => ConnectionMultiplexer.Connect(StoreConnection.OptionsOf(settings.Redis)));
        builder.Services.AddSingleton(services =>
            new SettlementStore(services.GetRequiredService<IConnectionMultiplexer>().GetDatabase(), settings.Shards,
                settings.OutboxMaxPerShard, settings.RedisReplicas));
        builder.Services.AddSingleton<PublishedTail>();
        builder.Services.AddSingleton<StoreOpener.PublishedCall>(services => services.GetRequiredService<PublishedTail>().Read);
        builder.Services.AddHostedService<StoreOpener>();
        builder.Services.AddHostedService<RedisMemory>();
        builder.Services.AddSingleton<Rebuilds>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Rebuilds>());
        builder.Services.AddSingleton<SettlementDesk>();

        builder.Services.AddSingleton<RefusalKeeper>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RefusalKeeper>());

        // Without state of their own; as singletons a call makes no scope.
        builder.Services.AddSingleton<AdjudicationApi>();
        builder.Services.AddSingleton<IServiceMethodProvider<AdjudicationApi>, AnswerStream>();
        builder.Services.AddSingleton<OperationsApi>();

        builder.Services.AddSingleton(new KafkaSettings(settings.Kafka, MessageKeys.Load(settings.KafkaKeyFile)));
        builder.Services.AddSingleton<KafkaPublisher>();
        builder.Services.AddSingleton<OutboxRelay>();
        builder.Services.AddHostedService(services => services.GetRequiredService<OutboxRelay>());
        builder.Services.AddHealthChecks().AddCheck<ShardHealth>("shards", tags: [Readiness.Tag]);
    }
}
