using Claims.Hosting;
using Claims.Ledger;
using Claims.Ledger.GeneralLedger;
using Claims.Policy;
using Postgres;

namespace Ledger.Tests;

/// <summary>One PostgreSQL server for the whole test run; every test has a database of its own in it.</summary>
public sealed class LedgerDatabase : IAsyncLifetime
{
    /// <summary>Read once for every ledger of the run.</summary>
    public static PolicyPack Policy { get; } = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

    /// <summary>Of an invented city of other counties, which has the same rules.</summary>
    public static PolicyPack OtherCity { get; } = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "cities"), "shizhou");

    public TestPostgres Postgres { get; private set; } = null!;

    public async Task InitializeAsync() => Postgres = await TestPostgres.StartAsync(async template =>
    {
        await Migrations.ApplyAsync(template, typeof(LedgerSettings).Assembly);
        await CountyNames.WriteAsync(template, Policy, CancellationToken.None);
    });

    public async Task DisposeAsync() => await Postgres.DisposeAsync();

    /// <summary>A fresh database with the ledger's schema and its counties.</summary>
    public Task<string> CreateAsync() => Postgres.CopyAsync();
}

[CollectionDefinition(Name)]
public sealed class LedgerDatabaseCollection : ICollectionFixture<LedgerDatabase>
{
    public const string Name = "PostgreSQL";
}

/// <summary>Tests that mostly wait for brokers and for each other's locks: they run beside the rest, on a server of their own.</summary>
[CollectionDefinition(Name)]
public sealed class PostingDatabaseCollection : ICollectionFixture<LedgerDatabase>
{
    public const string Name = "PostgreSQL of posting";
}

/// <summary>Tests that read a process's metrics or heap: meters of the same name in one process are one, and so is the heap, so nothing
/// else may run meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MetricsDatabaseCollection : ICollectionFixture<LedgerDatabase>
{
    public const string Name = "PostgreSQL of metrics";
}
