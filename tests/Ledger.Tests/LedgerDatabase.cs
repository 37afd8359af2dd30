using Claims.Hosting;
using Claims.Ledger;
using Claims.PrivateServers;
using Npgsql;

namespace Ledger.Tests;

/// <summary>One PostgreSQL server for the whole test run; every test has a database of its own in it.</summary>
public sealed class LedgerDatabase : IAsyncLifetime
{
    private int _databases;

    public PrivatePostgres Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PrivatePostgres.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>A fresh database with the ledger's schema.</summary>
    public async Task<string> CreateAsync()
    {
        string connectionString = Server.ConnectionString($"ledger_{Interlocked.Increment(ref _databases)}");
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(connectionString);
        await Migrations.ApplyAsync(database, typeof(LedgerSettings).Assembly);
        return connectionString;
    }
}

[CollectionDefinition(Name)]
public sealed class LedgerDatabaseCollection : ICollectionFixture<LedgerDatabase>
{
    public const string Name = "PostgreSQL";
}
