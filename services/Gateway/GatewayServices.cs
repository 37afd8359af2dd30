using System.Text;
using System.Text.Json.Nodes;
using Claims.Gateway.Clinic;
using Claims.Gateway.Description;
using Claims.Hosting;
using Grpc.Health.V1;
using AccessClient = Claims.V1.ClinicAccess.ClinicAccessClient;
using AdjudicationClient = Claims.V1.Adjudication.AdjudicationClient;
using ReconciliationClient = Claims.V1.Reconciliation.ReconciliationClient;
using RegistryClient = Claims.V1.ClinicRegistry.ClinicRegistryClient;

namespace Claims.Gateway;

/// <summary>The parts of the service.</summary>
public static class GatewayServices
{
    public static void AddGateway(this WebApplicationBuilder builder, GatewaySettings settings)
    {
        TimeSpan answer = TimeSpan.FromSeconds(settings.AnswerSeconds);
        // All of them may be sent twice: whatever has taken effect under a request id is answered again and not done again.
        builder.AddClaimsClient<AdjudicationClient>(
            "adjudication", settings.AdjudicationAddress, answer,
            nameof(AdjudicationClient.Settle), nameof(AdjudicationClient.PreSettle), nameof(AdjudicationClient.Cancel),
            nameof(AdjudicationClient.Reverse), nameof(AdjudicationClient.GetSettlement), nameof(AdjudicationClient.GetAccumulators));
        builder.AddClaimsClient<ReconciliationClient>(
            "ledger", settings.LedgerAddress, TimeSpan.FromSeconds(settings.ReconcileSeconds),
            nameof(ReconciliationClient.ReconcileTotals), nameof(ReconciliationClient.ListFacilityEntries));
        builder.AddClaimsClient<Health.HealthClient>("adjudication-health", settings.AdjudicationAddress, TimeSpan.FromSeconds(2));
        // A clinic's line may be as slow as it is: how long a body may take in all is BodySeconds, and nothing else.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MinRequestBodyDataRate = null);
        builder.Services.AddSingleton<RequestBodies>();
        if (settings.HasPage) builder.AddClinicPage(settings);
        builder.Services.AddSingleton<HospitalBooks>();
        builder.Services.AddSingleton<ClinicApi>();
        builder.Services.AddSingleton<AdjudicationReached>();
        builder.Services.AddHealthChecks().AddCheck<AdjudicationReached>("adjudication", tags: [Readiness.Tag]);
    }

    public static void MapClinicApi(this WebApplication app)
    {
        bool withTls = app.Services.GetRequiredService<HostSettings>().Tls.IsConfigured;
        app.Services.GetRequiredService<ClinicApi>().Map(
            app, withTls, app.Services.GetRequiredService<GatewaySettings>().HasPage ? new ClinicPage(app, Described()) : null);
    }

    private static (string, byte[])[] Described()
    {
        JsonObject document = OpenApiDocument.Make(ApiOperations.All);
        return
        [
            ("/openapi.json", OpenApiDocument.Bytes(document)), ("/openapi.html", Encoding.UTF8.GetBytes(OpenApiPage.Html(document))),
            ("/openapi.css", Encoding.UTF8.GetBytes(OpenApiPage.Style)),
        ];
    }

    private static void AddClinicPage(this WebApplicationBuilder builder, GatewaySettings settings)
    {
        builder.AddClaimsClient<AccessClient>(
            "eligibility-access", settings.EligibilityAddress, TimeSpan.FromSeconds(settings.AnswerSeconds),
            nameof(AccessClient.CheckToken), nameof(AccessClient.LogOut));
        builder.AddClaimsClient<RegistryClient>("eligibility", settings.EligibilityAddress, TimeSpan.FromSeconds(settings.AnswerSeconds),
            nameof(RegistryClient.FindInsured), nameof(RegistryClient.SearchCatalogue));
        builder.Services.AddSingleton<ClinicSessions>().AddSingleton<LoginTries>().AddSingleton<UnknownInsured>()
            .AddSingleton<DayComparison>();
        builder.Services.AddSingleton(services => new SessionGate(
            services.GetRequiredService<ClinicSessions>(), services.GetRequiredService<HostSettings>().Tls.IsConfigured));
        builder.Services.AddSingleton<IPageRoutes, LoginRoutes>().AddSingleton<IPageRoutes, InsuredRoutes>()
            .AddSingleton<IPageRoutes, DayRoutes>();
    }
}
