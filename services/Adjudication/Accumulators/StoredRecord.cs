using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Claims.Adjudication.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Accumulators;

/// <summary>What a stored record is; the letter is part of the stored format.</summary>
public enum RecordKind
{
    Settlement = 'S',
    Cancellation = 'C',
    Reversal = 'V',
    Tombstone = 'T',
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

    /// <summary>A reversal that found nothing to undo.</summary>
    UndidNothing = '3',
}

/// <summary>The figures that the script computed, as it packs them: HEADER of settle.lua. Amounts in fen.</summary>
/// <param name="Capped">Whether the fund's payment counts against the annual cap.</param>
/// <param name="Order">Rank among the settlements of the insured; the newest is the highest.</param>
/// <param name="VisitDay">yyyymmdd.</param>
/// <param name="BorneBeforeFen">Deductible of that day and facility before this record took effect.</param>
/// <param name="ShortfallFen">What the fund would have paid besides, had there been no cap.</param>
public readonly record struct RecordHeader(
    RecordKind Kind, RecordState State, bool Capped, long Sequence, long Order, int VisitDay,
    long DeductibleFen, long BorneBeforeFen, long FundPayFen, long CapUsedBeforeFen, long TariffFen, long CapFen, long ShortfallFen)
{
    public const int Bytes = 49;

    public Standing Before => new(CapUsedBeforeFen, BorneBeforeFen);

    public DateOnly VisitDate => new(VisitDay / 10_000, VisitDay / 100 % 100, VisitDay % 100);

    /// <summary>What counts against the annual cap.</summary>
    public long CappedFundPayFen => Capped ? FundPayFen : 0;

    public static RecordHeader Read(ReadOnlySpan<byte> bytes) => new(
        (RecordKind)bytes[0],
        (RecordState)bytes[1],
        bytes[2] == (byte)'P',
        ReadSequence(bytes),
        BigEndian.ReadUInt48(bytes[9..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[15..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[19..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[23..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[27..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[31..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[35..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[39..]),
        BigEndian.ReadUInt48(bytes[43..]));

    public static long ReadSequence(ReadOnlySpan<byte> bytes) => BigEndian.ReadUInt48(bytes[3..]);
}

/// <summary>A settlement as it lies in the store: header, 16 bytes of fingerprint, <see cref="StoredRequest"/>.</summary>
public readonly record struct StoredRecord(RecordHeader Header, ReadOnlyMemory<byte> Fingerprint, StoredRequest Request)
{
    public static StoredRecord Read(ReadOnlyMemory<byte> bytes) => Read(RecordHeader.Read(bytes.Span), bytes[RecordHeader.Bytes..]);

    /// <param name="content">Fingerprint and message.</param>
    public static StoredRecord Read(RecordHeader header, ReadOnlyMemory<byte> content) => new(
        header,
        content[..Fingerprints.Bytes],
        StoredRequest.Parser.ParseFrom(content.Span[Fingerprints.Bytes..]));

    /// <summary>The same as <see cref="Read(RecordHeader, ReadOnlyMemory{byte})"/>, into a message that may have held another request.</summary>
    public static StoredRecord Read(RecordHeader header, ReadOnlyMemory<byte> content, StoredRequest into)
    {
        Clear(into);
        into.MergeFrom(content.Span[Fingerprints.Bytes..]);
        return new StoredRecord(header, content[..Fingerprints.Bytes], into);
    }

    /// <summary>Every field as in a new message.</summary>
    internal static void Clear(StoredRequest request)
    {
        request.VisitType = request.RateBp = request.Tier = request.InsuredCounty = request.FacilityCounty = 0;
        request.TotalFen = request.FullSelfPayFen = request.OverLimitFen = request.PreSelfPayFen = request.InScopeFen = request.AllowanceFen = 0;
        request.Citations = 0;
        request.SettledAtUnixMs = 0;
        request.Lines.Clear();
        request.Trace = ByteString.Empty;
    }

    public Terms Terms => new(Request.RateBp, Header.TariffFen, Header.CapFen, Header.Capped ? null : Request.AllowanceFen);
}

/// <summary>A cancellation or reversal as it lies in the store, with the settlement that it undid or restored.</summary>
/// <param name="Header">Figures of the settlement, positive, with the standing that the undoing found.</param>
/// <param name="TargetField">The request field of the settlement; of the request that was asked about where there was nothing to undo.</param>
/// <param name="TargetSequence">The settlement's sequence, 0 where there was nothing to undo.</param>
/// <param name="Headroom">Later settlements of the year that the cap had cut: sequence and shortfall in fen.</param>
/// <param name="Target">The settlement, null where there was nothing to undo.</param>
public sealed record UndoingRecord(
    RecordHeader Header, ReadOnlyMemory<byte> Fingerprint, StoredUndoing Own, string TargetField, long TargetSequence,
    ImmutableArray<(long Sequence, long ShortfallFen)> Headroom, StoredRecord? Target)
{
    public static UndoingRecord Read(ReadOnlyMemory<byte> bytes)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        ReadOnlyMemory<byte> fingerprint = bytes.Slice(RecordHeader.Bytes, Fingerprints.Bytes);
        ReadOnlyMemory<byte> rest = bytes[(RecordHeader.Bytes + Fingerprints.Bytes)..];
        string field = Encoding.UTF8.GetString(Take(ref rest).Span);
        StoredUndoing own = StoredUndoing.Parser.ParseFrom(Take(ref rest).Span);
        long targetSequence = BigEndian.ReadUInt48(rest.Span);
        int count = BinaryPrimitives.ReadUInt16BigEndian(rest.Span[6..]);
        rest = rest[8..];
        var headroom = ImmutableArray.CreateBuilder<(long, long)>(count);
        for (int i = 0; i < count; i++, rest = rest[12..])
        {
            headroom.Add((BigEndian.ReadUInt48(rest.Span), BigEndian.ReadUInt48(rest.Span[6..])));
        }

        return new UndoingRecord(header, fingerprint, own, field, targetSequence, headroom.MoveToImmutable(), rest.IsEmpty ? null : StoredRecord.Read(header, rest));
    }

    private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> rest)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(rest.Span);
        ReadOnlyMemory<byte> taken = rest.Slice(2, length);
        rest = rest[(2 + length)..];
        return taken;
    }
}

/// <summary>Six-byte numbers, as the script's <c>I6</c>.</summary>
internal static class BigEndian
{
    public static long ReadUInt48(ReadOnlySpan<byte> bytes) =>
        ((long)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    public static void WriteUInt48(Span<byte> bytes, long value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)(value & uint.MaxValue));
    }
}

/// <summary>The field of an insured's hash that a request is stored under. A line feed separates: no code contains control characters.</summary>
public static class RequestField
{
    public static string Of(string facilityCode, string requestId) => $"q{facilityCode}\n{requestId}";

    /// <summary>Length in UTF-8.</summary>
    public static int BytesOf(int facilityBytes, string requestId) => 2 + facilityBytes + Encoding.UTF8.GetByteCount(requestId);

    /// <summary>The same as <see cref="Of"/>, in UTF-8.</summary>
    public static void Write(string facilityCode, string requestId, Span<byte> field)
    {
        field[0] = (byte)'q';
        int end = 1 + Encoding.UTF8.GetBytes(facilityCode, field[1..]);
        field[end] = (byte)'\n';
        Encoding.UTF8.GetBytes(requestId, field[(end + 1)..]);
    }

    public static (string FacilityCode, string RequestId) Parse(string field)
    {
        int end = field.IndexOf('\n', StringComparison.Ordinal);
        return (field[1..end], field[(end + 1)..]);
    }

    /// <param name="field">In UTF-8.</param>
    public static (string FacilityCode, string RequestId) Parse(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)'\n');
        return (Encoding.UTF8.GetString(field[1..end]), Encoding.UTF8.GetString(field[(end + 1)..]));
    }
}

/// <summary>Tells whether a repeated request has the same content.</summary>
public static class Fingerprints
{
    public const int Bytes = 16;

    /// <summary>The first 16 bytes of SHA-256 over everything the sender states besides the key (facility, insured, request_id).</summary>
    public static void Write(SettleRequest request, Span<byte> fingerprint)
    {
        Span<byte> stated = stackalloc byte[1 + 4 + (5 * 8) + Encoding.UTF8.GetMaxByteCount(10)];
        stated[0] = (byte)'S';
        BinaryPrimitives.WriteInt32BigEndian(stated[1..], (int)request.VisitType);
        BinaryPrimitives.WriteInt64BigEndian(stated[5..], request.TotalFen);
        BinaryPrimitives.WriteInt64BigEndian(stated[13..], request.FullSelfPayFen);
        BinaryPrimitives.WriteInt64BigEndian(stated[21..], request.OverLimitFen);
        BinaryPrimitives.WriteInt64BigEndian(stated[29..], request.PreSelfPayFen);
        BinaryPrimitives.WriteInt64BigEndian(stated[37..], request.InScopeFen);
        int length = 45 + Encoding.UTF8.GetBytes(request.VisitDate, stated[45..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (request.Lines.Count == 0)
        {
            SHA256.HashData(stated[..length], hash);
        }
        else
        {
            using IncrementalHash whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            whole.AppendData(stated[..length]);
            foreach (FeeLine line in request.Lines) AppendLine(whole, line);
            whole.GetHashAndReset(hash);
        }

        hash[..Bytes].CopyTo(fingerprint);
    }

    /// <summary>Texts carry their length, so that no two lists of lines give the same bytes.</summary>
    private static void AppendLine(IncrementalHash hash, FeeLine line)
    {
        Span<byte> numbers = stackalloc byte[32];
        byte[] lineId = Encoding.UTF8.GetBytes(line.LineId);
        byte[] itemCode = Encoding.UTF8.GetBytes(line.ItemCode);
        BinaryPrimitives.WriteInt32BigEndian(numbers, lineId.Length);
        BinaryPrimitives.WriteInt32BigEndian(numbers[4..], itemCode.Length);
        BinaryPrimitives.WriteInt64BigEndian(numbers[8..], line.UnitPriceMilliFen);
        BinaryPrimitives.WriteInt64BigEndian(numbers[16..], line.QuantityE4);
        BinaryPrimitives.WriteInt64BigEndian(numbers[24..], line.AmountFen);
        hash.AppendData(numbers);
        hash.AppendData(lineId);
        hash.AppendData(itemCode);
    }

    /// <summary>Of a cancellation or reversal: what kind it is and what it names.</summary>
    /// <param name="kind">C or V.</param>
    public static void Write(char kind, string target, Span<byte> fingerprint)
    {
        byte[] content = new byte[1 + Encoding.UTF8.GetByteCount(target)];
        content[0] = (byte)kind;
        Encoding.UTF8.GetBytes(target, content.AsSpan(1));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, hash);
        hash[..Bytes].CopyTo(fingerprint);
    }
}

/// <summary>A stored record with the key it lies under.</summary>
/// <param name="Bytes">The record as the script packed it.</param>
public sealed record StoredAnswer(string FacilityCode, string RequestId, RecordHeader Header, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The answers among an insured's fields, oldest first.</summary>
    public static IReadOnlyList<StoredAnswer> AllOf(IEnumerable<(string Field, byte[] Value)> fields) =>
    [
        .. fields
            .Where(field => field.Field[0] == 'q')
            .Select(field => (Key: RequestField.Parse(field.Field), field.Value))
            .Select(field => new StoredAnswer(field.Key.FacilityCode, field.Key.RequestId, RecordHeader.Read(field.Value), field.Value))
            .OrderBy(answer => answer.Header.Sequence),
    ];
}

/// <summary>An accumulator among an insured's fields: what the fund paid in a year, or the deductible borne at a facility on a day.</summary>
/// <param name="Day">Null for the year's fund payments.</param>
public sealed record AccumulatorField(int Year, DateOnly? Day, string FacilityCode, long AmountFen)
{
    /// <returns>Null where the field is no accumulator.</returns>
    public static AccumulatorField? Read(string field, ReadOnlySpan<byte> value)
    {
        switch (field[0])
        {
            case 'u':
                return new AccumulatorField(int.Parse(field.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture), null, "", Amount(value));
            case 'd':
                DateOnly day = DateOnly.ParseExact(field.AsSpan(1, 8), "yyyyMMdd", CultureInfo.InvariantCulture);
                return new AccumulatorField(day.Year, day, field[10..], Amount(value));
            default:
                return null;
        }
    }

    private static long Amount(ReadOnlySpan<byte> digits) => long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
