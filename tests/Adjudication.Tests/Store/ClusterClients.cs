using System.Collections.Concurrent;
using System.Globalization;
using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>Instances over a Redis Cluster, the clients who settle at them while it changes, and what must be true afterwards.</summary>
internal static class ClusterClients
{
    public const int ShardCount = 8;
    private const int People = 12;
    private const int CapFen = 30_000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Between two visits of one patient: faults are what is wanted here, not load.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Two clients for each insured, one at each instance, so that both compete for the same accumulators all the time.</summary>
    /// <param name="during">What happens to the cluster meanwhile.</param>
    public static async Task SettleWhileAsync(
        Instance one, Instance other, Func<ConcurrentQueue<Effect>, ConcurrentDictionary<string, int>, Task> during)
    {
        using CancellationTokenSource enough = new();
        using CancellationTokenSource limit = new(Limit);
        ConcurrentQueue<Effect> effects = [];
        ConcurrentDictionary<string, int> refusals = new(StringComparer.Ordinal);
        Task clients = Task.WhenAll(Enumerable.Range(0, 2 * People).Select(client => Task.Run(() =>
            VisitAsync(client % 2 == 0 ? [one, other] : [other, one], client, effects, refusals, enough.Token, limit.Token))));
        await during(effects, refusals);
        await enough.CancelAsync();
        await clients;

        await AssertNothingLostAsync(one, effects);
        await AssertNothingLostAsync(other, effects);
    }

    /// <summary>Settles visit after visit of one insured; what is refused is repeated, as senders do, at the one instance and then at the
    /// other.</summary>
    public static async Task VisitAsync(
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
                    refusals.AddOrUpdate(KindOf(refused), 1, (_, count) => count + 1);
                    await Task.Delay(Pause, CancellationToken.None);
                }
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    public static string KindOf(StoreUnavailableException refused) =>
        refused.Message.Contains("is being moved", StringComparison.Ordinal) ? "moved"
        : refused.Message.Contains("0 of 1 replicas have it", StringComparison.Ordinal) ? "behind"
        : "unknown";

    /// <summary>The faults were felt: a call that began after this one was refused because of it.</summary>
    public static Task RefusedAsync(ConcurrentDictionary<string, int> refusals, string kind)
    {
        int before = refusals.GetValueOrDefault(kind);
        return RedisCluster.UntilAsync(() => Task.FromResult(refusals.GetValueOrDefault(kind) > before));
    }

    /// <summary>Every insured is settled again: no shard is left behind.</summary>
    public static Task ProgressAsync(ConcurrentQueue<Effect> effects)
    {
        int before = effects.Count;
        HashSet<string> insured = [.. Enumerable.Range(0, People).Select(PersonOf)];
        return RedisCluster.UntilAsync(
            () => Task.FromResult(insured.IsSubsetOf(effects.Skip(before).Select(effect => effect.Visit.Insured))));
    }

    public static async Task AssertNothingLostAsync(Instance instance, ConcurrentQueue<Effect> effects)
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

    public static async Task<bool> AnswersAsync(Instance instance, string insured)
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

    public static async Task<List<InsuredAccumulators>> ReadAsync(Instance instance, int shard)
    {
        List<InsuredAccumulators> insured = [];
        await foreach (ShardPage page in instance.Store.Shards[shard].ReadAllAsync(CancellationToken.None)) insured.AddRange(page.Insured);
        return [.. insured.DistinctBy(accumulators => accumulators.InsuredId)];
    }

    public static async Task<StepReply> SettleAsync(Instance instance, string insured, string request) =>
        await instance.Store.ShardOf(insured).RunAsync(StoreFixture.StepOf(StepMode.Settle, VisitOf(insured, request), terms: 0));

    public static ModelVisit VisitOf(string insured, string request) =>
        new(insured, "H1", request, new DateOnly(2024, 3, 5), 700, 700, 6500, 0, CapFen, null);

    /// <summary>One of those who come all the time; every shard has some.</summary>
    public static string PersonOf(int number) => InsuredOf(number % ShardCount, number / ShardCount);

    /// <summary>Some insured of the shard.</summary>
    public static string InsuredOf(int shard, int number = 0) =>
        Enumerable.Range(0, 10_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"P{i:0000}"))
            .Where(id => Shards.Of(id, ShardCount) == shard).ElementAt(number);

    public static long UsedFen(InsuredAccumulators stored) =>
        stored.Accumulators.SingleOrDefault(held => held.Name == $"{SampleTerms.Year}:2024")?.Amount ?? 0;

    internal sealed record Effect(ModelVisit Visit, RecordHeader Header, long CapUsedBeforeFen);

    /// <summary>What one process of Adjudication has of Redis: its connections, its queues, and what it believes.</summary>
    internal sealed class Instance : IAsyncDisposable
    {
        private readonly ConnectionMultiplexer _connection;

        private Instance(ConnectionMultiplexer connection, int replicas)
        {
            _connection = connection;
            Store = new SettlementStore(connection.GetDatabase(), ShardCount, longestOutbox: 1_000_000, replicas);
        }

        public SettlementStore Store { get; }

        public IDatabase Redis => _connection.GetDatabase();

        /// <param name="replicas">That an answer waits for.</param>
        public static async Task<Instance> StartAsync(RedisCluster cluster, int replicas = 0) =>
            new(await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(cluster.Configuration)), replicas);

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
