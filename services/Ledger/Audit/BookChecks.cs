using System.Globalization;
using Claims.V1;
using Npgsql;
using Tampering = Claims.V1.BadRow.Types.Tampering;
using Code = Claims.V1.VerifyCheck.Types.Code;

namespace Claims.Ledger.Audit;

/// <summary>
/// What the books must add up to, asked of the rows themselves and in other words than those that wrote them. Each statement sees
/// one state of the books, in which every batch is whole, so posting may go on meanwhile.
/// </summary>
internal sealed class BookChecks(NpgsqlDataSource database)
{
    private const int BatchesAtOnce = 64;
    private const int TimeoutSeconds = 600;

    // Chaining follows posting by a second or two; what is still not chained after this has been put in, or taken from the chain, by hand.
    private const int ChainedWithinSeconds = 60;

    /// <summary>No row without a batch, no batch without rows, no batch that stays outside of the chain.</summary>
    public async Task<VerifyCheck> OutsideChainAsync(CancellationToken cancellationToken)
    {
        long batches = await CountAsync("SELECT count(*) FROM batch", cancellationToken);
        string content = string.Join(" AND ", ChainedTable.All.Where(table => table is { IsDirect: true, Name: not "batch" })
            .Select(table => $"NOT EXISTS (SELECT FROM {table.Name} AS entry WHERE entry.batch_id = batch.batch_id)"));
        BadRow? bad = await FirstAsync("batch", Tampering.Inserted, "no row was written by it",
            $"SELECT batch_id::text FROM batch WHERE {content} ORDER BY batch_id LIMIT 1", cancellationToken);
        foreach (ChainedTable table in ChainedTable.All.Where(table => table.Name != "batch"))
            bad ??= await FirstAsync(table.Name, Tampering.Inserted, "no batch has written it", table.FirstWithoutBatch, cancellationToken);
        bad ??= await FirstAsync("chain_link", Tampering.Removed, $"no link stands for a batch that was posted more than {ChainedWithinSeconds} s ago", $"""
            SELECT (SELECT coalesce(max(link), 0) + 1 FROM chain_link)::text FROM batch
                WHERE posted_at < now() - make_interval(secs => {ChainedWithinSeconds})
                AND NOT EXISTS (SELECT FROM chain_link WHERE chain_link.batch_id = batch.batch_id) ORDER BY batch_id LIMIT 1
            """, cancellationToken);
        return Check(Code.OutsideChain, batches, bad);
    }

    /// <summary>The ranges of a shard are 1 … a, a + 1 … b, and so on up to its watermark.</summary>
    public async Task<VerifyCheck> PositionsAsync(CancellationToken cancellationToken)
    {
        long shards = await CountAsync("SELECT shards::bigint FROM store", cancellationToken);
        BadRow? bad = await FirstAsync("batch_range", Tampering.Removed, "the range that begins here is missing", """
            SELECT concat_ws('/', shard, expected) FROM (
                SELECT shard, first_sequence, coalesce(max(last_sequence) OVER (PARTITION BY shard
                    ORDER BY first_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) + 1 AS expected
                FROM batch_range) AS range
            WHERE first_sequence > expected ORDER BY shard, first_sequence LIMIT 1
            """, cancellationToken);
        bad ??= await FirstAsync("batch_range", Tampering.Inserted, "it covers what another range stands for", """
            SELECT concat_ws('/', shard, first_sequence) FROM (
                SELECT shard, first_sequence, max(last_sequence) OVER (PARTITION BY shard
                    ORDER BY first_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                FROM batch_range) AS range
            WHERE first_sequence <= before ORDER BY shard, first_sequence LIMIT 1
            """, cancellationToken);
        bad ??= await FirstAsync("shard_watermark", Tampering.Removed, "the store has this shard", """
            SELECT shard::text FROM store, generate_series(0, shards - 1) AS shard WHERE shard NOT IN (SELECT shard FROM shard_watermark)
                ORDER BY shard LIMIT 1
            """, cancellationToken);
        bad ??= await FirstAsync("shard_watermark", Tampering.Inserted, "the store does not have this shard", """
            SELECT shard::text FROM shard_watermark WHERE shard NOT BETWEEN 0 AND (SELECT shards - 1 FROM store) ORDER BY shard LIMIT 1
            """, cancellationToken);
        bad ??= await FirstAsync("shard_watermark", Tampering.Changed, "it is not where the last range of its shard ends", """
            SELECT shard::text FROM shard_watermark AS watermark
            WHERE sequence <> coalesce((SELECT max(last_sequence) FROM batch_range WHERE batch_range.shard = watermark.shard), 0)
                ORDER BY shard LIMIT 1
            """, cancellationToken);
        return Check(Code.Positions, shards, bad);
    }

    /// <summary>Batch by batch: what its sub-ledger rows come to per scheme, day of the visit and account is what its journals
    /// have.</summary>
    /// <param name="advance">Counts the batches that are done.</param>
    public async Task<VerifyCheck> JournalsAsync(Func<int, Task> advance, CancellationToken cancellationToken)
    {
        long journals = await CountAsync("SELECT count(*) FROM journal", cancellationToken);
        BadRow? bad = await FirstAsync("posting", Tampering.Changed, "the postings of this journal do not sum to zero", """
            SELECT journal_id::text FROM posting GROUP BY journal_id HAVING sum(debit_fen) <> sum(credit_fen) ORDER BY journal_id LIMIT 1
            """, cancellationToken);
        bad ??= await FirstAsync("journal", Tampering.Inserted, "neither sub-ledger rows nor a voucher stand behind it", """
            SELECT journal_id::text FROM journal
            WHERE NOT EXISTS (SELECT FROM batch_range AS range WHERE range.batch_id = journal.batch_id) AND NOT EXISTS (SELECT FROM voucher
                WHERE voucher.journal_id = journal.journal_id)
            ORDER BY journal_id LIMIT 1
            """, cancellationToken);
        long last = 0;
        while (bad is null && await BatchesAfterAsync(last, cancellationToken) is { Length: > 0 } batches)
        {
            bad = await FirstWrongPostingAsync(batches, cancellationToken);
            last = batches[^1];
            await advance(batches.Length);
        }

        return Check(Code.Journals, journals, bad);
    }

    /// <summary>Every account that has postings is in the chart with their sum, and none has a balance without postings.</summary>
    public async Task<VerifyCheck> BalancesAsync(CancellationToken cancellationToken)
    {
        long accounts = await CountAsync("SELECT count(*) FROM account_balance", cancellationToken);
        BadRow? bad = await FirstAsync("account", Tampering.Removed, "it has postings", """
            SELECT account_code FROM (SELECT DISTINCT account_code FROM posting) AS used
            WHERE NOT EXISTS (SELECT FROM account WHERE account.account_code = used.account_code) ORDER BY account_code COLLATE "C" LIMIT 1
            """, cancellationToken);
        if (bad is null)
        {
            await using NpgsqlCommand command = Command("""
                SELECT account_code, kept.account_code IS NULL, summed.account_code IS NULL, concat(
                    'debit and credit are ', coalesce(kept.debit_fen, 0), ' and ', coalesce(kept.credit_fen, 0),
                    ' fen, those of its postings ', coalesce(summed.debit_fen, 0), ' and ', coalesce(summed.credit_fen, 0))
                FROM account_balance AS kept FULL JOIN (
                    SELECT account_code, sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen FROM posting
                        GROUP BY account_code) AS summed USING (account_code)
                WHERE (kept.debit_fen, kept.credit_fen) IS DISTINCT FROM (summed.debit_fen, summed.credit_fen)
                    ORDER BY account_code COLLATE "C" LIMIT 1
                """);
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
            if (await row.ReadAsync(cancellationToken))
            {
                Tampering tampering = row.GetBoolean(1) ? Tampering.Removed : row.GetBoolean(2) ? Tampering.Inserted : Tampering.Changed;
                bad = BadRows.Of("account_balance", row.GetString(0), tampering, row.GetString(3));
            }
        }

        return Check(Code.Balances, accounts, bad);
    }

    /// <summary>Closings and plans hang on no batch; the acts that made them do. What acts say must be there, and since acts are written
    /// down nothing of it without one.</summary>
    public async Task<VerifyCheck> ActsAsync(CancellationToken cancellationToken)
    {
        const string Since = "(SELECT applied_at FROM schema_migration WHERE file = '014_acts.sql')";
        long acts = await CountAsync("SELECT count(*) FROM act", cancellationToken);
        BadRow? bad = null;
        foreach ((string table, string kind, string key, string at) in new[]
        {
            ("closed_year", "YEAR_CLOSED", "closed_through::text", "closed_at"),
            ("closed_month", "MONTH_CLOSED", "to_char(closed_through, 'YYYY-MM')", "closed_at"),
            ("plan_revision", "PLAN_SET", "concat_ws('/', scheme, county, year, revision)", "set_at"),
        })
        {
            bad ??= await FirstAsync(table, Tampering.Removed, $"an act of {kind} says that it was made", $"""
                SELECT subject FROM act WHERE kind = '{kind}' AND subject NOT IN (SELECT {key} FROM {table}) ORDER BY act_id LIMIT 1
                """, cancellationToken);
            bad ??= await FirstAsync(table, Tampering.Inserted, $"no act of {kind} has made it", $"""
                SELECT {key} FROM {table} WHERE {at} >= {Since} AND {key} NOT IN (SELECT subject FROM act WHERE kind = '{kind}')
                    ORDER BY {at} LIMIT 1
                """, cancellationToken);
            bad ??= await FirstAsync(table, Tampering.Changed, $"its act of {kind} has another time", $"""
                SELECT subject FROM act JOIN {table} ON subject = {key} WHERE kind = '{kind}' AND {at} <> acted_at ORDER BY act_id LIMIT 1
                """, cancellationToken);
        }

        bad ??= await FirstAsync("plan_revision", Tampering.Changed, "its act says another amount", """
            SELECT subject FROM act JOIN plan_revision ON subject = concat_ws('/', scheme, county, year, revision)
            WHERE kind = 'PLAN_SET' AND detail <> plan_fen::text ORDER BY act_id LIMIT 1
            """, cancellationToken);
        return Check(Code.Acts, acts, bad);
    }

    /// <summary>Batches that stand for ranges of the sub-ledger.</summary>
    private async Task<long[]> BatchesAfterAsync(long batch, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command("""
            SELECT array(SELECT DISTINCT batch_id FROM batch_range WHERE batch_id > $1 ORDER BY batch_id LIMIT $2)
            """);
        command.Parameters.Add(new() { Value = batch });
        command.Parameters.Add(new() { Value = BatchesAtOnce });
        return (long[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<BadRow?> FirstWrongPostingAsync(long[] batches, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command("""
            WITH entry AS (
                SELECT range.batch_id, entry.* FROM batch_range AS range CROSS JOIN LATERAL (
                    SELECT scheme, visit_date, facility_county, facility_code, fund_pay_fen,
                        CASE WHEN visit_type LIKE 'DELIVERY%' THEN '5102' ELSE '5101' END AS expense
                    FROM sub_ledger WHERE sub_ledger.shard = range.shard AND sub_ledger.sequence BETWEEN range.first_sequence
                        AND range.last_sequence
                        AND kind <> 'REQUEST_ONLY' OFFSET 0) AS entry
                WHERE range.batch_id = ANY ($1)
            ), expected AS (
                SELECT batch_id, scheme, visit_date AS business_date, concat_ws('.', expense, scheme, facility_county) AS account_code,
                    sum(fund_pay_fen) AS debit_fen, 0 AS credit_fen
                FROM entry GROUP BY batch_id, scheme, visit_date, expense, facility_county HAVING sum(fund_pay_fen) <> 0
                UNION ALL
                SELECT batch_id, scheme, visit_date, concat_ws('.', '2101', scheme, facility_county, facility_code), 0, sum(fund_pay_fen)
                FROM entry GROUP BY batch_id, scheme, visit_date, facility_county, facility_code HAVING sum(fund_pay_fen) <> 0
            ), entered AS (
                SELECT batch_id, scheme, business_date, account_code, sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen,
                    min(journal_id) AS journal_id
                FROM journal JOIN posting USING (journal_id) WHERE batch_id = ANY ($1) GROUP BY batch_id, scheme, business_date,
                    account_code
            )
            SELECT entered.journal_id, account_code, expected.account_code IS NULL, concat(
                'batch ', batch_id, ', visits of ', business_date, ': ', coalesce(entered.debit_fen, 0), ' debit and ', coalesce(entered.credit_fen, 0),
                ' fen credit, its sub-ledger rows come to ', coalesce(expected.debit_fen, 0), ' and ', coalesce(expected.credit_fen, 0))
            FROM entered FULL JOIN expected USING (batch_id, scheme, business_date, account_code)
            WHERE (entered.debit_fen, entered.credit_fen) IS DISTINCT FROM (expected.debit_fen, expected.credit_fen)
            ORDER BY batch_id, business_date, account_code COLLATE "C" LIMIT 1
            """);
        command.Parameters.Add(new() { Value = batches });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken)) return null;
        string detail = row.GetString(3);
        return row.IsDBNull(0)
            ? BadRows.Of("posting", row.GetString(1), Tampering.Removed, detail)
            : BadRows.Of("posting", string.Create(CultureInfo.InvariantCulture, $"{row.GetInt64(0)}/{row.GetString(1)}"),
                row.GetBoolean(2) ? Tampering.Inserted : Tampering.Changed, detail);
    }

    private async Task<BadRow?> FirstAsync(
        string table, Tampering tampering, string detail, string query, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(query);
        return await command.ExecuteScalarAsync(cancellationToken) is string key ? BadRows.Of(table, key, tampering, detail) : null;
    }

    private async Task<long> CountAsync(string query, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(query);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private NpgsqlCommand Command(string query)
    {
        NpgsqlCommand command = database.CreateCommand(query);
        command.CommandTimeout = TimeoutSeconds;
        return command;
    }

    private static VerifyCheck Check(Code code, long examined, BadRow? bad) =>
        new() { Code = code, Holds = bad is null, Examined = examined, FirstBadRow = bad };
}
