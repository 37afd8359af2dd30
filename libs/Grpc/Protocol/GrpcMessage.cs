using System.Buffers;
using System.Text;

namespace Grpc.Protocol;

/// <summary>The <c>grpc-message</c> trailer: UTF-8, percent-encoded but for printable ASCII other than the percent sign.</summary>
internal static class GrpcMessage
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        " !\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    public static string Encode(string message)
    {
        if (!message.AsSpan().ContainsAnyExcept(Plain))
            return message;
        StringBuilder encoded = new(message.Length * 3);
        foreach (byte b in Encoding.UTF8.GetBytes(message))
        {
            if (Plain.Contains((char)b))
                encoded.Append((char)b);
            else
                encoded.Append('%').Append(Hex(b >> 4)).Append(Hex(b & 0xF));
        }
        return encoded.ToString();
    }

    /// <summary>Never fails: a percent sign without two hexadecimal digits stands for itself, and broken UTF-8 becomes U+FFFD.</summary>
    public static string Decode(string header)
    {
        if (!header.Contains('%', StringComparison.Ordinal) && Ascii.IsValid(header))
            return header;
        // HttpClient hands header bytes over as Latin-1.
        byte[] raw = Encoding.Latin1.GetBytes(header);
        int length = 0;
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '%' && i + 2 < raw.Length && char.IsAsciiHexDigit((char)raw[i + 1]) && char.IsAsciiHexDigit((char)raw[i + 2]))
            {
                raw[length++] = (byte)((FromHex(raw[i + 1]) << 4) | FromHex(raw[i + 2]));
                i += 2;
            }
            else
            {
                raw[length++] = raw[i];
            }
        }
        return Encoding.UTF8.GetString(raw, 0, length);
    }

    private static char Hex(int value) => (char)(value < 10 ? '0' + value : 'A' + value - 10);
    private static int FromHex(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
