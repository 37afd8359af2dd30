using System.Reflection;
using System.Text;
using Claims.Hosting;
using Claims.PrivateServers;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Hosting.Tests;

public sealed class PostgresFixture : IAsyncLifetime
{
    private int _databases;

    public PrivatePostgres Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PrivatePostgres.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>Of <see cref="NewDatabase"/>, which the tests of a class call one after the other.</summary>
    public string LastDatabase { get; private set; } = "";

    public NpgsqlDataSource NewDatabase() =>
        NpgsqlDataSource.Create(LastDatabase = Server.ConnectionString($"migrations_{++_databases}"));
}

public sealed class MigrationsTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private const string One = "CREATE TABLE one (id int PRIMARY KEY);";
    private const string Two = "CREATE TABLE two (id int PRIMARY KEY); INSERT INTO one VALUES (1);";

    [Theory]
    [InlineData("migrations/001_one.sql", "migrations/002_two.sql")]
    [InlineData("Claims.Ledger.migrations.001_one.sql", "Claims.Ledger.migrations.002_two.sql")]
    public async Task Migrations_named_either_way_are_applied_once_in_order(string first, string second)
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        Embedded assembly = new((second, Two), (first, One));

        Assert.Equal(["001_one.sql", "002_two.sql"], await Migrations.ApplyAsync(database, assembly));
        Assert.Empty(await Migrations.ApplyAsync(database, assembly));
        Assert.Equal(1L, await database.CreateCommand("SELECT count(*) FROM one").ExecuteScalarAsync());
    }

    [Fact]
    public async Task New_migration_is_applied_after_the_recorded_ones()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        await Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One)));

        Assert.Equal(["002_two.sql"],
            await Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One), ("migrations/002_two.sql", Two))));
    }

    [Fact]
    public async Task Changed_migration_is_refused_by_name()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        await Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One)));

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(
            () => Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One + " "))));
        Assert.Contains("001_one.sql was changed after it was applied", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Database_newer_than_the_program_is_refused_by_name()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        await Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One), ("migrations/002_two.sql", Two)));

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(
            () => Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One))));
        Assert.Contains("002_two.sql", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migration_recorded_before_an_earlier_one_is_refused_by_name()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        Embedded assembly = new(("migrations/001_one.sql", One), ("migrations/002_two.sql", Two));
        await Migrations.ApplyAsync(database, assembly);
        await database.CreateCommand("DELETE FROM schema_migration WHERE file = '001_one.sql'").ExecuteNonQueryAsync();

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => Migrations.ApplyAsync(database, assembly));
        Assert.Contains("001_one.sql is out of order", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("migrations/003_three.sql", "Migration 002 is missing: 003_three.sql comes after 001_one.sql.")]
    [InlineData("migrations/001_other.sql", "Migrations 001_one.sql and 001_other.sql carry the same number.")]
    [InlineData("migrations/two.sql", "Embedded file migrations/two.sql is not named migrations/NNN_name.sql.")]
    public async Task Misnumbered_migration_is_refused_before_anything_is_applied(string file, string message)
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(
            () => Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One), (file, Two))));
        Assert.Equal(message, refused.Message);
        Assert.Equal(0L, await database.CreateCommand("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").ExecuteScalarAsync());
    }

    [Fact]
    public async Task Failing_migration_is_rolled_back_whole_and_named()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        Embedded assembly = new(("migrations/001_one.sql", One), ("migrations/002_two.sql", "CREATE TABLE two (id int); SELECT nonsense;"));

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => Migrations.ApplyAsync(database, assembly));
        Assert.Equal("Migration 002_two.sql failed and was rolled back: column \"nonsense\" does not exist", refused.Message);
        Assert.Equal("one,schema_migration", await database.CreateCommand(
            "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'").ExecuteScalarAsync());

        Assert.Equal(["002_two.sql"],
            await Migrations.ApplyAsync(database, new Embedded(("migrations/001_one.sql", One), ("migrations/002_two.sql", Two))));
    }

    [Fact]
    public async Task Login_that_owns_nothing_finds_nothing_missing_or_names_what_is()
    {
        await using NpgsqlDataSource owner = postgres.NewDatabase();
        await owner.CreateCommand("DROP ROLE IF EXISTS reader").ExecuteNonQueryAsync();
        await owner.CreateCommand("CREATE ROLE reader LOGIN PASSWORD 'r'").ExecuteNonQueryAsync();
        await using NpgsqlDataSource reader = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(postgres.LastDatabase) { Username = "reader", Password = "r" }.ConnectionString);
        Embedded one = new(("migrations/001_one.sql", One));

        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => Migrations.ApplyAsync(reader, one));
        Assert.StartsWith("Migration 001_one.sql is missing, and reader may not apply it", refused.Message, StringComparison.Ordinal);

        await Migrations.ApplyAsync(owner, one);
        await owner.CreateCommand("GRANT SELECT ON schema_migration TO reader").ExecuteNonQueryAsync();
        Assert.Empty(await Migrations.ApplyAsync(reader, one));
        await Assert.ThrowsAsync<MigrationException>(
            () => Migrations.ApplyAsync(reader, new Embedded(("migrations/001_one.sql", One), ("migrations/002_two.sql", Two))));
    }

    [Fact]
    public async Task Server_that_is_down_or_starting_is_waited_for_and_a_wrong_password_is_not()
    {
        await using PrivatePostgres server = await PrivatePostgres.StartAsync();
        string address = server.ConnectionString("late");
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(address);
        await using NpgsqlDataSource stranger = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(address) { Username = "nobody" }.ConnectionString);
        Embedded one = new(("migrations/001_one.sql", One));

        PostgresException refused =
            await Assert.ThrowsAsync<PostgresException>(() => MigrateAsync(stranger).WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);

        await server.KillAsync();
        Task migrated = MigrateAsync(database);
        await server.RestartAsync();
        await migrated;
        Assert.Equal(0L, await database.CreateCommand("SELECT count(*) FROM one").ExecuteScalarAsync());

        Task MigrateAsync(NpgsqlDataSource of) =>
            PostgresStore.MigrateAsync(of, one, NullLogger.Instance, CancellationToken.None);
    }

    [Fact]
    public async Task Run_with_both_logins_migrates_as_the_owner()
    {
        await using NpgsqlDataSource owner = postgres.NewDatabase();
        await owner.CreateCommand("DROP ROLE IF EXISTS service_login").ExecuteNonQueryAsync();
        await owner.CreateCommand("CREATE ROLE service_login LOGIN PASSWORD 's'").ExecuteNonQueryAsync();
        NpgsqlConnectionStringBuilder service = new(postgres.LastDatabase) { Username = "service_login", Password = "s" };

        int exitCode = await MigrationRun.RunAsync(
            [MigrationRun.Argument, $"--Claims:Postgres={service.ConnectionString}", $"--Claims:PostgresOwner={postgres.LastDatabase}"],
            "sample", new Embedded(("migrations/001_one.sql", One)));

        Assert.Equal(0, exitCode);
        Assert.Equal(0L, await owner.CreateCommand("SELECT count(*) FROM one").ExecuteScalarAsync());
    }

    [Fact]
    public async Task Concurrent_starters_apply_each_migration_once()
    {
        await using NpgsqlDataSource database = postgres.NewDatabase();
        Embedded assembly = new(("migrations/001_one.sql", One + " SELECT pg_sleep(0.1);"), ("migrations/002_two.sql", Two));

        IReadOnlyList<string>[] applied = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Migrations.ApplyAsync(database, assembly)));

        Assert.Equal(["001_one.sql", "002_two.sql"], applied.SelectMany(files => files).Order(StringComparer.Ordinal));
    }

    /// <summary>An assembly that holds these embedded files and nothing else.</summary>
    private sealed class Embedded(params (string Name, string Sql)[] files) : Assembly
    {
        public override string[] GetManifestResourceNames() => [.. files.Select(file => file.Name)];

        public override Stream? GetManifestResourceStream(string name) =>
            new MemoryStream(Encoding.UTF8.GetBytes(files.Single(file => file.Name == name).Sql));
    }
}
