using System.Collections.Concurrent;
using System.Globalization;
using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>Two instances over a Redis Cluster whose shards move and whose nodes die and hand over.</summary>
public sealed class ClusterTests
{
    private const int ShardCount = 8;
    private const int People = 12;
    private const int CapFen = 30_000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Between two visits of one patient: faults are what is wanted here, not load.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task Run_while_shards_move_and_nodes_die_and_hand_over_loses_and_repeats_nothing()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        await using Instance one = await Instance.StartAsync(cluster);
        await using Instance other = await Instance.StartAsync(cluster);
        await one.CreateShardsAsync();
        other.OpenShards();
        using CancellationTokenSource enough = new();
        using CancellationTokenSource limit = new(Limit);
        ConcurrentQueue<Effect> effects = [];
        ConcurrentDictionary<string, int> refusals = new(StringComparer.Ordinal);

        // Two clients for each insured, one at each instance, so that both compete for the same accumulators all the time.
        Task clients = Task.WhenAll(Enumerable.Range(0, 2 * People).Select(client => Task.Run(() =>
            VisitAsync(client % 2 == 0 ? [one, other] : [other, one], client, effects, refusals, enough.Token, limit.Token))));

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
        await enough.CancelAsync();
        await clients;

        await AssertNothingLostAsync(one, effects);
        await AssertNothingLostAsync(other, effects);
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

    /// <summary>Settles visit after visit of one insured; what is refused is repeated, as senders do, at the one instance and then at the
    /// other.</summary>
    private static async Task VisitAsync(
        Instance[] instances, int client, ConcurrentQueue<Effect> effects, ConcurrentDictionary<string, int> refusals,
        CancellationToken enough, CancellationToken limit)
    {
        string insured = PersonOf(client / 2);
        for (int visit = 0; !enough.IsCancellationRequested; visit++)
        {
            ModelVisit request = VisitOf(insured, $"c{client}v{visit}");
            for (int attempt = 0; ; attempt++)
            {
                limit.ThrowIfCancellationRequested();
                try
                {
                    StepReply reply = await instances[attempt % 2].Store.ShardOf(request.Insured)
                        .RunAsync(StoreFixture.StepOf(StepMode.Settle, request, terms: 0));
                    effects.Enqueue(new Effect(request, reply.Header, StoreFixture.CapUsedBefore(reply)));
                    break;
                }
                catch (StoreUnavailableException refused)
                {
                    Assert.DoesNotContain("behind what was acknowledged", refused.Message, StringComparison.Ordinal);
                    refusals.AddOrUpdate(refused.Message.Contains("is being moved", StringComparison.Ordinal) ? "moved" : "unknown", 1,
                        (_, count) => count + 1);
                    await Task.Delay(Pause, CancellationToken.None);
                }
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    /// <summary>The faults were felt: a call that began after this one was refused because of it.</summary>
    private static Task RefusedAsync(ConcurrentDictionary<string, int> refusals, string kind)
    {
        int before = refusals.GetValueOrDefault(kind);
        return RedisCluster.UntilAsync(() => Task.FromResult(refusals.GetValueOrDefault(kind) > before));
    }

    /// <summary>Every insured is settled again: no shard is left behind.</summary>
    private static Task ProgressAsync(ConcurrentQueue<Effect> effects)
    {
        int before = effects.Count;
        HashSet<string> insured = [.. Enumerable.Range(0, People).Select(PersonOf)];
        return RedisCluster.UntilAsync(
            () => Task.FromResult(insured.IsSubsetOf(effects.Skip(before).Select(effect => effect.Visit.Insured))));
    }

    private static async Task AssertNothingLostAsync(Instance instance, ConcurrentQueue<Effect> effects)
    {
        // Progress was made through either instance; this one may still be reconnecting, or hold back for a moment after failures.
        foreach (string insured in effects.Select(effect => effect.Visit.Insured).Distinct())
            await RedisCluster.UntilAsync(() => AnswersAsync(instance, insured));
        Assert.Equal(effects.Count, effects.Select(effect => effect.Visit.Request).Distinct().Count());
        foreach (IGrouping<int, Effect> shard in effects.GroupBy(effect => Shards.Of(effect.Visit.Insured, ShardCount)))
        {
            // Nobody gave up, so each number was answered: given out once, without a gap, and kept in the outbox.
            Assert.Equal(Enumerable.Range(1, shard.Count()).Select(number => (long)number),
                shard.Select(effect => effect.Header.Sequence).Order());
            ShardKeys keys = instance.Store.Shards[shard.Key].Keys;
            Assert.Equal(
                shard.OrderBy(effect => effect.Header.Sequence).Select(effect => (effect.Visit.Facility, effect.Visit.Request)),
                (await OutboxReader.ReadAsync(instance.Store.Shards[shard.Key], StoreFixture.Epoch))
                    .Select(entry => (entry.FacilityCode, entry.RequestId)));
            Assert.Equal(shard.Count(), (long)await instance.Redis.HashGetAsync(keys.Shard, "seq"));

            Model model = new();
            foreach (Effect effect in shard.OrderBy(effect => effect.Header.Sequence))
                Assert.Equal((model.Settle(effect.Visit).FundPayFen, effect.CapUsedBeforeFen + effect.Header.FundPayFen),
                    (effect.Header.FundPayFen, model.PaidFen(effect.Visit.Insured, 2024)));
            Assert.All(await ReadAsync(instance, shard.Key), stored =>
            {
                Assert.Equal((model.PaidFen(stored.InsuredId, 2024), shard.Count(effect => effect.Visit.Insured == stored.InsuredId)),
                    (UsedFen(stored), stored.StandingSettlements));
                Assert.InRange(UsedFen(stored), 0, CapFen);
            });
        }

        foreach (Effect effect in effects)
        {
            StepReply again = await instance.Store.ShardOf(effect.Visit.Insured)
                .RunAsync(StoreFixture.StepOf(StepMode.Settle, effect.Visit, terms: 0));
            Assert.Equal((StepOutcome.Replay, effect.Header), (again.Outcome, again.Header));
        }
    }

    private static async Task<bool> AnswersAsync(Instance instance, string insured)
    {
        try
        {
            await instance.Store.ShardOf(insured).ReadInsuredAsync(insured);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private static async Task<List<InsuredAccumulators>> ReadAsync(Instance instance, int shard)
    {
        List<InsuredAccumulators> insured = [];
        await foreach (ShardPage page in instance.Store.Shards[shard].ReadAllAsync(CancellationToken.None)) insured.AddRange(page.Insured);
        return [.. insured.DistinctBy(accumulators => accumulators.InsuredId)];
    }

    private static async Task<StepReply> SettleAsync(Instance instance, string insured, string request) =>
        await instance.Store.ShardOf(insured).RunAsync(StoreFixture.StepOf(StepMode.Settle, VisitOf(insured, request), terms: 0));

    private static ModelVisit VisitOf(string insured, string request) =>
        new(insured, "H1", request, new DateOnly(2024, 3, 5), 700, 700, 6500, 0, CapFen, null);

    /// <summary>One of those who come all the time; every shard has some.</summary>
    private static string PersonOf(int number) => InsuredOf(number % ShardCount, number / ShardCount);

    /// <summary>Some insured of the shard.</summary>
    private static string InsuredOf(int shard, int number = 0) =>
        Enumerable.Range(0, 10_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"P{i:0000}"))
            .Where(id => Shards.Of(id, ShardCount) == shard).ElementAt(number);

    private static long UsedFen(InsuredAccumulators stored) =>
        stored.Accumulators.SingleOrDefault(held => held.Name == $"{SampleTerms.Year}:2024")?.Amount ?? 0;

    private sealed record Effect(ModelVisit Visit, RecordHeader Header, long CapUsedBeforeFen);

    /// <summary>What one process of Adjudication has of Redis: its connections, its queues, and what it believes.</summary>
    private sealed class Instance : IAsyncDisposable
    {
        private readonly ConnectionMultiplexer _connection;

        private Instance(ConnectionMultiplexer connection)
        {
            _connection = connection;
            Store = new SettlementStore(connection.GetDatabase(), ShardCount, longestOutbox: 1_000_000);
        }

        public SettlementStore Store { get; }

        public IDatabase Redis => _connection.GetDatabase();

        public static async Task<Instance> StartAsync(RedisCluster cluster) =>
            new(await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(cluster.Configuration)));

        public async Task CreateShardsAsync()
        {
            foreach (ShardQueue shard in Store.Shards)
                await Redis.HashSetAsync(shard.Keys.Shard, [new("epoch", StoreFixture.Epoch), new("seq", 0), new("committed", 0)]);
            OpenShards();
        }

        public void OpenShards()
        {
            foreach (ShardQueue shard in Store.Shards) shard.Open(StoreFixture.Epoch, 0);
        }

        public async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync();
            await _connection.CloseAsync();
            _connection.Dispose();
        }
    }
}
