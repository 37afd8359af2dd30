using Claims.V1;
using Npgsql;

namespace Ledger.Tests;

/// <summary>What the database itself refuses, whoever asks.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class BooksConstraintTests(LedgerDatabase databases)
{
    private const string Account = "5101.resident.410102";
    private const string OtherAccount = "2101.resident.410102.H1";

    [Fact]
    public async Task Journal_that_sums_to_zero_is_taken_and_moves_the_balances()
    {
        await using NpgsqlDataSource database = await WithJournalAsync();

        await ExecuteAsync(database, $"INSERT INTO posting VALUES (1, '{Account}', 250, 0), (1, '{OtherAccount}', 0, 250)");
        await ExecuteAsync(database, $"INSERT INTO posting VALUES (2, '{Account}', -50, 0), (2, '{OtherAccount}', 0, -50)");

        Assert.Equal(200L, await ScalarAsync(database, $"SELECT debit_fen FROM account_balance WHERE account_code = '{Account}'"));
        Assert.Equal(200L, await ScalarAsync(database, $"SELECT credit_fen FROM account_balance WHERE account_code = '{OtherAccount}'"));
    }

    [Theory]
    [InlineData("(1, '5101.resident.410102', 250, 0), (1, '2101.resident.410102.H1', 0, 249)", "does not sum to zero")]
    [InlineData("(1, '5101.resident.410102', 250, 0)", "does not sum to zero")]
    [InlineData("(1, '5101.resident.410102', 250, 0), (2, '2101.resident.410102.H1', 0, 250)", "does not sum to zero")]
    [InlineData("(1, '5101.resident.410102', 250, 250)", "check constraint")]
    [InlineData("(1, '5101.resident.410102', 0, 0)", "check constraint")]
    [InlineData("(1, '9999.resident.410102', 1, 0), (1, '2101.resident.410102.H1', 0, 1)", "foreign key")]
    [InlineData("(99, '5101.resident.410102', 1, 0), (99, '2101.resident.410102.H1', 0, 1)", "foreign key")]
    public async Task Posting_that_does_not_fit_is_refused(string rows, string reason)
    {
        await using NpgsqlDataSource database = await WithJournalAsync();

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
            () => ExecuteAsync(database, $"INSERT INTO posting VALUES {rows}"));

        Assert.Contains(reason, refused.MessageText, StringComparison.Ordinal);
        Assert.Equal(0L, await ScalarAsync(database, "SELECT count(*) FROM posting"));
        Assert.Equal(0L, await ScalarAsync(database, "SELECT count(*) FROM account_balance"));
    }

    [Theory]
    [InlineData("UPDATE {0} SET {1} = {1}")]
    [InlineData("DELETE FROM {0}")]
    [InlineData("TRUNCATE {0} CASCADE")]
    public async Task Books_are_append_only(string statement)
    {
        await using NpgsqlDataSource database = await WithJournalAsync();
        foreach ((string table, string column) in new[]
        {
            ("sub_ledger", "fund_pay_fen"), ("batch", "posted_at"), ("batch_range", "last_sequence"), ("account", "scheme"),
            ("journal", "business_date"), ("posting", "debit_fen"), ("poison_record", "reason"), ("closed_year", "closed_at"),
        })
        {
            PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
                () => ExecuteAsync(database, string.Format(System.Globalization.CultureInfo.InvariantCulture, statement, table, column)));
            Assert.Contains("append-only", refused.MessageText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Account_whose_code_is_not_made_of_its_parts_is_refused()
    {
        await using NpgsqlDataSource database = await WithJournalAsync();

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
            () => ExecuteAsync(database, "INSERT INTO account VALUES ('5101.resident.410122', '2101', 'resident', '410122', NULL)"));

        Assert.Contains("check constraint", refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_whose_parts_are_not_its_total_is_refused()
    {
        PublishedLog log = new PublishedLog(1).AddSettlements(1);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
            () => ExecuteAsync(ledger.Database, Another("total_fen = total_fen + 1")));
        await ExecuteAsync(ledger.Database, Another("total_fen = total_fen + 1, full_self_pay_fen = full_self_pay_fen + 1"));

        Assert.Contains("check constraint", refused.MessageText, StringComparison.Ordinal);
        Assert.Equal(2L, await ScalarAsync(ledger.Database, "SELECT count(*) FROM sub_ledger"));
    }

    [Fact]
    public async Task Record_that_is_not_what_its_kind_is_is_refused()
    {
        const string Merge = "kind = 'MERGE_IN', visit_date = NULL";
        const string NoMoney = "total_fen = 0, full_self_pay_fen = 0, in_scope_fen = 0, shortfall_fen = 0";
        PublishedLog log = new PublishedLog(1).AddSettlements(1);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        foreach (string change in (string[])
        [
            "sequence = 0", "kind = 'UNHEARD_OF'", "settlement_id = NULL", "visit_date = NULL", "kind = 'CANCELLATION'",
            "fund_pay_fen = -fund_pay_fen", "shortfall_fen = -1", "note = 'N'", $"{Merge}, facility_code = '', note = 'N'",
            $"{Merge}, {NoMoney}, fund_pay_fen = 0, facility_code = '', note = ''",
            $"{Merge}, {NoMoney}, fund_pay_fen = 0, facility_code = 'H1', note = 'N'",
            $"kind = 'REQUEST_ONLY', {NoMoney}, fund_pay_fen = 1", $"kind = 'NUMBERS_LOST', {NoMoney}, fund_pay_fen = 0",
        ])
        {
            PostgresException refused = await Assert.ThrowsAsync<PostgresException>(
                () => ExecuteAsync(ledger.Database, Another(change)));
            Assert.Equal((change, "23514"), (change, refused.SqlState));
        }

        await ExecuteAsync(ledger.Database, Another($"{Merge}, {NoMoney}, fund_pay_fen = 0, facility_code = '', note = 'N'"));
        Assert.Equal(2L, await ScalarAsync(ledger.Database, "SELECT count(*) FROM sub_ledger"));
    }

    /// <summary>No program writes it; a person at the database might.</summary>
    [Theory]
    [InlineData("INSERT INTO posting VALUES (1, '2101.resident.410102.H1', 5, 0), (1, '5101.resident.410102', 0, 5)",
        "payable_not_overpaid")]
    [InlineData("INSERT INTO account VALUES ('1004.resident.410100', '1004', 'resident', '410100', NULL); "
        + "INSERT INTO posting VALUES (1, '5101.resident.410102', 5, 0), (1, '1004.resident.410100', 0, 5)", "fund_account_not_overdrawn")]
    [InlineData("INSERT INTO batch_range VALUES (0, 2, 1, 1)", "batch_range_check")]
    [InlineData("INSERT INTO chain_link SELECT link, 1, 6, now(), sha256(''), sha256(''), '' FROM generate_series(1, 2) AS link",
        "chain_link_batch_id_key")]
    [InlineData("INSERT INTO poison_record (found_at, shard, kafka_offset, reason, record) VALUES (now(), 1, 1, '', ''); "
        + "INSERT INTO shard_stop (shard, poison_id, stopped_at, reason) VALUES (1, 1, now(), ''), (1, 1, now(), '')",
        "shard_stop_standing")]
    [InlineData("INSERT INTO voucher (key, request, kind, county, period, memo, actor, entered_at, journal_id) "
        + "SELECT 'k', '', 'INTEREST_RECEIVED', '410105', '', '', 'a', now(), journal_id FROM journal", "voucher_key_key")]
    [InlineData("INSERT INTO journal (batch_id, scheme, posting_date, business_date) VALUES (1, 'resident', '2024-03-02', '2024-03-02'); "
        + "INSERT INTO voucher (key, request, kind, county, period, memo, actor, entered_at, journal_id, reverses) "
        + "SELECT journal_id::text, '', CASE journal_id WHEN 1 THEN 'INTEREST_RECEIVED' ELSE 'REVERSAL' END, '410105', '', '', 'a', now(), "
        + "journal_id, CASE WHEN journal_id > 1 THEN 1 END FROM (SELECT * FROM journal ORDER BY 1) AS journal", "voucher_reverses_key")]
    [InlineData("INSERT INTO stored_terms VALUES (sha256('a'), 'b')", "stored_terms_check")]
    public async Task Row_that_no_program_writes_is_refused(string sql, string constraint)
    {
        await using NpgsqlDataSource database = await WithJournalAsync();

        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(database, sql));

        Assert.Equal(constraint, refused.ConstraintName ?? refused.MessageText);
    }

    [Fact]
    public async Task Every_table_is_append_only_but_those_whose_rows_move_or_go()
    {
        await using NpgsqlDataSource database = await WithJournalAsync();

        object? others = await ScalarAsync(database, """
            SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables
            WHERE schemaname = 'public' AND NOT EXISTS (SELECT FROM pg_trigger
                WHERE tgrelid = tablename::regclass AND tgname = 'append_only' AND tgenabled = 'O')
            """);

        Assert.Equal("account_balance refusal schema_migration shard_stop shard_watermark store stored_terms", others);
    }

    /// <summary>Each alone, so that nothing else is out of balance: what is posted beside what is kept, on either side, and the sides
    /// beside each other.</summary>
    [Theory]
    [InlineData("posted debit", "posted credit", "kept credit")]
    [InlineData("posted credit", "posted debit", "kept debit")]
    [InlineData("posted debit", "kept debit")]
    public async Task Trial_balance_notices_a_posting_that_was_changed_by_hand(params string[] changed)
    {
        PublishedLog log = new PublishedLog(2).AddSettlements(5);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);
        Assert.True((await ledger.TrialBalanceAsync()).Balanced);

        await ExecuteAsync(ledger.Database, "ALTER TABLE posting DISABLE TRIGGER ALL; ALTER TABLE account_balance DISABLE TRIGGER ALL");
        foreach (string change in changed)
        {
            string side = change.Split(' ')[1];
            string first = $"FROM posting WHERE {side}_fen > 0 ORDER BY journal_id, account_code LIMIT 1";
            await ExecuteAsync(ledger.Database, change.StartsWith("posted", StringComparison.Ordinal)
                ? $"""
                    UPDATE posting SET {side}_fen = {side}_fen + 1
                    WHERE (journal_id, account_code) = (SELECT journal_id, account_code {first})
                    """
                : $"UPDATE account_balance SET {side}_fen = {side}_fen + 1 WHERE account_code = (SELECT account_code {first})");
        }

        TrialBalance trial = await ledger.TrialBalanceAsync();
        Assert.Equal(changed.Length == 3, trial.DebitFen == trial.CreditFen);
        Assert.False(trial.Balanced);
    }

    [Fact]
    public async Task Batch_that_fails_half_way_leaves_nothing()
    {
        PublishedLog log = new PublishedLog(2).AddSettlements(5);
        log.Shard(1)[4].Scheme = "unheard-of";
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);

        await Assert.ThrowsAsync<PostgresException>(() => ledger.BookAsync(log));

        foreach (string table in new[] { "sub_ledger", "batch", "batch_range", "journal", "posting", "account", "account_balance" })
            Assert.Equal(0L, await ScalarAsync(ledger.Database, $"SELECT count(*) FROM {table}"));
        Assert.Equal(0L, await ScalarAsync(ledger.Database, "SELECT max(sequence) FROM shard_watermark"));
    }

    [Fact]
    public async Task Second_instance_with_an_old_watermark_posts_nothing()
    {
        PublishedLog log = new PublishedLog(2).AddSettlements(5);
        string postgres = await databases.CreateAsync();
        await using RunningLedger first = RunningLedger.Create(postgres);
        await using RunningLedger second = RunningLedger.Create(postgres);
        await first.OpenAsync(log);
        await second.OpenAsync(log);
        await first.BookAsync(log);

        await Assert.ThrowsAsync<Claims.Ledger.Posting.WatermarkMovedException>(() => second.BookAsync(log));

        Assert.Equal(10L, await ScalarAsync(second.Database, "SELECT count(*) FROM sub_ledger"));
    }

    /// <summary>The one record of the sub-ledger once more, with a change.</summary>
    private static string Another(string change) => $"""
        CREATE TEMPORARY TABLE another AS SELECT * FROM sub_ledger;
        UPDATE another SET sequence = 99, request_id = 'another', settlement_id = 'another';
        UPDATE another SET {change};
        INSERT INTO sub_ledger SELECT * FROM another;
        DROP TABLE another
        """;

    private async Task<NpgsqlDataSource> WithJournalAsync()
    {
        NpgsqlDataSource database = NpgsqlDataSource.Create(await databases.CreateAsync());
        await ExecuteAsync(database, $"""
            INSERT INTO batch (posted_at) VALUES (now());
            INSERT INTO journal (batch_id, scheme, posting_date, business_date)
            VALUES (1, 'resident', '2024-03-02', '2024-03-01'), (1, 'resident', '2024-03-02', '2024-03-02');
            INSERT INTO account VALUES ('{Account}', '5101', 'resident', '410102', NULL), ('{OtherAccount}', '2101', 'resident', '410102',
                'H1');
            """);
        return database;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<object?> ScalarAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
