using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Claims.Adjudication.Rebuilding;

/// <summary>
/// Puts back what a shard that serves must hold of one insured. Whoever is gone from the store is settled nothing, so what the books have
/// once they have reached the shard's present position is everything.
/// </summary>
internal sealed class InsuredRestoration(ShardQueue shard, SettlementStore store, Ledger.LedgerClient ledger, TimeProvider time)
{
    // Where the insured goes on settling, another change may come between reading and writing.
    private const int MostTries = 5;

    private static readonly TimeSpan LedgerLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    /// <param name="limit">How long the books may take to come up to the shard.</param>
    /// <exception cref="RebuildException">Why not.</exception>
    public async Task<RebuildReport> RunAsync(string insuredId, bool dryRun, TimeSpan limit, CancellationToken cancellation)
    {
        if (shard.Status.Stamp is not { } stamp) throw new RebuildException($"{shard.Status.Reason} Rebuild the shard");
        RedisKey key = shard.Keys.Insured(insuredId);
        RebuildReport report = new() { Shard = shard.Shard };
        report.Sequence = (long)await store.Redis.HashGetAsync(shard.Keys.Shard, "seq");
        for (int attempt = 0; attempt < MostTries; attempt++)
        {
            StoredInsured stored = await StoredInsured.ReadAsync(store.Redis, key);
            await WaitForBooksAsync(report.Sequence, limit, cancellation);
            ShardBooks books = new(ledger, shard.Shard);
            InsuredFold fold = new();
            await foreach ((_, InsuredFold booked) in books.ReadAsync(insuredId, LedgerLimit, cancellation)) fold = booked;
            report.Records = books.Records;
            report.UnbookedRecords = 0;
            foreach ((string request, byte[] appended) in stored.Behind(books.Position.Sequence, fold).ToArray())
            {
                if (!fold.CanTake(OutboxRecord.Read(appended, new StoredRequest())))
                    throw new RebuildException("the store has a record that undoes one which is nowhere. Rebuild the shard");
                fold.Add(request, appended);
                report.UnbookedRecords++;
            }

            report.Insured = fold.Fields.Count > 0 ? 1 : 0;
            if (stored.Is(fold.Fields))
            {
                if (fold.Fields.Count == 0 && await store.Redis.SetContainsAsync(shard.Keys.Known, (byte[])key!))
                {
                    throw new RebuildException(
                        "something was stored of the insured, and neither books nor store have it. Rebuild the shard");
                }

                return report;
            }

            report.MissingInsured = stored.Fields.Count == 0 ? 1 : 0;
            report.UnknownInsured = fold.Fields.Count == 0 ? 1 : 0;
            report.DifferingInsured = 1 - report.MissingInsured - report.UnknownInsured;
            if (dryRun) return report;

            HashEntry[] used =
                [.. fold.Terms.Where(books.Terms.ContainsKey).Select(of => new HashEntry(TermsStore.FieldOf(of), books.Terms[of]))];
            if (used.Length > 0) await store.Redis.HashSetAsync(shard.Keys.Terms, used);
            report.Changed = await stored.ReplaceAsync(shard, key, ("epoch", stamp), fold.Fields);
            if (report.Changed) return report;
        }

        throw new RebuildException("the insured is being settled for all the time. Try again");
    }

    private async Task WaitForBooksAsync(long reached, TimeSpan limit, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (true)
        {
            long booked = (await LedgerStore.AskAsync(ledger, store.Shards.Count, cancellation)).WatermarkOf(shard.Shard);
            if (booked >= reached) return;
            if (time.GetElapsedTime(started) > limit)
            {
                throw new RebuildException($"the books are up to {booked} and shard {shard.Shard} is at {reached}: what was stored of "
                    + "the insured may be among the rest. Try again, or rebuild the shard");
            }

            await Task.Delay(Poll, time, cancellation);
        }
    }
}
