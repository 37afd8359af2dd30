using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>The field of an insured's hash that a request is stored under. A line feed separates: no code contains control
/// characters.</summary>
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
