using System.Globalization;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>The shards of this instance's Redis.</summary>
public sealed class SettlementStore : IAsyncDisposable
{
    private readonly ShardQueue[] _shards;

    public SettlementStore(IDatabase redis, int shardCount, long longestOutbox)
        : this(redis, shardCount, longestOutbox, settle: null)
    {
    }

    /// <param name="settle">Another settlement script, for the controls that show that the tests would notice.</param>
    internal SettlementStore(IDatabase redis, int shardCount, long longestOutbox, Script? settle)
    {
        Redis = redis;
        _shards = [.. Enumerable.Range(0, shardCount)
            .Select(shard => string.Create(CultureInfo.InvariantCulture, $"redis-s{shard:00}"))
            .Select((name, shard) => new ShardQueue(
                shard, new ScriptCaller(redis, name), new ScriptCaller(redis, name + "-outbox"), longestOutbox, settle))];
        Terms = new TermsStore(redis);
    }

    public IDatabase Redis { get; }

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
