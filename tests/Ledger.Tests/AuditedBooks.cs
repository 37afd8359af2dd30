using System.Collections.Frozen;
using Claims.Kafka;
using Claims.Ledger.Audit;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>Books of three shards, four batches of settlements and three of vouchers, chained, for one test after the other to tamper
/// with.</summary>
public sealed class AuditedBooks(LedgerDatabase databases) : IAsyncLifetime
{
    public const int Shards = 3;
    public const int Batches = 4;
    public const int Vouchers = 3;
    public const int RecordsPerShard = 12;

    private const string BookVouchers = """
        INSERT INTO account VALUES ('1101.resident.410100', '1101', 'resident', '410100', NULL), ('4001.resident.410100', '4001',
            'resident', '410100', NULL);
        DO $$
        DECLARE
            batch bigint;
            journal bigint;
            voucher bigint;
        BEGIN
            FOR number IN 1..3 LOOP
                INSERT INTO batch (posted_at) VALUES (now() - interval '1 hour') RETURNING batch_id INTO batch;
                INSERT INTO journal (batch_id, scheme, posting_date, business_date) VALUES (batch, 'resident', '2024-03-01', '2024-03-01')
                    RETURNING journal_id INTO journal;
                INSERT INTO posting VALUES (journal, '1101.resident.410100', 100 * number, 0), (journal, '4001.resident.410100', 0,
                    100 * number);
                INSERT INTO voucher (key, request, kind, county, period, memo, actor, entered_at, journal_id)
                VALUES (number::text, '', 'CONTRIBUTION_ASSESSED', '410100', '2024', '', 'test', now(), journal)
                    RETURNING voucher_id INTO voucher;
                INSERT INTO plan_revision VALUES ('resident', '410100', 2024, number, 100, '', 'test', now());
                INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at) VALUES
                    (batch, 'VOUCHER_ENTERED', voucher::text, '', 'claims://role/finance/test', 'test', now()),
                    (batch, 'PLAN_SET', concat('resident/410100/2024/', number), '100', 'claims://role/finance/test', 'test', now());
                INSERT INTO assessment VALUES (voucher, '1101.resident.410100', number, 100, 'test');
                INSERT INTO assessed_head VALUES (voucher, '1101.resident.410100', 'low_income', number, 100, 'test');
                INSERT INTO unassessed_head VALUES (voucher, 'student', number, 0, 'test');
            END LOOP;
        END $$
        """;

    private string _postgres = "";
    private string[] _tables = [];

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        PublishedLog log = new(Shards);
        await using (RunningLedger ledger = RunningLedger.Create(_postgres, clock: new AnHourAgo()))
        {
            await ledger.OpenAsync(log);
            for (int batch = 0; batch < Batches; batch++)
            {
                log.AddSettlements(RecordsPerShard / Batches);
                await BookNextAsync(ledger, log, RecordsPerShard / Batches);
            }
        }

        await using Audit audit = new(_postgres);
        await using (NpgsqlCommand vouchers = audit.Database.CreateCommand(BookVouchers)) await vouchers.ExecuteNonQueryAsync();
        await audit.ChainAllAsync();
        _tables = (await audit.TextAsync("SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'")).Split(',');
        await audit.ExecuteAsync($"CREATE SCHEMA "
            + $"kept; {string.Join(' ', _tables.Select(table => $"CREATE TABLE kept.{table} AS TABLE {table};"))}");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    /// <summary>The books as they were when they had been chained, whatever a test has done to them since.</summary>
    internal async Task<Audit> AsChainedAsync()
    {
        Audit audit = new(_postgres);
        await audit.ExecuteAsync($"""
            {string.Join(' ', _tables.Select(table =>
                $"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table};"))}
            """);
        return audit;
    }

    /// <summary>The last records of every shard, in one batch.</summary>
    internal static async Task BookNextAsync(RunningLedger ledger, PublishedLog log, int perShard)
    {
        FeedRecord[] records = [.. Enumerable.Range(0, log.Shards).SelectMany(shard => log.Shard(shard).TakeLast(perShard))
            .Select(record => new FeedRecord(record.Shard, record.Sequence, [], record, null))];
        Selection selection = Selection.Of(records, log.Epoch, ledger.Watermarks, Enumerable.Range(0, log.Shards).ToFrozenSet());
        Assert.Equal(records.Length, selection.Records.Count);
        await ledger.Books.PostAsync(selection, CancellationToken.None);
        ledger.Watermarks.Advance(selection.Ranges.Select(range => (range.Key, range.Value.Last)));
    }

    private sealed class AnHourAgo : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddHours(-1);
    }
}

/// <summary>The audit of one database, without its wire.</summary>
internal sealed class Audit : IAsyncDisposable
{
    private readonly AuditMetrics _metrics = new();
    private readonly ClaimsStore _store;

    public Audit(string postgres)
    {
        Postgres = postgres;
        Database = NpgsqlDataSource.Create(postgres);
        _store = new ClaimsStore(Database, TimeProvider.System);
        Chain = NewChain();
    }

    public string Postgres { get; }

    public NpgsqlDataSource Database { get; }

    public Chain Chain { get; }

    /// <summary>As another instance of the ledger, or this one after a restart.</summary>
    public Chain NewChain() => new(Database, _store, new RecentHashes(), TimeProvider.System);

    /// <summary>Until nothing waits, or the chain is broken. The chainer of a ledger that runs beside may have its turn first.</summary>
    public async Task ChainAllAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        while (await Chain.ExtendAsync(sweep: true, limit.Token) is not 0 && Chain.Broken.Length == 0) await Task.Delay(10, limit.Token);
    }

    public async Task<(ChainHead Head, List<VerifyCheck> Checks)> VerifyAsync(ChainHead? noted = null, Chain? chain = null)
    {
        List<VerifyCheck> checks = [];
        ChainHead? head = null;
        Verification verification = new(
            chain ?? Chain, new ChainReplay(Database, _store), new BookChecks(Database), _metrics, NullLogger<Verification>.Instance);
        VerifyRequest request = new() { ExpectLink = noted?.Link ?? 0, ExpectHash = noted?.Hash ?? "" };
        Assert.True(await verification.RunAsync(request, Told, CancellationToken.None));
        return (head!, checks);

        Task Told(VerifyNews news)
        {
            if (news.Check is { } check) checks.Add(check);
            head = news.Head ?? head;
            return Task.CompletedTask;
        }
    }

    /// <summary>The first bad row of the first check that does not hold, as <c>table key TAMPERING</c>; empty when the books are
    /// clean.</summary>
    public async Task<string> FirstBadRowAsync(ChainHead? noted = null, Chain? chain = null) =>
        (await VerifyAsync(noted, chain)).Checks.FirstOrDefault(check => !check.Holds)?.FirstBadRow is { } bad
            ? $"{bad.Table} {bad.Key} {bad.Tampering.ToString().ToUpperInvariant()}"
            : "";

    /// <summary>As someone who owns the database: no trigger and no foreign key stands in the way.</summary>
    public async Task TamperAsync(string sql) => Assert.True(await ExecuteAsync(sql) > 0, sql);

    /// <returns>Rows that were touched.</returns>
    public async Task<int> ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command =
            Database.CreateCommand($"SET synchronous_commit = off; SET session_replication_role = replica; {sql}; SET "
            + $"session_replication_role = DEFAULT");
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<string> TextAsync(string sql)
    {
        await using NpgsqlCommand command = Database.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        _metrics.Dispose();
    }
}
