using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>A settlement that the cap had cut.</summary>
/// <param name="VisitDay">yyyymmdd.</param>
public readonly record struct CutSettlement(long Sequence, long ShortfallFen, int VisitDay, string FacilityCode)
{
    private const int FixedBytes = 17;

    internal static CutSettlement Take(ref ReadOnlyMemory<byte> rest)
    {
        ReadOnlySpan<byte> bytes = rest.Span;
        int facilityBytes = bytes[FixedBytes - 1];
        CutSettlement cut = new(
            BigEndian.ReadUInt48(bytes), BigEndian.ReadUInt48(bytes[6..]), BinaryPrimitives.ReadInt32BigEndian(bytes[12..]),
            Encoding.UTF8.GetString(bytes.Slice(FixedBytes, facilityBytes)));
        rest = rest[(FixedBytes + facilityBytes)..];
        return cut;
    }
}

/// <summary>A cancellation or reversal as it lies in the store, with the settlement that it undid or restored.</summary>
/// <param name="Header">Figures of the settlement, positive.</param>
/// <param name="Limits">The settlement's limits, with what the undoing found used.</param>
/// <param name="TargetField">The request field of the settlement; of the request that was asked about where there was nothing to
/// undo.</param>
/// <param name="TargetSequence">The settlement's sequence, 0 where there was nothing to undo.</param>
/// <param name="Headroom">Later settlements that a cap which this one had used had cut.</param>
/// <param name="Target">The settlement, null where there was nothing to undo.</param>
public sealed record UndoingRecord(
    RecordHeader Header, StoredLimits Limits, ReadOnlyMemory<byte> Fingerprint, StoredUndoing Own, string TargetField, long TargetSequence,
    ImmutableArray<CutSettlement> Headroom, StoredRecord? Target)
{
    public static UndoingRecord Read(ReadOnlyMemory<byte> bytes)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        StoredLimits limits = StoredLimits.Read(header, bytes);
        try
        {
            return Read(header, limits, bytes);
        }
        catch (Exception met) when (StoredBytes.AreWrong(met))
        {
            throw StoredBytes.Unreadable(met);
        }
    }

    private static UndoingRecord Read(in RecordHeader header, in StoredLimits limits, ReadOnlyMemory<byte> bytes)
    {
        ReadOnlyMemory<byte> fingerprint = bytes.Slice(header.ContentStart, Fingerprints.Bytes);
        ReadOnlyMemory<byte> rest = bytes[(header.ContentStart + Fingerprints.Bytes)..];
        string field = Encoding.UTF8.GetString(Take(ref rest).Span);
        StoredUndoing own = StoredUndoing.Parser.ParseFrom(Take(ref rest).Span);
        long targetSequence = BigEndian.ReadUInt48(rest.Span);
        int count = BinaryPrimitives.ReadUInt16BigEndian(rest.Span[6..]);
        rest = rest[8..];
        var headroom = ImmutableArray.CreateBuilder<CutSettlement>(count);
        for (int i = 0; i < count; i++) headroom.Add(CutSettlement.Take(ref rest));

        return new UndoingRecord(header, limits, fingerprint, own, field, targetSequence, headroom.MoveToImmutable(),
            rest.IsEmpty ? null : StoredRecord.Read(header, limits, rest));
    }

    private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> rest)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(rest.Span);
        ReadOnlyMemory<byte> taken = rest.Slice(2, length);
        rest = rest[(2 + length)..];
        return taken;
    }
}
