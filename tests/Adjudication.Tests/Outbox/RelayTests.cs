using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Adjudication.Tests.Store;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Rules;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Polly.CircuitBreaker;

namespace Adjudication.Tests.Outbox;

/// <summary>The relay against real Redis and librdkafka's broker; the ledger's watermark is what the test says.</summary>
public sealed class RelayTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly Terms Cited = SampleTerms.Of(5_500, 0, 30_000);

    [Fact]
    public async Task Run_appended_records_are_published_in_order_and_trimmed_once_committed()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.SettleAsync(1, 600);
        bench.Relay.Commit(0, "connect");

        await bench.PublishedAsync(600);
        Assert.Equal(Enumerable.Range(1, 600).Select(i => (long)i), bench.ReceivedOnce.Select(claim => claim.Sequence));
        SettledClaim first = bench.Received.First();
        Assert.Equal(("P1", "H1", "r1", 5_500L, "2024-03-05", SettledClaim.Types.Kind.Settlement),
            (first.InsuredId, first.FacilityCode, first.RequestId, first.FundPayFen, first.VisitDate, first.Kind));
        Assert.Equal(600, await bench.OutboxLengthAsync());

        bench.Relay.Commit(600, null);
        await EventuallyAsync(async () => await bench.OutboxLengthAsync() == 0, "the outbox was not trimmed");
        Assert.Equal(600, (long)await bench.Fixture.Redis.HashGetAsync(bench.Shard.Keys.Shard, "committed"));
    }

    [Fact]
    public async Task Run_outbox_is_trimmed_where_visits_are_not_let_in_for_want_of_memory()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.SettleAsync(1, 600);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(600);
        await bench.Fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");
        await EventuallyAsync(
            async () => (await Assert.ThrowsAsync<StoreUnavailableException>(() => bench.SettleAsync(601, 1)))
                .InnerException?.InnerException is BrokenCircuitException,
            "visits still reach a Redis that refuses them");

        bench.Relay.Commit(600, null);

        await EventuallyAsync(async () => await bench.OutboxLengthAsync() == 0, "the outbox was not trimmed");
        Assert.DoesNotContain(bench.Log.Lines, line => line.Sentence.Contains("cannot be read", StringComparison.Ordinal));
        await bench.Fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        await EventuallyAsync(
            async () => await Record.ExceptionAsync(() => bench.SettleAsync(601, 1)) is null, "visits are not let in again");
        await bench.PublishedAsync(601);
    }

    [Fact]
    public async Task Run_window_is_never_exceeded_however_often_the_relay_looks()
    {
        await using Bench bench = await Bench.StartAsync(window: 50);
        await bench.SettleAsync(1, 200);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(50);
        await bench.TurnsAsync(2);
        Assert.Equal(50, bench.Relay.Published);

        bench.Relay.Commit(10, null);
        await bench.PublishedAsync(60);
        await bench.TurnsAsync(2);

        Assert.Equal((60, 60), (bench.Relay.Published, bench.Received.Max(claim => claim.Sequence)));
        // The ten that are committed may have been trimmed.
        Assert.InRange(await bench.OutboxLengthAsync(), 190, 200);
    }

    [Fact]
    public async Task Run_ledger_that_asks_again_gets_everything_from_its_watermark()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.SettleAsync(1, 20);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(20);

        bench.Relay.Commit(5, "gap");

        string again = Line([20, .. Enumerable.Range(6, 15)]);
        await EventuallyAsync(() =>
            Task.FromResult(Line(bench.Received.Select(claim => (int)claim.Sequence)).Contains(again, StringComparison.Ordinal)),
            "nothing was published again");

        static string Line(IEnumerable<int> sequences) => string.Concat(sequences.Select(sequence => $",{sequence},"));
    }

    [Fact]
    public async Task Run_ledger_that_is_put_back_gets_what_it_lacks_and_it_is_told()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000, kept: 15);
        await bench.SettleAsync(1, 40);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(40);
        bench.Relay.Commit(40, null);
        await EventuallyAsync(async () => await bench.OutboxLengthAsync() == 15, "what is kept is not 15 records");

        bench.Relay.Commit(27, null);

        await bench.ReceivedAsync(53);
        Assert.Equal(Enumerable.Range(28, 13).Select(i => (long)i), bench.Received.Skip(40).Select(claim => claim.Sequence));
        Assert.Contains(bench.Log.Lines, line => line.Level is LogLevel.Error
            && line.Sentence.StartsWith("Shard 0: the ledger's watermark went back from 40 to 27, ", StringComparison.Ordinal));

        // It catches up, and goes on as if nothing had been.
        bench.Relay.Commit(40, null);
        await bench.SettleAsync(41, 2);
        await bench.ReceivedAsync(55);
        Assert.Equal([41L, 42], bench.Received.Skip(53).Select(claim => claim.Sequence));
    }

    [Fact]
    public async Task Run_watermark_that_stands_still_for_five_seconds_is_taken_for_lost_records()
    {
        StoppedTime time = new();
        await using Bench bench = await Bench.StartAsync(window: 1_000, time: time);
        await bench.SettleAsync(1, 4);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(4);
        time.Pass(TimeSpan.FromSeconds(4));
        bench.Relay.Commit(1, null);
        await bench.TurnsAsync(1);
        time.Pass(TimeSpan.FromSeconds(5));
        await bench.TurnsAsync(1);
        Assert.Equal(4, bench.Received.Count);

        time.Pass(TimeSpan.FromSeconds(0.1));
        await bench.ReceivedAsync(7);

        Assert.Equal([1L, 2, 3, 4, 2, 3, 4], bench.Received.Select(claim => claim.Sequence));

        // What is all committed has not been lost, however long it stays so.
        bench.Relay.Commit(4, null);
        await bench.TurnsAsync(1);
        time.Pass(TimeSpan.FromSeconds(60));
        await bench.TurnsAsync(1);
        await bench.SettleAsync(5, 1);
        await bench.ReceivedAsync(8);
        Assert.Equal(5, bench.Received.Last().Sequence);
        Assert.Equal(8, bench.Received.Count);
    }

    [Fact]
    public async Task Run_broker_down_for_a_while_loses_nothing()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        bench.Relay.Commit(0, "connect");
        bench.Broker.TakeDown();
        await bench.SettleAsync(1, 40);
        bench.Broker.BringUp();

        await EventuallyAsync(() => Task.FromResult(bench.ReceivedOnce.Count() == 40), "records are missing");
    }

    [Fact]
    public async Task Run_while_another_relay_holds_the_lease_publishes_nothing_and_takes_over_once_it_is_free()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.Fixture.Redis.StringSetAsync(bench.Shard.Keys.Lease, "another relay");
        bench.Relay.Commit(0, "connect");
        await bench.SettleAsync(1, 5);
        await bench.LooksAsync(2);

        // The lease has no time limit, so one that was touched would have got one.
        Assert.Equal(("another relay", null),
            ((string?)await bench.Fixture.Redis.StringGetAsync(bench.Shard.Keys.Lease),
            await bench.Fixture.Redis.KeyTimeToLiveAsync(bench.Shard.Keys.Lease)));
        Assert.Equal((0, 0), (bench.Relay.Published, bench.Received.Count));

        await bench.Fixture.Redis.KeyDeleteAsync(bench.Shard.Keys.Lease);
        await bench.PublishedAsync(5);
        Assert.Equal([1L, 2, 3, 4, 5], bench.ReceivedOnce.Select(claim => claim.Sequence));
        Assert.Equal("relay under test", (string?)await bench.Fixture.Redis.StringGetAsync(bench.Shard.Keys.Lease));
    }

    [Fact]
    public async Task Run_lease_that_another_relay_had_in_between_goes_on_from_the_watermark()
    {
        StoppedTime time = new();
        await using Bench bench = await Bench.StartAsync(window: 1_000, time: time);
        await bench.SettleAsync(1, 3);
        bench.Relay.Commit(0, "connect");
        await bench.PublishedAsync(3);
        bench.Relay.Commit(1, null);
        await bench.Fixture.Redis.StringSetAsync(bench.Shard.Keys.Lease, "another relay");

        // What is at hand needs no look, so for less than a second the loss is not known.
        time.Pass(TimeSpan.FromSeconds(1));
        await bench.LooksAsync(1);
        await bench.Fixture.Redis.KeyDeleteAsync(bench.Shard.Keys.Lease);
        await bench.ReceivedAsync(5);

        Assert.Equal([1L, 2, 3, 2, 3], bench.Received.Select(claim => claim.Sequence));
    }

    [Fact]
    public async Task Run_outbox_that_has_lost_records_is_published_up_to_the_hole_only()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await using SettlementStore other = new(bench.Fixture.Redis, shardCount: 1, longestOutbox: 1_000_000);
        other.Shards[0].Open(StoreFixture.Epoch, 0);
        for (int i = 1; i <= 4; i++) await other.Shards[0].RunAsync(bench.Fixture.StepOf(StepMode.Settle, Bench.Visit(i)));
        Assert.Equal(1, await bench.Fixture.Redis.StreamDeleteAsync(bench.Shard.Keys.Outbox, ["3-0"]));

        bench.Relay.Commit(0, "connect");

        (LogLevel, string) told = (LogLevel.Critical, "Shard 0: the outbox goes from 2 to 4; it has lost records");
        await EventuallyAsync(() => Task.FromResult(bench.Log.Lines.Count(line => line == told) >= 2),
            "the hole was not told at two turns");
        await bench.PublishedAsync(2);
        Assert.Equal((2, 2), (bench.Relay.Published, bench.Received.Max(claim => claim.Sequence)));
    }

    [Fact]
    public async Task Run_terms_that_this_instance_has_not_read_yet_are_found()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        Terms others = Cited with { PolicyId = "p2", PolicyHash = "h2" };
        bench.Fixture.Terms = await new TermsStore(bench.Fixture.Redis).KeyOfAsync(bench.Shard, others);
        await bench.SettleAsync(1, 2);
        bench.Relay.Commit(0, "connect");

        await bench.PublishedAsync(2);

        Assert.Equal([("p2", "h2"), ("p2", "h2")], bench.ReceivedOnce.Select(claim => (claim.PolicyId, claim.PolicyHash)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_records_carry_their_stored_form_and_their_terms_once_and_again_after_going_back(bool atHand)
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        ReadOnlyMemory<byte> text = (await bench.Fixture.Store.Terms.ReadKeptAsync(bench.Shard, bench.Fixture.Terms)).Text;
        await bench.SettleAsync(1, 3);
        await bench.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        IReadOnlyList<OutboxEntry> appended = await OutboxReader.ReadAsync(bench.Shard, StoreFixture.Epoch);
        if (!atHand) bench.Shard.Recent.Clear();
        bench.Relay.Commit(0, "connect");
        await bench.ReceivedAsync(4);

        bench.Relay.Commit(0, "gap");
        await bench.ReceivedAsync(8);

        Assert.Equal(
            appended.Select(entry => Convert.ToHexString(entry.Stored.Span)),
            bench.ReceivedOnce.Select(claim => Convert.ToHexString(claim.StoredRecord.Span)));
        // A stall may have made it go back once more.
        foreach (SettledClaim[] round in bench.Received.Chunk(4))
            Assert.Equal(
                [Convert.ToHexString(text.Span), "", "", ""], round.Select(claim => Convert.ToHexString(claim.StoredTerms.Span)));
    }

    [Fact]
    public async Task Run_lost_numbers_go_out_as_one_record_and_what_follows_them_after_it()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.SettleAsync(1, 1);
        byte[] lost = RecordHeader.OfLostNumbers(2, 50_001, DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_009));
        const string Request = "q\n2-50001";
        byte[] entry = [0, 1, .. (byte[])bench.Shard.Keys.NoOne!, 0, .. Encoding.UTF8.GetBytes(Request), 0];
        await bench.Fixture.Redis.HashSetAsync(bench.Shard.Keys.NoOne, Request, lost);
        await bench.Fixture.Redis.StreamAddAsync(bench.Shard.Keys.Outbox, "b", entry, "50001-0");
        await bench.Fixture.Redis.HashSetAsync(bench.Shard.Keys.Shard, "seq", 50_001);
        bench.Shard.RaiseLowestSequence(50_001);
        await bench.SettleAsync(2, 1);
        bench.Relay.Commit(0, "connect");

        await bench.PublishedAsync(2);
        bench.Relay.Commit(50_001, null);
        await bench.PublishedAsync(3);

        SettledClaim[] claims = [.. bench.ReceivedOnce];
        Assert.Equal([1L, 50_001L, 50_002L], claims.Select(claim => claim.Sequence));
        Assert.Equal(
            new SettledClaim
            {
                Sequence = 50_001,
                Epoch = StoreFixture.Epoch,
                Kind = SettledClaim.Types.Kind.NumbersLost,
                FirstSequence = 2,
                RequestId = "2-50001",
                SettledAtUnixMs = 1_700_000_000_009,
                Scheme = "resident",
                Format = SettledMessage.Format,
                StoredRecord = Google.Protobuf.ByteString.CopyFrom(lost),
            },
            claims[1]);
    }

    [Fact]
    public async Task Run_relay_that_is_stopped_leaves_its_lease_to_another_at_once()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        bench.Relay.Commit(0, "connect");
        await bench.SettleAsync(1, 5);
        await bench.PublishedAsync(5);
        Assert.True(await bench.Fixture.Redis.KeyExistsAsync(bench.Shard.Keys.Lease));

        await bench.StopRelayAsync();

        Assert.False(await bench.Fixture.Redis.KeyExistsAsync(bench.Shard.Keys.Lease));
    }

    [Fact]
    public async Task Run_relay_that_is_stopped_leaves_the_lease_of_another_alone()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.Fixture.Redis.StringSetAsync(bench.Shard.Keys.Lease, "another relay");
        bench.Relay.Commit(0, "connect");

        await bench.StopRelayAsync();

        Assert.Equal("another relay", (string?)await bench.Fixture.Redis.StringGetAsync(bench.Shard.Keys.Lease));
    }

    [Fact]
    public async Task Run_headers_tell_the_schema_and_the_trace_and_nothing_else()
    {
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "relay test",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        using ActivitySource source = new("relay test");
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        bench.Relay.Commit(0, "connect");

        string traced;
        using (Activity call = source.StartActivity("settle")!)
        {
            traced = call.Id!;
            await bench.SettleAsync(1, 1);
            await bench.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        }

        await bench.SettleAsync(2, 1);
        await bench.PublishedAsync(3);

        (string, string) schema = ("schema", "claims.v1.SettledClaim");
        Assert.Equal([[schema, ("traceparent", traced)], [schema, ("traceparent", traced)], [schema]], bench.Headers.Take(3));
    }

    [Fact]
    public async Task Run_records_of_another_instance_between_its_own_arrive_in_order()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await using SettlementStore other = new(bench.Fixture.Redis, shardCount: 1, longestOutbox: 1_000_000);
        other.Shards[0].Open(StoreFixture.Epoch, 0);
        bench.Relay.Commit(0, "connect");

        for (int i = 1; i <= 60; i++)
        {
            ShardQueue instance = i % 3 == 0 ? other.Shards[0] : bench.Shard;
            await instance.RunAsync(bench.Fixture.StepOf(StepMode.Settle, Bench.Visit(i)));
        }

        await bench.PublishedAsync(60);
        Assert.Equal(Enumerable.Range(1, 60).Select(i => ((long)i, $"P{i}")),
            bench.ReceivedOnce.Select(claim => (claim.Sequence, claim.InsuredId)));
    }

    [Fact]
    public async Task Run_cancellation_and_restoration_reach_the_ledger_as_mirrors()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        bench.Relay.Commit(0, "connect");
        await bench.SettleAsync(1, 1);
        await bench.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await bench.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await bench.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v2", RequestField.Of("H1", "never"));

        await bench.PublishedAsync(4);

        SettledClaim[] claims = [.. bench.ReceivedOnce];
        Assert.Equal([SettledClaim.Types.Kind.Settlement, SettledClaim.Types.Kind.Cancellation, SettledClaim.Types.Kind.Restoration,
            SettledClaim.Types.Kind.RequestOnly], claims.Select(claim => claim.Kind));
        Assert.Equal([5_500L, -5_500, 5_500, 0], claims.Select(claim => claim.FundPayFen));
        Assert.Equal(["", claims[0].SettlementId, claims[0].SettlementId, ""], claims.Select(claim => claim.OriginalSettlementId));
        Assert.Equal(["", "r1", "r1", "never"], claims.Select(claim => claim.OriginalRequestId));
        Assert.Equal([(0L, 5_500L), (5_500, 0), (0, 5_500), (0, 0)],
            claims.Select(claim => (claim.CapUsedBeforeFen, claim.CapUsedAfterFen)));
    }

    [Fact]
    public async Task Run_books_stand_back_while_visits_wait_until_a_fifth_of_the_outbox_is_full()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000, longestOutbox: 50, new StoppedTime());
        bench.VisitsWait = true;
        bench.Relay.Commit(0, "connect");
        await bench.SettleAsync(1, 9);
        await bench.TurnsAsync(1);
        Assert.Equal(0, bench.Relay.Published);

        await bench.SettleAsync(10, 1);

        await bench.PublishedAsync(10);
        bench.VisitsWait = false;
        await bench.SettleAsync(11, 1);
        await bench.PublishedAsync(11);
        Assert.Equal(Enumerable.Range(1, 11).Select(sequence => (long)sequence), bench.ReceivedOnce.Select(claim => claim.Sequence));
    }

    [Fact]
    public async Task Run_books_stand_back_for_ten_seconds_at_most_and_then_for_ten_seconds_again()
    {
        StoppedTime time = new();
        await using Bench bench = await Bench.StartAsync(window: 1_000, time: time);
        bench.VisitsWait = true;
        bench.Relay.Commit(0, "connect");
        await bench.SettleAsync(1, 3);
        await bench.TurnsAsync(1);
        time.Pass(TimeSpan.FromSeconds(9.9));
        await bench.TurnsAsync(1);
        Assert.Equal(0, bench.Relay.Published);

        time.Pass(TimeSpan.FromSeconds(0.2));

        await bench.PublishedAsync(3);
        bench.VisitsWait = false;
        await bench.TurnsAsync(1);
        bench.VisitsWait = true;
        await bench.TurnsAsync(1);
        await bench.SettleAsync(4, 1);
        await bench.TurnsAsync(1);
        Assert.Equal(3, bench.Relay.Published);
    }

    [Fact]
    public async Task Fill_of_a_claim_that_said_something_else_leaves_nothing_of_it()
    {
        await using Bench bench = await Bench.StartAsync(window: 1_000);
        await bench.SettleAsync(1, 1);
        await bench.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await bench.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await bench.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v2", RequestField.Of("H1", "never"));
        var records = await OutboxReader.ReadAsync(bench.Shard, StoreFixture.Epoch);
        Assert.Equal(4, records.Count);

        foreach (OutboxRecord record in records.Select(entry => entry.Record))
        {
            SettledClaim used = Used.Message<SettledClaim>();
            SettledClaims.Fill(used, 0, StoreFixture.Epoch, "", new Holder("P1"), "H1", "r", record, Cited);
            Assert.Equal(SettledClaims.Of(0, StoreFixture.Epoch, new Holder("P1"), "H1", "r", record, Cited), used);
        }
    }

    private static Task EventuallyAsync(Func<Task<bool>> condition, string otherwise) =>
        Eventually.HoldsAsync(Limit, condition, () => otherwise);

    /// <summary>One shard, its relay, a broker, and a consumer that notes what arrives.</summary>
    private sealed class Bench : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly KafkaPublisher _kafka;
        private readonly Task _relaying;
        private readonly Task _consuming;

        private int _turns;

        private Bench(StoreFixture fixture, int window, int kept, TimeProvider time)
        {
            Fixture = fixture;
            Broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
            KafkaSettings settings = new(new Dictionary<string, string>(
                StringComparer.Ordinal)
            { ["bootstrap.servers"] = Broker.BootstrapServers });
            _kafka = new KafkaPublisher(settings, NullLogger<KafkaPublisher>.Instance);
            Relay = new ShardRelay(Shard, fixture.Store, _kafka, "relay under test", window, kept, time,
                Log)
            { VisitsWait = () => Interlocked.Increment(ref _turns) > 0 && VisitsWait };
            _relaying = Task.Run(() => Relay.RunAsync(_stop.Token));
            _consuming = Task.Run(Consume);
        }

        public StoreFixture Fixture { get; }

        public LogLines<ShardRelay> Log { get; } = new();

        /// <summary>Whether the relay is told that visits wait.</summary>
        public volatile bool VisitsWait;

        public EmbeddedBroker Broker { get; }

        public ShardRelay Relay { get; }

        public ShardQueue Shard => Fixture.Store.Shards[0];

        public ConcurrentQueue<SettledClaim> Received { get; } = new();

        /// <summary>Of the records received, in the same order.</summary>
        public ConcurrentQueue<(string Name, string Value)[]> Headers { get; } = new();

        public static async Task<Bench> StartAsync(int window, long longestOutbox = 1_000_000, TimeProvider? time = null, int kept = 0)
        {
            StoreFixture fixture = await StoreFixture.StartAsync(shards: 1, longestOutbox);
            fixture.Terms = await fixture.Store.Terms.KeyOfAsync(fixture.Store.Shards[0], Cited);
            return new Bench(fixture, window, kept, time ?? TimeProvider.System);
        }

        public async Task SettleAsync(int from, int count)
        {
            for (int i = from; i < from + count; i++)
            {
                await Fixture.RunAsync(StepMode.Settle, Visit(i));
            }
        }

        public static ModelVisit Visit(int number) =>
            new($"P{number}", "H1", $"r{number}", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 0, 30_000, null);

        /// <summary>
        /// In the order of their first arrival. On a busy machine a watermark that stands still is taken for lost records: then all come
        /// once more.
        /// </summary>
        public IEnumerable<SettledClaim> ReceivedOnce => Received.DistinctBy(claim => claim.Sequence);

        /// <summary>Returns once the relay has finished so many turns that began after the call.</summary>
        public async Task TurnsAsync(int count)
        {
            // The first that is seen to begin may have begun before, and the last is finished when another begins.
            for (int turn = 0; turn < count + 2; turn++)
            {
                int before = Volatile.Read(ref _turns);
                await EventuallyAsync(
                    () =>
                    {
                        Relay.Commit(Relay.Committed, null);
                        return Task.FromResult(Volatile.Read(ref _turns) > before);
                    },
                    "the relay takes no turns");
            }
        }

        public Task PublishedAsync(int count) =>
            EventuallyAsync(() => Task.FromResult(ReceivedOnce.Count() >= count), $"fewer than {count} records arrived");

        /// <summary>Repeats counted.</summary>
        public Task ReceivedAsync(int count) =>
            EventuallyAsync(() => Task.FromResult(Received.Count >= count), $"fewer than {count} records arrived, repeats counted");

        /// <summary>Returns once the relay has called its script so many times since the call, and has taken the answers.</summary>
        public async Task LooksAsync(int count)
        {
            long before = await CallsAsync();
            await EventuallyAsync(
                async () =>
                {
                    Relay.Commit(Relay.Committed, null);
                    return await CallsAsync() >= before + count;
                },
                "the relay does not look");
            await TurnsAsync(1);
        }

        /// <summary>Calls of scripts by whoever uses this Redis.</summary>
        private async Task<long> CallsAsync()
        {
            string statistics = (string)(await Fixture.Redis.ExecuteAsync("INFO", "commandstats"))!;
            return long.Parse(statistics.Split("cmdstat_evalsha:calls=")[1].Split(',')[0], CultureInfo.InvariantCulture);
        }

        public async Task<long> OutboxLengthAsync() => (long)await Fixture.Redis.ExecuteAsync("XLEN", Shard.Keys.Outbox);

        public async Task StopRelayAsync()
        {
            await _stop.CancelAsync();
            await _relaying;
        }

        public async ValueTask DisposeAsync()
        {
            await StopRelayAsync();
            await _consuming;
            Relay.Dispose();
            _kafka.Dispose();
            Broker.Dispose();
            await Fixture.DisposeAsync();
            _stop.Dispose();
        }

        private void Consume()
        {
            using IConsumer<Ignore, byte[]> consumer = new ConsumerBuilder<Ignore, byte[]>(
                new ConsumerConfig
                {
                    BootstrapServers = Broker.BootstrapServers,
                    GroupId = "test",
                    EnableAutoCommit = false,
                    FetchWaitMaxMs = 10,
                    ReconnectBackoffMaxMs = 2_000,
                }).SetErrorHandler((_, _) => { }).Build();
            consumer.Assign(new TopicPartitionOffset(ClaimsTopic.Name, 0, Offset.Beginning));
            while (!_stop.IsCancellationRequested)
            {
                if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is not { Message: { } message }) continue;
                foreach (SettledClaim claim in SettledMessage.Read(message.Value))
                {
                    Headers.Enqueue([.. message.Headers.Select(header => (header.Key, Encoding.ASCII.GetString(header.GetValueBytes())))]);
                    Received.Enqueue(claim);
                }
            }

            consumer.Close();
        }
    }
}
