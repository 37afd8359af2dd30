using Claims.Ledger.Audit;
using Claims.V1;
using Grpc.Core;
using Verdict = Claims.V1.AccumulatorsCheck.Types.Verdict;

namespace Ledger.Tests;

/// <summary>The accumulators in Redis against those that the sub-ledger folds to, shard by shard.</summary>
public sealed class AccumulatorsComparisonTests
{
    private const int Shards = 2;

    private readonly Dictionary<int, List<InsuredAccumulators>> _stored = [];
    private readonly Dictionary<int, List<InsuredAccumulators>> _booked = [];
    private readonly Queue<long> _sequences = new();
    private int _folds;

    public AccumulatorsComparisonTests()
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            _stored[shard] = [Insured($"41010519800101{shard}001"), Insured($"41010519800101{shard}002")];
            _booked[shard] = [.. _stored[shard].Select(insured => insured.Clone())];
        }
    }

    [Fact]
    public async Task Both_sides_alike_hold()
    {
        AccumulatorsCheck check = await CompareAsync();

        Assert.Equal(Verdict.Equal, check.Verdict);
        Assert.Equal(4, check.Examined);
    }

    [Fact]
    public async Task Insured_who_is_told_twice_is_compared_once()
    {
        _stored[1].Add(_stored[1][0].Clone());

        Assert.Equal(Verdict.Equal, (await CompareAsync()).Verdict);
    }

    public static TheoryData<string, string> Differences => new()
    {
        { "used", "shard 1, insured ***1002: accumulator fordinary.year:2025: ¥174.06 in Redis, ¥174.05 by the sub-ledger" },
        { "standing", "shard 1, insured ***1002: 2 settlements stand in Redis, 1 in the sub-ledger" },
        { "borne", "shard 1, insured ***1002: accumulator bordinary:20250618:H1: ¥0.00 in Redis, ¥40.00 by the sub-ledger" },
        { "visits", "shard 1, insured ***1002: accumulator nordinary.times:2025: 2 visits in Redis, 1 visits by the sub-ledger" },
        { "two", "shard 1, insured ***1002: accumulator cordinary:2025: ¥0.01 in Redis, ¥0.00 by the sub-ledger" },
        { "records", "shard 1, insured ***1002: 2 records in Redis, 1 in the sub-ledger" },
        { "only in Redis", "shard 1, insured ***1002: stored in Redis, and nothing in the sub-ledger" },
        { "only in the books", "shard 1, insured ***1002 has 1 records in the sub-ledger and nothing in Redis" },
    };

    [Theory]
    [MemberData(nameof(Differences))]
    public async Task Difference_is_told_with_the_insured_masked(string difference, string detail)
    {
        InsuredAccumulators stored = _stored[1][1];
        switch (difference)
        {
            case "used": Held(stored, "fordinary.year:2025").Amount++; break;
            case "standing": stored.StandingSettlements++; break;
            case "borne": stored.Accumulators.Remove(Held(stored, "bordinary:20250618:H1")); break;
            case "visits": Held(stored, "nordinary.times:2025").Amount++; break;
            case "two":
                Held(stored, "nordinary.times:2025").Amount++;
                stored.Accumulators.Add(new HeldAccumulator { Name = "cordinary:2025", Amount = 1 });
                break;
            case "records": stored.Records++; break;
            case "only in Redis": _booked[1].RemoveAt(1); break;
            default: _stored[1].RemoveAt(1); break;
        }

        AccumulatorsCheck check = await CompareAsync();

        Assert.Equal((Verdict.Different, 1, detail), (check.Verdict, check.Shard, check.Detail));
    }

    [Fact]
    public async Task Shard_that_moves_once_is_compared_again()
    {
        _sequences.Enqueue(9);
        _sequences.Enqueue(11);

        Assert.Equal(Verdict.Equal, (await CompareAsync()).Verdict);
        Assert.Equal(Shards + 1, _folds);
    }

    [Fact]
    public async Task Shard_that_keeps_moving_is_not_judged()
    {
        for (int i = 0; i < 100; i++) _sequences.Enqueue(100 + i);

        AccumulatorsCheck check = await CompareAsync();

        Assert.Equal(Verdict.Moving, check.Verdict);
        Assert.StartsWith("shard 0 moved while it was compared", check.Detail, StringComparison.Ordinal);
    }

    /// <summary>Redis stands still, and what it has counted is not booked yet.</summary>
    [Fact]
    public async Task Shard_whose_books_are_behind_is_not_judged()
    {
        for (int i = 0; i < 100; i++) _sequences.Enqueue(11);
        _stored[0][0].Records++;

        AccumulatorsCheck check = await CompareAsync();

        Assert.Equal((Verdict.Moving, 0, "shard 0 moved while it was compared: 11, then 11 in Redis, 10 in the books"),
            (check.Verdict, check.Shard, check.Detail));
    }

    [Fact]
    public async Task Difference_weighs_more_than_a_shard_that_cannot_be_judged()
    {
        for (int i = 0; i < 10; i++) _sequences.Enqueue(100 + i);
        _stored[1][1].Accumulators[0].Amount++;

        Assert.Equal(Verdict.Different, (await CompareAsync()).Verdict);
    }

    [Fact]
    public async Task Progress_is_told_shard_by_shard_and_the_check_comes_last()
    {
        List<CompareAccumulatorsNews> news = await NewsAsync();

        Assert.Equal([(1, 2), (2, 2)], news[..^1].Select(one => (one.Progress.Done, one.Progress.Total)));
        Assert.Equal(new AccumulatorsCheck { Verdict = Verdict.Equal, Examined = 4 }, news[^1].Check);
    }

    [Fact]
    public async Task Adjudication_that_does_not_answer_is_named()
    {
        FakeOperations away = new(_ => throw new RpcException(new Status(StatusCode.DeadlineExceeded, "too late")));

        AdjudicationAwayException told = await Assert.ThrowsAsync<AdjudicationAwayException>(
            () => new AccumulatorsComparison(away, Fold, TimeSpan.Zero).RunAsync(_ => Task.CompletedTask, CancellationToken.None));

        Assert.Equal("adjudication answered DeadlineExceeded: too late", told.Message);
    }

    private async Task<AccumulatorsCheck> CompareAsync() => (await NewsAsync())[^1].Check;

    private async Task<List<CompareAccumulatorsNews>> NewsAsync()
    {
        FakeOperations adjudication = new(shard => [Position(Next()), .. _stored[shard].Select(Told), Position(Next())]);
        List<CompareAccumulatorsNews> news = [];
        await new AccumulatorsComparison(adjudication, Fold, TimeSpan.Zero).RunAsync(
            one =>
            {
                news.Add(one);
                return Task.CompletedTask;
            },
            CancellationToken.None);
        return news;

        long Next() => _sequences.TryDequeue(out long sequence) ? sequence : 10;
    }

    private IAsyncEnumerable<ShardAccumulators> Fold(int shard, CancellationToken cancellationToken)
    {
        _folds++;
        return new[] { Position(10) }.Concat(_booked[shard].Select(Told)).ToAsyncEnumerable();
    }

    private static ShardAccumulators Position(long sequence) => new() { Sequence = sequence };

    private static ShardAccumulators Told(InsuredAccumulators insured) => new() { Insured = insured };

    private static InsuredAccumulators Insured(string insuredId) => new()
    {
        InsuredId = insuredId,
        Records = 1,
        StandingSettlements = 1,
        Accumulators =
        {
            new HeldAccumulator { Name = "bordinary:20250618:H1", Amount = 4_000 },
            new HeldAccumulator { Name = "fordinary.year:2025", Amount = 17_405 },
            new HeldAccumulator { Name = "nordinary.times:2025", Amount = 1 },
        },
    };

    private static HeldAccumulator Held(InsuredAccumulators insured, string name) =>
        insured.Accumulators.Single(held => held.Name == name);
}
