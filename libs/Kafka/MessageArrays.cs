using Claims.V1;
using Google.Protobuf;

namespace Claims.Kafka;

/// <summary>
/// The arrays in which messages are handed to the client, which takes none but whole ones and copies them before it returns. A large
/// message is filled up to a multiple of 1 024 bytes, so that the next of about its size uses its array again: arrays of their own were a
/// fifth of all that a settlement allocated at full speed (392 of 2 254 bytes). The filling is 2 % of such messages.
/// </summary>
public sealed class MessageArrays
{
    private const int StepBytes = 1_024;
    private const int SmallestFilledBytes = 8 * StepBytes;

    // A message takes no record more once it has 64 000 bytes; a longer one is given an array of its own.
    private const int LargestFilledBytes = 72 * StepBytes;

    // Its tag, and its length in two bytes whatever it is.
    private const int FillingHeadBytes = 4;
    private const uint FillingTag = (SettledClaim.FillingFieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited;

    private readonly byte[]?[] _free = new byte[]?[(LargestFilledBytes / StepBytes) + 1];

    /// <returns>An array that begins with the message, goes on with what fills it, if anything does, and ends in
    /// <paramref name="signatureBytes"/> bytes that are to be written.</returns>
    public byte[] Take(ReadOnlySpan<byte> message, int signatureBytes)
    {
        int wanted = message.Length + signatureBytes;
        int filled = ((wanted + FillingHeadBytes + StepBytes - 1) / StepBytes) * StepBytes;
        if (wanted < SmallestFilledBytes || filled > LargestFilledBytes)
        {
            byte[] own = new byte[wanted];
            message.CopyTo(own);
            return own;
        }

        byte[] array = Interlocked.Exchange(ref _free[filled / StepBytes], null) ?? new byte[filled];
        message.CopyTo(array);
        Fill(array.AsSpan(message.Length, filled - wanted));
        return array;
    }

    /// <param name="array">One that was taken, and that nobody reads any more.</param>
    public void Return(byte[] array)
    {
        ArgumentNullException.ThrowIfNull(array);
        if (array.Length % StepBytes == 0 && array.Length is > SmallestFilledBytes and <= LargestFilledBytes)
            Volatile.Write(ref _free[array.Length / StepBytes], array);
    }

    // What another message has left there would go to the broker, too.
    private static void Fill(Span<byte> rest)
    {
        int length = rest.Length - FillingHeadBytes;
        rest.Clear();
        rest[0] = (byte)((FillingTag & 0x7F) | 0x80);
        rest[1] = (byte)(FillingTag >> 7);
        rest[2] = (byte)((length & 0x7F) | 0x80);
        rest[3] = (byte)(length >> 7);
    }
}
