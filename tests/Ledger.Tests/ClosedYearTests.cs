using System.Reflection;
using Claims.Kafka;
using Claims.Ledger;
using Claims.Ledger.Closing;
using Claims.V1;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>A year of visits that is closed takes nothing any more, whoever posts and whenever.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ClosedYearTests(LedgerDatabase databases)
{
    private const int Shards = 2;

    private static readonly DateTimeOffset LastSecondOf2024InChina = new(2024, 12, 31, 15, 59, 59, TimeSpan.Zero);

    [Fact]
    public async Task Year_is_closed_once_it_has_ended_in_China()
    {
        StoppedClock clock = new(LastSecondOf2024InChina);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync(), clock: clock);

        YearStaysOpenException early = await Assert.ThrowsAsync<YearStaysOpenException>(() => CloseAsync(ledger, 2024));
        Assert.Equal("the year 2024 has not ended: today is 2024-12-31 in China Standard Time", early.Message);
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM closed_year"));

        clock.Now += TimeSpan.FromSeconds(1);
        Assert.Equal(2024, await CloseAsync(ledger, 2024));
        Assert.Equal(2024, await CloseAsync(ledger, 2024));
        Assert.Equal(2024, await CloseAsync(ledger, 2021));
        Assert.Equal(["2024 2024-12-31 16:00:00"],
            await ledger.RowsAsync("SELECT concat_ws(' ', closed_through, closed_at AT TIME ZONE 'UTC') FROM closed_year"));
    }

    [Fact]
    public async Task Books_do_not_take_the_closing_of_a_year_that_has_not_ended()
    {
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
            () => ExecuteAsync(ledger, "INSERT INTO closed_year VALUES (2024, '2024-12-31 23:59:59+08')"));

        Assert.Equal("closed_year_check", refused.ConstraintName);
        await ExecuteAsync(ledger, "INSERT INTO closed_year VALUES (2024, '2025-01-01 00:00:00+08')");
    }

    [Fact]
    public async Task Earlier_year_with_entries_is_closed_first_and_an_empty_one_closes_along()
    {
        PublishedLog log = new(Shards);
        log.AddSettlement(0, record => record.VisitDate = "2022-05-01");
        log.AddSettlement(1, record => record.VisitDate = "2024-05-01");
        await using RunningLedger ledger = await BookedAsync(log);

        YearStaysOpenException refused = await Assert.ThrowsAsync<YearStaysOpenException>(() => CloseAsync(ledger, 2024));

        Assert.Equal("the year 2022 has entries and is open; it is closed first", refused.Message);
        Assert.Equal(2022, await CloseAsync(ledger, 2022));
        Assert.Equal(2024, await CloseAsync(ledger, 2024));
    }

    [Theory]
    [InlineData(Kind.Settlement, "2024-12-31")]
    [InlineData(Kind.Settlement, "2023-06-01")]
    [InlineData(Kind.Cancellation, "2024-12-31")]
    [InlineData(Kind.Restoration, "2024-12-31")]
    public async Task Closed_year_takes_no_entry_and_the_batch_leaves_nothing(Kind kind, string visitDate)
    {
        PublishedLog log = new(Shards);
        SettledClaim standing = log.AddSettlement(0, record => record.VisitDate = visitDate);
        await using RunningLedger ledger = await BookedAsync(log);
        await CloseAsync(ledger, 2023);
        await CloseAsync(ledger, 2024);
        PublishedLog late = new(Shards);
        if (kind == Kind.Settlement) late.AddSettlement(1, record => record.VisitDate = visitDate);
        else late.AddMirror(Moved(standing, 1), kind);
        late.AddSettlement(1, record => record.VisitDate = "2025-01-01");

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ledger.BookAsync(late));

        Assert.Equal(("23514", "year_is_open"), (refused.SqlState, refused.ConstraintName));
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM journal"));
        Assert.Equal(0, ledger.Watermarks.Sequence(1));
    }

    /// <summary>Books that had closed years before the first open day stood in the trigger.</summary>
    [Fact]
    public async Task Year_that_was_closed_before_the_migration_stays_closed()
    {
        Assembly books = typeof(LedgerSettings).Assembly;
        string name = books.GetManifestResourceNames().Single(one => one.Contains("017_", StringComparison.Ordinal));
        using StreamReader file = new(books.GetManifestResourceStream(name)!);
        string text = await file.ReadToEndAsync();
        PublishedLog log = new(Shards);
        await using RunningLedger ledger = await BookedAsync(log);
        await ExecuteAsync(ledger, "DROP TRIGGER year_is_open ON sub_ledger; ALTER TABLE closed_year DISABLE TRIGGER keep_closed_years; "
            + "INSERT INTO closed_year VALUES (2024, now()); ALTER TABLE closed_year ENABLE TRIGGER keep_closed_years");
        await ExecuteAsync(ledger, text[text.IndexOf("INSERT INTO closed_year", StringComparison.Ordinal)..]);
        log.AddSettlement(0, record => record.FundPayFen = record.CapUsedAfterFen = 0);

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ledger.BookAsync(log));

        Assert.Equal("year_is_open", refused.ConstraintName);
    }

    [Fact]
    public async Task Settlement_of_which_the_fund_pays_nothing_is_refused_too()
    {
        PublishedLog log = new(Shards);
        await using RunningLedger ledger = await BookedAsync(log);
        await CloseAsync(ledger, 2024);
        log.AddSettlement(0, record => record.FundPayFen = record.CapUsedAfterFen = 0);

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ledger.BookAsync(log));

        Assert.Equal("year_is_open", refused.ConstraintName);
    }

    [Fact]
    public async Task Journal_of_a_closed_year_is_refused_by_itself()
    {
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await CloseAsync(ledger, 2024);
        const string Journal = "INSERT INTO batch (posted_at) VALUES (now()); INSERT INTO journal (batch_id, scheme, posting_date, "
            + "business_date) VALUES (1, 'resident', '2025-01-02', ";

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(ledger, Journal + "'2024-12-31')"));

        Assert.Equal("year_is_open", refused.ConstraintName);
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM batch"));
    }

    /// <summary>Of a voucher: its journal is older than the closing, and its month is open.</summary>
    [Fact]
    public async Task Posting_into_a_journal_of_a_closed_year_is_refused()
    {
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ExecuteAsync(ledger, """
            INSERT INTO batch (posted_at) VALUES (now());
            INSERT INTO journal (batch_id, scheme, posting_date, business_date)
            VALUES (1, 'resident', '2025-01-02', '2024-12-31'), (1, 'resident', '2025-01-02', '2025-01-01');
            INSERT INTO account VALUES ('5101.resident.410105', '5101', 'resident', '410105', NULL),
                ('2101.resident.410105.H1', '2101', 'resident', '410105', 'H1')
            """);
        await CloseAsync(ledger, 2024);
        const string Posting = "INSERT INTO posting SELECT {0}, account_code, CASE kind WHEN '5101' THEN 7 ELSE 0 END, "
            + "CASE kind WHEN '5101' THEN 0 ELSE 7 END FROM account";

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
            () => ExecuteAsync(ledger, Posting.Replace("{0}", "1", StringComparison.Ordinal)));
        await ExecuteAsync(ledger, Posting.Replace("{0}", "2", StringComparison.Ordinal));

        Assert.Equal("year_is_open", refused.ConstraintName);
        Assert.Equal(2, await ledger.CountAsync("SELECT count(*) FROM posting"));
    }

    [Fact]
    public async Task Request_without_money_keeps_no_earlier_year_open()
    {
        PublishedLog log = new(Shards);
        log.AddSettlement(0, record => record.VisitDate = "2024-05-01");
        log.AddSettlement(0, record =>
        {
            (record.Kind, record.SettlementId, record.VisitDate) = (Kind.RequestOnly, "", "2022-05-01");
            record.TotalFen = record.FullSelfPayFen = record.InScopeFen = record.FundPayFen = record.CapUsedAfterFen = 0;
        });
        await using RunningLedger ledger = await BookedAsync(log);

        Assert.Equal(2024, await CloseAsync(ledger, 2024));
    }

    [Fact]
    public async Task Open_years_and_requests_without_money_are_still_taken()
    {
        PublishedLog log = new(Shards);
        await using RunningLedger ledger = await BookedAsync(log);
        await CloseAsync(ledger, 2024);
        log.AddSettlement(0, record => record.VisitDate = "2025-01-01");
        log.AddSettlement(0, record =>
        {
            record.Kind = Kind.RequestOnly;
            record.SettlementId = "";
            record.VisitDate = "2024-12-31";
            record.TotalFen = record.FullSelfPayFen = record.InScopeFen = record.FundPayFen = record.CapUsedAfterFen = 0;
        });

        await ledger.BookAsync(log);

        Assert.Equal(2, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));
    }

    [Fact]
    public async Task Record_that_arrives_for_a_closed_year_stops_its_shard_and_is_kept()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(10);
        string postgres = await databases.CreateAsync();
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        await CloseAsync(ledger, 2024);
        SettledClaim late = log.AddSettlement(1);
        SettledClaim behind = log.AddSettlement(1, record => record.VisitDate = "2025-01-01");
        SettledClaim elsewhere = log.AddSettlement(0, record => record.VisitDate = "2025-01-01");

        kafka.Publish([late, behind, elsewhere]);

        await Eventually.HoldsAsync(
            () => ledger.Watermarks.Stopped.Count > 0 && ledger.Watermarks.Sequence(0) == elsewhere.Sequence,
            () => $"{ledger.Watermarks.Stopped.Count} stopped, shard 0 at {ledger.Watermarks.Sequence(0)}");
        (int shard, string why) = Assert.Single(ledger.Watermarks.Stopped);
        Assert.Equal((1, late.Sequence - 1), (shard, ledger.Watermarks.Sequence(1)));
        Assert.Contains("the year of its visit, 2024, is closed", why, StringComparison.Ordinal);
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM poison_record WHERE shard = 1"));
    }

    [Fact]
    public async Task Closing_waits_for_the_posting_that_is_under_way()
    {
        PublishedLog log = new(Shards);
        await using RunningLedger ledger = await BookedAsync(log);
        await using NpgsqlConnection posting = await ledger.Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await posting.BeginTransactionAsync();
        await ExecuteAsync(posting, "INSERT INTO batch (posted_at) VALUES (now()); INSERT INTO journal (batch_id, scheme, posting_date, "
            + "business_date) VALUES (1, 'resident', '2025-01-02', '2024-12-31')");

        Task<int> closing = CloseAsync(ledger, 2024);
        await LockAwaitedAsync(ledger);
        Assert.False(closing.IsCompleted);
        await transaction.CommitAsync();

        Assert.Equal(2024, await closing);
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM journal"));
    }

    [Fact]
    public async Task Posting_waits_for_the_closing_that_is_under_way_and_is_refused()
    {
        PublishedLog log = new(Shards);
        await using RunningLedger ledger = await BookedAsync(log);
        await using NpgsqlConnection closing = await ledger.Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await closing.BeginTransactionAsync();
        await ExecuteAsync(closing, "INSERT INTO closed_year VALUES (2024, now())");
        log.AddSettlement(0);

        Task posting = ledger.BookAsync(log);
        await LockAwaitedAsync(ledger);
        await transaction.CommitAsync();

        Assert.Equal("year_is_open", (await Assert.ThrowsAsync<PostgresException>(() => posting)).ConstraintName);
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));
    }

    private async Task<RunningLedger> BookedAsync(PublishedLog log)
    {
        RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        if (log.Records.Any()) await ledger.BookAsync(log);
        return ledger;
    }

    private static SettledClaim Moved(SettledClaim record, int shard)
    {
        SettledClaim moved = record.Clone();
        moved.Shard = shard;
        return moved;
    }

    private static Task<int> CloseAsync(RunningLedger ledger, int year) =>
        ledger.ClosedYears.CloseAsync(year, RunningLedger.Caller, CancellationToken.None);

    private static Task LockAwaitedAsync(RunningLedger ledger) => Eventually.HoldsAsync(
        () =>
            ledger.Database.CreateCommand(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = "
            + "current_database())").ExecuteScalar() is > 0L,
        () => "no one waits for a lock");

    private static async Task ExecuteAsync(RunningLedger ledger, string sql)
    {
        await using NpgsqlConnection connection = await ledger.Database.OpenConnectionAsync();
        await ExecuteAsync(connection, sql);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
