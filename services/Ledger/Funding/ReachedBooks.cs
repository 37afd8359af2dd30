using System.Globalization;
using Claims.Ledger.Posting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Funding;

/// <summary>
/// Whether the books have what a caller knows to have been acknowledged. The ledger cannot see adjudication's outbox, so whoever asks for
/// money to be moved says how far it was.
/// </summary>
internal sealed class ReachedBooks(ClaimsStore store)
{
    /// <summary>Where money goes out: every shard of the store must be named, and reached. Before a store is open nothing has been
    /// settled.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: a shard is not named. FAILED_PRECONDITION: the books are behind, or of another
    /// store.</exception>
    public Task RequireEveryShardAsync(BooksReached? reached, CancellationToken cancellationToken) =>
        RequireAsync(reached, everyShard: true, cancellationToken);

    /// <summary>What is named must be reached.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION: the books are behind, or of another store.</exception>
    public Task RequireAsync(BooksReached? reached, CancellationToken cancellationToken) =>
        RequireAsync(reached, everyShard: false, cancellationToken);

    private async Task RequireAsync(BooksReached? reached, bool everyShard, CancellationToken cancellationToken)
    {
        if (reached is null && !everyShard) return;

        // The database, not what this instance has heard of the others: a watermark there only rises, and what is read after it has the
        // rows.
        StoreRow? row = await store.ReadAsync(cancellationToken);
        reached ??= new BooksReached();
        if (row is null && reached.Shards.All(shard => shard.Sequence == 0)) return;
        if (row is null) throw Behind("these books are kept for no store yet");
        HashSet<int> named = [.. reached.Shards.Select(shard => shard.Shard)];
        if (everyShard && Enumerable.Range(0, row.Shards).FirstOrDefault(shard => !named.Contains(shard), -1) is int missing and >= 0)
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                Text($"reached does not name shard {missing}: take every shard's sequence from adjudication's GetOutbox")));
        if (reached.Shards.Count > 0 && reached.Epoch != row.Epoch)
            throw Behind($"reached is of the store '{reached.Epoch}', these books are kept for '{row.Epoch}'");
        foreach (ReachedShard wanted in reached.Shards)
        {
            if (wanted.Shard < 0 || wanted.Shard >= row.Shards)
                throw Behind(Text($"reached names shard {wanted.Shard}, the store has {row.Shards}"));
            long booked = row.Watermarks[wanted.Shard];
            if (booked < wanted.Sequence)
                throw Behind(Text($"the books are behind: shard {wanted.Shard} is to be booked up to {wanted.Sequence} ")
                    + Text($"and is up to {booked}; ask again once it is"));
        }
    }

    private static RpcException Behind(string why) => new(new Status(StatusCode.FailedPrecondition, why));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
