using Claims.Hosting;
using Claims.Ledger;
using Claims.Ledger.Api;
using Claims.Ledger.Audit;

WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "ledger");
LedgerSettings settings = builder.AddSettings<LedgerSettings>();
builder.AddPostgres(settings.Postgres, typeof(LedgerSettings).Assembly);
builder.Services.AddLedger();
WebApplication app = builder.Build();
app.MapGrpcService<LedgerService>();
app.MapGrpcService<AuditService>();
app.MapGrpcService<LedgerShardsService>();
return await ServiceHost.RunAsync(app);
