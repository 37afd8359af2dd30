namespace Claims.Adjudication.Accumulators;

/// <summary>A record as it lies in the outbox: a settlement, or what undid or restored one.</summary>
public readonly record struct OutboxRecord(RecordHeader Header, StoredRecord? Settlement, UndoingRecord? Undoing)
{
    /// <summary>The citations' key of the settlement behind the record, null where there is none.</summary>
    public uint? Citations => (Settlement ?? Undoing!.Target)?.Request.Citations;

    /// <summary>Of the request that made the record; null where its trace was not recorded.</summary>
    public string? TraceParent => StoredTrace.Read(Settlement?.Request.Trace ?? Undoing!.Own.Trace);

    public static OutboxRecord Read(ReadOnlyMemory<byte> bytes)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        return header.Kind is RecordKind.Settlement
            ? new OutboxRecord(header, StoredRecord.Read(bytes), null)
            : new OutboxRecord(header, null, UndoingRecord.Read(bytes));
    }
}
