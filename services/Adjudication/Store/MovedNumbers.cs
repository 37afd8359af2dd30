namespace Claims.Adjudication.Store;

/// <summary>
/// The number of a record that a merge has brought into another hash: it keeps the number that its own shard gave it, and says which shard
/// that was in the byte above it. Numbers of a shard stay far below: ids have ten digits.
/// </summary>
public static class MovedNumbers
{
    private const int ShardAt = 40;
    private const long Mask = (1L << ShardAt) - 1;

    /// <summary>Shards that the byte has room for.</summary>
    public const int MostShards = byte.MaxValue;

    public static bool IsMoved(long sequence) => sequence > Mask;

    /// <param name="sequence">Of one that was moved before, it stays as it is.</param>
    public static long Of(int shard, long sequence) => IsMoved(sequence) ? sequence : ((shard + 1L) << ShardAt) | sequence;

    /// <summary>The shard that gave the number, and the number as it gave it.</summary>
    /// <param name="shard">Where the record lies.</param>
    public static (int Shard, long Sequence) Given(int shard, long sequence) =>
        IsMoved(sequence) ? ((int)(sequence >> ShardAt) - 1, sequence & Mask) : (shard, sequence);
}
