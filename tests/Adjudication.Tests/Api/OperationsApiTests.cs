using Claims.Adjudication.Settling;
using Adjudication.Tests.Settling;
using System.Threading.Channels;
using Adjudication.Tests.Store;
using Adjudication.Tests.Coverage;
using Claims.Adjudication;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Outbox;
using Claims.Hosting;
using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Api;

/// <summary>What operators are told of the store that the desk settles in.</summary>
public sealed class OperationsApiTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly WrittenActs _acts = new();

    [Fact]
    public async Task GetOutbox_tells_how_far_each_shard_is_settled_published_and_booked()
    {
        await using StoreFixture own = await StoreFixture.StartAsync(shards: 2);
        ModelVisit visit = new(OfShard(1, 2), "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);
        own.Terms = await own.Store.Terms.KeyOfAsync(own.Store.Shards[1], SampleTerms.Of(5_500, 4_000, 30_000));
        for (int request = 1; request <= 5; request++) await own.RunAsync(StepMode.Settle, visit with { Request = $"r{request}" });
        own.Store.Shards[0].Close("its node is away");

        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 2);
        using KafkaPublisher kafka = new(
            new KafkaSettings(new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = broker.BootstrapServers }),
            NullLogger<KafkaPublisher>.Instance);
        Channel<Watermarks> watermarks = Channel.CreateUnbounded<Watermarks>();
        using OutboxRelay relay = new(
            own.Store, kafka, new Ledger.LedgerClient(new Notices<Watermarks>(watermarks)), new AdjudicationSettings { RelayWindow = 1 },
            TimeProvider.System, NullLogger<OutboxRelay>.Instance);
        await relay.StartAsync(CancellationToken.None);
        await watermarks.Writer.WriteAsync(new Watermarks { Shards = { new ShardWatermark { Shard = 1, Sequence = 2 } } });
        OperationsApi api = new(own.Store, relay, fixture.Desk, null!, fixture.Eligibility, null!, fixture.Time,
            NullLogger<OperationsApi>.Instance);

        Claims.V1.Outbox told = new();
        await Eventually.HoldsAsync(Bound, async () => (told = await api.GetOutbox(new GetOutboxRequest(), new TestCall())).Shards[
            1].Published == 3, () => told.ToString());
        await relay.StopAsync(CancellationToken.None);

        Assert.Equal(
            new Claims.V1.Outbox
            {
                Epoch = StoreFixture.Epoch,
                Shards =
                {
                    new OutboxShard { Shard = 0, Ready = false, Reason = "its node is away" },
                    new OutboxShard { Shard = 1, Ready = true, Sequence = 5, Committed = 2, Published = 3 },
                },
            },
            told);
    }

    [Theory]
    [InlineData(2026, "Year 2026 has not ended; the latest that can be closed is 2025.")]
    [InlineData(2027, "Year 2027 has not ended; the latest that can be closed is 2025.")]
    [InlineData(1999, "Year 1999 has not ended; the latest that can be closed is 2025.")]
    public async Task CloseYear_of_a_year_that_has_not_ended_is_refused(int year, string text)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => Api(fixture.Store.Store, fixture.Desk).CloseYear(new CloseYearRequest { Year = year }, new TestCall()));

        Assert.Equal(new Status(StatusCode.FailedPrecondition, text), refused.Status);
    }

    [Fact]
    public async Task CloseYear_closes_up_to_its_year_in_every_shard()
    {
        string[] insured = [.. Enumerable.Range(0, 4).Select(shard => OfShard(shard, 4))];

        CloseYearReply reply = await Api(fixture.Store.Store, fixture.Desk).CloseYear(new CloseYearRequest { Year = 2024 }, new TestCall());

        Assert.Equal(new CloseYearReply { ClosedThrough = 2024 }, reply);
        foreach (string id in insured)
        {
            Assert.Equal("YEAR_CLOSED", (await fixture.Desk.QuoteAsync(Visit("R1", id, date: "2024-12-31"))).ReasonCode);
            Assert.Equal(Decision.Quoted, (await fixture.Desk.QuoteAsync(Visit("R1", id, date: "2025-01-01"))).Decision);
        }
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, "it may be taken back until", StatusCode.FailedPrecondition, "it may be taken back until")]
    [InlineData(StatusCode.DeadlineExceeded, "away", StatusCode.Unavailable, "The ledger could not write it down: away")]
    public async Task Year_that_the_ledger_does_not_write_down_stays_open(
        StatusCode code, string said, StatusCode answered, string sentence)
    {
        string insured = OfShard(0, 4);
        _acts.Refusal = new Status(code, said);
        CallerIs("claims://role/bureau/zhang.wei", out TestCall call);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => Api(fixture.Store.Store, fixture.Desk).CloseYear(new CloseYearRequest { Year = 2025 }, call));

        Assert.Equal(new Status(answered, sentence), refused.Status);
        Assert.Equal(
            [new RecordActRequest { Kind = ActKind.YearClosedToHospitals, Subject = "2025", Caller = "claims://role/bureau/zhang.wei" }],
            _acts.Acts);
        Assert.Equal(Decision.Quoted, (await fixture.Desk.QuoteAsync(Visit("R1", insured, date: "2025-12-31"))).Decision);
    }

    [Theory]
    [InlineData("", ActKind.ShardRebuilt, "1")]
    [InlineData("410105198001011234", ActKind.InsuredRestored, "***1234")]
    public async Task Rebuild_that_the_ledger_does_not_write_down_does_not_begin(string insuredId, ActKind kind, string subject)
    {
        _acts.Refusal = new Status(StatusCode.Unavailable, "away");
        RebuildShardRequest request = new() { Shard = 1, InsuredId = insuredId };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => Api(fixture.Store.Store, fixture.Desk).RebuildShard(request, null!, new TestCall()));

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.Equal([new RecordActRequest { Kind = kind, Subject = subject, Caller = "claims://role/local" }], _acts.Acts);
    }

    [Fact]
    public async Task ListAccumulators_tells_its_shard_between_two_looks_at_the_sequence()
    {
        string insured = OfShard(2, 4);
        SettleReply settled = await fixture.Desk.SettleAsync(Visit("L1", insured));
        await fixture.Desk.SettleAsync(Visit("L1", OfShard(3, 4)));
        long sequence = SettlementIds.Read(settled.SettlementId)!.Value.Sequence;
        Told<ShardAccumulators> listed = new();

        await Api(fixture.Store.Store, fixture.Desk).ListAccumulators(new ListAccumulatorsRequest { Shard = 2 }, listed, new TestCall());

        Assert.Equal(
            [
                new ShardAccumulators { Sequence = sequence },
                new ShardAccumulators
                {
                    Insured = new InsuredAccumulators
                    {
                        InsuredId = insured,
                        Records = 1,
                        StandingSettlements = 1,
                        Accumulators =
                        {
                            new HeldAccumulator { Name = $"bordinary:20250305:{Hospital}", Amount = 4_000 },
                            new HeldAccumulator { Name = "fordinary.year:2025", Amount = 3_850 },
                        },
                    },
                },
                new ShardAccumulators { Sequence = sequence },
            ],
            listed.Messages);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public async Task ListAccumulators_of_no_shard_is_an_invalid_argument(int shard)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => Api(fixture.Store.Store, fixture.Desk)
            .ListAccumulators(new ListAccumulatorsRequest { Shard = shard }, new Told<ShardAccumulators>(), new TestCall()));

        Assert.Equal(new Status(StatusCode.InvalidArgument, "shard is not between 0 and 3"), refused.Status);
    }

    [Fact]
    public async Task Closed_store_is_unavailable_for_its_reason()
    {
        await using SettlementStore closed = new(fixture.Store.Redis, shardCount: 4, longestOutbox: 1_000);
        foreach (ShardQueue shard in closed.Shards) shard.Close($"closed {shard.Shard}");
        OperationsApi api = Api(closed, fixture.DeskOn(closed));

        RpcException close = await Assert.ThrowsAsync<RpcException>(
            () => api.CloseYear(new CloseYearRequest { Year = 2023 }, new TestCall()));
        RpcException list = await Assert.ThrowsAsync<RpcException>(
            () => api.ListAccumulators(new ListAccumulatorsRequest { Shard = 3 }, new Told<ShardAccumulators>(), new TestCall()));

        Assert.Equal(StatusCode.Unavailable, close.StatusCode);
        Assert.Equal(new Status(StatusCode.Unavailable, "closed 3"), list.Status);
    }

    private static void CallerIs(string uri, out TestCall call)
    {
        Assert.True(Identity.TryParse(uri, out Identity? caller));
        call = new TestCall();
        call.Names(caller);
    }

    /// <summary>An insured, of no other test, in this shard.</summary>
    private static string OfShard(int shard, int shards) =>
        Enumerable.Range(0, 1_000).Select(number => $"P5-{number}").First(id => Shards.Of(id, shards) == shard);

    /// <summary>One that is not asked about the relay, nor to rebuild.</summary>
    private OperationsApi Api(SettlementStore store, SettlementDesk desk) =>
        new(store, null!, desk, null!, fixture.Eligibility, new Acts.ActsClient(_acts), fixture.Time, NullLogger<OperationsApi>.Instance);
}
