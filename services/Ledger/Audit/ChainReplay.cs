using System.Globalization;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;
using Tampering = Claims.V1.BadRow.Types.Tampering;

namespace Claims.Ledger.Audit;

/// <summary>Computes the chain anew from its beginning, from the rows as they are now, and finds the first that is not as it was.</summary>
internal sealed class ChainReplay(NpgsqlDataSource database, ClaimsStore store)
{
    private const int LinksAtOnce = 64;
    private const int BytesAtOnce = 2_000_000;
    private const int TimeoutSeconds = 300;

    /// <summary>How far it came.</summary>
    /// <param name="End">The last link that is sound.</param>
    /// <param name="NotedHash">The hash of the link that was asked about; null where the chain did not get there.</param>
    /// <param name="FirstBadRow">Null when all is as it was.</param>
    public sealed record Outcome(ChainEnd End, long Rows, byte[]? NotedHash, BadRow? FirstBadRow);

    /// <param name="notedLink">A link whose hash the caller wants to see, or 0.</param>
    /// <param name="advance">Counts every link.</param>
    /// <exception cref="InvalidOperationException">No store has been opened.</exception>
    public async Task<Outcome> RunAsync(long notedLink, Func<int, Task> advance, CancellationToken cancellationToken)
    {
        StoreRow opened = await store.ReadAsync(cancellationToken) ?? throw new InvalidOperationException("no store has been opened");
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        ChainEnd end = ChainEnd.Beginning(opened.Epoch);
        byte[]? noted = notedLink == 0 ? end.Hash : null;
        long rows = 0;
        while (await LinksAfterAsync(connection, end.Link, cancellationToken) is { Count: > 0 } links)
        {
            Dictionary<long, BatchRows> present = await PresentAsync(connection, links, cancellationToken);
            foreach (ChainLink link in links)
            {
                if (!ChainLink.IsKnown(link.Format)) throw new UnknownChainFormatException(link.Link, link.Format);
                BatchRows written = present[link.BatchId];
                if (Compare(end, link, written) is { } bad) return new Outcome(end, rows, noted, bad);
                rows += written.Count;
                end = new ChainEnd(link.Link, link.Hash);
                if (link.Link == notedLink) noted = link.Hash;
            }

            foreach (BatchRows read in present.Values) read.Dispose();
            await advance(links.Count);
        }

        return new Outcome(end, rows, noted, null);
    }

    /// <summary>Each batch's rows, by the columns that its link covers.</summary>
    private static async Task<Dictionary<long, BatchRows>> PresentAsync(
        NpgsqlConnection connection, List<ChainLink> links, CancellationToken cancellationToken)
    {
        Dictionary<long, BatchRows> present = [];
        foreach (IGrouping<short, ChainLink> ofFormat in links.Where(link => ChainLink.IsKnown(link.Format)).GroupBy(link => link.Format))
        {
            long[] batches = [.. ofFormat.Select(link => link.BatchId).Distinct()];
            foreach ((long batch, BatchRows rows) in await BatchRows.ReadAsync(
                connection, batches, ofFormat.Key, recent: null, cancellationToken))
                present.Add(batch, rows);
        }

        return present;
    }

    private static BadRow? Compare(ChainEnd previous, ChainLink link, BatchRows present)
    {
        if (link.Link != previous.Link + 1)
            return BadRows.Of("chain_link", Text(previous.Link + 1), Tampering.Removed,
            $"link {link.Link} follows on link {previous.Link}");

        bool follows = link.PreviousHash.AsSpan().SequenceEqual(previous.Hash);
        bool hashes = link.Hash.AsSpan()
            .SequenceEqual(ChainLink.HashOf(link.PreviousHash, link.Format, link.Link, link.BatchId, link.ChainedAt, present));
        bool indexed = link.RowIndex.AsSpan().SequenceEqual(present.Index);
        if (follows && hashes && indexed) return null;

        // The link fits its rows and its own past: then it is the past that is another.
        if (hashes && indexed)
        {
            return previous.Link == 0
                ? BadRows.Of("store", "", Tampering.Changed, "the chain began with another epoch")
                : BadRows.Of("chain_link", Text(previous.Link), Tampering.Changed,
                    $"link {link.Link} was built on another hash than link {previous.Link} has now");
        }

        if (!hashes && RowIndex.Read(link.RowIndex) is { } chained && chained.Count > 0 && chained[0].Key == Text(link.BatchId)
            && RowIndex.FirstDifference(chained, RowIndex.Read(present.Index)!) is var (row, tampering))
        {
            ChainedTable? table = ChainedTable.All.FirstOrDefault(table => table.Number == row.Table);
            if (table is not null)
                return BadRows.Of(table.Name, row.Key, tampering, $"batch {link.BatchId} is not what link {link.Link} was made of");
        }

        return BadRows.Of("chain_link", Text(link.Link), Tampering.Changed,
            hashes
            ? "it does not fit the link before it, or its index"
            : $"batch {link.BatchId} has all the rows of its index, and the hash does not fit them");
    }

    private static async Task<List<ChainLink>> LinksAfterAsync(NpgsqlConnection connection, long link, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT link, batch_id, format, chained_at, previous_hash, hash, row_index FROM chain_link WHERE link > $1 ORDER BY link LIMIT $2
            """, connection) { CommandTimeout = TimeoutSeconds };
        read.Parameters.Add(new() { Value = link });
        read.Parameters.Add(new() { Value = LinksAtOnce });
        List<ChainLink> links = [];
        int bytes = 0;
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (bytes < BytesAtOnce && await row.ReadAsync(cancellationToken))
        {
            ChainLink next = new(
                row.GetInt64(0), row.GetInt64(1), row.GetInt16(2), row.GetFieldValue<DateTimeOffset>(3),
                row.GetFieldValue<byte[]>(4), row.GetFieldValue<byte[]>(5), row.GetFieldValue<byte[]>(6));
            links.Add(next);
            bytes += next.RowIndex.Length;
        }

        return links;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A link that a newer program has made: nothing can be said of it, and least of all that it was changed.</summary>
internal sealed class UnknownChainFormatException(long link, short format) : Exception(
    $"Link {link} of the chain has format {format}, and this program reads formats 1 to {ChainLink.CurrentFormat}: verify with the "
        + $"program that made it.");
