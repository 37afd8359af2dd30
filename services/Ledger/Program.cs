using Claims.Hosting;
using Claims.Ledger;
using Claims.Ledger.Api;
using Claims.Ledger.Audit;
using Claims.V1;

if (MigrationRun.IsAsked(args)) return await MigrationRun.RunAsync(args, "ledger", typeof(LedgerSettings).Assembly);

WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "ledger");
LedgerSettings settings = builder.AddSettings<LedgerSettings>();
builder.AddPostgres(settings.Postgres, typeof(LedgerSettings).Assembly, LedgerServices.Role, settings.PostgresOwner,
    settings.AcceptUnsafePostgres);
builder.Services.AddLedger();
if (settings.EligibilityAddress.Length > 0)
    builder.AddClaimsClient<Eligibility.EligibilityClient>(
    "eligibility", settings.EligibilityAddress, TimeSpan.FromSeconds(20), "CountHeads", "Lookup");
if (settings.AdjudicationAddress.Length > 0)
    builder.AddClaimsClient<AdjudicationOperations.AdjudicationOperationsClient>(
        "adjudication", settings.AdjudicationAddress, TimeSpan.FromSeconds(20), "GetOutbox");
WebApplication app = builder.Build();
app.MapGrpcService<LedgerService>();
app.MapGrpcService<AuditService>();
app.MapGrpcService<ActsService>();
app.MapGrpcService<LedgerShardsService>();
app.MapGrpcService<FundingService>();
app.MapGrpcService<ReconciliationService>();
app.MapGrpcService<PolicyImpactService>();
app.MapGrpcService<RefusalLogService>();
app.MapGrpcService<RecheckService>();
return await ServiceHost.RunAsync(app);
