namespace Claims.Adjudication.Accumulators;

/// <summary>A record that this instance has just added to the outbox; Redis had it on disk before it was here.</summary>
/// <param name="Field">The request field that the record lies under.</param>
public sealed record RecentRecord(string InsuredId, string Field, OutboxRecord Record)
{
    public long Sequence => Record.Header.Sequence;
}

/// <summary>
/// What this instance has lately added to its shard's outbox, so that the relay need not read it back from Redis. Bounded: what
/// another instance added, or what has been overwritten here, is read there.
/// </summary>
public sealed class RecentRecords
{
    // Of 32 shards, at less than 1 kB each: at most 8 MB.
    private const int Capacity = 256;

    private readonly Lock _lock = new();
    private readonly RecentRecord?[] _ring = new RecentRecord?[Capacity];

    public void Add(RecentRecord record)
    {
        lock (_lock) _ring[record.Sequence % Capacity] = record;
    }

    /// <summary>Takes the record out.</summary>
    /// <returns>Null where it is not here.</returns>
    public RecentRecord? Take(long sequence)
    {
        lock (_lock)
        {
            ref RecentRecord? slot = ref _ring[sequence % Capacity];
            if (slot?.Sequence != sequence) return null;
            RecentRecord taken = slot;
            slot = null;
            return taken;
        }
    }

    public bool Has(long sequence)
    {
        lock (_lock) return _ring[sequence % Capacity]?.Sequence == sequence;
    }

    public void Clear()
    {
        lock (_lock) Array.Clear(_ring);
    }
}
