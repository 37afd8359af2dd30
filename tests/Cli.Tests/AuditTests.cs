using Claims.Cli.Audit;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>The accumulators in Redis against those that the sub-ledger folds to, shard by shard.</summary>
public sealed class AuditTests
{
    private const int Shards = 2;

    private readonly Dictionary<int, List<InsuredAccumulators>> _stored = [];
    private readonly Dictionary<int, List<InsuredAccumulators>> _booked = [];
    private readonly Queue<long> _sequences = new();
    private int _folds;

    public AuditTests()
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
        Finding finding = await AuditAsync();

        Assert.True(finding.Holds);
        Assert.Equal(4, finding.Examined);
    }

    [Fact]
    public async Task Insured_who_is_told_twice_is_compared_once()
    {
        _stored[1].Add(_stored[1][0].Clone());

        Assert.True((await AuditAsync()).Holds);
    }

    public static TheoryData<string, string> Differences => new()
    {
        { "used", "shard 1, insured ***1002: 2025: ¥174.06 of the cap used in Redis, ¥174.05 by the sub-ledger" },
        { "standing", "shard 1, insured ***1002: 2025: 2 settlements stand in Redis, 1 in the sub-ledger" },
        { "borne", "shard 1, insured ***1002: 2025-06-18 at H1: ¥0.00 of the deductible borne in Redis, ¥40.00 by the sub-ledger" },
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
            case "used": stored.Years[0].UsedFen++; break;
            case "standing": stored.Years[0].StandingSettlements++; break;
            case "borne": stored.Days.Clear(); break;
            case "records": stored.Records++; break;
            case "only in Redis": _booked[1].RemoveAt(1); break;
            default: _stored[1].RemoveAt(1); break;
        }

        Finding finding = await AuditAsync();

        Assert.Equal((false, detail), (finding.Holds, finding.Detail));
    }

    [Fact]
    public async Task Shard_that_moves_once_is_compared_again()
    {
        _sequences.Enqueue(9);
        _sequences.Enqueue(11);

        Assert.True((await AuditAsync()).Holds);
        Assert.Equal(Shards + 1, _folds);
    }

    [Fact]
    public async Task Shard_that_keeps_moving_is_not_judged()
    {
        for (int i = 0; i < 100; i++) _sequences.Enqueue(100 + i);

        Finding finding = await AuditAsync();

        Assert.Null(finding.Holds);
        Assert.StartsWith("shard 0 moved while it was compared", finding.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Difference_weighs_more_than_a_shard_that_cannot_be_judged()
    {
        for (int i = 0; i < 10; i++) _sequences.Enqueue(100 + i);
        _stored[1][1].Years[0].UsedFen++;

        Assert.False((await AuditAsync()).Holds);
    }

    [Theory]
    [InlineData("60:CC6C124809B1625AF35A50307D6B768F14C4F74627CFB9DAC545F9F25ADE052A", true)]
    [InlineData("0:cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a", false)]
    [InlineData("60:cc6c", false)]
    [InlineData("60", false)]
    [InlineData("x:cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a", false)]
    public void Noted_head_is_a_link_and_a_hash(string text, bool valid) =>
        Assert.Equal(valid ? new VerifyRequest { ExpectLink = 60, ExpectHash = "cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a" } : null, NotedHead.Parse(text));

    private Task<Finding> AuditAsync()
    {
        FakeAdjudication adjudication = new()
        {
            Unary = _ => Task.FromResult<object>(new Outbox { Shards = { Enumerable.Range(0, Shards).Select(shard => new OutboxShard { Shard = shard, Ready = true }) } }),
            Listed = request => [Position(Next()), .. _stored[((ListAccumulatorsRequest)request).Shard].Select(Told), Position(Next())],
        };
        FakeAdjudication ledger = new()
        {
            Listed = request =>
            {
                _folds++;
                return [Position(10), .. _booked[((FoldShardRequest)request).Shard].Select(Told)];
            },
        };
        return new AccumulatorsAudit(new AdjudicationOperations.AdjudicationOperationsClient(adjudication), new V1.Audit.AuditClient(ledger), TimeSpan.Zero)
            .RunAsync(CancellationToken.None);

        long Next() => _sequences.TryDequeue(out long sequence) ? sequence : 10;
    }

    private static ShardAccumulators Position(long sequence) => new() { Sequence = sequence };

    private static ShardAccumulators Told(InsuredAccumulators insured) => new() { Insured = insured };

    private static InsuredAccumulators Insured(string insuredId) => new()
    {
        InsuredId = insuredId,
        Records = 1,
        Years = { new UsedYear { Year = 2025, UsedFen = 17_405, StandingSettlements = 1 } },
        Days = { new BorneDay { VisitDate = "2025-06-18", FacilityCode = "H1", DeductibleFen = 4_000 } },
    };
}
