using System.Buffers.Binary;
using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>A record as it lies in the outbox: a settlement, or what undid or restored one.</summary>
public readonly record struct OutboxRecord(RecordHeader Header, StoredRecord? Settlement, UndoingRecord? Undoing)
{
    /// <summary>The key of the terms of the settlement behind the record, null where there is none.</summary>
    public uint? Terms => (Settlement ?? Undoing!.Target)?.Request.Terms;

    /// <summary>The trace context of the request that made the record; null where it was not recorded.</summary>
    public string? TraceParent => StoredTrace.Read(Settlement?.Request.Trace ?? Undoing!.Own.Trace);

    /// <param name="into">Holds a settlement's request from now on; it may have held another one.</param>
    public static OutboxRecord Read(ReadOnlyMemory<byte> bytes, StoredRequest into)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        return header.Kind is RecordKind.Settlement
            ? new OutboxRecord(header, StoredRecord.Read(
                header, StoredLimits.Read(header, bytes), bytes[header.ContentStart..], into), null)
            : new OutboxRecord(header, null, UndoingRecord.Read(bytes));
    }
}

/// <summary>A record of the outbox as outbox.lua gives it, with the names that it lies under.</summary>
public readonly record struct OutboxEntry(string InsuredId, string FacilityCode, string RequestId, OutboxRecord Record)
{
    /// <summary>Takes the next entry off.</summary>
    /// <param name="keys">Of the shard whose outbox it is.</param>
    /// <param name="into">Holds a settlement's request from now on; it may have held another one.</param>
    public static OutboxEntry Take(ref ReadOnlyMemory<byte> entries, ShardKeys keys, StoredRequest into)
    {
        string insuredId = keys.InsuredIdOf(Take(ref entries, sizeof(ushort)));
        (string facilityCode, string requestId) = RequestField.Parse(Take(ref entries, sizeof(ushort)));
        int length = BinaryPrimitives.ReadInt32BigEndian(entries.Span);
        OutboxEntry entry = new(insuredId, facilityCode, requestId, OutboxRecord.Read(entries.Slice(sizeof(int), length), into));
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
