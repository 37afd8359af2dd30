using Claims.PrivateServers;
using Npgsql;

namespace Postgres;

/// <summary>One PostgreSQL server for a run of tests, each of which has a database of its own in it.</summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private const string Template = "template_of_tests";

    // One session makes every database: each that begins takes the server some 60 ms of processor time.
    private readonly NpgsqlDataSource _administrator;
    private readonly PrivatePostgres _server;
    private int _databases;

    private TestPostgres(PrivatePostgres server)
    {
        _server = server;
        _administrator = NpgsqlDataSource.Create(server.AddressOf("postgres"));
    }

    /// <param name="prepare">Makes what every copy has.</param>
    public static async Task<TestPostgres> StartAsync(Func<NpgsqlDataSource, Task> prepare)
    {
        TestPostgres postgres = new(await PrivatePostgres.StartAsync());
        await postgres.ExecuteAsync($"CREATE DATABASE {Template}");
        // A database that is connected to cannot be copied.
        await using NpgsqlDataSource template = NpgsqlDataSource.Create(postgres._server.AddressOf(Template) + ";Pooling=false");
        await prepare(template);
        return postgres;
    }

    /// <returns>The address of a new database with what was prepared: copied, since preparing each one took most of the run.</returns>
    public Task<string> CopyAsync() => CreateAsync(Template);

    /// <returns>The address of a new database with nothing in it.</returns>
    public Task<string> CreateAsync() => CreateAsync("template0");

    /// <summary>The name of the database at the address.</summary>
    public static string NameOf(string address) => new NpgsqlConnectionStringBuilder(address).Database!;

    /// <summary>Nobody gets a connection to the database any more, and whoever has one loses it.</summary>
    public async Task CloseAsync(string address)
    {
        string name = NameOf(address);
        await ExecuteAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        await ExecuteAsync($"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
    }

    /// <summary>By the administrator, in no test's database.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = _administrator.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _administrator.DisposeAsync();
        await _server.DisposeAsync();
    }

    private async Task<string> CreateAsync(string template)
    {
        string name = $"test_{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        return _server.AddressOf(name);
    }
}
