using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Adjudication.Tests.Outbox;

/// <summary>A shard's outbox as the relay's script reads it back from Redis.</summary>
internal static class OutboxReader
{
    private const int LargestRead = 500;
    private static readonly Script Read = Script.FromResource("outbox.lua");

    /// <param name="from">The first sequence wanted.</param>
    public static async Task<IReadOnlyList<OutboxEntry>> ReadAsync(ShardQueue shard, string epoch, long from = 1)
    {
        List<OutboxEntry> entries = [];
        int before;
        do
        {
            before = entries.Count;
            // A lease that runs out at once: no relay waits for it.
            RedisValue[] reply = (RedisValue[])(await shard.Scripts.CallAsync(
                Read, [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.Lease], [epoch, "reader", 1, 0, from + before, LargestRead]))!;
            ReadOnlyMemory<byte> rest = (byte[])reply[1]!;
            while (!rest.IsEmpty) entries.Add(OutboxEntry.Take(ref rest, shard.Keys, new StoredRequest()));
        }
        while (entries.Count - before == LargestRead);
        return entries;
    }
}
