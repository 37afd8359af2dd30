using Claims.Ledger.Audit;
using Claims.V1;

namespace Ledger.Tests;

/// <summary>Whatever is changed, removed or inserted by hand is noticed, and the row is named.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class TamperingTests(AuditedBooks books) : IClassFixture<AuditedBooks>
{
    /// <summary>Table, its key, and a change that no constraint refuses.</summary>
    private static readonly (string Table, string[] Key, string Change)[] Tables =
    [
        ("batch", ["batch_id"], "posted_at = posted_at + interval '1 microsecond'"),
        ("batch_range", ["shard", "first_sequence"], "last_sequence = last_sequence + 100"),
        ("sub_ledger", ["shard", "sequence"], "facility_code = facility_code || 'x'"),
        ("journal", ["journal_id"], "posting_date = posting_date + 1"),
        ("posting", ["journal_id", "account_code"], "debit_fen = debit_fen * 2, credit_fen = credit_fen * 2"),
        ("voucher", ["voucher_id"], "memo = memo || 'x'"),
        ("assessment", ["voucher_id", "account_code"], "heads = heads + 1"),
        ("assessed_head", ["voucher_id", "account_code", "heads_of"], "heads = heads + 1"),
        ("unassessed_head", ["voucher_id", "heads_of"], "per_head_fen = per_head_fen + 1"),
        ("act", ["act_id"], "caller = caller || 'x'"),
        ("plan_revision", ["scheme", "county", "year", "revision"], "plan_fen = plan_fen + 1"),
        ("account_balance", ["account_code"], "debit_fen = debit_fen + 1"),
        ("chain_link", ["link"], "chained_at = chained_at + interval '1 microsecond'"),
        ("shard_watermark", ["shard"], "sequence = sequence + 1"),
    ];

    public static IEnumerable<object[]> Rows =>
        from table in Tables from position in (string[])["first", "middle", "last"] select new object[] { table.Table, position };

    [Fact]
    public async Task Untouched_books_are_clean()
    {
        await using Audit audit = await books.AsChainedAsync();

        (ChainHead head, List<VerifyCheck> checks) = await audit.VerifyAsync();

        Assert.All(checks, check => Assert.True(check.Holds, check.ToString()));
        Assert.Equal(AuditedBooks.Batches + AuditedBooks.Vouchers, head.Link);
        Assert.Equal(
            [VerifyCheck.Types.Code.Chain, VerifyCheck.Types.Code.OutsideChain, VerifyCheck.Types.Code.Positions,
                VerifyCheck.Types.Code.Journals, VerifyCheck.Types.Code.Balances, VerifyCheck.Types.Code.Acts],
            checks.Select(check => check.Code));
        Assert.Equal(
            await audit.TextAsync("""
                SELECT ((SELECT count(*) FROM batch) + (SELECT count(*) FROM batch_range) + (SELECT count(*) FROM sub_ledger)
                    + (SELECT count(*) FROM journal) + (SELECT count(*) FROM posting) + (SELECT count(*) FROM voucher) + (SELECT count(*)
                        FROM assessment) + (SELECT count(*) FROM act) + (SELECT count(*) FROM assessed_head)
                    + (SELECT count(*) FROM unassessed_head))::text
                """),
            checks[0].Examined.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.All(checks, check => Assert.True(check.Examined > 0, check.ToString()));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Changed_row_is_named(string table, string position)
    {
        await using Audit audit = await books.AsChainedAsync();
        (string key, string where) = await RowAsync(audit, table, position);

        await audit.TamperAsync($"UPDATE {table} SET {Tables.Single(row => row.Table == table).Change} WHERE {where}");

        Assert.Equal($"{table} {key} CHANGED", await audit.FirstBadRowAsync());
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Removed_row_is_named(string table, string position)
    {
        await using Audit audit = await books.AsChainedAsync();
        (string key, string where) = await RowAsync(audit, table, position);

        await audit.TamperAsync($"DELETE FROM {table} WHERE {where}");

        Assert.Equal($"{table} {key} REMOVED", await audit.FirstBadRowAsync());
    }

    [Theory]
    [InlineData("batch", "INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (-1, now())", "-1")]
    [InlineData("batch", "INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (99, now())", "99")]
    [InlineData("batch_range", "INSERT INTO batch_range VALUES (0, 2, 3, 1)", "0/2")]
    [InlineData("batch_range", "INSERT INTO batch_range VALUES (1, 5, 5, 77)", "1/5")]
    [InlineData("batch_range", "INSERT INTO batch_range VALUES (2, 13, 20, 77)", "2/13")]
    [InlineData("batch_range", "INSERT INTO batch_range VALUES (2, 13, 20, 4)", "2/13")]
    [InlineData("sub_ledger", "INSERT INTO sub_ledger SELECT (json_populate_record(entry, '{\"shard\": -1, \"settlement_id\": \"Z\"}')).* "
        + "FROM sub_ledger AS entry WHERE shard = 0 AND sequence = 1", "-1/1")]
    [InlineData("sub_ledger", "INSERT INTO sub_ledger SELECT (json_populate_record(entry, '{\"sequence\": "
        + "1000, \"settlement_id\": \"Z\"}')).* FROM sub_ledger AS entry WHERE shard = 1 AND sequence = 6", "1/1000")]
    [InlineData("sub_ledger", "INSERT INTO sub_ledger SELECT (json_populate_record(entry, '{\"sequence\": "
        + "13, \"settlement_id\": \"Z\"}')).* FROM sub_ledger AS entry WHERE shard = 2 AND sequence = 12", "2/13")]
    [InlineData("act", "INSERT INTO act OVERRIDING SYSTEM VALUE VALUES (-1, 77, 'YEAR_TAKEN_BACK', '2024', '', 'x', '', now())", "-1")]
    [InlineData("act", "INSERT INTO act OVERRIDING SYSTEM VALUE VALUES (500, 8, 'YEAR_TAKEN_BACK', '2024', '', 'x', '', now())", "500")]
    [InlineData("plan_revision", "INSERT INTO plan_revision VALUES ('resident', '410105', 2024, 1, 1, '', 'x', now())",
        "resident/410105/2024/1")]
    [InlineData("closed_year", "INSERT INTO closed_year VALUES (2024, now())", "2024")]
    [InlineData("closed_month", "INSERT INTO closed_month VALUES ('2024-02-01', now())", "2024-02")]
    [InlineData("journal", "INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (-1, 1, 'resident', '2024-01-01', '2024-01-01')", "-1")]
    [InlineData("journal", "INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (500, 2, 'resident', '2024-01-01', '2024-01-01')", "500")]
    [InlineData("journal", "INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (501, 77, 'resident', '2024-01-01', '2024-01-01')", "501")]
    [InlineData("posting", "INSERT INTO posting VALUES (1, '5101.resident.410103', 1, 0), (1, '2101.resident.410103.H1', 0, 1)",
        "1/2101.resident.410103.H1")]
    [InlineData("posting", "INSERT INTO posting VALUES (5, '5101.resident.410103', 1, 0), (5, '2101.resident.410103.H1', 0, 1)",
        "5/2101.resident.410103.H1")]
    [InlineData("posting", "INSERT INTO posting VALUES (500, '5101.resident.410103', 1, 0), (500, '2101.resident.410103.H1', 0, 1)",
        "500/2101.resident.410103.H1")]
    [InlineData("voucher", "INSERT INTO voucher OVERRIDING SYSTEM VALUE VALUES (-1, 'a', '', 'INTEREST_RECEIVED', '410100', '', '', "
        + "'x', now(), 1)", "-1")]
    [InlineData("voucher", "INSERT INTO voucher OVERRIDING SYSTEM VALUE VALUES (90, 'b', '', 'INTEREST_RECEIVED', '410100', '', '', 'x', "
        + "now(), 700)", "90")]
    [InlineData("assessment", "INSERT INTO assessment VALUES (2, '4001.resident.410100', 1, 1, 'x')", "2/4001.resident.410100")]
    [InlineData("assessment", "INSERT INTO assessment VALUES (99, '1101.resident.410100', 1, 1, 'x')", "99/1101.resident.410100")]
    [InlineData("assessed_head", "INSERT INTO assessed_head VALUES (2, '1101.resident.410100', 'y', 1, 1, 'x')",
        "2/1101.resident.410100/y")]
    [InlineData("assessed_head", "INSERT INTO assessed_head VALUES (99, '1101.resident.410100', '', 1, 1, 'x')",
        "99/1101.resident.410100/")]
    [InlineData("unassessed_head", "INSERT INTO unassessed_head VALUES (2, 'z', 1, 1, 'x')", "2/z")]
    [InlineData("account_balance", "INSERT INTO account_balance VALUES ('0', 1, 0)", "0")]
    [InlineData("account_balance", "INSERT INTO account_balance VALUES ('2101.resident.410102.H11', 0, 1)", "2101.resident.410102.H11")]
    [InlineData("account_balance", "INSERT INTO account_balance VALUES ('9', 1, 0)", "9")]
    [InlineData("shard_watermark", "INSERT INTO shard_watermark VALUES (-1, 0)", "-1")]
    [InlineData("shard_watermark", "INSERT INTO shard_watermark VALUES (3, 0)", "3")]
    [InlineData("chain_link", "INSERT INTO chain_link SELECT 8, 77, format, chained_at, hash, previous_hash, row_index FROM chain_link "
        + "WHERE link = 7", "8")]
    public async Task Inserted_row_is_named(string table, string sql, string key)
    {
        await using Audit audit = await books.AsChainedAsync();

        await audit.TamperAsync(sql);

        string found = await audit.FirstBadRowAsync();
        Assert.Equal(table == "chain_link" ? $"{table} {key} CHANGED" : $"{table} {key} INSERTED", found);
    }

    [Theory]
    [InlineData("previous_hash = sha256('')", "chain_link 3 CHANGED")]
    [InlineData("hash = sha256('')", "chain_link 3 CHANGED")]
    [InlineData("batch_id = 99", "chain_link 3 CHANGED")]
    [InlineData("row_index = ''", "chain_link 3 CHANGED")]
    [InlineData("row_index = substr(row_index, 1, 40)", "chain_link 3 CHANGED")]
    [InlineData("link = 99", "chain_link 3 REMOVED")]
    public async Task Link_that_was_changed_anywhere_is_named(string change, string expected)
    {
        await using Audit audit = await books.AsChainedAsync();

        await audit.TamperAsync($"UPDATE chain_link SET {change} WHERE link = 3");

        Assert.Equal(expected, await audit.FirstBadRowAsync());
    }

    /// <summary>A newer program has made it, or somebody has changed its number: either way nothing can be said of its rows.</summary>
    [Fact]
    public async Task Link_of_an_unknown_format_is_refused_by_name_and_not_called_tampered()
    {
        await using Audit audit = await books.AsChainedAsync();

        await audit.TamperAsync("UPDATE chain_link SET format = 9 WHERE link = 3");

        UnknownChainFormatException refused = await Assert.ThrowsAsync<UnknownChainFormatException>(() => audit.FirstBadRowAsync());
        Assert.Equal("Link 3 of the chain has format 9, and this program reads formats 1 to 6: verify with the program that made it.",
            refused.Message);
    }

    [Theory]
    [InlineData("DELETE FROM account WHERE account_code = '2101.resident.410102.H0'", "account 2101.resident.410102.H0 REMOVED")]
    [InlineData("UPDATE store SET epoch = repeat('f', 32)", "store  CHANGED")]
    [InlineData("UPDATE sub_ledger SET sequence = 100 WHERE shard = 1 AND sequence = 6", "sub_ledger 1/6 REMOVED")]
    [InlineData("UPDATE batch_range SET batch_id = 3 WHERE shard = 1 AND first_sequence = 1", "batch_range 1/1 REMOVED")]
    [InlineData("UPDATE batch_range SET batch_id = 1 WHERE shard = 1 AND first_sequence = 4", "batch_range 1/4 INSERTED")]
    [InlineData("UPDATE sub_ledger SET insured_id = 'I0-9', fund_pay_fen = 0 WHERE shard = 2", "sub_ledger 2/1 CHANGED")]
    [InlineData("UPDATE plan_revision SET set_at = set_at + interval '1 second' WHERE revision = 2",
        "plan_revision resident/410100/2024/2 CHANGED")]
    public async Task Other_tampering_is_named(string sql, string expected)
    {
        await using Audit audit = await books.AsChainedAsync();

        await audit.TamperAsync(sql);

        Assert.Equal(expected, await audit.FirstBadRowAsync());
    }

    [Fact]
    public async Task Batch_taken_back_with_all_that_it_wrote_is_missed_at_its_link()
    {
        await using Audit audit = await books.AsChainedAsync();

        await audit.TamperAsync("""
            DELETE FROM posting WHERE journal_id IN (SELECT journal_id FROM journal WHERE batch_id = 4);
            DELETE FROM journal WHERE batch_id = 4;
            DELETE FROM sub_ledger WHERE sequence > 9;
            DELETE FROM batch_range WHERE batch_id = 4;
            DELETE FROM batch WHERE batch_id = 4;
            UPDATE shard_watermark SET sequence = 9
            """);

        Assert.Equal("batch 4 REMOVED", await audit.FirstBadRowAsync());
    }

    [Fact]
    public async Task Links_taken_from_the_end_are_missed_by_the_instance_that_chained_and_are_not_made_anew()
    {
        await using Audit audit = await books.AsChainedAsync();
        await audit.ChainAllAsync();

        await audit.TamperAsync("DELETE FROM chain_link WHERE link > 2");

        Assert.Null(await audit.Chain.ExtendAsync(sweep: true, CancellationToken.None));
        Assert.Contains("link 7", audit.Chain.Broken, StringComparison.Ordinal);
        Assert.Equal("chain_link 3 REMOVED", await audit.FirstBadRowAsync());
        // By who remembers them, and not only by the batches that have no link any more: those may have gone with their links.
        Assert.Equal(audit.Chain.Broken, (await audit.VerifyAsync()).Checks[0].FirstBadRow?.Detail);
        Assert.Equal("2", await audit.TextAsync("SELECT count(*)::text FROM chain_link"));
    }

    [Fact]
    public async Task Last_link_with_another_hash_is_none_that_the_instance_goes_on_from()
    {
        await using Audit audit = await books.AsChainedAsync();
        await audit.ChainAllAsync();

        await audit.TamperAsync("UPDATE chain_link SET hash = decode(repeat('ab', 32), 'hex') WHERE link = 7");

        Assert.Null(await audit.Chain.ExtendAsync(sweep: true, CancellationToken.None));
        Assert.Contains("link 7", audit.Chain.Broken, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chain_computed_anew_over_forged_rows_is_consistent_but_not_the_head_that_was_noted()
    {
        await using Audit audit = await books.AsChainedAsync();
        ChainHead noted = (await audit.VerifyAsync()).Head;
        ChainHead earlier = new() { Link = 2, Hash = await audit.TextAsync("SELECT encode(hash, 'hex') FROM chain_link WHERE link = 2") };
        Assert.Equal("", await audit.FirstBadRowAsync(noted));
        Assert.Equal("", await audit.FirstBadRowAsync(earlier));

        await audit.TamperAsync("""
            UPDATE sub_ledger SET insured_id = 'I0-forged' WHERE shard = 0 AND sequence = 1;
            TRUNCATE chain_link
            """);
        Chain restarted = audit.NewChain();
        Assert.Equal(AuditedBooks.Batches + AuditedBooks.Vouchers, await restarted.ExtendAsync(sweep: true, CancellationToken.None));

        Assert.Equal("", await audit.FirstBadRowAsync(chain: restarted));
        Assert.Equal("chain_link 7 CHANGED", await audit.FirstBadRowAsync(noted, restarted));
        Assert.Equal("chain_link 2 CHANGED", await audit.FirstBadRowAsync(earlier, restarted));
        Assert.Equal("chain_link 9 REMOVED", await audit.FirstBadRowAsync(new ChainHead { Link = 9, Hash = noted.Hash }, restarted));
    }

    /// <summary>The chain was made anew, and the balances go with the postings: what is left is what journals and rows say of one
    /// another.</summary>
    [Theory]
    [InlineData("UPDATE sub_ledger SET fund_pay_fen = fund_pay_fen + 1 WHERE shard = 0 AND sequence = 1",
        "posting 1/2101.resident.410102.H2 CHANGED")]
    [InlineData("UPDATE sub_ledger SET visit_type = 'DELIVERY_NATURAL' WHERE shard = 0 AND sequence = 1",
        "posting 1/5101.resident.410102 CHANGED")]
    [InlineData("UPDATE sub_ledger SET scheme = 'employee' WHERE shard = 0 AND sequence = 1",
        "posting 2101.employee.410102.H2 REMOVED")]
    [InlineData("UPDATE sub_ledger SET visit_date = '2024-03-09' WHERE shard = 0 AND sequence = 1",
        "posting 1/2101.resident.410102.H2 INSERTED")]
    [InlineData("UPDATE sub_ledger SET facility_county = '410105' WHERE shard = 0 AND sequence = 1",
        "posting 1/2101.resident.410102.H2 INSERTED")]
    [InlineData("UPDATE posting SET account_code = '2101.resident.410102.H9' WHERE account_code = '2101.resident.410102.H0' "
        + "AND journal_id = 1", "posting 2101.resident.410102.H0 REMOVED")]
    [InlineData("INSERT INTO posting VALUES (1, '5102.resident.410102', 1, 0), (1, '2101.resident.410102.H10', 0, 1)",
        "posting 1/2101.resident.410102.H10 INSERTED")]
    [InlineData("UPDATE posting SET debit_fen = debit_fen + 1 WHERE account_code = '1101.resident.410100' "
        + "AND journal_id = (SELECT max(journal_id) FROM journal)", "posting 14 CHANGED")]
    [InlineData("UPDATE batch_range SET first_sequence = 5 WHERE shard = 1 AND first_sequence = 4", "batch_range 1/4 REMOVED")]
    [InlineData("INSERT INTO batch_range VALUES (1, 5, 5, 2)", "batch_range 1/5 INSERTED")]
    [InlineData("INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (500, 5, 'resident', '2024-03-01', '2024-03-01'); INSERT INTO posting "
        + "VALUES (500, '5101.resident.410102', 1, 0), (500, '2101.resident.410102.H10', 0, 1)", "journal 500 INSERTED")]
    public async Task Forged_books_with_a_chain_and_balances_of_their_own_do_not_add_up(string sql, string expected)
    {
        await using Audit audit = await books.AsChainedAsync();
        await audit.TamperAsync(sql);
        await audit.ExecuteAsync("TRUNCATE chain_link; " + AccountsAndBalances);
        Chain restarted = audit.NewChain();
        Assert.Equal(AuditedBooks.Batches + AuditedBooks.Vouchers, await restarted.ExtendAsync(sweep: true, CancellationToken.None));

        Assert.Equal(expected, await audit.FirstBadRowAsync(chain: restarted));
    }

    private const string AccountsAndBalances = """
        INSERT INTO account
            SELECT DISTINCT account_code, split_part(account_code, '.', 1), split_part(account_code, '.', 2),
                split_part(account_code, '.', 3), nullif(split_part(account_code, '.', 4), '')
            FROM posting ON CONFLICT DO NOTHING;
        DELETE FROM account_balance;
        INSERT INTO account_balance SELECT account_code, sum(debit_fen), sum(credit_fen) FROM posting GROUP BY account_code
        """;

    [Fact]
    public async Task Row_and_link_rewritten_together_do_not_fit_the_next_link()
    {
        await using Audit audit = await books.AsChainedAsync();
        await audit.TamperAsync("UPDATE sub_ledger SET insured_id = 'I0-forged' WHERE shard = 0 AND sequence = 1");
        await audit.ExecuteAsync("CREATE TABLE honest AS TABLE chain_link; TRUNCATE chain_link");
        Assert.Equal(AuditedBooks.Batches + AuditedBooks.Vouchers, await audit.NewChain().ExtendAsync(sweep: true, CancellationToken.None));
        await audit.TamperAsync("DELETE FROM chain_link WHERE link > 1; INSERT INTO chain_link SELECT * FROM honest WHERE link > 1; "
            + "DROP TABLE honest");

        Assert.Equal("chain_link 1 CHANGED", await audit.FirstBadRowAsync());
    }

    /// <summary>The key as it is named, and a condition that picks the row.</summary>
    private static async Task<(string Key, string Where)> RowAsync(Audit audit, string table, string position)
    {
        string[] key = Tables.Single(row => row.Table == table).Key;
        string order = string.Join(", ", key.Select(column => column == "account_code" ? "account_code COLLATE \"C\"" : column));
        string offset = position switch
        {
            "first" => "0",
            "middle" => $"(SELECT count(*) / 2 FROM {table})",
            _ => $"(SELECT count(*) - 1 FROM {table})",
        };
        string text = await audit.TextAsync(
            $"SELECT concat_ws('/', {string.Join(", ", key)}) FROM {table} ORDER BY {order} OFFSET {offset} LIMIT 1");
        return (text, $"concat_ws('/', {string.Join(", ", key)}) = '{text}'");
    }
}
