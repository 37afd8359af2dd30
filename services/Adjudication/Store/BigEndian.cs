using System.Buffers.Binary;

namespace Claims.Adjudication.Store;

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
