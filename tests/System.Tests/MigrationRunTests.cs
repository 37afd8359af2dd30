using System.Diagnostics;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.SystemTests;

/// <summary>A service that is started with --migrate, as a job of a cluster starts it.</summary>
public sealed class MigrationRunTests : IAsyncLifetime
{
    private PrivatePostgres _server = null!;

    public async Task InitializeAsync()
    {
        _server = await PrivatePostgres.StartAsync();
        await ExecuteAsync("postgres",
            "CREATE ROLE tables_owner LOGIN CREATEROLE PASSWORD 'o'; CREATE ROLE service_login LOGIN PASSWORD 's'");
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("Ledger", "claims_ledger", "001_books.sql")]
    [InlineData("Eligibility", "claims_eligibility", "001_registry.sql")]
    public async Task Owner_migrates_once_and_the_login_of_the_service_then_needs_no_right_to(string service, string role, string first)
    {
        string database = _server.ConnectionString("books");
        await ExecuteAsync("books", "ALTER SCHEMA public OWNER TO tables_owner");
        string login = As(database, "service_login", "s");

        (int exitCode, string told) = await MigrateAsync(service, "Postgres", login);
        Assert.Equal(70, exitCode);
        Assert.Contains($"Migration {first} is missing, and service_login may not apply it", told, StringComparison.Ordinal);

        Assert.Equal((0, ""), await MigrateAsync(service, "PostgresOwner", As(database, "tables_owner", "o")));
        await ExecuteAsync("books", $"GRANT {role} TO service_login");
        Assert.Equal((0, ""), await MigrateAsync(service, "Postgres", login));
    }

    [Fact]
    public async Task Run_without_a_database_names_the_setting()
    {
        (int exitCode, string told) = await MigrateAsync("Ledger", "City", "zhengzhou");

        Assert.Equal(78, exitCode);
        Assert.Contains("Claims__PostgresOwner) is missing", told, StringComparison.Ordinal);
    }

    private static string As(string database, string login, string password) =>
        new NpgsqlConnectionStringBuilder(database) { Username = login, Password = password }.ConnectionString;

    private async Task ExecuteAsync(string database, string sql)
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(_server.ConnectionString(database));
        await source.CreateCommand(sql).ExecuteNonQueryAsync();
    }

    private static async Task<(int ExitCode, string Told)> MigrateAsync(string service, string setting, string value)
    {
        ProcessStartInfo start = new("dotnet",
        [
            Path.Combine(RunningSystem.RepositoryRoot(), "artifacts", "bin", $"Claims.{service}", "release", $"Claims.{service}.dll"),
            "--migrate",
        ])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[$"Claims__{setting}"] = value;
        using Process process = Process.Start(start)!;
        using CancellationTokenSource bound = new(TimeSpan.FromMinutes(1));
        Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token);
        string told = await process.StandardError.ReadToEndAsync(bound.Token);
        await output;
        await process.WaitForExitAsync(bound.Token);
        return (process.ExitCode, told.TrimEnd('\n'));
    }
}
