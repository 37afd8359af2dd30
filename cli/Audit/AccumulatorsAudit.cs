using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Audit;

/// <summary>
/// Every insured of every shard as Redis holds it against what the sub-ledger folds to, both ways, one shard at a time: memory grows
/// with the insured of a shard.
/// </summary>
/// <param name="pause">Before a shard that moved meanwhile is compared again.</param>
public sealed class AccumulatorsAudit(AdjudicationOperations.AdjudicationOperationsClient adjudication, V1.Audit.AuditClient ledger, TimeSpan pause)
{
    private const string Code = "ACCUMULATORS";
    private const string Name = "sub-ledger = accumulators 明细账 = 个人累计 (insured 参保人)";

    // A shard that keeps settling is not compared with a book that is behind it.
    private const int Attempts = 5;
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    /// <exception cref="RpcException">A service does not answer.</exception>
    public async Task<Finding> RunAsync(CancellationToken cancellationToken)
    {
        Outbox outbox = await adjudication.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + Bound, cancellationToken);
        long insured = 0;
        Finding? first = null;
        await Progress.ShowAsync("comparing accumulators 核对个人累计", outbox.Shards.Count, async advance =>
        {
            foreach (OutboxShard shard in outbox.Shards)
            {
                Comparison compared = await CompareAsync(shard.Shard, cancellationToken);
                insured += compared.Insured;
                bool tellsMore = first is null || (first.Holds is null && compared.Known);
                if (tellsMore && compared.Detail.Length > 0)
                    first = new Finding(Code, Name, compared.Known ? false : null, 0, compared.Detail, Table: "", Key: $"shard {shard.Shard}");
                advance();
            }
        });
        return first is null ? new Finding(Code, Name, true, insured, "") : first with { Examined = insured };
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
        using (AsyncServerStreamingCall<ShardAccumulators> fold = ledger.FoldShard(new FoldShardRequest { Shard = shard }, null, DateTime.UtcNow + Bound, cancellationToken))
        {
            while (await fold.ResponseStream.MoveNext(cancellationToken))
            {
                ShardAccumulators news = fold.ResponseStream.Current;
                if (news.Insured is { } insured) expected.Add(insured.InsuredId, insured);
                else booked = news.Sequence;
            }
        }

        List<long> positions = [];
        string detail = "";
        using (AsyncServerStreamingCall<ShardAccumulators> stored = adjudication.ListAccumulators(new ListAccumulatorsRequest { Shard = shard }, null, DateTime.UtcNow + Bound, cancellationToken))
        {
            while (await stored.ResponseStream.MoveNext(cancellationToken))
            {
                ShardAccumulators news = stored.ResponseStream.Current;
                if (news.Insured is not { } insured)
                {
                    positions.Add(news.Sequence);
                    continue;
                }

                bool isInBooks = expected.TryGetValue(insured.InsuredId, out InsuredAccumulators? books);

                // Compared already: Redis returns an insured twice at times.
                if (isInBooks && books is null) continue;
                if (isInBooks) expected[insured.InsuredId] = null;
                if (detail.Length == 0 && !insured.Equals(books)) detail = $"shard {shard}, insured {Mask.Insured(insured.InsuredId)}: {Difference(insured, books)}";
            }
        }

        if (positions is not [var before, var after] || before != after || before != booked)
            return new Comparison(false, expected.Count, $"shard {shard} moved while it was compared: {string.Join(", then ", positions)} in Redis, {booked} in the books");
        if (detail.Length == 0 && expected.Values.FirstOrDefault(books => books is not null) is { } missing)
            detail = $"shard {shard}, insured {Mask.Insured(missing.InsuredId)} has {missing.Records} records in the sub-ledger and nothing in Redis";
        return new Comparison(true, expected.Count, detail);
    }

    private static string Difference(InsuredAccumulators stored, InsuredAccumulators? books)
    {
        if (books is null) return "stored in Redis, and nothing in the sub-ledger";
        foreach (int year in stored.Years.Concat(books.Years).Select(year => year.Year).Distinct().Order())
        {
            UsedYear inRedis = stored.Years.FirstOrDefault(entry => entry.Year == year) ?? new UsedYear();
            UsedYear inBooks = books.Years.FirstOrDefault(entry => entry.Year == year) ?? new UsedYear();
            if (inRedis.UsedFen != inBooks.UsedFen) return $"{year}: {Output.Yuan(inRedis.UsedFen)} of the cap used in Redis, {Output.Yuan(inBooks.UsedFen)} by the sub-ledger";
            if (inRedis.StandingSettlements != inBooks.StandingSettlements) return $"{year}: {inRedis.StandingSettlements} settlements stand in Redis, {inBooks.StandingSettlements} in the sub-ledger";
        }

        foreach ((string date, string facility) in stored.Days.Concat(books.Days).Select(day => (day.VisitDate, day.FacilityCode)).Distinct().Order())
        {
            long inRedis = stored.Days.FirstOrDefault(day => day.VisitDate == date && day.FacilityCode == facility)?.DeductibleFen ?? 0;
            long inBooks = books.Days.FirstOrDefault(day => day.VisitDate == date && day.FacilityCode == facility)?.DeductibleFen ?? 0;
            if (inRedis != inBooks) return $"{date} at {facility}: {Output.Yuan(inRedis)} of the deductible borne in Redis, {Output.Yuan(inBooks)} by the sub-ledger";
        }

        return string.Create(CultureInfo.InvariantCulture, $"{stored.Records} records in Redis, {books.Records} in the sub-ledger");
    }

    /// <param name="Known">False where the shard moved meanwhile.</param>
    /// <param name="Detail">What is wrong, or empty.</param>
    private sealed record Comparison(bool Known, long Insured, string Detail);
}
