using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>The field of an insured's hash that a request is stored under. A line feed separates, and a tab before the id that the request
/// named where that was merged into this one: no code contains control characters.</summary>
public static class RequestField
{
    /// <summary>The longest, in UTF-8: settle.lua is told its length in a byte.</summary>
    public const int MostBytes = byte.MaxValue;

    private const char BeforeStated = '\t';

    /// <param name="statedId">The id that the request named; empty where it is the one whose hash this is.</param>
    public static string Of(string facilityCode, string requestId, string statedId = "") =>
        statedId.Length == 0 ? $"q{facilityCode}\n{requestId}" : $"q{facilityCode}\n{requestId}{BeforeStated}{statedId}";

    /// <summary>Length in UTF-8.</summary>
    public static int BytesOf(int facilityBytes, string requestId, string statedId = "") => 2 + facilityBytes
        + Encoding.UTF8.GetByteCount(requestId) + (statedId.Length == 0 ? 0 : 1 + Encoding.UTF8.GetByteCount(statedId));

    /// <summary>The same as <see cref="Of"/>, in UTF-8.</summary>
    public static void Write(string facilityCode, string requestId, string statedId, Span<byte> field)
    {
        field[0] = (byte)'q';
        int end = 1 + Encoding.UTF8.GetBytes(facilityCode, field[1..]);
        field[end++] = (byte)'\n';
        end += Encoding.UTF8.GetBytes(requestId, field[end..]);
        if (statedId.Length == 0) return;
        field[end++] = (byte)BeforeStated;
        Encoding.UTF8.GetBytes(statedId, field[end..]);
    }

    /// <summary>The field once its hash was merged into another: it says under which id it came.</summary>
    public static string Stated(string field, string statedId) =>
        field.Contains(BeforeStated, StringComparison.Ordinal) ? field : $"{field}{BeforeStated}{statedId}";

    public static Key Parse(string field)
    {
        int end = field.IndexOf('\n', StringComparison.Ordinal);
        int stated = field.IndexOf(BeforeStated, end);
        return stated < 0
            ? new Key(field[1..end], field[(end + 1)..], "")
            : new Key(field[1..end], field[(end + 1)..stated], field[(stated + 1)..]);
    }

    /// <param name="field">In UTF-8.</param>
    public static Key Parse(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)'\n');
        ReadOnlySpan<byte> rest = field[(end + 1)..];
        int stated = rest.IndexOf((byte)BeforeStated);
        return new Key(
            Encoding.UTF8.GetString(field[1..end]),
            Encoding.UTF8.GetString(stated < 0 ? rest : rest[..stated]),
            stated < 0 ? "" : Encoding.UTF8.GetString(rest[(stated + 1)..]));
    }

    /// <param name="StatedId">The id that the request named, where that was merged into the one whose hash this is; otherwise
    /// empty.</param>
    public readonly record struct Key(string FacilityCode, string RequestId, string StatedId)
    {
        /// <summary>The insured whom the request named.</summary>
        /// <param name="holderId">In whose hash it lies.</param>
        public string InsuredIdOr(string holderId) => StatedId.Length > 0 ? StatedId : holderId;
    }
}
