using System.Text;
using Claims.Eligibility.History;
using Claims.Eligibility.Import;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Npgsql;
using Postgres;

namespace Claims.Eligibility.Tests;

/// <summary>One PostgreSQL server for the tests of this project; each test takes a database of its own.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    public TestPostgres Postgres { get; private set; } = null!;

    public async Task InitializeAsync() => Postgres = await TestPostgres.StartAsync(
        template => Migrations.ApplyAsync(template, typeof(EligibilitySettings).Assembly));

    public async Task DisposeAsync() => await Postgres.DisposeAsync();

    /// <returns>The address of a registry that has nothing in it yet.</returns>
    public Task<string> NewDatabaseAsync() => Postgres.CopyAsync();

    internal async Task<RegistryDatabase> NewRegistryAsync() => new(NpgsqlDataSource.Create(await NewDatabaseAsync()));
}

[CollectionDefinition(nameof(PostgresCollection))]
public sealed class PostgresCollection : ICollectionFixture<PostgresServer>;

internal sealed class RegistryDatabase(NpgsqlDataSource database) : IAsyncDisposable
{
    public const string FacilityHeader = "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n";
    public const string FacilityPeriodsHeader =
        "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to,valid_from,valid_to\n";
    public const string InsuredHeader = "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n";

    public const string InsuredSpansHeader =
        "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on,begins_on,ended_on,end_cause\n";

    private static readonly PolicyPack Policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

    public NpgsqlDataSource Database => database;

    public Registry Registry { get; } = new(database, Policy);

    public Task<ImportResult> ImportFacilitiesAsync(string csv, TimeProvider? clock = null) =>
        ImportAsync(new FacilityFile([.. Policy.Counties.Keys]), Encoding.UTF8.GetBytes(csv), clock);

    public Task<ImportResult> ImportInsuredAsync(string csv) => ImportAsync(new InsuredFile(Policy), Encoding.UTF8.GetBytes(csv));

    /// <summary>County, enrolled, and the paid among them.</summary>
    public static (string County, long Enrolled, long Paid) Heads(CountyHeads heads) => (heads.County, heads.Enrolled, heads.Paid);

    public async Task<long> CountAsync(string table)
    {
        await using NpgsqlCommand count = database.CreateCommand($"SELECT count(*) FROM {table}");
        return (long)(await count.ExecuteScalarAsync())!;
    }

    public async Task<long> VersionAsync()
    {
        await using NpgsqlCommand read = database.CreateCommand("SELECT version FROM registry_version");
        return (long)(await read.ExecuteScalarAsync())!;
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private Task<ImportResult> ImportAsync(IRegistryFile file, byte[] csv, TimeProvider? clock = null)
    {
        ReadOnlyMemory<byte> rest = csv;
        CsvReader reader = new(_ =>
        {
            ReadOnlyMemory<byte> piece = rest[..Math.Min(rest.Length, 64 * 1024)];
            rest = rest[piece.Length..];
            return ValueTask.FromResult(piece);
        });
        return RegistryImport.RunAsync(
            database, file, reader, new ChangeCause("claims://role/bureau", "测试"), clock ?? TimeProvider.System,
            CancellationToken.None);
    }
}
