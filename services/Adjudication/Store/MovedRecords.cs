using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;

namespace Claims.Adjudication.Store;

/// <summary>Records on their way into the hash of the id that theirs was merged into.</summary>
public static class MovedRecords
{
    private const int SequenceAt = 4;

    /// <summary>A record as it lies there: under the number of the shard that made it, and what it undoes under the field that that has
    /// there.</summary>
    /// <param name="shard">Where it lay.</param>
    /// <param name="mergedId">Under which id.</param>
    public static byte[] Of(ReadOnlyMemory<byte> record, int shard, string mergedId)
    {
        RecordHeader header = RecordHeader.Read(record.Span);
        byte[] moved = record.ToArray();
        BigEndian.WriteUInt48(moved.AsSpan(SequenceAt), MovedNumbers.Of(shard, header.Sequence));
        if (header.Kind is not (RecordKind.Cancellation or RecordKind.Reversal)) return moved;
        int at = header.ContentStart + Fingerprints.Bytes;
        int length = BinaryPrimitives.ReadUInt16BigEndian(moved.AsSpan(at));
        int rest = at + sizeof(ushort) + length;
        byte[] field = Encoding.UTF8.GetBytes(RequestField.Stated(
            Encoding.UTF8.GetString(moved, at + sizeof(ushort), length), mergedId));
        byte[] lengthBytes = new byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16BigEndian(lengthBytes, checked((ushort)field.Length));
        return [.. moved.AsSpan(..at), .. lengthBytes, .. field, .. moved.AsSpan(rest..)];
    }

    /// <summary>The key of the terms that a record refers to; null where it refers to none.</summary>
    public static uint? TermsOf(ReadOnlyMemory<byte> record) =>
        RecordHeader.Read(record.Span).Kind is RecordKind.Settlement or RecordKind.Cancellation or RecordKind.Reversal
            ? OutboxRecord.Read(record, new StoredRequest()).Terms
            : null;

    /// <summary>Whether it is a settlement that stands.</summary>
    public static bool Stands(ReadOnlySpan<byte> record) =>
        RecordHeader.Read(record) is { Kind: RecordKind.Settlement, State: RecordState.Active };

    public static StoredField Field(string field, ReadOnlySpan<byte> value) =>
        new() { Field = field, Value = ByteString.CopyFrom(value) };
}
