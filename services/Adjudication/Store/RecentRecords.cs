using System.Buffers;

namespace Claims.Adjudication.Store;

/// <summary>A step that this instance has just taken, and what the script answered: Redis had the record on disk before.</summary>
public readonly record struct RecentRecord(Step Step, StepReply Reply)
{
    public long Sequence => Reply.Sequence;

    /// <summary>The record as the script has appended it, from the step's own words and what it answered.</summary>
    /// <param name="into">Holds a settlement's request from now on; it may have held another one.</param>
    public OutboxRecord Read(StoredRequest into) => Step.Mode is StepMode.Settle
        ? new OutboxRecord(Reply.Header, StoredRecord.Read(Reply.Header, Reply.Limits, Step.Content, into), null)
        : OutboxRecord.Read(Reply.Bytes, into);

    /// <summary>The record's bytes as the script has appended them.</summary>
    /// <param name="into">Where they are put together; it may have held another record.</param>
    public ReadOnlyMemory<byte> Stored(ArrayBufferWriter<byte> into)
    {
        if (Step.Mode is not StepMode.Settle) return Reply.Bytes;
        into.ResetWrittenCount();
        into.Write(Reply.Bytes.Span);
        into.Write(Step.Kept);
        return into.WrittenMemory;
    }
}

/// <summary>
/// What this instance has lately added to its shard's outbox, so that the relay need not read it back from Redis. Bounded: what
/// another instance added, or what has been overwritten here, is read there.
/// </summary>
public sealed class RecentRecords
{
    // What a shard adds in a second at full speed. Of 32 shards, at 500 bytes each: at most 16 MB.
    private const int Capacity = 1_024;

    private readonly Lock _lock = new();
    private readonly (long Sequence, RecentRecord Record)[] _ring = new (long, RecentRecord)[Capacity];

    public void Add(RecentRecord record)
    {
        long sequence = record.Sequence;
        lock (_lock) _ring[sequence % Capacity] = (sequence, record);
    }

    /// <summary>Takes the record out.</summary>
    /// <returns>Null where it is not here.</returns>
    public RecentRecord? Take(long sequence)
    {
        lock (_lock)
        {
            ref (long Sequence, RecentRecord Record) slot = ref _ring[sequence % Capacity];
            if (slot.Sequence != sequence) return null;
            RecentRecord taken = slot.Record;
            slot = default;
            return taken;
        }
    }

    public bool Has(long sequence)
    {
        lock (_lock) return _ring[sequence % Capacity].Sequence == sequence;
    }

    public void Clear()
    {
        lock (_lock) Array.Clear(_ring);
    }
}
