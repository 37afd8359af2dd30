using System.Text;
using Google.Protobuf;

namespace Claims.Adjudication.Store;

/// <summary>A settlement as it lies in the store: header, limits, 16 bytes of fingerprint, <see cref="StoredRequest"/>, visit id.</summary>
public readonly record struct StoredRecord(
    RecordHeader Header, StoredLimits Limits, ReadOnlyMemory<byte> Fingerprint, StoredRequest Request)
{
    public static StoredRecord Read(ReadOnlyMemory<byte> bytes)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        StoredLimits limits = StoredLimits.Read(header, bytes);
        return Read(header, limits, bytes[header.ContentStart..]);
    }

    /// <param name="content">Fingerprint, message and visit id.</param>
    public static StoredRecord Read(RecordHeader header, StoredLimits limits, ReadOnlyMemory<byte> content) =>
        Read(header, limits, content, new StoredRequest());

    /// <summary>The same as <see cref="Read(RecordHeader, StoredLimits, ReadOnlyMemory{byte})"/>, into a message that may have held
    /// another request.</summary>
    public static StoredRecord Read(RecordHeader header, StoredLimits limits, ReadOnlyMemory<byte> content, StoredRequest into)
    {
        Clear(into);
        try
        {
            into.MergeFrom(content.Span[Fingerprints.Bytes..^header.VisitIdBytes]);
            return new StoredRecord(header, limits, content[..Fingerprints.Bytes], into) { VisitId = VisitIdOf(header, content.Span) };
        }
        catch (Exception met) when (StoredBytes.AreWrong(met))
        {
            throw StoredBytes.Unreadable(met);
        }
    }

    /// <summary>The hospital's number of the visit; empty where it stated none.</summary>
    public string VisitId { get; init; } = "";

    private static string VisitIdOf(in RecordHeader header, ReadOnlySpan<byte> content) =>
        header.VisitIdBytes == 0 ? "" : Encoding.UTF8.GetString(content[^header.VisitIdBytes..]);

    /// <summary>Every field as in a new message.</summary>
    internal static void Clear(StoredRequest request)
    {
        request.VisitType = request.InsuredCounty = request.FacilityCounty = 0;
        request.TotalFen = request.FullSelfPayFen = request.OverLimitFen = request.PreSelfPayFen = request.InScopeFen = 0;
        request.Terms = 0;
        request.SettledAtUnixMs = 0;
        request.Lines.Clear();
        request.Trace = ByteString.Empty;
    }
}
