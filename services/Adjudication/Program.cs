using Claims.Adjudication;
using Claims.Adjudication.Api;
using Claims.Hosting;
using Claims.V1;

WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "adjudication");
AdjudicationSettings settings = builder.AddSettings<AdjudicationSettings>(operatorsPort: settings => settings.OperatorsPort);
builder.AddClaimsClient<Eligibility.EligibilityClient>("eligibility", settings.EligibilityAddress, TimeSpan.FromSeconds(3), "Lookup");
builder.AddClaimsClient<Ledger.LedgerClient>("ledger", settings.LedgerAddress, TimeSpan.FromSeconds(5), "OpenStore", "ConfirmStore");
builder.AddClaimsClient<RefusalLog.RefusalLogClient>("refusals", settings.LedgerAddress, TimeSpan.FromSeconds(5));
builder.AddClaimsClient<Acts.ActsClient>("acts", settings.LedgerAddress, TimeSpan.FromSeconds(10));
builder.AddAdjudication(settings);

WebApplication app = builder.Build();
AnswerStream.Map(app);
app.MapGrpcService<OperationsApi>();
return await ServiceHost.RunAsync(app);
