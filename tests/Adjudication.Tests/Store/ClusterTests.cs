using Claims.Adjudication.Store;
using static Adjudication.Tests.Store.ClusterClients;

namespace Adjudication.Tests.Store;

/// <summary>Two instances over a Redis Cluster whose shards move and whose nodes die and hand over.</summary>
public sealed class ClusterTests
{
    [Fact]
    public async Task Run_while_shards_move_and_nodes_die_and_hand_over_loses_and_repeats_nothing()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        await using Instance one = await Instance.StartAsync(cluster);
        await using Instance other = await Instance.StartAsync(cluster);
        await one.CreateShardsAsync();
        other.OpenShards();
        await SettleWhileAsync(one, other, async (effects, refusals) =>
        {
            for (int shard = 0; shard < ShardCount; shard++)
            {
                int slot = await cluster.SlotOfAsync(shard);
                RedisCluster.Node from = await cluster.OwnerOfAsync(slot);
                RedisCluster.Node to = cluster.Nodes.Take(RedisCluster.Masters).First(node => node != from);
                await cluster.MoveAsync(slot, from, to, () => RefusedAsync(refusals, "moved"));
            }

            await ProgressAsync(effects);
            await cluster.HandOverAsync();
            await ProgressAsync(effects);
            RedisCluster.Node killed = await cluster.OwnerOfAsync(await cluster.SlotOfAsync(0));
            await killed.Server.KillAsync();
            await RefusedAsync(refusals, "unknown");
            await killed.Server.RestartAsync();
            await ProgressAsync(effects);
        });
    }

    [Fact]
    public async Task Run_node_that_is_away_keeps_only_its_own_shards()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        await using Instance one = await Instance.StartAsync(cluster);
        await one.CreateShardsAsync();
        RedisCluster.Node away = await cluster.OwnerOfAsync(await cluster.SlotOfAsync(0));
        List<int> kept = [];
        for (int shard = 0; shard < ShardCount; shard++)
        {
            if (await cluster.OwnerOfAsync(await cluster.SlotOfAsync(shard)) != away) kept.Add(shard);
        }

        Assert.NotEmpty(kept);
        await away.Server.KillAsync();

        // More failures in a row than a breaker bears.
        for (int attempt = 0; attempt < 12; attempt++)
            await Assert.ThrowsAsync<StoreUnavailableException>(() => SettleAsync(one, InsuredOf(0), $"a{attempt}"));
        foreach (int shard in kept) Assert.Equal(StepOutcome.New, (await SettleAsync(one, InsuredOf(shard), "k")).Outcome);
    }

    [Fact]
    public async Task ReadAll_of_a_shard_on_its_way_to_another_node_tells_nothing_rather_than_half()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        await using Instance one = await Instance.StartAsync(cluster);
        await one.CreateShardsAsync();
        string[] insured = [.. Enumerable.Range(0, 400).Select(number => $"P{number}").Where(id => Shards.Of(id, ShardCount) == 0)];
        await Task.WhenAll(insured.Select(id => SettleAsync(one, id, "r1")));
        int slot = await cluster.SlotOfAsync(0);
        RedisCluster.Node from = await cluster.OwnerOfAsync(slot);
        StoreUnavailableException? halfWay = null;

        await cluster.MoveAsync(slot, from, cluster.Nodes.Take(RedisCluster.Masters).First(node => node != from), async () =>
            halfWay = await Assert.ThrowsAsync<StoreUnavailableException>(() => ReadAsync(one, 0)));

        Assert.Contains("is being moved", halfWay?.Message, StringComparison.Ordinal);
        Assert.Equal(insured.Order(StringComparer.Ordinal),
            (await ReadAsync(one, 0)).Select(accumulators => accumulators.InsuredId).Order(StringComparer.Ordinal));
    }
}
