using Claims.Eligibility;
using Claims.Eligibility.Api;
using Claims.Eligibility.Clinics;
using Claims.Eligibility.Enrolment;
using Claims.Eligibility.Facilities;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Npgsql;

if (MigrationRun.IsAsked(args)) return await MigrationRun.RunAsync(args, "eligibility", typeof(EligibilitySettings).Assembly);

WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "eligibility");
EligibilitySettings settings = builder.AddSettings<EligibilitySettings>();
// The four statements of a look-up are prepared once a connection.
string postgres = new NpgsqlConnectionStringBuilder(settings.Postgres) { MaxAutoPrepare = 16, AutoPrepareMinUsages = 2 }.ConnectionString;
builder.AddPostgres(postgres, typeof(EligibilitySettings).Assembly, "claims_eligibility", settings.PostgresOwner,
    settings.AcceptUnsafePostgres);
builder.Services.AddSingleton(_ => PolicyLoader.Load(settings.PolicyDirectory, settings.City));
builder.Services.AddSingleton<ChangeFeed>().AddHostedService(services => services.GetRequiredService<ChangeFeed>());
builder.Services.AddHostedService<PolicyInForce>();
builder.Services.AddSingleton<FacilityOffice>().AddSingleton<Registrations>().AddSingleton<Duplicates>();
builder.Services.AddSingleton<Registry>().AddSingleton<EligibilityMetrics>();
builder.Services.AddSingleton<ClinicCredentials>().AddSingleton<ClinicLookups>();
if (settings.LedgerAddress.Length > 0)
    builder.AddClaimsClient<Acts.ActsClient>("acts", settings.LedgerAddress, TimeSpan.FromSeconds(10));

WebApplication app = builder.Build();
app.MapGrpcService<EligibilityApi>();
app.MapGrpcService<ClinicAccessApi>();
app.MapGrpcService<ClinicRegistryApi>();
app.MapGrpcService<RegistryOfficeApi>();
return await ServiceHost.RunAsync(app);
