using System.Buffers.Binary;
using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>A record as it lies in the outbox: a settlement, or what undid or restored one; neither where numbers were lost.</summary>
public readonly record struct OutboxRecord(RecordHeader Header, StoredRecord? Settlement, UndoingRecord? Undoing)
{
    /// <summary>The key of the terms of the settlement behind the record, null where there is none.</summary>
    public uint? Terms => (Settlement ?? Undoing?.Target)?.Request.Terms;

    /// <summary>The trace context of the request that made the record; null where it was not recorded.</summary>
    public string? TraceParent => (Settlement?.Request.Trace ?? Undoing?.Own.Trace) is { } trace ? StoredTrace.Read(trace) : null;

    /// <summary>Of lost numbers: when they were found to be lost.</summary>
    public long FoundLostAtUnixMs { get; private init; }

    /// <summary>The first number that the record stands for.</summary>
    public long FirstSequence => Header.Kind is RecordKind.NumbersLost or RecordKind.Merge ? Header.Order : Header.Sequence;

    /// <summary>Of a merge, or of its undoing.</summary>
    public MergeRecord? Merge { get; private init; }

    /// <param name="into">Holds a settlement's request from now on; it may have held another one.</param>
    public static OutboxRecord Read(ReadOnlyMemory<byte> bytes, StoredRequest into)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        if (bytes.Length < header.ContentStart + sizeof(long)) throw StoredBytes.Unreadable(null);
        return header.Kind switch
        {
            RecordKind.Settlement => new OutboxRecord(
                header, StoredRecord.Read(header, StoredLimits.Read(header, bytes), bytes[header.ContentStart..], into), null),
            RecordKind.NumbersLost => new OutboxRecord(header, null, null)
            {
                FoundLostAtUnixMs = BinaryPrimitives.ReadInt64BigEndian(bytes.Span[RecordHeader.Bytes..]),
            },
            RecordKind.Merge => new OutboxRecord(header, null, null) { Merge = MergeRecord.Read(bytes) },
            _ => new OutboxRecord(header, null, UndoingRecord.Read(bytes)),
        };
    }
}

/// <summary>A record of the outbox as outbox.lua gives it, with the names that it lies under.</summary>
/// <param name="Stored">The record's bytes as they were appended.</param>
public readonly record struct OutboxEntry(
    string InsuredId, RequestField.Key Key, OutboxRecord Record, ReadOnlyMemory<byte> Stored)
{
    public string FacilityCode => Key.FacilityCode;

    public string RequestId => Key.RequestId;

    /// <summary>Takes the next entry off.</summary>
    /// <param name="keys">Of the shard whose outbox it is.</param>
    /// <param name="into">Holds a settlement's request from now on; it may have held another one.</param>
    /// <exception cref="StoreUnavailableException">It is not what this program writes.</exception>
    public static OutboxEntry Take(ref ReadOnlyMemory<byte> entries, ShardKeys keys, StoredRequest into)
    {
        try
        {
            return TakeSound(ref entries, keys, into);
        }
        catch (Exception met) when (StoredBytes.AreWrong(met))
        {
            throw StoredBytes.Unreadable(met);
        }
    }

    private static OutboxEntry TakeSound(ref ReadOnlyMemory<byte> entries, ShardKeys keys, StoredRequest into)
    {
        string insuredId = keys.InsuredIdOf(Take(ref entries, sizeof(ushort)));
        RequestField.Key key = RequestField.Parse(Take(ref entries, sizeof(ushort)));
        int length = BinaryPrimitives.ReadInt32BigEndian(entries.Span);
        ReadOnlyMemory<byte> stored = entries.Slice(sizeof(int), length);
        OutboxEntry entry = new(insuredId, key, OutboxRecord.Read(stored, into), stored);
        entries = entries[(sizeof(int) + length)..];
        return entry;
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlyMemory<byte> entries, int lengthBytes)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(entries.Span);
        ReadOnlySpan<byte> taken = entries.Span.Slice(lengthBytes, length);
        entries = entries[(lengthBytes + length)..];
        return taken;
    }
}
