using System.Buffers.Binary;
using Claims.Rules;

namespace Claims.Adjudication.Store;

/// <summary>What a stored record is; the letter is part of the stored format.</summary>
public enum RecordKind
{
    Settlement = 'S',
    Cancellation = 'C',
    Reversal = 'V',
    Tombstone = 'T',

    /// <summary>Numbers whose records a store has lost: no one's, from <see cref="RecordHeader.Order"/> to
    /// <see cref="RecordHeader.Sequence"/>.</summary>
    NumbersLost = 'N',

    /// <summary>Two insured became one, or were parted again: no money.</summary>
    Merge = 'M',
}

/// <summary>What has become of a stored record since; the letter is part of the stored format.</summary>
public enum RecordState
{
    /// <summary>A settlement that stands, or a cancellation that is in effect.</summary>
    Active = 'A',

    /// <summary>A cancelled settlement.</summary>
    Cancelled = 'X',

    /// <summary>A settlement undone by a reversal.</summary>
    Reversed = 'R',

    /// <summary>A cancellation undone by a reversal.</summary>
    Undone = 'U',

    /// <summary>A reversal that undid a settlement.</summary>
    UndidSettlement = '1',

    /// <summary>A reversal that undid a cancellation.</summary>
    UndidCancellation = '2',

    /// <summary>A reversal of a request that never came.</summary>
    UndidNothing = '3',

    /// <summary>A reversal of what was undone already, or is a reversal itself.</summary>
    FoundUndone = '4',

    /// <summary>A merge under the id that was merged into another: nothing is settled from its hash any more.</summary>
    MergedAway = 'O',

    /// <summary>The same merge under the other id: its hash has what the merged one had. <see cref="RecordHeader.Order"/> is the first of
    /// the numbers that it takes: what it brings is ranked by them.</summary>
    MergedIn = 'I',

    /// <summary>The merge was undone under the id that had taken the other in.</summary>
    PartedFrom = 'i',

    /// <summary>The merge was undone under the merged id: it is settled from its own hash again.</summary>
    Parted = 'o',
}

/// <summary>The figures that the script computed, as it packs them: HEADER of settle.lua. Amounts in fen.</summary>
/// <param name="ByRate">False for a fixed sum.</param>
/// <param name="Order">Rank among the settlements of the insured; the newest is the highest. Of lost numbers, and of a
/// merge: the first.</param>
/// <param name="VisitDay">yyyymmdd.</param>
/// <param name="ShortfallFen">What the fund would have paid besides, had there been no cap.</param>
/// <param name="VisitIdBytes">Length of the visit id that ends the record; 0 where there is none.</param>
/// <param name="NumbersBytes">Length of what was used of each limit before and after, which follows the header.</param>
/// <param name="LimitsBytes">Length of the terms and of the accumulators' names, which follow the numbers; 0 where there are none.</param>
public readonly record struct RecordHeader(
    RecordKind Kind, RecordState State, bool ByRate, long Sequence, long Order, int VisitDay,
    long DeductibleFen, long FundPayFen, long ShortfallFen, int VisitIdBytes = 0, int NumbersBytes = 0, int LimitsBytes = 0)
{
    public const int Bytes = 43;

    /// <summary>The first byte of every stored record. What it means is for good: another layout takes another number.</summary>
    public const byte Format = 2;

    /// <summary>CAP_REACHED, CAP_EXHAUSTED or empty, as the script decided it.</summary>
    public string ReasonCode => Outcome.ReasonCode;

    /// <summary>What the script decided, in the words of the rules.</summary>
    public Settlement Outcome => new(DeductibleFen, FundPayFen + ShortfallFen, FundPayFen);

    /// <summary>yyyy-MM-dd.</summary>
    public string VisitDateText => VisitDays.TextOf(VisitDay);

    public DateOnly VisitDate => new(VisitDay / 10_000, VisitDay / 100 % 100, VisitDay % 100);

    /// <summary>Where in the record its content begins.</summary>
    public int ContentStart => Bytes + NumbersBytes + LimitsBytes;

    /// <exception cref="StoreUnavailableException">The record has a format that this program does not know.</exception>
    public static RecordHeader Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Bytes) throw StoredBytes.Unreadable(null);
        if (bytes[0] != Format)
            throw new StoreUnavailableException($"A stored record has format {bytes[0]}, and this program reads format {Format}.");
        return new(
            (RecordKind)bytes[1],
            (RecordState)bytes[2],
            bytes[3] == (byte)'P',
            ReadSequence(bytes),
            BigEndian.ReadUInt48(bytes[10..]),
            BinaryPrimitives.ReadInt32BigEndian(bytes[16..]),
            BigEndian.ReadUInt48(bytes[20..]),
            BigEndian.ReadUInt48(bytes[26..]),
            BigEndian.ReadUInt48(bytes[32..]),
            bytes[38],
            BinaryPrimitives.ReadUInt16BigEndian(bytes[39..]),
            BinaryPrimitives.ReadUInt16BigEndian(bytes[41..]));
    }

    public static long ReadSequence(ReadOnlySpan<byte> bytes) => BigEndian.ReadUInt48(bytes[4..]);

    /// <summary>A stored record as it was when it was appended: what became of it since is in its state and its order alone.</summary>
    public static byte[] AsAppended(ReadOnlySpan<byte> record)
    {
        byte[] appended = record.ToArray();
        if ((RecordKind)record[1] is not (RecordKind.Settlement or RecordKind.Cancellation)) return appended;
        appended[2] = (byte)RecordState.Active;
        BigEndian.WriteUInt48(appended.AsSpan(10), ReadSequence(record));
        return appended;
    }

    /// <summary>The record of numbers that were lost.</summary>
    public static byte[] OfLostNumbers(long first, long last, DateTimeOffset now)
    {
        byte[] record = new byte[Bytes + sizeof(long)];
        record[0] = Format;
        record[1] = (byte)RecordKind.NumbersLost;
        record[2] = (byte)RecordState.Active;
        record[3] = (byte)'F';
        BigEndian.WriteUInt48(record.AsSpan(4), last);
        BigEndian.WriteUInt48(record.AsSpan(10), first);
        BinaryPrimitives.WriteInt64BigEndian(record.AsSpan(Bytes), now.ToUnixTimeMilliseconds());
        return record;
    }
}
