using Claims.Eligibility;
using Claims.Eligibility.Api;
using Claims.Eligibility.Enrolment;
using Claims.Eligibility.Facilities;
using Claims.Hosting;
using Claims.Policy;
using Npgsql;

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

WebApplication app = builder.Build();
app.MapGrpcService<EligibilityApi>();
app.MapGrpcService<RegistryOfficeApi>();
return await ServiceHost.RunAsync(app);
