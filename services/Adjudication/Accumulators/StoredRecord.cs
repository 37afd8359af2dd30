using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Claims.Adjudication.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Accumulators;

/// <summary>The figures that the script computed, as it packs them: HEADER of settle.lua.</summary>
/// <param name="State">A active.</param>
/// <param name="Order">Rank among the settlements of the insured; the newest is the highest.</param>
public readonly record struct RecordHeader(char Kind, char State, long Sequence, long Order, long DeductibleFen, long BorneBeforeFen, long FundPayFen, long CapUsedBeforeFen)
{
    public const int Bytes = 30;

    public Standing Before => new(CapUsedBeforeFen, BorneBeforeFen);

    public static RecordHeader Read(ReadOnlySpan<byte> bytes) => new(
        (char)bytes[0],
        (char)bytes[1],
        ReadUInt48(bytes[2..]),
        ReadUInt48(bytes[8..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[14..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[18..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[22..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[26..]));

    private static long ReadUInt48(ReadOnlySpan<byte> bytes) =>
        ((long)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);
}

/// <summary>A settlement as it lies in the store: header, 16 bytes of fingerprint, <see cref="StoredRequest"/>.</summary>
public sealed record StoredRecord(RecordHeader Header, ReadOnlyMemory<byte> Fingerprint, StoredRequest Request)
{
    public static StoredRecord Read(ReadOnlyMemory<byte> bytes) => new(
        RecordHeader.Read(bytes.Span),
        bytes.Slice(RecordHeader.Bytes, Fingerprints.Bytes),
        StoredRequest.Parser.ParseFrom(bytes.Span[(RecordHeader.Bytes + Fingerprints.Bytes)..]));

    public Terms Terms => new(Request.RateBp, Request.TariffFen, Request.CapFen, Request.HasAllowanceFen ? Request.AllowanceFen : null);

    public DateOnly VisitDate => DateOnly.FromDayNumber(Request.VisitDay);
}

/// <summary>The field of an insured's hash that a request is stored under. A line feed separates: no code contains control characters.</summary>
public static class RequestField
{
    public static string Of(string facilityCode, string requestId) => $"q{facilityCode}\n{requestId}";

    public static (string FacilityCode, string RequestId) Parse(string field)
    {
        int end = field.IndexOf('\n', StringComparison.Ordinal);
        return (field[1..end], field[(end + 1)..]);
    }
}

/// <summary>Tells whether a repeated request has the same content.</summary>
public static class Fingerprints
{
    public const int Bytes = 16;

    /// <summary>The first 16 bytes of SHA-256 over everything the sender states besides the key (facility, insured, request_id).</summary>
    public static void Write(SettleRequest request, Span<byte> fingerprint)
    {
        Span<byte> content = stackalloc byte[1 + 4 + (5 * 8) + Encoding.UTF8.GetMaxByteCount(10)];
        content[0] = (byte)'S';
        BinaryPrimitives.WriteInt32BigEndian(content[1..], (int)request.VisitType);
        BinaryPrimitives.WriteInt64BigEndian(content[5..], request.TotalFen);
        BinaryPrimitives.WriteInt64BigEndian(content[13..], request.FullSelfPayFen);
        BinaryPrimitives.WriteInt64BigEndian(content[21..], request.OverLimitFen);
        BinaryPrimitives.WriteInt64BigEndian(content[29..], request.PreSelfPayFen);
        BinaryPrimitives.WriteInt64BigEndian(content[37..], request.InScopeFen);
        int length = 45 + Encoding.UTF8.GetBytes(request.VisitDate, content[45..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content[..length], hash);
        hash[..Bytes].CopyTo(fingerprint);
    }

    /// <summary>Fingerprint followed by the message: what the script keeps for a new settlement.</summary>
    public static byte[] Content(SettleRequest request, StoredRequest? stored)
    {
        byte[] content = new byte[Bytes + (stored?.CalculateSize() ?? 0)];
        Write(request, content);
        stored?.WriteTo(content.AsSpan(Bytes));
        return content;
    }
}

/// <summary>A stored settlement with the key it lies under.</summary>
public sealed record StoredSettlement(string FacilityCode, string RequestId, StoredRecord Record)
{
    public string SettlementId(int shard) => SettlementIds.Format(Record.VisitDate.Year, shard, Record.Header.Sequence);

    /// <summary>The settlements among an insured's fields, oldest first.</summary>
    public static IReadOnlyList<StoredSettlement> AllOf(IEnumerable<(string Field, byte[] Value)> fields) =>
    [
        .. fields
            .Where(field => field.Field[0] == 'q' && field.Value[0] == (byte)'S')
            .Select(field => (Key: RequestField.Parse(field.Field), field.Value))
            .Select(field => new StoredSettlement(field.Key.FacilityCode, field.Key.RequestId, StoredRecord.Read(field.Value)))
            .OrderBy(settlement => settlement.Record.Header.Sequence),
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
