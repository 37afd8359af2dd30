using Claims.Adjudication.Store;
using Claims.V1;
using Grpc.Core;
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

    private static readonly Script Replace = Script.FromResource("replace.lua");
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
            (StoredRecords.Types.Position position, InsuredFold fold, Dictionary<uint, byte[]> terms) =
                await ReadBooksAsync(insuredId, report.Sequence, limit, cancellation);
            report.Records = fold.Fields.Count(field => field.Key[0] == 'q');
            report.UnbookedRecords = 0;
            foreach ((string request, byte[] appended) in stored.Behind(position.Sequence, fold).ToArray())
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

            HashEntry[] used = [.. fold.Terms.Where(terms.ContainsKey).Select(of => new HashEntry(TermsStore.FieldOf(of), terms[of]))];
            if (used.Length > 0) await store.Redis.HashSetAsync(shard.Keys.Terms, used);
            RedisValue[] arguments =
                ["epoch", stamp, stored.Digest, .. fold.Fields.SelectMany(field => new RedisValue[] { field.Key, field.Value })];
            report.Changed = (long)await shard.Scripts.CallAsync(Replace, [shard.Keys.Shard, key, shard.Keys.Known], arguments) == 1;
            if (report.Changed) return report;
        }

        throw new RebuildException("the insured is being settled for all the time. Try again");
    }

    private async Task<(StoredRecords.Types.Position, InsuredFold, Dictionary<uint, byte[]>)> ReadBooksAsync(
        string insuredId, long reached, TimeSpan limit, CancellationToken cancellation)
    {
        await WaitForBooksAsync(reached, limit, cancellation);
        StoredRecords.Types.Position position = new();
        InsuredFold fold = new();
        Dictionary<uint, byte[]> terms = [];
        using AsyncServerStreamingCall<StoredRecords> books = ledger.ListStoredRecords(
            new ListStoredRecordsRequest { Shard = shard.Shard, InsuredId = insuredId }, deadline: DateTime.UtcNow + LedgerLimit,
            cancellationToken: cancellation);
        await foreach (StoredRecords news in books.ResponseStream.ReadAllAsync(cancellation))
        {
            if (news.NewsCase is StoredRecords.NewsOneofCase.Position) position = news.Position;
            if (news.NewsCase is StoredRecords.NewsOneofCase.Terms) terms[TermsStore.KeyOf(news.Terms.Span)] = news.Terms.ToByteArray();
            if (news.Record is { } record)
                fold.Add(RequestField.Of(record.FacilityCode, record.RequestId), record.StoredRecord.Span);
        }

        return (position, fold, terms);
    }

    private async Task WaitForBooksAsync(long reached, TimeSpan limit, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (true)
        {
            V1.Store known = await ledger.OpenStoreAsync(
                new OpenStoreRequest { ProposedEpoch = Guid.NewGuid().ToString("n"), Shards = store.Shards.Count },
                deadline: DateTime.UtcNow + LedgerLimit, cancellationToken: cancellation);
            long booked = known.Watermarks.FirstOrDefault(mark => mark.Shard == shard.Shard)?.Sequence ?? 0;
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
