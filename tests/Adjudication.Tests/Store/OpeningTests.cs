using System.Globalization;
using Claims.Adjudication.Store;
using Claims.Kafka;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>When the shards of a single Redis open, and the sentence that says why they do not. The ledger is what the test says.</summary>
public sealed class OpeningTests
{
    private const string Foreign = "ffffffffffffffffffffffffffffffff";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Open_first_store_is_created_and_confirmed_and_opened()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.Redis.KeyDeleteAsync([.. fixture.Store.Shards.Select(shard => shard.Keys.Shard)]);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = false });

        await opening.UntilAsync(["open 0", "open 0"]);

        OpenStoreRequest asked = opening.Ledger.Asked.First();
        Assert.Equal(2, asked.Shards);
        Assert.True(Guid.TryParseExact(asked.ProposedEpoch, "n", out _), asked.ProposedEpoch);
        Assert.Equal(StoreFixture.Epoch, opening.Ledger.Confirmed);
        foreach (ShardQueue shard in opening.Store.Shards)
        {
            Assert.Equal(
                [("committed", "0"), ("epoch", StoreFixture.Epoch), ("seq", "0")],
                (await fixture.Redis.HashGetAllAsync(shard.Keys.Shard)).Select(entry => ((string)entry.Name!, (string)entry.Value!))
                    .OrderBy(entry => entry.Item1, StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Open_each_shard_by_what_Redis_and_the_ledger_know_of_it()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 7);
        KnownStore ledger = new() { Initialised = true, Watermarks = [10, 20, 30, 40, 50, 60] };
        long[] inRedis = [10, 19, 35, 40, 50, 60, 5];
        for (int shard = 0; shard < 7; shard++)
            await fixture.Redis.HashSetAsync(fixture.Store.Shards[shard].Keys.Shard, [new("seq", inRedis[shard]), new("committed", 1)]);
        await fixture.Redis.KeyDeleteAsync(fixture.Store.Shards[3].Keys.Shard);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[4].Keys.Shard, "epoch", Foreign);

        // This instance has seen one more than Redis has, and the ledger has not: an old copy of Redis came back.
        await using Opening opening = await Opening.StartAsync(fixture, ledger, store => store.Shards[5].RaiseLowestSequence(61));

        await opening.UntilAsync(
        [
            "open 10",
            "Shard 1 stays closed: Redis is behind what was acknowledged; claims rebuild restores it from the books "
                + "(docs/operations.md#redis-has-lost-data).",
            "open 35",
            "Shard 3 stays closed: its key is missing from Redis; claims rebuild restores it from the books "
                + "(docs/operations.md#redis-has-lost-data).",
            "Shard 4 stays closed: Redis holds the store of another ledger.",
            "Shard 5 stays closed: Redis is behind what was acknowledged; claims rebuild restores it from the books "
                + "(docs/operations.md#redis-has-lost-data).",
            "open 5",
        ]);
        Assert.False(await fixture.Redis.KeyExistsAsync(fixture.Store.Shards[3].Keys.Shard));
        Assert.Equal("", ledger.Confirmed);

        // Brought back; then all are open, and each cause was told once however often it was tried.
        await opening.TriesAsync(2);
        await fixture.Redis.HashSetAsync(
            fixture.Store.Shards[3].Keys.Shard, [new("epoch", StoreFixture.Epoch), new("seq", 41), new("committed", 0)]);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[4].Keys.Shard, "epoch", StoreFixture.Epoch);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[1].Keys.Shard, "seq", 20);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[5].Keys.Shard, "seq", 61);
        await opening.UntilAsync(["open 10", "open 20", "open 35", "open 41", "open 50", "open 61", "open 5"]);
        Assert.Equal(
            [1, 3, 4, 5],
            opening.Log.Lines.Where(line => line.Level is LogLevel.Error)
                .Select(line => int.Parse(line.Sentence.AsSpan(6, 1), System.Globalization.CultureInfo.InvariantCulture)).Order());
    }

    [Fact]
    public async Task Open_store_that_is_behind_what_Kafka_has_stays_closed_and_one_that_is_not_opens()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 3);
        for (int shard = 0; shard < 3; shard++) await fixture.Redis.HashSetAsync(fixture.Store.Shards[shard].Keys.Shard, "seq", 40);
        KnownStore ledger = new() { Initialised = true, Watermarks = [30, 30, 30], InKafka = new() { [0] = 40, [1] = 41 } };
        await using Opening opening = await Opening.StartAsync(fixture, ledger);

        await opening.UntilAsync(
        [
            "open 40",
            "Shard 1 stays closed: Redis is behind what was acknowledged; claims rebuild restores it from the books "
                + "(docs/operations.md#redis-has-lost-data).",
            "open 40",
        ]);
        Assert.Equal(41, opening.Store.Shards[1].LowestSequence);
    }

    [Fact]
    public async Task Open_while_Kafka_is_away_opens_and_says_that_it_was_not_asked()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true, InKafka = null });

        await opening.UntilAsync(["open 0"]);

        Assert.Equal((LogLevel.Warning, "Kafka was not asked how far it has the records of 1 shards that open: no broker"),
            opening.Log.Lines.First());
    }

    [Fact]
    public async Task Open_store_of_which_a_shard_cannot_be_had_is_not_confirmed_and_opens_nothing()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[1].Keys.Shard, "epoch", Foreign);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = false });

        await opening.TriesAsync(2);

        await opening.UntilAsync(["The store has not been opened yet: Redis or the ledger has not answered.",
            "Shard 1 stays closed: Redis holds the store of another ledger."]);
        Assert.Equal("", opening.Ledger.Confirmed);
    }

    [Fact]
    public async Task Open_store_that_the_ledger_does_not_confirm_stays_closed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = false, RefusesToConfirm = true });

        await opening.TriesAsync(2);

        const string Away = "The store cannot be opened: the ledger does not answer.";
        await opening.UntilAsync([Away, Away]);
        Assert.Equal([(LogLevel.Warning, "2 shards cannot be opened yet: the ledger does not answer")], opening.Log.Lines);
    }

    [Fact]
    public async Task Open_store_of_another_number_of_shards_stays_closed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true, Shards = 3 });

        const string Differs = "The ledger's store has 3 shards, this service is set to 2.";
        await opening.UntilAsync([Differs, Differs]);
    }

    [Theory]
    [InlineData("appendfsync", "everysec", "always")]
    [InlineData("appendfsync", "no", "always")]
    [InlineData("appendonly", "no", "yes")]
    public async Task Open_store_whose_answers_may_be_lost_with_the_machine_stays_closed_until_they_may_not(
        string setting, string unsafely, string safely)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", setting, unsafely);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });

        const string Fault = "Redis must run with appendonly yes and appendfsync always.";
        await opening.UntilAsync([$"Shard 0 stays closed: {Fault}", $"Shard 1 stays closed: {Fault}"]);
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", setting, safely);

        await opening.UntilAsync(["open 0", "open 0"]);
    }

    public static TheoryData<string, string, string, string> Distrusts => new()
    {
        { "appendfsync", "everysec", "always", "Redis must run with appendonly yes and appendfsync always." },
        { "appendonly", "no", "yes", "Redis must run with appendonly yes and appendfsync always." },
        { "maxmemory-policy", "allkeys-lru", "noeviction", "Redis must run with maxmemory-policy noeviction." },
        { "maxmemory-policy", "volatile-ttl", "noeviction", "Redis must run with maxmemory-policy noeviction." },
    };

    [Theory]
    [MemberData(nameof(Distrusts))]
    public async Task Open_shards_close_when_what_Redis_must_be_changes_and_open_again_when_it_is_back(
        string setting, string unsafely, string safely, string fault)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });
        await opening.UntilAsync(["open 0", "open 0"]);

        await fixture.Redis.ExecuteAsync("CONFIG", "SET", setting, unsafely);
        await opening.UntilAsync([$"Shard 0 stays closed: {fault}", $"Shard 1 stays closed: {fault}"]);
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", setting, safely);

        await opening.UntilAsync(["open 0", "open 0"]);
    }

    [Fact]
    public async Task Open_shards_of_a_Redis_with_a_replica_outside_of_a_cluster_close_and_neither_may_be_opened()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await using StoreFixture other = await StoreFixture.StartAsync(shards: 1);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });
        await using Opening replica = await Opening.StartAsync(other, new KnownStore { Initialised = true });
        await opening.UntilAsync(["open 0"]);
        await replica.UntilAsync(["open 0"]);

        string[] master = fixture.Server.Configuration.Split(["127.0.0.1:", ",password="], StringSplitOptions.RemoveEmptyEntries);
        await other.Redis.ExecuteAsync("CONFIG", "SET", "masterauth", master[1]);
        await other.Redis.ExecuteAsync("REPLICAOF", "127.0.0.1", master[0]);

        const string Fault = "Shard 0 stays closed: Redis outside of a cluster must be one master without replicas, since one that is "
            + "promoted may lack answers, unless answers wait for replicas (Claims__RedisReplicas).";
        await opening.UntilAsync([Fault]);
        await replica.UntilAsync([Fault]);
        await other.Redis.Multiplexer.GetServers()[0].ExecuteAsync("REPLICAOF", "NO", "ONE");
        await opening.UntilAsync(["open 0"]);
    }

    [Fact]
    public async Task Open_master_and_replica_outside_of_a_cluster_open_where_answers_wait_and_close_while_both_are_masters()
    {
        await using StoreFixture first = await StoreFixture.StartAsync(shards: 1);
        await using StoreFixture second = await StoreFixture.StartAsync(shards: 1);
        string[] master = first.Server.Configuration.Split(["127.0.0.1:", ",password="], StringSplitOptions.RemoveEmptyEntries);
        await second.Redis.ExecuteAsync("CONFIG", "SET", "masterauth", master[1]);
        await second.Redis.ExecuteAsync("CONFIG", "SET", "requirepass", master[1]);
        foreach (StoreFixture server in (StoreFixture[])[first, second])
            await server.Redis.ExecuteAsync("CONFIG", "SET", "repl-diskless-sync-delay", "0");
        await second.Redis.ExecuteAsync("REPLICAOF", "127.0.0.1", master[0]);
        await using ConnectionMultiplexer both = await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(
            $"127.0.0.1:{first.Server.Port},127.0.0.1:{second.Server.Port},password={master[1]}"));
        SettlementStore store = new(both.GetDatabase(), shardCount: 1, longestOutbox: 1_000, replicas: 1);
        await using Opening opening = await Opening.StartAsync(store, new KnownStore { Initialised = true, Shards = 1 });
        await opening.UntilAsync(["open 0"]);
        ModelVisit visit = new("P1", "H1", "r1", new DateOnly(2024, 3, 5), 700, 700, 6500, 0, 30_000, null);
        await Eventually.HoldsAsync(Limit, () => SettlesAsync(store, visit));

        IServer successor = both.GetServer("127.0.0.1", second.Server.Port);
        await successor.ExecuteAsync("REPLICAOF", "NO", "ONE");
        await opening.UntilAsync(
            ["Shard 0 stays closed: of the Redis servers outside of a cluster one must be the master, and 2 are."]);
        await first.Redis.ExecuteAsync("CONFIG", "SET", "masterauth", master[1]);
        await both.GetServer("127.0.0.1", first.Server.Port).ExecuteAsync(
            "REPLICAOF", "127.0.0.1", second.Server.Port.ToString(CultureInfo.InvariantCulture));

        await opening.UntilAsync(["open 1"]);
        await Eventually.HoldsAsync(Limit, () => SettlesAsync(store, visit with { Request = "r2" }));
        await opening.UntilAsync(["open 2"]);
    }

    private static async Task<bool> SettlesAsync(SettlementStore store, ModelVisit visit)
    {
        try
        {
            StepReply reply = await store.ShardOf(visit.Insured).RunAsync(StoreFixture.StepOf(StepMode.Settle, visit, terms: 0));
            return reply.Outcome is StepOutcome.New or StepOutcome.Replay;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    [Fact]
    public async Task Open_shard_whose_known_insured_are_not_those_that_it_counts_stays_closed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[0].Keys.Shard, "people", 3);
        await fixture.Redis.SetAddAsync(fixture.Store.Shards[0].Keys.Known, ["a", "b"]);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });

        await opening.UntilAsync(["Shard 0 stays closed: Redis counts 3 insured in it and knows 2; claims rebuild restores it from the "
                + "books (docs/operations.md#redis-has-lost-data)."]);
        await fixture.Redis.SetAddAsync(fixture.Store.Shards[0].Keys.Known, "c");
        await opening.UntilAsync(["open 0"]);
    }

    [Fact]
    public async Task Open_again_after_a_shard_closed_opens_that_one_only_and_forgets_its_terms()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });
        await opening.UntilAsync(["open 0", "open 0"]);
        Terms cited = SampleTerms.Of(5_500, 4_000, 30_000);
        uint key = await opening.Store.Terms.KeyOfAsync(opening.Store.Shards[0], cited);
        await opening.Store.Terms.KeyOfAsync(opening.Store.Shards[1], cited);
        await fixture.Redis.HashSetAsync(opening.Store.Shards[0].Keys.Shard, "seq", 7);
        await fixture.Redis.HashSetAsync(opening.Store.Shards[1].Keys.Shard, "seq", 8);

        opening.Store.Shards[0].Close("closed by the test");

        await opening.UntilAsync(["open 7", "open 0"]);
        Assert.False(opening.Store.Terms.TryRead(opening.Store.Shards[0], key, out _));
        Assert.True(opening.Store.Terms.TryRead(opening.Store.Shards[1], key, out _));
        Assert.Equal(
            [$"Opened 2 shards of store {StoreFixture.Epoch}", $"Opened 1 shards of store {StoreFixture.Epoch}"],
            opening.Log.Lines.Where(line => line.Level is LogLevel.Information).Select(line => line.Sentence));
    }

    [Fact]
    public async Task Open_while_Redis_is_away_says_so_and_opens_once_it_is_back()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.Server.KillAsync();
        await using Opening opening = await Opening.StartAsync(fixture, new KnownStore { Initialised = true });

        const string Away = "The store cannot be opened: Redis does not answer.";
        await opening.UntilAsync([Away, Away]);
        await fixture.Server.RestartAsync();

        await opening.UntilAsync(["open 0", "open 0"]);
    }

    private sealed class Opening : IAsyncDisposable
    {
        private readonly StoreOpener _opener;

        private Opening(SettlementStore store, KnownStore ledger)
        {
            Store = store;
            Ledger = ledger;
            _opener = new StoreOpener(store, ledger, ledger.Published, TimeProvider.System, Log);
        }

        public SettlementStore Store { get; }

        public KnownStore Ledger { get; }

        public LogLines<StoreOpener> Log { get; } = new();

        /// <summary>Another instance than the fixture's, which opens by itself.</summary>
        public static async Task<Opening> StartAsync(StoreFixture fixture, KnownStore ledger, Action<SettlementStore>? before = null)
        {
            SettlementStore store = new(fixture.Redis, fixture.Store.Shards.Count, longestOutbox: 1_000);
            before?.Invoke(store);
            return await StartAsync(store, ledger);
        }

        public static async Task<Opening> StartAsync(SettlementStore store, KnownStore ledger)
        {
            if (ledger.Shards == 0) ledger.Shards = store.Shards.Count;
            Opening opening = new(store, ledger);
            await opening._opener.StartAsync(CancellationToken.None);
            return opening;
        }

        /// <param name="expected">Of each shard: "open" and its lowest sequence, or why it is closed.</param>
        public Task UntilAsync(string[] expected) => Eventually.HoldsAsync(
            Limit, () => Task.FromResult(States().SequenceEqual(expected)), () => string.Join('\n', States()));

        /// <summary>Returns once so many further attempts have begun, so that all but the last are finished.</summary>
        public Task TriesAsync(int count)
        {
            int before = Ledger.Asked.Count;
            return Eventually.HoldsAsync(Limit, () => Task.FromResult(Ledger.Asked.Count >= before + count));
        }

        public async ValueTask DisposeAsync()
        {
            await _opener.StopAsync(CancellationToken.None);
            _opener.Dispose();
            await Store.DisposeAsync();
        }

        private IEnumerable<string> States() => Store.Shards.Select(shard =>
            shard.Status switch
            {
                { Epoch: StoreFixture.Epoch, Reason: "" } => $"open {shard.LowestSequence}",
                { Epoch: null } status => status.Reason,
                ShardStatus status => status.ToString(),
            });
    }

    /// <summary>The ledger, as far as it knows the store.</summary>
    private sealed class KnownStore : Ledger.LedgerClient
    {
        public bool Initialised { get; set; }

        public bool RefusesToConfirm { get; init; }

        public int Shards { get; set; }

        /// <summary>Of the shards from 0 on; of the others the ledger has nothing.</summary>
        public long[] Watermarks { get; init; } = [];

        public System.Collections.Concurrent.ConcurrentQueue<OpenStoreRequest> Asked { get; } = new();

        public string Confirmed { get; private set; } = "";

        /// <summary>What Kafka has of a shard; null while it does not answer.</summary>
        public Dictionary<int, long>? InKafka { get; set; } = [];

        public IReadOnlyDictionary<int, long> Published(string epoch, IReadOnlyCollection<int> shards)
        {
            Assert.Equal(StoreFixture.Epoch, epoch);
            return InKafka is null
                ? throw new KafkaReadException(new TimeoutException("no broker"))
                : InKafka.Where(one => shards.Contains(one.Key)).ToDictionary();
        }

        public override AsyncUnaryCall<global::Claims.V1.Store> OpenStoreAsync(OpenStoreRequest request, CallOptions options)
        {
            Asked.Enqueue(request);
            return Answer(Task.FromResult(Known()));
        }

        public override AsyncUnaryCall<global::Claims.V1.Store> ConfirmStoreAsync(ConfirmStoreRequest request, CallOptions options)
        {
            if (RefusesToConfirm)
                return Answer(Task.FromException<global::Claims.V1.Store>(new RpcException(new Status(StatusCode.Unavailable, "away"))));
            Initialised = true;
            Confirmed = request.Epoch;
            return Answer(Task.FromResult(Known()));
        }

        private global::Claims.V1.Store Known() => new()
        {
            Epoch = StoreFixture.Epoch,
            Shards = Shards,
            Initialised = Initialised,
            Watermarks = { Watermarks.Select((sequence, shard) => new ShardWatermark { Shard = shard, Sequence = sequence }) },
        };

        private static AsyncUnaryCall<global::Claims.V1.Store> Answer(Task<global::Claims.V1.Store> store) =>
            new(store, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }
}
