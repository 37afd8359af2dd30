using Claims.Hosting;
using Grpc.Health.V1;
using AdjudicationClient = Claims.V1.Adjudication.AdjudicationClient;
using ReconciliationClient = Claims.V1.Reconciliation.ReconciliationClient;

namespace Claims.Gateway;

/// <summary>The parts of the service.</summary>
public static class GatewayServices
{
    public static void AddGateway(this WebApplicationBuilder builder, GatewaySettings settings)
    {
        // All of them may be sent twice: whatever has taken effect under a request id is answered again and not done again.
        builder.AddClaimsClient<AdjudicationClient>(
            "adjudication", settings.AdjudicationAddress, TimeSpan.FromSeconds(settings.AnswerSeconds),
            nameof(AdjudicationClient.Settle), nameof(AdjudicationClient.PreSettle), nameof(AdjudicationClient.Cancel),
            nameof(AdjudicationClient.Reverse), nameof(AdjudicationClient.GetSettlement), nameof(AdjudicationClient.GetAccumulators));
        builder.AddClaimsClient<ReconciliationClient>(
            "ledger", settings.LedgerAddress, TimeSpan.FromSeconds(settings.ReconcileSeconds),
            nameof(ReconciliationClient.ReconcileTotals));
        builder.AddClaimsClient<Health.HealthClient>("adjudication-health", settings.AdjudicationAddress, TimeSpan.FromSeconds(2));
        // A clinic's line may be as slow as it is: how long a body may take in all is BodySeconds, and nothing else.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MinRequestBodyDataRate = null);
        builder.Services.AddSingleton<HospitalBooks>();
        builder.Services.AddSingleton<ClinicApi>();
        builder.Services.AddSingleton<AdjudicationReached>();
        builder.Services.AddHealthChecks().AddCheck<AdjudicationReached>("adjudication", tags: [Readiness.Tag]);
    }

    public static void MapClinicApi(this WebApplication app) => app.Services.GetRequiredService<ClinicApi>().Map(
        app, app.Services.GetRequiredService<HostSettings>().Tls.IsConfigured);
}
