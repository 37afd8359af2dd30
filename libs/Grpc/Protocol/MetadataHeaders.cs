using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>Metadata as HTTP/2 headers. The bytes of a <c>-bin</c> key travel as base64.</summary>
internal static class MetadataHeaders
{
    /// <summary>Whether a header belongs to HTTP or to the protocol, and so is no metadata of the application.</summary>
    public static bool IsReserved(string name) =>
        name.StartsWith(':') || name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase) ||
        name.Equals("te", StringComparison.OrdinalIgnoreCase) || name.Equals("content-type", StringComparison.OrdinalIgnoreCase) ||
        name.Equals("content-length", StringComparison.OrdinalIgnoreCase) || name.Equals("host", StringComparison.OrdinalIgnoreCase);

    /// <summary>Base64 without padding, as the protocol asks of senders.</summary>
    public static string HeaderValue(Metadata.Entry entry) =>
        entry.IsBinary ? Convert.ToBase64String(entry.RawBytes).TrimEnd('=') : entry.Value;

    /// <summary>Adds one header: as text, or, for a <c>-bin</c> key, each of its comma-joined values, padded or not. False when that is no base64.</summary>
    public static bool TryAdd(Metadata metadata, string name, string value)
    {
#pragma warning disable CA1308 // HTTP/2 header names are lower case; a server may hand them over as it knows them.
        string key = name.ToLowerInvariant();
#pragma warning restore CA1308
        if (!key.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.Ordinal))
        {
            metadata.Add(Metadata.Entry.FromWire(key, value));
            return true;
        }
        foreach (Range range in value.AsSpan().Split(','))
        {
            ReadOnlySpan<char> encoded = value.AsSpan(range).Trim().TrimEnd('=');
            if (encoded.Length % 4 == 1)
                return false;
            string padded = string.Concat(encoded, "==".AsSpan(0, (4 - (encoded.Length % 4)) % 4));
            byte[] bytes = new byte[padded.Length / 4 * 3];
            if (!Convert.TryFromBase64String(padded, bytes, out int length))
                return false;
            metadata.Add(Metadata.Entry.FromWire(key, bytes[..length]));
        }
        return true;
    }
}
