using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using Claims.PrivateServers;
using static Adjudication.Tests.Store.ClusterClients;

namespace Adjudication.Tests.Store;

/// <summary>Three masters with a replica each, which take over by themselves: what waited for a replica is never lost.</summary>
public sealed class ReplicaWaitTests
{
    [Fact]
    public async Task Run_answers_that_wait_for_a_replica_outlive_masters_that_die_and_replicas_that_take_over()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(mayTakeOver: true, replicas: RedisCluster.Masters);
        await using Instance one = await Instance.StartAsync(cluster, replicas: 1);
        await using Instance other = await Instance.StartAsync(cluster, replicas: 1);
        await one.CreateShardsAsync();
        other.OpenShards();
        await SettleWhileAsync(one, other, async (effects, refusals) =>
        {
            await ProgressAsync(effects);

            int slot = await cluster.SlotOfAsync(0);
            RedisCluster.Node from = await cluster.OwnerOfAsync(slot);
            RedisCluster.Node to = cluster.Nodes.Take(RedisCluster.Masters).First(node => node != from);
            await cluster.MoveAsync(slot, from, to, () => RefusedAsync(refusals, "moved"));
            await ProgressAsync(effects);

            cluster.Replica.Server.Process.Signal(ProcessSignal.Stop);
            await RefusedAsync(refusals, "behind");
            cluster.Replica.Server.Process.Signal(ProcessSignal.Continue);
            await ProgressAsync(effects);

            RedisCluster.Node cut = cluster.Nodes[RedisCluster.Masters + 1];
            await RedisCluster.CutAsync(cut, cluster.Nodes[1]);
            await RefusedAsync(refusals, "behind");
            await cluster.MendAsync(cut);
            await ProgressAsync(effects);

            for (int number = 0; number < RedisCluster.Masters; number++)
            {
                RedisCluster.Node successor = cluster.Nodes[RedisCluster.Masters + number];
                await cluster.Nodes[number].Server.KillAsync();
                await RedisCluster.UntilAsync(
                    async () => (await successor.TellAsync("ROLE")).StartsWith("master", StringComparison.Ordinal));
                await cluster.Nodes[number].Server.RestartAsync();
                await RedisCluster.FollowsAsync(cluster.Nodes[number]);
                await ProgressAsync(effects);
            }
        });
    }

    [Theory]
    [InlineData(0, "answered")]
    [InlineData(1, "Shard 0: 0 of 1 replicas have it; the outcome is unknown.")]
    public async Task Run_record_that_a_replica_lacks_is_answered_for_only_where_answers_do_not_wait(int replicas, string expected)
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(mayTakeOver: true, replicas: RedisCluster.Masters);
        await using Instance one = await Instance.StartAsync(cluster, replicas);
        await one.CreateShardsAsync();
        string insured = InsuredOf(0);
        RedisCluster.Node master = await cluster.OwnerOfAsync(await cluster.SlotOfAsync(0));
        RedisCluster.Node replica = cluster.Nodes[cluster.Nodes.IndexOf(master) + RedisCluster.Masters];
        Assert.Equal(StepOutcome.New, (await SettleAsync(one, insured, "before")).Outcome);

        await RedisCluster.CutAsync(replica, master);
        string told = await AnswerOrRefusalAsync(one, insured, "lost");
        string seen = await AnswerOrRefusalAsync(one, insured, "lost");
        await master.Server.KillAsync();
        await RedisCluster.UntilAsync(async () => (await replica.TellAsync("ROLE")).StartsWith("master", StringComparison.Ordinal));
        await master.Server.RestartAsync();
        await RedisCluster.FollowsAsync(master);

        // The record is gone with its master in either case. It may be, where nobody was told of it: not in the first answer, nor in a
        // repeated one, which writes nothing and still waits.
        Assert.Equal((expected, expected), (told, seen));
        if (replicas == 0)
        {
            string last = "";
            await RedisCluster.UntilAsync(
                async () => (last = await AnswerOrRefusalAsync(one, insured, "lost"))
                    .Contains("behind what was acknowledged", StringComparison.Ordinal),
                () => last);
            return;
        }

        await RedisCluster.UntilAsync(() => AnswersAsync(one, insured));
        Assert.Equal(["before"], (await OutboxReader.ReadAsync(one.Store.Shards[0], StoreFixture.Epoch)).Select(entry => entry.RequestId));
        StepReply again = await SettleAsync(one, insured, "lost");
        Assert.Equal((StepOutcome.New, 2), (again.Outcome, again.Header.Sequence));
    }

    [Fact]
    public async Task Run_answer_that_one_instance_could_not_give_is_not_given_by_another_before_the_replica_has_it()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(mayTakeOver: true, replicas: RedisCluster.Masters);
        await using Instance one = await Instance.StartAsync(cluster, replicas: 1);
        await using Instance other = await Instance.StartAsync(cluster, replicas: 1);
        await one.CreateShardsAsync();
        other.OpenShards();
        string insured = InsuredOf(0);
        RedisCluster.Node master = await cluster.OwnerOfAsync(await cluster.SlotOfAsync(0));
        RedisCluster.Node replica = cluster.Nodes[cluster.Nodes.IndexOf(master) + RedisCluster.Masters];

        // Paused it stays connected: what it has confirmed is all that the other instance's own connection has ever written, nothing.
        replica.Server.Process.Signal(ProcessSignal.Stop);
        string told = await AnswerOrRefusalAsync(one, insured, "r");
        string seen = await AnswerOrRefusalAsync(other, insured, "r");
        string read = await other.Store.ShardOf(insured).ReadInsuredAsync(insured).ContinueWith(
            done => done.Exception?.InnerException?.Message ?? "answered", TaskScheduler.Default);
        Task<uint> terms = other.Store.Terms.KeyOfAsync(other.Store.ShardOf(insured), SampleTerms.Of(5_500, 4_000, 30_000)).AsTask();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => terms);
        replica.Server.Process.Signal(ProcessSignal.Continue);

        const string Behind = "Shard 0: 0 of 1 replicas have it; the outcome is unknown.";
        Assert.Equal((Behind, Behind, Behind), (told, seen, read));
        await RedisCluster.UntilAsync(() => AnswersAsync(other, insured));
        StepReply again = await SettleAsync(other, insured, "r");
        Assert.Equal((StepOutcome.Replay, 1), (again.Outcome, again.Header.Sequence));
    }

    private static async Task<string> AnswerOrRefusalAsync(Instance instance, string insured, string request)
    {
        try
        {
            await SettleAsync(instance, insured, request);
            return "answered";
        }
        catch (StoreUnavailableException refused)
        {
            return refused.Message;
        }
    }
}
