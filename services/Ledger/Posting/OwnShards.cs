using System.Collections.Frozen;

namespace Claims.Ledger.Posting;

/// <summary>The shards that this instance posts. Two instances may believe so of one shard for a moment: the watermark row
/// decides.</summary>
internal sealed class OwnShards
{
    private volatile FrozenSet<int> _shards = FrozenSet<int>.Empty;

    /// <summary>Replaced as a whole with every change.</summary>
    public FrozenSet<int> Shards => _shards;

    /// <summary>Held by the batch under way.</summary>
    public SemaphoreSlim Posting { get; } = new(1, 1);

    public void Set(IEnumerable<int> shards) => _shards = shards.ToFrozenSet();
}
