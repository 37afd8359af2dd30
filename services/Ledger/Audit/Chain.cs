using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Ledger.Audit;

/// <summary>How far the chain is.</summary>
/// <param name="Waiting">Batches in the books that are not chained yet; without those far behind the latest, which a sweep finds.</param>
/// <param name="Broken">Why nothing is chained any more, or empty.</param>
internal sealed record ChainState(ChainEnd End, long Waiting, string Broken);

/// <summary>
/// The chain as it grows: batches that are committed and not yet chained, in the order of their ids, a bounded number in a
/// transaction, one chainer at a time. Posting is not held up: the chain takes the hashes of
/// what this instance has just posted, and reads what others have written.
/// </summary>
internal sealed class Chain(NpgsqlDataSource database, ClaimsStore store, RecentHashes recent, TimeProvider clock)
{
    private const int MostBatches = 64;
    private const int MostRows = 50_000;
    private const int TimeoutSeconds = 300;

    // Any constant serves: an advisory lock is private to its database.
    private const long AdvisoryLockKey = 0x636c_6169_6d63;

    // Batches that commit out of order do so within a few ids of each other; a sweep of everything finds what came later still.
    private const int RecentIds = 1_000;

    private const string Unchained = """
        SELECT batch.batch_id, coalesce((SELECT sum(last_sequence - first_sequence + 1)::bigint FROM batch_range AS range
            WHERE range.batch_id = batch.batch_id), 0)
        FROM batch WHERE batch.batch_id > $1 AND NOT EXISTS (SELECT FROM chain_link WHERE chain_link.batch_id > $1
            AND chain_link.batch_id = batch.batch_id)
        ORDER BY batch.batch_id LIMIT $2
        """;

    private ChainEnd? _seen;

    /// <summary>Why the chain is no longer extended, or empty. The database has another past than this instance has seen.</summary>
    public string Broken { get; private set; } = "";

    /// <summary>Whether the last extension left something for the next, since a transaction takes only so much.</summary>
    public bool HasMore { get; private set; }

    /// <summary>Chains what waits, as much as goes into one transaction.</summary>
    /// <param name="sweep">Look through all batches, not only the latest ids.</param>
    /// <returns>The number of links added; null while another instance chains, nothing is opened, or the chain is broken.</returns>
    /// <exception cref="NpgsqlException">PostgreSQL could not be asked.</exception>
    public async Task<int?> ExtendAsync(bool sweep, CancellationToken cancellationToken)
    {
        HasMore = false;
        if (await store.ReadAsync(cancellationToken) is not { } opened) return null;
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await OwnsLockAsync(connection, cancellationToken)) return null;
        ChainEnd end = await EndAsync(connection, opened.Epoch, cancellationToken);
        if (!await RemembersAsync(connection, cancellationToken)) return null;

        List<long> batches = await UnchainedAsync(connection, sweep, cancellationToken);
        if (batches.Count > 0)
        {
            List<ChainLink> links = await LinksAsync(connection, end, batches, cancellationToken);
            await AppendAsync(connection, links, cancellationToken);
            end = new ChainEnd(links[^1].Link, links[^1].Hash);
        }

        await transaction.CommitAsync(cancellationToken);
        recent.Chained(batches);
        _seen = end;
        return batches.Count;
    }

    /// <returns>Null before a store has been opened.</returns>
    /// <exception cref="NpgsqlException">PostgreSQL could not be asked.</exception>
    public async Task<ChainState?> StateAsync(CancellationToken cancellationToken)
    {
        if (await store.ReadAsync(cancellationToken) is not { } opened) return null;
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        ChainEnd end = await EndAsync(connection, opened.Epoch, cancellationToken);
        await using NpgsqlCommand count = Command("""
            SELECT count(*) FROM batch WHERE batch.batch_id > $1 AND NOT EXISTS (SELECT FROM chain_link WHERE chain_link.batch_id > $1
                AND chain_link.batch_id = batch.batch_id)
            """, connection);
        count.Parameters.Add(new() { Value = await RecentAsync(connection, cancellationToken) });
        return new ChainState(end, (long)(await count.ExecuteScalarAsync(cancellationToken))!, Broken);
    }

    private static async Task<bool> OwnsLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand take = Command("SELECT pg_try_advisory_xact_lock($1)", connection);
        take.Parameters.Add(new() { Value = AdvisoryLockKey });
        return (bool)(await take.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<ChainEnd> EndAsync(NpgsqlConnection connection, string epoch, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand last = Command("SELECT link, hash FROM chain_link ORDER BY link DESC LIMIT 1", connection);
        await using NpgsqlDataReader row = await last.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new ChainEnd(row.GetInt64(0), row.GetFieldValue<byte[]>(1))
            : ChainEnd.Beginning(epoch);
    }

    /// <summary>Links are never taken away, so what this instance has seen once must still be there: otherwise chaining anew would cover up
    /// what was done.</summary>
    private async Task<bool> RemembersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_seen is { Link: > 0 } seen)
        {
            await using NpgsqlCommand find = Command("SELECT hash FROM chain_link WHERE link = $1", connection);
            find.Parameters.Add(new() { Value = seen.Link });
            bool there = await find.ExecuteScalarAsync(cancellationToken) is byte[] hash && seen.Is(seen.Link, hash);
            Broken = there ? "" : $"link {seen.Link} with hash {seen.HashText} was there and is not any more";
        }

        return Broken.Length == 0;
    }

    private async Task<List<long>> UnchainedAsync(NpgsqlConnection connection, bool sweep, CancellationToken cancellationToken)
    {
        long after = sweep ? 0 : await RecentAsync(connection, cancellationToken);
        await using NpgsqlCommand unchained = Command(Unchained, connection);
        unchained.Parameters.Add(new() { Value = after });
        unchained.Parameters.Add(new() { Value = MostBatches });
        List<long> batches = [];
        long rows = 0;
        await using NpgsqlDataReader row = await unchained.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            rows += row.GetInt64(1);
            HasMore = batches.Count > 0 && rows > MostRows;
            if (HasMore) break;
            batches.Add(row.GetInt64(0));
        }

        HasMore |= batches.Count == MostBatches;

        return batches;
    }

    /// <summary>The id after which a batch that is not chained is looked for.</summary>
    private static async Task<long> RecentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand latest = Command("SELECT coalesce(max(batch_id), 0) FROM chain_link", connection);
        return (long)(await latest.ExecuteScalarAsync(cancellationToken))! - RecentIds;
    }

    private async Task<List<ChainLink>> LinksAsync(
        NpgsqlConnection connection, ChainEnd end, List<long> batches, CancellationToken cancellationToken)
    {
        Dictionary<long, BatchRows> rows =
            await BatchRows.ReadAsync(connection, batches, ChainLink.CurrentFormat, recent, cancellationToken);
        List<ChainLink> links = [];
        foreach (long batch in batches)
        {
            using BatchRows written = rows[batch];
            ChainLink link = ChainLink.Of(end, batch, clock.GetUtcNow(), written);
            links.Add(link);
            end = new ChainEnd(link.Link, link.Hash);
        }

        return links;
    }

    private static async Task AppendAsync(NpgsqlConnection connection, List<ChainLink> links, CancellationToken cancellationToken)
    {
        await using NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(
            "COPY chain_link (link, batch_id, format, chained_at, previous_hash, hash, row_index) FROM STDIN (FORMAT BINARY)",
            cancellationToken);
        foreach (ChainLink link in links)
        {
            await rows.StartRowAsync(cancellationToken);
            await rows.WriteAsync(link.Link, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(link.BatchId, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(link.Format, NpgsqlDbType.Smallint, cancellationToken);
            await rows.WriteAsync(link.ChainedAt, NpgsqlDbType.TimestampTz, cancellationToken);
            await rows.WriteAsync(link.PreviousHash, NpgsqlDbType.Bytea, cancellationToken);
            await rows.WriteAsync(link.Hash, NpgsqlDbType.Bytea, cancellationToken);
            await rows.WriteAsync(link.RowIndex, NpgsqlDbType.Bytea, cancellationToken);
        }

        await rows.CompleteAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(string sql, NpgsqlConnection connection) =>
        new(sql, connection) { CommandTimeout = TimeoutSeconds };
}
