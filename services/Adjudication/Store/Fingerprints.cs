using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Claims.Rules;
using Claims.V1;

namespace Claims.Adjudication.Store;

/// <summary>Tells whether a repeated request has the same content.</summary>
public static class Fingerprints
{
    public const int Bytes = 16;

    // Kind, visit type and five amounts; the date and the visit id follow.
    private const int StatedBytes = 1 + 4 + (5 * 8);
    private const int LongestDate = 10;

    // A character may take two UTF-16 units, and four bytes.
    private const int LongestVisitId = 4 * RequestChecks.MaxCodeLength;

    /// <summary>
    /// The first 16 bytes of SHA-256 over what the request asks besides its key (facility, insured, request_id). Content counts, not form:
    /// with fee lines their order does not, nor whether the sums that follow from them are stated, nor the unit of a price.
    /// </summary>
    public static void Write(SettleRequest request, Span<byte> fingerprint)
    {
        Span<byte> stated = stackalloc byte[StatedBytes + LongestDate + LongestVisitId];
        stated[..StatedBytes].Clear();
        stated[0] = (byte)'S';
        BinaryPrimitives.WriteInt32BigEndian(stated[1..], (int)request.VisitType);
        bool computed = request.Lines.Count > 0;
        if (!computed)
        {
            BinaryPrimitives.WriteInt64BigEndian(stated[5..], request.TotalFen);
            BinaryPrimitives.WriteInt64BigEndian(stated[13..], request.FullSelfPayFen);
            BinaryPrimitives.WriteInt64BigEndian(stated[21..], request.OverLimitFen);
            BinaryPrimitives.WriteInt64BigEndian(stated[29..], request.PreSelfPayFen);
            BinaryPrimitives.WriteInt64BigEndian(stated[37..], request.InScopeFen);
        }

        int length = StatedBytes + Encoding.UTF8.GetBytes(request.VisitDate, stated[StatedBytes..]);
        if (request.VisitId.Length > 0) length += Encoding.UTF8.GetBytes(request.VisitId, stated[length..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (!computed)
        {
            SHA256.HashData(stated[..length], hash);
        }
        else
        {
            using IncrementalHash whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            whole.AppendData(stated[..length]);
            foreach (FeeLine line in request.Lines.OrderBy(line => line.LineId, StringComparer.Ordinal)) AppendLine(whole, line);
            whole.GetHashAndReset(hash);
        }

        hash[..Bytes].CopyTo(fingerprint);
    }

    /// <summary>Texts carry their length, so that no two lists of lines give the same bytes.</summary>
    private static void AppendLine(IncrementalHash hash, FeeLine line)
    {
        Span<byte> numbers = stackalloc byte[40];
        byte[] lineId = Encoding.UTF8.GetBytes(line.LineId);
        byte[] itemCode = Encoding.UTF8.GetBytes(line.ItemCode);
        BinaryPrimitives.WriteInt32BigEndian(numbers, lineId.Length);
        BinaryPrimitives.WriteInt32BigEndian(numbers[4..], itemCode.Length);
        BinaryPrimitives.WriteInt128BigEndian(numbers[8..], FeeLines.PriceMicroYuan(line));
        BinaryPrimitives.WriteInt64BigEndian(numbers[24..], line.QuantityE4);
        BinaryPrimitives.WriteInt64BigEndian(numbers[32..], line.AmountFen);
        hash.AppendData(numbers);
        hash.AppendData(lineId);
        hash.AppendData(itemCode);
    }

    /// <summary>Covers the kind of a cancellation or reversal and what it names.</summary>
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
