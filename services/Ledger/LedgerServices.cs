using Claims.Hosting;
using Claims.Kafka;
using Claims.Ledger.Acts;
using Claims.Ledger.Api;
using Claims.Ledger.Audit;
using Claims.Ledger.Closing;
using Claims.Ledger.Funding;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Posting;
using Claims.Ledger.Reconciliation;
using Claims.Ledger.Refusals;
using Claims.Ledger.Statements;
using Claims.Ledger.SubLedger;
using Claims.Policy;

namespace Claims.Ledger;

internal static class LedgerServices
{
    /// <summary>The role that the service works as; migrations create it.</summary>
    public const string Role = "claims_ledger";

    /// <summary>Everything but the database and the wire.</summary>
    public static void AddLedger(this IServiceCollection services)
    {
        services.AddSingleton(provider =>
        {
            LedgerSettings settings = provider.GetRequiredService<LedgerSettings>();
            return new KafkaSettings(settings.Kafka, MessageKeys.Load(settings.KafkaKeyFile));
        });
        services.AddSingleton(provider => PolicyLoader.Load(
            provider.GetRequiredService<LedgerSettings>().PolicyDirectory, provider.GetRequiredService<LedgerSettings>().City));
        services.AddHostedService<CountyNames>();
        services.AddSingleton<ClaimsStore>();
        services.AddSingleton<Watermarks>();
        services.AddSingleton<OwnShards>();
        services.AddSingleton<Peers>();
        services.AddSingleton<ShardSharing>();
        services.AddSingleton<ShardStates>();
        services.AddSingleton<RecordFeed>();
        services.AddSingleton<RecentHashes>();
        services.AddSingleton<Books>();
        services.AddSingleton<BookReader>();
        services.AddSingleton<EntryReader>();
        services.AddSingleton<StoredRecordReader>();
        services.AddSingleton<ActBook>();
        services.AddHostedService<PolicyInForce>();
        services.AddSingleton<YearProposals>();
        services.AddHostedService<ClosingWatch>();
        services.AddSingleton<ClosedYears>();
        services.AddFunding();
        services.AddSingleton<TotalsReader>();
        services.AddSingleton<FacilityEntriesReader>();
        services.AddSingleton<FileSlots>();
        services.AddSingleton<LineReconciliation>();
        services.AddSingleton<FileReconciliation>();
        services.AddSingleton<StatementReader>();
        services.AddSingleton<RefusalStore>();
        services.AddHostedService<RefusalRemoval>();
        services.AddSingleton<PolicyImpactService>();
        services.AddSingleton<RecheckService>();
        services.AddSingleton<LedgerMetrics>();
        services.AddHostedService<PostingWorker>();
        services.AddSingleton<Chain>();
        services.AddSingleton<ChainReplay>();
        services.AddSingleton<BookChecks>();
        services.AddSingleton<Verification>();
        services.AddSingleton<ShardFold>();
        services.AddSingleton<AuditMetrics>();
        services.AddHostedService<ChainWorker>();
        services.AddHealthChecks().AddCheck<LedgerHealthCheck>("ledger", tags: [Readiness.Tag]);
    }
}
