using Claims.Hosting;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Ledger.Posting;

/// <summary>Writes to the books: sub-ledger, journals and watermarks together, or nothing.</summary>
internal sealed class Books(NpgsqlDataSource database, PostgresTrust trust, RecentHashes recent, TimeProvider clock)
{
    // Grows with the facilities that have ever been paid; an account is never removed.
    private readonly HashSet<AccountKey> _knownAccounts = [];

    // Grows with the policies that have ever been in force: some kilobytes for each.
    private readonly HashSet<ByteString> _knownTerms = [];

    // Of what is known above.
    private int _generation;

    /// <summary>Whatever is known of the database by having written it: it may have been put back to an earlier state while it was
    /// away.</summary>
    public void Forget() => recent.Forget();

    /// <summary>One transaction; once it returns, the selection is on disk.</summary>
    /// <exception cref="WatermarkMovedException">Another instance has posted to one of the shards.</exception>
    /// <exception cref="PostgresNotTrustedException">Nothing was written.</exception>
    /// <exception cref="NpgsqlException">PostgreSQL refused, or could not be asked; it may even have committed.</exception>
    public async Task PostAsync(Selection selection, CancellationToken cancellationToken)
    {
        await trust.RequireAsync(cancellationToken);
        int generation = recent.Generation;
        if (generation != _generation)
        {
            _knownAccounts.Clear();
            _knownTerms.Clear();
            _generation = generation;
        }

        DateTimeOffset now = clock.GetUtcNow();
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        List<AccountKey> newAccounts = [];
        ByteString[] newTerms = [.. selection.Records.Select(record => record.Claim.StoredTerms)
            .Where(terms => !terms.IsEmpty && !_knownTerms.Contains(terms)).Distinct()];
        long batchId = 0;
        SubLedgerHashes? hashes = null;
        if (selection.Records.Count > 0)
        {
            await AdvanceWatermarksAsync(connection, selection, cancellationToken);
            Dictionary<JournalKey, List<PostingDraft>> drafts = JournalDrafts.Of(selection.Records);
            newAccounts = [.. drafts.Values.SelectMany(postings => postings).Select(posting => posting.Account)
                .Where(account => !_knownAccounts.Contains(account)).Distinct()];
            if (newAccounts.Count > 0) await AddAccountsAsync(connection, newAccounts, cancellationToken);
            if (newTerms.Length > 0) await KeepTermsAsync(connection, newTerms, cancellationToken);
            (batchId, Dictionary<JournalKey, long> journals) =
                await AddJournalsAsync(connection, selection, [.. drafts.Keys], now, cancellationToken);
            hashes = await SubLedgerTable.AppendAsync(connection,
                [.. selection.Records.OrderBy(record => record.Claim.Shard).ThenBy(record => record.Claim.Sequence)], cancellationToken);
            await AppendPostingsAsync(connection, journals, drafts, cancellationToken);
        }

        foreach (PoisonRecord poison in selection.Poison) await SetAsideAsync(connection, poison, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        _knownAccounts.UnionWith(newAccounts);
        _knownTerms.UnionWith(newTerms);
        if (hashes is not null) recent.Add(generation, batchId, hashes);
    }

    /// <summary>Of records whose numbers the books have, those that are not the ones that were booked: the store gave a number out twice,
    /// as one does that was put back to an earlier state.</summary>
    /// <exception cref="NpgsqlException">PostgreSQL could not be asked.</exception>
    public async Task<List<PoisonRecord>> FindForksAsync(IReadOnlyList<FeedRecord> repeats, CancellationToken cancellationToken)
    {
        SettledClaim[] claims = [.. repeats.Select(record => record.Claim!)];
        await using NpgsqlCommand compare = database.CreateCommand("""
            SELECT repeat.at::integer, booked.facility_code, booked.request_id, booked.insured_id, booked.fund_pay_fen, booked.kind
            FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[]) WITH ORDINALITY
                AS repeat (shard, sequence, facility_code, request_id, insured_id, fund_pay_fen, request_fingerprint, at)
            CROSS JOIN LATERAL (SELECT * FROM sub_ledger WHERE sub_ledger.shard = repeat.shard AND sub_ledger.sequence >= repeat.sequence
                ORDER BY sub_ledger.sequence LIMIT 1) AS booked
            WHERE (booked.facility_code, booked.request_id, booked.insured_id, booked.fund_pay_fen, booked.request_fingerprint)
                <> (repeat.facility_code, repeat.request_id, repeat.insured_id, repeat.fund_pay_fen, repeat.request_fingerprint)
            ORDER BY repeat.at
            """);
        compare.Parameters.AddRange((NpgsqlParameter[])
        [
            new() { Value = Array.ConvertAll(claims, claim => claim.Shard) },
            new() { Value = Array.ConvertAll(claims, claim => claim.Sequence) },
            new() { Value = Array.ConvertAll(claims, claim => claim.FacilityCode) },
            new() { Value = Array.ConvertAll(claims, claim => claim.RequestId) },
            new() { Value = Array.ConvertAll(claims, claim => claim.InsuredId) },
            new() { Value = Array.ConvertAll(claims, claim => claim.FundPayFen) },
            new() { Value = Array.ConvertAll(claims, claim => claim.RequestFingerprint.ToByteArray()) },
        ]);
        List<PoisonRecord> forks = [];
        await using NpgsqlDataReader row = await compare.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            FeedRecord record = repeats[row.GetInt32(0) - 1];
            SettledClaim second = record.Claim!;
            string booked = row.GetString(5) == SubLedgerTable.Name(SettledClaim.Types.Kind.NumbersLost)
                ? $"was given up as lost, {second.Sequence}: booked are the lost numbers {row.GetString(2)}"
                : $"was given out twice, {second.Sequence}: booked is request {row.GetString(2)} of {row.GetString(1)} for "
                    + $"{Mask.Insured(row.GetString(3))}, {row.GetInt64(4)} fen";
            forks.Add(new PoisonRecord(record, $"has a number that {booked}; this is request {second.RequestId} of {second.FacilityCode} "
                + $"for {Mask.Insured(second.InsuredId)}, {second.FundPayFen} fen"));
        }

        return forks;
    }

    private static async Task AdvanceWatermarksAsync(NpgsqlConnection connection, Selection selection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand advance = new("""
            UPDATE shard_watermark AS watermark SET sequence = range.last
            FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS range (shard, first, last)
            WHERE watermark.shard = range.shard AND watermark.sequence = range.first - 1
            """, connection)
        {
            Parameters =
            {
                new() { Value = selection.Ranges.Keys.ToArray() },
                new() { Value = selection.Ranges.Values.Select(range => range.First).ToArray() },
                new() { Value = selection.Ranges.Values.Select(range => range.Last).ToArray() },
            },
        };
        int advanced = await advance.ExecuteNonQueryAsync(cancellationToken);
        if (advanced != selection.Ranges.Count) throw new WatermarkMovedException();
    }

    /// <summary>Those that the chart has already are left as they are.</summary>
    internal static async Task AddAccountsAsync(NpgsqlConnection connection, List<AccountKey> accounts, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand add = new("""
            INSERT INTO account (account_code, kind, scheme, county, facility_code)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING
            """, connection)
        {
            Parameters =
            {
                new() { Value = accounts.ConvertAll(account => account.Code) },
                new() { Value = accounts.ConvertAll(account => account.Kind) },
                new() { Value = accounts.ConvertAll(account => account.Scheme) },
                new() { Value = accounts.ConvertAll(account => account.County) },
                new() { Value = accounts.ConvertAll(account => account.FacilityCode) },
            },
        };
        await add.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>The batch_id, and the journal_id of each key.</returns>
    private static async Task<(long BatchId, Dictionary<JournalKey, long> Journals)> AddJournalsAsync(
        NpgsqlConnection connection, Selection selection, JournalKey[] keys, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand add = new("""
            WITH batch AS (
                INSERT INTO batch (posted_at) VALUES ($1) RETURNING batch_id
            ), ranges AS (
                INSERT INTO batch_range (batch_id, shard, first_sequence, last_sequence)
                SELECT batch_id, range.* FROM batch, unnest($2::integer[], $3::bigint[], $4::bigint[]) AS range
            ), added AS (
                INSERT INTO journal (batch_id, posting_date, business_date, scheme)
                SELECT batch_id, greatest($5, first_open_posting_day()), key.* FROM batch, unnest($6::date[], $7::text[]) AS key
                RETURNING business_date, scheme, journal_id
            )
            SELECT batch_id, business_date, scheme, journal_id FROM batch LEFT JOIN added ON true
            """, connection)
        {
            Parameters =
            {
                new() { Value = now },
                new() { Value = selection.Ranges.Keys.ToArray() },
                new() { Value = selection.Ranges.Values.Select(range => range.First).ToArray() },
                new() { Value = selection.Ranges.Values.Select(range => range.Last).ToArray() },
                new() { Value = ChinaTime.DayOf(now) },
                new() { Value = Array.ConvertAll(keys, key => key.BusinessDate) },
                new() { Value = Array.ConvertAll(keys, key => key.Scheme) },
            },
        };
        Dictionary<JournalKey, long> journals = [];
        await using NpgsqlDataReader row = await add.ExecuteReaderAsync(cancellationToken);
        long batchId = 0;
        while (await row.ReadAsync(cancellationToken))
        {
            batchId = row.GetInt64(0);
            if (!await row.IsDBNullAsync(3, cancellationToken))
                journals.Add(new JournalKey(row.GetFieldValue<DateOnly>(1), row.GetString(2)), row.GetInt64(3));
        }

        return (batchId, journals);
    }

    private static async Task KeepTermsAsync(NpgsqlConnection connection, ByteString[] terms, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand keep = new("""
            INSERT INTO stored_terms (terms_sha256, terms) SELECT sha256(terms), terms FROM unnest($1::bytea[]) AS terms
            ON CONFLICT DO NOTHING
            """, connection)
        {
            Parameters = { new() { Value = Array.ConvertAll(terms, text => text.ToByteArray()) } },
        };
        await keep.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task AppendPostingsAsync(
        NpgsqlConnection connection, Dictionary<JournalKey, long> journals, Dictionary<JournalKey, List<PostingDraft>> drafts,
        CancellationToken cancellationToken)
    {
        await using NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(
            "COPY posting (journal_id, account_code, debit_fen, credit_fen) FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach ((JournalKey journal, List<PostingDraft> postings) in drafts)
        {
            foreach (PostingDraft posting in postings)
            {
                await rows.StartRowAsync(cancellationToken);
                await rows.WriteAsync(journals[journal], NpgsqlDbType.Bigint, cancellationToken);
                await rows.WriteAsync(posting.Account.Code, NpgsqlDbType.Text, cancellationToken);
                await rows.WriteAsync(posting.DebitFen, NpgsqlDbType.Bigint, cancellationToken);
                await rows.WriteAsync(posting.CreditFen, NpgsqlDbType.Bigint, cancellationToken);
            }
        }

        await rows.CompleteAsync(cancellationToken);
    }

    private static async Task SetAsideAsync(
        NpgsqlConnection connection, PoisonRecord poison, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand insert = new("""
            WITH poison AS (
                INSERT INTO poison_record (found_at, shard, kafka_offset, reason, record) VALUES ($1, $2, $3, $4, $5) RETURNING poison_id
            )
            INSERT INTO shard_stop (shard, poison_id, stopped_at, reason) SELECT $2, poison_id, $1, $6 FROM poison ON CONFLICT DO NOTHING
            """, connection)
        {
            Parameters =
            {
                new() { Value = now },
                new() { Value = poison.Record.Shard },
                new() { Value = poison.Record.Offset },
                new() { Value = poison.Reason },
                new() { Value = poison.Bytes },
                new() { Value = poison.StopReason },
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>A watermark in the database is not where this instance left it.</summary>
internal sealed class WatermarkMovedException() : Exception("a shard's watermark was moved by another instance");
