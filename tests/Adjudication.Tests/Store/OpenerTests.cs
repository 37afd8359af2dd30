using Claims.Adjudication.Store;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>When shards open on a Redis Cluster, and when they must not.</summary>
public sealed class OpenerTests
{
    private const int ShardCount = 8;

    [Fact]
    public async Task Open_replica_that_may_take_over_by_itself_keeps_the_store_closed_until_it_may_not()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(mayTakeOver: true);
        await using Opened opened = await Opened.StartAsync(cluster, new KnownStore { Initialised = false });
        await opened.UntilAsync(shard => shard.Status.Reason.Contains("cluster-replica-no-failover yes", StringComparison.Ordinal));

        foreach (RedisCluster.Node node in cluster.Nodes) await node.TellAsync("CONFIG", "SET", "cluster-replica-no-failover", "yes");

        await opened.UntilAsync(shard => shard.Status.Epoch == StoreFixture.Epoch);
        Assert.True(opened.Ledger.Initialised);
    }

    [Fact]
    public async Task Open_replicas_that_may_take_over_by_themselves_are_let_be_where_answers_wait_for_them()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(mayTakeOver: true, replicas: RedisCluster.Masters);
        await using Opened opened = await Opened.StartAsync(cluster, new KnownStore { Initialised = false }, replicas: 1);

        await opened.UntilAsync(shard => shard.Status.Epoch == StoreFixture.Epoch);
    }

    [Fact]
    public async Task Open_node_that_is_away_keeps_only_its_own_shards_closed()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        KnownStore ledger = new() { Initialised = false };
        await using (Opened first = await Opened.StartAsync(cluster, ledger))
            await first.UntilAsync(shard => shard.Status.Epoch is not null);
        RedisCluster.Node away = await cluster.OwnerOfAsync(await cluster.SlotOfAsync(0));
        HashSet<int> lost = [];
        for (int shard = 0; shard < ShardCount; shard++)
        {
            if (await cluster.OwnerOfAsync(await cluster.SlotOfAsync(shard)) == away) lost.Add(shard);
        }

        Assert.InRange(lost.Count, 1, ShardCount - 1);
        await away.Server.KillAsync();

        await using Opened again = await Opened.StartAsync(cluster, ledger);
        await again.UntilAsync(shard => shard.Status.Epoch is null == lost.Contains(shard.Shard));
        Assert.All(lost, shard => Assert.Equal(
            "The store cannot be opened: Redis does not answer.", again.Store.Shards[shard].Status.Reason));

        await away.Server.RestartAsync();
        await again.UntilAsync(shard => shard.Status.Epoch is not null);
    }

    /// <summary>An instance that opens its shards by itself, as the service does.</summary>
    private sealed class Opened : IAsyncDisposable
    {
        private readonly ConnectionMultiplexer _connection;
        private readonly StoreOpener _opener;

        private Opened(ConnectionMultiplexer connection, KnownStore ledger, int replicas)
        {
            _connection = connection;
            Ledger = ledger;
            Store = new SettlementStore(connection.GetDatabase(), ShardCount, longestOutbox: 1_000, replicas);
            _opener = new StoreOpener(
                Store, ledger, (_, _) => new Dictionary<int, long>(), TimeProvider.System, NullLogger<StoreOpener>.Instance);
        }

        public SettlementStore Store { get; }

        public Task UntilAsync(Func<ShardQueue, bool> condition) => RedisCluster.UntilAsync(
            () => Task.FromResult(Store.Shards.All(condition)),
            () => string.Join('\n', Store.Shards.Select(shard => $"shard {shard.Shard}: {shard.Status}")));

        public KnownStore Ledger { get; }

        public static async Task<Opened> StartAsync(RedisCluster cluster, KnownStore ledger, int replicas = 0)
        {
            Opened opened = new(
                await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(cluster.Configuration)), ledger, replicas);
            await opened._opener.StartAsync(CancellationToken.None);
            return opened;
        }

        public async ValueTask DisposeAsync()
        {
            await _opener.StopAsync(CancellationToken.None);
            _opener.Dispose();
            await Store.DisposeAsync();
            await _connection.CloseAsync();
            _connection.Dispose();
        }
    }

    /// <summary>The ledger, as far as it knows the store.</summary>
    private sealed class KnownStore : Ledger.LedgerClient
    {
        public bool Initialised { get; set; }

        public override AsyncUnaryCall<global::Claims.V1.Store> OpenStoreAsync(OpenStoreRequest request, CallOptions options) =>
            Answer();

        public override AsyncUnaryCall<global::Claims.V1.Store> ConfirmStoreAsync(ConfirmStoreRequest request, CallOptions options)
        {
            Initialised = true;
            return Answer();
        }

        private AsyncUnaryCall<global::Claims.V1.Store> Answer() => new(
            Task.FromResult(new global::Claims.V1.Store { Epoch = StoreFixture.Epoch, Shards = ShardCount, Initialised = Initialised }),
            Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }
}
