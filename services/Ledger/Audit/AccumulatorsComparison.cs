using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Verdict = Claims.V1.AccumulatorsCheck.Types.Verdict;

namespace Claims.Ledger.Audit;

/// <summary>What a shard's accumulators must be by the books: the shard's position first, then per insured.</summary>
internal delegate IAsyncEnumerable<ShardAccumulators> FoldOfShard(int shard, CancellationToken cancellationToken);

/// <summary>
/// Every insured of every shard as Redis holds it against what the sub-ledger folds to, both ways, one shard at a time: memory grows
/// with the insured of a shard.
/// </summary>
/// <param name="pause">Before a shard that moved meanwhile is compared again.</param>
internal sealed class AccumulatorsComparison(
    AdjudicationOperations.AdjudicationOperationsClient adjudication, FoldOfShard fold, TimeSpan pause)
{
    // A shard that keeps settling is not compared with a book that is behind it.
    private const int Attempts = 5;
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    /// <summary>Progress after each shard, then the check.</summary>
    /// <exception cref="AdjudicationAwayException">Adjudication does not answer.</exception>
    /// <exception cref="Npgsql.NpgsqlException">PostgreSQL could not be asked.</exception>
    public async Task RunAsync(Func<CompareAccumulatorsNews, Task> tell, CancellationToken cancellationToken)
    {
        int[] shards = await ShardsAsync(cancellationToken);
        AccumulatorsCheck check = new() { Verdict = Verdict.Equal };
        foreach ((int index, int shard) in shards.Index())
        {
            Comparison compared = await CompareAsync(shard, cancellationToken);
            check.Examined += compared.Insured;
            bool tellsMore = check.Verdict == Verdict.Equal || (check.Verdict == Verdict.Moving && compared.Known);
            if (tellsMore && compared.Detail.Length > 0)
                (check.Verdict, check.Shard, check.Detail) = (compared.Known ? Verdict.Different : Verdict.Moving, shard, compared.Detail);
            await tell(new CompareAccumulatorsNews { Progress = new ComparisonProgress { Done = index + 1, Total = shards.Length } });
        }

        await tell(new CompareAccumulatorsNews { Check = check });
    }

    private async Task<int[]> ShardsAsync(CancellationToken cancellationToken)
    {
        try
        {
            Outbox outbox = await adjudication.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + Bound, cancellationToken);
            return [.. outbox.Shards.Select(shard => shard.Shard)];
        }
        catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AdjudicationAwayException(exception);
        }
    }

    private async Task<Comparison> CompareAsync(int shard, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            Comparison compared = await CompareOnceAsync(shard, cancellationToken);
            if (compared.Known || attempt == Attempts) return compared;
            await Task.Delay(pause, cancellationToken);
        }
    }

    private async Task<Comparison> CompareOnceAsync(int shard, CancellationToken cancellationToken)
    {
        Dictionary<string, InsuredAccumulators?> expected = new(StringComparer.Ordinal);
        long booked = 0;
        await foreach (ShardAccumulators news in fold(shard, cancellationToken))
        {
            if (news.Insured is { } insured) expected.Add(insured.InsuredId, insured);
            else booked = news.Sequence;
        }

        List<long> positions = [];
        string detail = "";
        await foreach (ShardAccumulators news in StoredAsync(shard, cancellationToken))
        {
            if (news.Insured is not { } insured)
            {
                positions.Add(news.Sequence);
                continue;
            }

            bool isInBooks = expected.TryGetValue(insured.InsuredId, out InsuredAccumulators? books);

            // Compared already: Redis tells an insured twice at times.
            if (isInBooks && books is null) continue;
            if (isInBooks) expected[insured.InsuredId] = null;
            if (detail.Length == 0 && !insured.Equals(books))
                detail = $"shard {shard}, insured {Mask.Insured(insured.InsuredId)}: {Difference(insured, books)}";
        }

        if (positions is not [var before, var after] || before != after || before != booked)
            return new Comparison(false, expected.Count,
                $"shard {shard} moved while it was compared: {string.Join(", then ", positions)} in Redis, {booked} in the books");
        if (detail.Length == 0 && expected.Values.FirstOrDefault(books => books is not null) is { } missing)
            detail = $"shard {shard}, insured {Mask.Insured(missing.InsuredId)} has {missing.Records} records in the sub-ledger "
                + $"and nothing in Redis";
        return new Comparison(true, expected.Count, detail);
    }

    private async IAsyncEnumerable<ShardAccumulators> StoredAsync(int shard, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using AsyncServerStreamingCall<ShardAccumulators> stored =
            adjudication.ListAccumulators(new ListAccumulatorsRequest { Shard = shard }, null, DateTime.UtcNow + Bound, cancellationToken);
        while (true)
        {
            try
            {
                if (!await stored.ResponseStream.MoveNext(cancellationToken)) yield break;
            }
            catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
            {
                throw new AdjudicationAwayException(exception);
            }

            yield return stored.ResponseStream.Current;
        }
    }

    private static string Difference(InsuredAccumulators stored, InsuredAccumulators? books)
    {
        if (books is null) return "stored in Redis, and nothing in the sub-ledger";
        foreach (string name in stored.Accumulators.Concat(books.Accumulators).Select(held => held.Name).Distinct().Order(
            StringComparer.Ordinal))
        {
            long inRedis = stored.Accumulators.FirstOrDefault(held => held.Name == name)?.Amount ?? 0;
            long inBooks = books.Accumulators.FirstOrDefault(held => held.Name == name)?.Amount ?? 0;
            if (inRedis != inBooks)
                return $"accumulator {name}: {Amount(name, inRedis)} in Redis, {Amount(name, inBooks)} by the sub-ledger";
        }

        if (stored.StandingSettlements != books.StandingSettlements)
            return string.Create(CultureInfo.InvariantCulture,
                $"{stored.StandingSettlements} settlements stand in Redis, {books.StandingSettlements} in the sub-ledger");
        return string.Create(CultureInfo.InvariantCulture, $"{stored.Records} records in Redis, {books.Records} in the sub-ledger");
    }

    /// <summary>In yuan, or in visits where the measure is n.</summary>
    private static string Amount(string name, long amount) => name[0] == 'n'
        ? string.Create(CultureInfo.InvariantCulture, $"{amount} visits")
        : string.Create(CultureInfo.InvariantCulture, $"¥{amount / 100m:#,##0.00}");

    /// <param name="Known">False where the shard moved meanwhile.</param>
    /// <param name="Detail">What is wrong, or empty.</param>
    private sealed record Comparison(bool Known, long Insured, string Detail);
}

/// <summary>What Redis holds could not be heard.</summary>
internal sealed class AdjudicationAwayException(RpcException answered)
    : Exception($"adjudication answered {answered.StatusCode}: {answered.Status.Detail}", answered);
