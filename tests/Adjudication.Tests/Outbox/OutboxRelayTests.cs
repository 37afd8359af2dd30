using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Adjudication.Tests.Store;
using Claims.Adjudication;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Rules;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Outbox;

/// <summary>The relays of two shards, and how they follow what the ledger says of each; the ledger is what the test says.</summary>
public sealed class OutboxRelayTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly Terms Cited = SampleTerms.Of(5_500, 0, 30_000);

    [Fact]
    public async Task Follow_ledger_that_connects_gets_each_shard_from_its_watermark_and_so_does_one_that_connects_again()
    {
        await using Relays relays = await Relays.StartAsync(window: 100);
        await relays.SettleAsync(0, 3);
        await relays.SettleAsync(1, 5);
        await relays.Ledger.SayAsync(Mark(0, 0), Mark(1, 2), Mark(2, 9), Mark(-1, 9));
        await relays.ReceivedAsync("1 2 3", "3 4 5");
        await relays.Ledger.SayAsync(Mark(0, 1));
        await relays.UntilAsync((1, 3), (2, 5));
        Assert.Equal([2, 3], relays.CommittedLags(3, 5));

        relays.Ledger.HangUp();
        await relays.Ledger.SayAsync(Mark(0, 1), Mark(1, 3));

        await relays.ReceivedAsync("1 2 3 2 3", "3 4 5 4 5");
        Assert.Contains(relays.Log.Lines, line => line.Level is LogLevel.Warning && line.Sentence.StartsWith(
            "The ledger's watermarks are interrupted: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Follow_gap_is_answered_once_however_often_it_is_reminded_of_and_again_when_it_is_announced_anew()
    {
        await using Relays relays = await Relays.StartAsync(window: 100);
        await relays.SettleAsync(0, 2);
        await relays.SettleAsync(1, 3);
        await relays.Ledger.SayAsync(Mark(0, 0), Mark(1, 0));
        await relays.ReceivedAsync("1 2", "1 2 3");

        await relays.Ledger.SayAsync(Mark(1, 1, gap: 7));
        await relays.ReceivedAsync("1 2", "1 2 3 2 3");

        // Reminders change nothing: another record is the next that comes.
        await relays.Ledger.SayAsync(Mark(1, 1, gap: 7));
        await relays.Ledger.SayAsync(Mark(1, 1, gap: 7));
        await relays.SettleAsync(1, 1);
        await relays.ReceivedAsync("1 2", "1 2 3 2 3 4");
        await relays.Ledger.SayAsync(Mark(1, 1, gap: 8));
        await relays.ReceivedAsync("1 2", "1 2 3 2 3 4 2 3 4");
        await relays.Ledger.SayAsync(Mark(1, 2, gap: 8));
        await relays.ReceivedAsync("1 2", "1 2 3 2 3 4 2 3 4 3 4");
    }

    [Fact]
    public async Task Follow_window_of_the_settings_bounds_each_shard()
    {
        await using Relays relays = await Relays.StartAsync(window: 2);
        await relays.SettleAsync(0, 5);
        await relays.SettleAsync(1, 5);
        await relays.Ledger.SayAsync(Mark(0, 0), Mark(1, 1));
        await relays.ReceivedAsync("1 2", "2 3");
        await relays.Ledger.SayAsync(Mark(1, 2));
        await relays.ReceivedAsync("1 2", "2 3 4");
    }

    [Fact]
    public async Task Follow_shard_that_the_ledger_has_stopped_is_told_to_operators()
    {
        await using Relays relays = await Relays.StartAsync(window: 100);

        await relays.Ledger.SayAsync(new ShardWatermark { Shard = 1, Sequence = 4, Stopped = "record 5 cannot be booked" });

        await Eventually.HoldsAsync(Limit, () => Task.FromResult(!relays.Log.Lines.IsEmpty));
        Assert.Equal([(LogLevel.Error, "The ledger has stopped shard 1: record 5 cannot be booked")], relays.Log.Lines);
    }

    [Fact]
    public async Task Start_has_a_name_of_its_own_each_time_and_leaves_the_lease_when_it_stops()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 2);
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int start = 0; start < 2; start++)
        {
            await using Relays relays = await Relays.StartAsync(window: 100, fixture, broker);
            await relays.Ledger.SayAsync(Mark(0, 0), Mark(1, 0));
            string?[] leases = ["", ""];
            await Eventually.HoldsAsync(Limit, async () =>
            {
                leases = [.. await Task.WhenAll(
                    fixture.Store.Shards.Select(async shard => (string?)await fixture.Redis.StringGetAsync(shard.Keys.Lease)))];
                return leases.All(lease => lease is not null);
            });
            Assert.Equal(leases[0], leases[1]);
            Assert.True(names.Add(leases[0]!), "A relay has the name of one before it.");
        }

        foreach (ShardQueue shard in fixture.Store.Shards) Assert.False(await fixture.Redis.KeyExistsAsync(shard.Keys.Lease));
    }

    private static ShardWatermark Mark(int shard, long sequence, long gap = 0) =>
        new() { Shard = shard, Sequence = sequence, Gap = gap > 0, Announcement = gap };

    private sealed class Relays : IAsyncDisposable
    {
        private readonly StoreFixture _fixture;
        private readonly EmbeddedBroker _broker;
        private readonly bool _owns;
        private readonly KafkaPublisher _kafka;
        private readonly OutboxRelay _relay;
        private readonly CancellationTokenSource _stop = new();
        private readonly ConcurrentQueue<long>[] _received = [new(), new()];
        private readonly Task _consuming;
        private readonly int[] _settled = new int[2];

        private Relays(StoreFixture fixture, EmbeddedBroker broker, bool owns, int window)
        {
            (_fixture, _broker, _owns) = (fixture, broker, owns);
            KafkaSettings settings = new(new Dictionary<string, string>(
                StringComparer.Ordinal)
            { ["bootstrap.servers"] = broker.BootstrapServers });
            _kafka = new KafkaPublisher(settings, NullLogger<KafkaPublisher>.Instance);

            // Time that stands still, so that no watermark stands still for too long on a busy machine.
            _relay = new OutboxRelay(fixture.Store, _kafka, Ledger, new AdjudicationSettings { RelayWindow = window },
                new StoppedTime(), Log);
            _consuming = Task.Run(() => Consume(settings));
        }

        public SaidLedger Ledger { get; } = new();

        public LogLines<OutboxRelay> Log { get; } = new();

        public static async Task<Relays> StartAsync(int window, StoreFixture? fixture = null, EmbeddedBroker? broker = null)
        {
            bool owns = fixture is null;
            fixture ??= await StoreFixture.StartAsync(shards: 2);
            foreach (ShardQueue shard in fixture.Store.Shards) fixture.Terms = await fixture.Store.Terms.KeyOfAsync(shard, Cited);
            Relays relays = new(fixture, broker ?? EmbeddedBroker.Start(ClaimsTopic.Name, 2), owns, window);
            await relays._relay.StartAsync(CancellationToken.None);
            return relays;
        }

        public async Task SettleAsync(int shard, int count)
        {
            string insured = Enumerable.Range(0, 100).Select(number => $"P{number}").First(id => Shards.Of(id, 2) == shard);
            for (int i = 0; i < count; i++)
                await _fixture.RunAsync(StepMode.Settle, new ModelVisit(
                    insured, "H1", $"r{++_settled[shard]}", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 0, 30_000, null));
        }

        /// <summary>Returns once exactly these sequences have arrived, in this order; fails as soon as something else has.</summary>
        public Task ReceivedAsync(string shard0, string shard1) => Eventually.HoldsAsync(
            Limit,
            () =>
            {
                Assert.StartsWith(Line(0), shard0, StringComparison.Ordinal);
                Assert.StartsWith(Line(1), shard1, StringComparison.Ordinal);
                return Task.FromResult(Line(0) == shard0 && Line(1) == shard1);
            },
            () => $"{Line(0)} | {Line(1)}");

        public Task UntilAsync((long Committed, long Published) shard0, (long Committed, long Published) shard1) => Eventually.HoldsAsync(
            Limit, () => Task.FromResult(_relay.PositionOf(0) == shard0 && _relay.PositionOf(1) == shard1), () =>
                $"{_relay.PositionOf(0)} {_relay.PositionOf(1)}");

        /// <summary>By shard, the lag that is measured; of this store, whose shards have given out so many numbers.</summary>
        public IEnumerable<long> CommittedLags(params long[] givenOut)
        {
            List<(int Shard, long Records)> measured = [];
            using MeterListener listener = new();
            listener.InstrumentPublished = (instrument, meter) =>
            {
                if (instrument.Name == "claims_outbox_lag_records") meter.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((instrument, records, tags, _) => measured.Add(((int)tags[0].Value!, records)));
            listener.Start();
            listener.RecordObservableInstruments();

            // Other tests' relays are measured as well.
            Assert.All(givenOut.Index(), shard => Assert.Equal(shard.Item, _fixture.Store.Shards[shard.Index].LowestSequence));
            return [.. givenOut.Index().Select(shard => shard.Item - _relay.PositionOf(shard.Index).Committed)
                .Where((lag, shard) => measured.Contains((shard, lag)))];
        }

        public async ValueTask DisposeAsync()
        {
            await _relay.StopAsync(CancellationToken.None);
            await _stop.CancelAsync();
            await _consuming;
            _relay.Dispose();
            _kafka.Dispose();
            _stop.Dispose();
            if (!_owns) return;
            _broker.Dispose();
            await _fixture.DisposeAsync();
        }

        private string Line(int shard) => string.Join(' ', _received[shard]);

        private void Consume(KafkaSettings settings)
        {
            using IConsumer<Ignore, byte[]> consumer = new ConsumerBuilder<Ignore, byte[]>(settings.Consumer())
                .SetErrorHandler((_, _) => { }).Build();
            consumer.Assign([new TopicPartitionOffset(ClaimsTopic.Name, 0, Offset.Beginning),
                new TopicPartitionOffset(ClaimsTopic.Name, 1, Offset.Beginning)]);
            while (!_stop.IsCancellationRequested)
            {
                if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is not { Message: { } message } result) continue;
                foreach (SettledClaim claim in SettledMessage.Read(message.Value))
                {
                    Assert.Equal(result.Partition.Value, claim.Shard);
                    _received[claim.Shard].Enqueue(claim.Sequence);
                }
            }

            consumer.Close();
        }
    }

    /// <summary>A ledger whose watermarks are what a test says.</summary>
    private sealed class SaidLedger : Ledger.LedgerClient
    {
        private Channel<Watermarks> _said = Channel.CreateUnbounded<Watermarks>();

        public async Task SayAsync(params ShardWatermark[] marks) => await _said.Writer.WriteAsync(new Watermarks { Shards = { marks } });

        /// <summary>What is said next is said to the call after this one.</summary>
        public void HangUp()
        {
            Channel<Watermarks> ended = Interlocked.Exchange(ref _said, Channel.CreateUnbounded<Watermarks>());
            ended.Writer.Complete();
        }

        public override AsyncServerStreamingCall<Watermarks> WatchWatermarks(WatchWatermarksRequest request,
            Grpc.Core.Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            new(new Reader(_said.Reader), Task.FromResult(new Grpc.Core.Metadata()), () => Status.DefaultSuccess, () => [], () => { });

        private sealed class Reader(ChannelReader<Watermarks> said) : IAsyncStreamReader<Watermarks>
        {
            public Watermarks Current { get; private set; } = new();

            public async Task<bool> MoveNext(CancellationToken cancellationToken)
            {
                if (!await said.WaitToReadAsync(cancellationToken)) throw new RpcException(new Status(StatusCode.Unavailable, "hung up"));
                Current = await said.ReadAsync(cancellationToken);
                return true;
            }
        }
    }
}
