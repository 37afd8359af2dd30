using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.Hosting;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Posting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>What identifies an entry.</summary>
/// <param name="Key">The caller's; it stands for one request for good.</param>
/// <param name="Request">What was asked, in a form in which equal requests are equal.</param>
/// <param name="BusinessDate">Null: the day of the entry.</param>
/// <param name="Caller">Who asks for it, a URI; no part of what the key stands for.</param>
internal sealed record VoucherHead(string Key, string Request, string Actor, string Memo, DateOnly? BusinessDate, string Caller);

/// <summary>What a voucher enters. Its postings sum to zero and name no account twice.</summary>
/// <param name="Period"><c>yyyy</c>, <c>yyyy-MM</c>, or empty.</param>
internal sealed record VoucherDraft(string Kind, string Scheme, string County, string Period, IReadOnlyList<PostingDraft> Postings)
{
    public IReadOnlyList<AssessmentDraft> Assessed { get; init; } = [];

    public IReadOnlyList<UnassessedHeads> Unassessed { get; init; } = [];

    public long? Reverses { get; init; }
}

/// <summary>Heads × per head, summed over a receivable, is the amount on it.</summary>
/// <param name="Of">A college, a category, or empty.</param>
internal readonly record struct AssessmentDraft(AccountKey Receivable, string Of, long Heads, long PerHeadFen, string Source);

/// <summary>Enters vouchers, each once, with its batch, journal and postings in one transaction. Nothing is ever changed: a correction is a
/// reversal and a new entry.</summary>
internal sealed class VoucherBook(NpgsqlDataSource database, PostgresTrust trust, TimeProvider clock)
{
    // Vouchers take turns, so that what one has read of the money holds until it is entered. Posting does not wait for them.
    private const long TurnKey = 0x766f_7563_6865_72;
    private const int TimeoutSeconds = 60;

    private const string Columns = """
        SELECT voucher.voucher_id, voucher.key, voucher.kind, voucher_kind.name, journal.scheme, voucher.county, voucher.period,
            voucher.memo, voucher.actor,
            voucher.entered_at, journal.posting_date, journal.business_date, coalesce(voucher.reverses, 0),
            coalesce(reversal.voucher_id, 0), voucher.request,
            posted.accounts, posted.names, posted.debits, posted.credits,
            assessed.accounts, assessed.heads, assessed.per_head, assessed.sources, assessed.heads_of,
            unassessed.heads_of, unassessed.heads, unassessed.per_head, unassessed.reasons
        FROM voucher
            JOIN voucher_kind USING (kind)
            JOIN journal USING (journal_id)
            LEFT JOIN voucher AS reversal ON reversal.reverses = voucher.voucher_id
            CROSS JOIN LATERAL (
                SELECT array_agg(account_code ORDER BY account_code COLLATE "C") AS accounts, array_agg(name
                    ORDER BY account_code COLLATE "C") AS names,
                    array_agg(debit_fen ORDER BY account_code COLLATE "C") AS debits, array_agg(credit_fen
                        ORDER BY account_code COLLATE "C") AS credits
                FROM posting JOIN account_named USING (account_code) WHERE posting.journal_id = voucher.journal_id) AS posted
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(account_code), '{}') AS accounts, coalesce(array_agg(heads), '{}') AS heads,
                    coalesce(array_agg(per_head_fen), '{}') AS per_head, coalesce(array_agg(source), '{}') AS sources,
                    coalesce(array_agg(heads_of), '{}') AS heads_of
                FROM (SELECT * FROM assessed AS line WHERE line.voucher_id = voucher.voucher_id
                    ORDER BY account_code COLLATE "C", heads_of COLLATE "C") AS line) AS assessed
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(heads_of), '{}') AS heads_of, coalesce(array_agg(heads), '{}') AS heads,
                    coalesce(array_agg(per_head_fen), '{}') AS per_head, coalesce(array_agg(reason), '{}') AS reasons
                FROM (SELECT * FROM unassessed_head AS line WHERE line.voucher_id = voucher.voucher_id
                    ORDER BY heads_of COLLATE "C") AS line) AS unassessed
        """;

    /// <summary>The first request under the key is entered; the same one again gets the voucher that it made.</summary>
    /// <param name="draft">What to enter; it reads the books in the voucher's own transaction, and no other voucher is entered
    /// meanwhile.</param>
    /// <exception cref="KeyUsedException">The key stands for another request.</exception>
    /// <exception cref="FundingRefusedException">A rule, or the books themselves, refuse it: nothing has been entered.</exception>
    /// <exception cref="PostgresNotTrustedException">Nothing was written.</exception>
    /// <exception cref="NpgsqlException">PostgreSQL could not be asked; it may even have committed. Repeat the request.</exception>
    public async Task<Voucher> EnterAsync(
        VoucherHead head, Func<BookTurn, CancellationToken, Task<VoucherDraft>> draft, CancellationToken cancellationToken)
    {
        await trust.RequireAsync(cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        DateOnly today = ChinaTime.DayOf(now);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (NpgsqlCommand turn = new(
            "SELECT pg_advisory_xact_lock($1)", connection)
        { CommandTimeout = TimeoutSeconds, Parameters = { new() { Value = TurnKey } } })
            await turn.ExecuteNonQueryAsync(cancellationToken);

        if (await FindAsync(connection, head, cancellationToken) is { } already) return already;
        if (head.BusinessDate > today)
            throw new FundingRefusedException($"the business date {head.BusinessDate:yyyy-MM-dd} is after today, {today:yyyy-MM-dd}");
        VoucherDraft entered = await draft(new BookTurn(connection, today), cancellationToken);
        try
        {
            await Books.AddAccountsAsync(connection, [.. entered.Postings.Select(posting => posting.Account)], cancellationToken);
            long voucherId = await InsertAsync(connection, head, entered, now, today, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return await ReadOneAsync(connection, "voucher.voucher_id = $1", voucherId, cancellationToken)
                ?? throw new InvalidOperationException("the voucher that was just entered is not there");
        }
        catch (PostgresException refused) when (refused.SqlState.StartsWith("23", StringComparison.Ordinal))
        {
            throw new FundingRefusedException(refused.ConstraintName == "voucher_reverses_key"
                ? "the voucher has been reversed already"
                : $"the books refuse it: {refused.MessageText}");
        }
    }

    /// <returns>The voucher that this request made, or null.</returns>
    /// <exception cref="KeyUsedException">The key stands for another request.</exception>
    public async Task<Voucher?> FindAsync(VoucherHead head, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        return await FindAsync(connection, head, cancellationToken);
    }

    /// <summary>The red-letter mirror of a voucher: the same accounts and sides, with the opposite sign.</summary>
    public Task<Voucher> ReverseAsync(VoucherHead head, long voucherId, CancellationToken cancellationToken) =>
        EnterAsync(head, async (turn, token) =>
    {
        Voucher original = await ReadOneAsync(turn.Connection, "voucher.voucher_id = $1", voucherId, token)
            ?? throw new VoucherUnknownException(voucherId);
        if (original.Reverses != 0)
            throw new FundingRefusedException(
            $"voucher {voucherId} is itself a reversal: make the entry of voucher {original.Reverses} anew");
        if (original.ReversedBy != 0)
            throw new FundingRefusedException($"voucher {voucherId} has been reversed already, by voucher {original.ReversedBy}");
        return new VoucherDraft(
            "REVERSAL", original.Scheme, original.County, original.Period,
            [.. original.Postings.Select(posting => new PostingDraft(
                AccountKey.Parse(posting.Account), -posting.DebitFen, -posting.CreditFen))])
        {
            Assessed = [.. original.Assessed.Select(
                heads => new AssessmentDraft(AccountKey.Parse(heads.Account), heads.Of, -heads.Heads, heads.PerHeadFen, heads.Source))],
            Reverses = voucherId,
        };
    }, cancellationToken);

    /// <summary>Ascending by number.</summary>
    /// <param name="filter">Empty strings and 0 leave a field open.</param>
    public async IAsyncEnumerable<Voucher> ListAsync(
        ListVouchersRequest filter, DateOnly? from, DateOnly? to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand($"""
            {Columns}
            WHERE ($1 = '' OR voucher.county = $1) AND ($2 = '' OR voucher.kind = $2) AND ($3 = 0 OR voucher.voucher_id = $3)
                AND journal.posting_date >= coalesce($4, '-infinity'::date) AND journal.posting_date <= coalesce($5, 'infinity'::date)
            ORDER BY voucher.voucher_id
            """);
        command.CommandTimeout = TimeoutSeconds;
        command.Parameters.Add(new() { Value = filter.County });
        command.Parameters.Add(new() { Value = filter.Kind });
        command.Parameters.Add(new() { Value = filter.VoucherId });
        command.Parameters.Add(new NpgsqlParameter<DateOnly?> { TypedValue = from, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Date });
        command.Parameters.Add(new NpgsqlParameter<DateOnly?> { TypedValue = to, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Date });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) yield return Read(row);
    }

    private static async Task<Voucher?> FindAsync(NpgsqlConnection connection, VoucherHead head, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand find =
            new($"{Columns} WHERE voucher.key = $1", connection) { Parameters = { new() { Value = head.Key } } };
        await using NpgsqlDataReader row = await find.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken)) return null;
        Voucher voucher = Read(row);
        if (row.GetString(14) != head.Request) throw new KeyUsedException(head.Key, voucher.VoucherId);
        voucher.Replayed = true;
        return voucher;
    }

    private static async Task<Voucher?> ReadOneAsync(
        NpgsqlConnection connection, string where, long voucherId, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new($"{Columns} WHERE {where}", connection) { Parameters = { new() { Value = voucherId } } };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    private static async Task<long> InsertAsync(NpgsqlConnection connection, VoucherHead head, VoucherDraft draft, DateTimeOffset now,
        DateOnly today, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand insert = new("""
            WITH batch AS (
                INSERT INTO batch (posted_at) VALUES ($1) RETURNING batch_id
            ), journal AS (
                INSERT INTO journal (batch_id, scheme, posting_date, business_date)
                SELECT batch_id, $2, greatest($3, first_open_posting_day()), $4 FROM batch RETURNING journal_id
            ), posting AS (
                INSERT INTO posting (journal_id, account_code, debit_fen, credit_fen)
                SELECT journal_id, line.* FROM journal, unnest($5::text[], $6::bigint[], $7::bigint[]) AS line
            ), voucher AS (
                INSERT INTO voucher (key, request, kind, county, period, memo, actor, entered_at, journal_id, reverses)
                SELECT $8, $9, $10, $11, $12, $13, $14, $1, journal_id, $15 FROM journal RETURNING voucher_id
            ), assessed AS (
                INSERT INTO assessed_head (voucher_id, account_code, heads_of, heads, per_head_fen, source)
                SELECT voucher_id, line.* FROM voucher, unnest($16::text[], $21::text[], $17::bigint[], $18::bigint[], $19::text[]) AS line
            ), unassessed AS (
                INSERT INTO unassessed_head (voucher_id, heads_of, heads, per_head_fen, reason)
                SELECT voucher_id, line.* FROM voucher, unnest($22::text[], $23::bigint[], $24::bigint[], $25::text[]) AS line
            ), acted AS (
                INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
                SELECT batch_id, 'VOUCHER_ENTERED', voucher_id::text, $10, $20, $14, $1 FROM batch, voucher
            )
            SELECT voucher_id FROM voucher
            """, connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters =
            {
                new() { Value = now },
                new() { Value = draft.Scheme },
                new() { Value = today },
                new() { Value = head.BusinessDate ?? today },
                new() { Value = draft.Postings.Select(posting => posting.Account.Code).ToArray() },
                new() { Value = draft.Postings.Select(posting => posting.DebitFen).ToArray() },
                new() { Value = draft.Postings.Select(posting => posting.CreditFen).ToArray() },
                new() { Value = head.Key },
                new() { Value = head.Request },
                new() { Value = draft.Kind },
                new() { Value = draft.County },
                new() { Value = draft.Period },
                new() { Value = head.Memo },
                new() { Value = head.Actor },
                new() { Value = draft.Reverses is { } reverses ? reverses : DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint },
                new() { Value = draft.Assessed.Select(heads => heads.Receivable.Code).ToArray() },
                new() { Value = draft.Assessed.Select(heads => heads.Heads).ToArray() },
                new() { Value = draft.Assessed.Select(heads => heads.PerHeadFen).ToArray() },
                new() { Value = draft.Assessed.Select(heads => heads.Source).ToArray() },
                new() { Value = head.Caller },
                new() { Value = draft.Assessed.Select(heads => heads.Of).ToArray() },
                new() { Value = draft.Unassessed.Select(heads => heads.Of).ToArray() },
                new() { Value = draft.Unassessed.Select(heads => heads.Heads).ToArray() },
                new() { Value = draft.Unassessed.Select(heads => heads.PerHeadFen).ToArray() },
                new() { Value = draft.Unassessed.Select(heads => heads.Reason).ToArray() },
            },
        };
        return (long)(await insert.ExecuteScalarAsync(cancellationToken))!;
    }

    private static Voucher Read(NpgsqlDataReader row)
    {
        Voucher voucher = new()
        {
            VoucherId = row.GetInt64(0),
            Key = row.GetString(1),
            Kind = row.GetString(2),
            KindName = row.GetString(3),
            Scheme = row.GetString(4),
            County = row.GetString(5),
            Period = row.GetString(6),
            Memo = row.GetString(7),
            Actor = row.GetString(8),
            EnteredAt = row.GetFieldValue<DateTime>(9).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            PostingDate = row.GetFieldValue<DateOnly>(10).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            BusinessDate = row.GetFieldValue<DateOnly>(11).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            Reverses = row.GetInt64(12),
            ReversedBy = row.GetInt64(13),
        };
        (string[] accounts, string[] names, long[] debits, long[] credits) =
            (row.GetFieldValue<string[]>(15), row.GetFieldValue<string[]>(16), row.GetFieldValue<long[]>(17),
            row.GetFieldValue<long[]>(18));
        for (int line = 0; line < accounts.Length; line++)
            voucher.Postings.Add(
                new VoucherPosting { Account = accounts[line], Name = names[line], DebitFen = debits[line], CreditFen = credits[line] });
        voucher.AmountFen = debits.Sum();
        (string[] receivables, long[] heads, long[] perHead, string[] sources, string[] of) =
            (row.GetFieldValue<string[]>(19), row.GetFieldValue<long[]>(20), row.GetFieldValue<long[]>(21),
            row.GetFieldValue<string[]>(22), row.GetFieldValue<string[]>(23));
        for (int line = 0; line < receivables.Length; line++)
        {
            voucher.Assessed.Add(new AssessedHeads
            {
                Account = receivables[line],
                Heads = heads[line],
                PerHeadFen = perHead[line],
                Source = sources[line],
                Of = of[line],
            });
        }

        (of, heads, perHead, string[] reasons) = (row.GetFieldValue<string[]>(24), row.GetFieldValue<long[]>(25),
            row.GetFieldValue<long[]>(26), row.GetFieldValue<string[]>(27));
        for (int line = 0; line < of.Length; line++)
            voucher.Unassessed.Add(
                new UnassessedHeads { Of = of[line], Heads = heads[line], PerHeadFen = perHead[line], Reason = reasons[line] });
        return voucher;
    }
}

/// <summary>The books as a voucher sees them while it is drafted.</summary>
internal sealed class BookTurn(NpgsqlConnection connection, DateOnly today)
{
    public NpgsqlConnection Connection => connection;

    /// <summary>In China Standard Time.</summary>
    public DateOnly Today => today;

    /// <summary>Debit less credit, in fen; 0 for an account without postings.</summary>
    public async Task<long> BalanceFenAsync(AccountKey account, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read =
            new("SELECT debit_fen - credit_fen FROM account_balance WHERE account_code = $1",
            connection)
            { Parameters = { new() { Value = account.Code } } };
        return await read.ExecuteScalarAsync(cancellationToken) as long? ?? 0;
    }
}

/// <summary>A rule refuses the entry; the message completes the sentence "it is refused: …".</summary>
internal sealed class FundingRefusedException(string reason) : Exception(reason);

/// <summary>A key stands for another request.</summary>
internal sealed class KeyUsedException(string key, long voucherId)
    : Exception($"the key '{key}' has been used for another request, which made voucher {voucherId}");

internal sealed class VoucherUnknownException(long voucherId) : Exception($"there is no voucher {voucherId}");
