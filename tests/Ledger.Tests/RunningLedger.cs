using System.Collections.Frozen;
using Claims.Hosting;
using Claims.Kafka;
using Claims.Ledger;
using Claims.Ledger.Closing;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Posting;
using Claims.Ledger.Reconciliation;
using Claims.Ledger.Statements;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Watermarks = Claims.Ledger.Posting.Watermarks;

namespace Ledger.Tests;

/// <summary>The ledger without its wire: real PostgreSQL, a real Kafka client, everything between.</summary>
internal sealed class RunningLedger : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Who closes, enters and resumes in these tests.</summary>
    public const string Caller = "claims://role/bureau/test";

    private readonly ServiceProvider _services;
    private readonly IHostedService _worker;

    private RunningLedger(ServiceProvider services, string postgres)
    {
        _services = services;
        Database = NpgsqlDataSource.Create(postgres);
        _worker = services.GetServices<IHostedService>().OfType<PostingWorker>().Single();
    }

    public Watermarks Watermarks => _services.GetRequiredService<Watermarks>();

    public string? FeedProblem => _services.GetRequiredService<RecordFeed>().Problem;

    /// <summary>Partitions that are being read.</summary>
    public int Reading => _services.GetRequiredService<RecordFeed>().Partitions;

    /// <summary>Messages that have been read and wait to be posted.</summary>
    public int Waiting => _services.GetRequiredService<RecordFeed>().Messages.Count;

    public OwnShards Own => _services.GetRequiredService<OwnShards>();

    public ShardStates States => _services.GetRequiredService<ShardStates>();

    public Books Books => _services.GetRequiredService<Books>();

    public EntryReader Entries => _services.GetRequiredService<EntryReader>();

    /// <summary>As the owner of the tables; the ledger itself works as its role.</summary>
    public NpgsqlDataSource Database { get; }

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public ClosedYears ClosedYears => _services.GetRequiredService<ClosedYears>();

    public TotalsReader Totals => _services.GetRequiredService<TotalsReader>();

    public LineReconciliation LineReconciliation => _services.GetRequiredService<LineReconciliation>();

    public FacilityEntriesReader FacilityEntries => _services.GetRequiredService<FacilityEntriesReader>();

    public StatementReader Statements => _services.GetRequiredService<StatementReader>();

    public ClaimsStore Store => _services.GetRequiredService<ClaimsStore>();

    /// <summary>Opens the store of <paramref name="log"/> and posts whatever arrives through the broker; reads every shard once it
    /// returns.</summary>
    public static async Task<RunningLedger> StartAsync(
        string postgres, string bootstrapServers, PublishedLog log, int batchRecords = 5_000, string keyFile = "")
    {
        RunningLedger ledger = await JoinAsync(postgres, bootstrapServers, log, batchRecords, keyFile);
        await Eventually.HoldsAsync(() => ledger.Reading == log.Shards, () => ledger.FeedProblem ?? $"{ledger.Reading} partitions");
        return ledger;
    }

    /// <summary>The same, next to other instances: it reads what is left to it, once it is.</summary>
    public static async Task<RunningLedger> JoinAsync(
        string postgres, string bootstrapServers, PublishedLog log, int batchRecords = 5_000, string keyFile = "")
    {
        RunningLedger ledger = Create(postgres, bootstrapServers, batchRecords, keyFile: keyFile);
        await ledger.OpenAsync(log);
        await ledger.StartPostingAsync();
        return ledger;
    }

    public async Task OpenAsync(PublishedLog log) => Watermarks.Open(await Store.OpenAsync(log.Epoch, log.Shards, CancellationToken.None));

    public Task StartPostingAsync() => _worker.StartAsync(CancellationToken.None);

    /// <summary>Nothing is read or posted.</summary>
    public static RunningLedger Create(string postgres, string bootstrapServers = "127.0.0.1:1", int batchRecords = 5_000,
        TimeProvider? clock = null, Eligibility.EligibilityClient? eligibility = null, PolicyPack? policy = null, string keyFile = "",
        bool acceptUnsafe = true, int yearCloseDelayHours = 0)
    {
        LedgerSettings settings = new()
        {
            Postgres = postgres,
            Kafka = new(StringComparer.Ordinal) { ["bootstrap.servers"] = bootstrapServers },
            KafkaKeyFile = keyFile,
            BatchRecords = batchRecords,
            YearCloseDelayHours = yearCloseDelayHours,
        };
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton(clock ?? TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton(_ => NpgsqlDataSource.Create(PostgresStore.WithRole(postgres, LedgerServices.Role)));
        services.AddSingleton(provider => new PostgresTrust(provider.GetRequiredService<NpgsqlDataSource>(), acceptUnsafe,
            provider.GetRequiredService<ILogger<PostgresTrust>>()));
        if (eligibility is not null) services.AddSingleton(eligibility);
        services.AddLedger();
        services.AddSingleton(policy ?? LedgerDatabase.Policy);
        return new RunningLedger(services.BuildServiceProvider(), postgres);
    }

    public Task<TrialBalance> TrialBalanceAsync() => _services.GetRequiredService<BookReader>().TrialBalanceAsync(CancellationToken.None);

    public async Task<long> CountAsync(string sql)
    {
        await using NpgsqlCommand command = Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The first column, a text, of every row.</summary>
    public async Task<List<string>> RowsAsync(string sql)
    {
        await using NpgsqlCommand command = Database.CreateCommand(sql);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await row.ReadAsync()) rows.Add(row.GetString(0));
        return rows;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Books a whole log in one transaction, without Kafka.</summary>
    public async Task BookAsync(PublishedLog log)
    {
        FeedRecord[] records = [.. log.Records.Select(record => new FeedRecord(record.Shard, record.Sequence, [], record, null))];
        Selection selection = Selection.Of(records, log.Epoch, Watermarks, Enumerable.Range(0, log.Shards).ToFrozenSet());
        Assert.Equal(records.Length, selection.Records.Count);
        await Books.PostAsync(selection, CancellationToken.None);
    }

    /// <summary>Books what the log has beyond the watermarks, and moves them.</summary>
    public async Task BookNewAsync(PublishedLog log)
    {
        FeedRecord[] records = [.. log.Records.Where(record => record.Sequence > Watermarks.Sequence(record.Shard))
            .Select(record => new FeedRecord(record.Shard, record.Sequence, [], record, null))];
        Selection selection = Selection.Of(records, log.Epoch, Watermarks, Enumerable.Range(0, log.Shards).ToFrozenSet());
        Assert.Equal(records.Length, selection.Records.Count);
        await Books.PostAsync(selection, CancellationToken.None);
        Watermarks.Advance(selection.Ranges.Select(range => (range.Key, range.Value.Last)));
    }

    /// <summary>Whatever is in flight is abandoned where it is.</summary>
    public async ValueTask DisposeAsync()
    {
        await _worker.StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
        await Database.DisposeAsync();
    }
}
