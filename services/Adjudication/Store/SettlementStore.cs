using System.Globalization;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>The shards of this instance's Redis.</summary>
public sealed class SettlementStore : IAsyncDisposable
{
    private readonly ShardQueue[] _shards;

    /// <param name="replicas">Replicas that must have a record before it is answered for; 0: none.</param>
    public SettlementStore(IDatabase redis, int shardCount, long longestOutbox, int replicas = 0)
        : this(redis, shardCount, longestOutbox, settle: null, replicas)
    {
    }

    /// <param name="settle">Another settlement script, for the controls that show that the tests would notice.</param>
    internal SettlementStore(IDatabase redis, int shardCount, long longestOutbox, Script? settle, int replicas = 0)
    {
        Redis = redis;
        Replicas = replicas;
        ReplicaWait? wait = replicas > 0 ? new ReplicaWait(replicas) : null;
        _shards = [.. Enumerable.Range(0, shardCount).Select(shard =>
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"redis-s{shard:00}");
            ShardKeys keys = new(shard);
            return new ShardQueue(
                keys, new ScriptCaller(redis, name, wait, keys.Mark), new ScriptCaller(redis, name + "-outbox", wait, keys.Mark),
                longestOutbox, settle);
        })];
        Terms = new TermsStore(redis);
    }

    public IDatabase Redis { get; }

    /// <summary>Replicas that must have a record before it is answered for.</summary>
    public int Replicas { get; }

    public IReadOnlyList<ShardQueue> Shards => _shards;

    public TermsStore Terms { get; }

    /// <summary>Whether more visits wait than half of the shards take with their next call.</summary>
    public bool IsOverloaded => _shards.Sum(shard => shard.Waiting) > _shards.Length * ShardQueue.LargestBatch / 2;

    public ShardQueue ShardOf(string insuredId) => _shards[Store.Shards.Of(insuredId, _shards.Length)];

    public async ValueTask DisposeAsync()
    {
        foreach (ShardQueue shard in _shards) await shard.DisposeAsync();
    }
}
