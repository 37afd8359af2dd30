using System.Buffers.Text;
using System.Text;
using Claims.Rules;

namespace Claims.Adjudication.Store;

/// <summary>The limits that a visit met, as settle.lua packs them behind the header: USE and the accumulator's name, one after the
/// other.</summary>
public readonly record struct StoredLimits(int Count, ReadOnlyMemory<byte> Packed)
{
    private const int UseBytes = 20;

    /// <param name="bytes">The whole record.</param>
    public static StoredLimits Read(in RecordHeader header, ReadOnlyMemory<byte> bytes) =>
        new(header.LimitCount, bytes.Slice(RecordHeader.Bytes, header.LimitBytes));

    /// <param name="uses">Takes every limit, in the order of the terms; as long as there are limits.</param>
    public void CopyTo(Span<LimitUse> uses)
    {
        ReadOnlySpan<byte> rest = Packed.Span;
        for (int index = 0; index < Count; index++)
        {
            uses[index] = UseOf(rest);
            rest = rest[(UseBytes + rest[UseBytes - 1])..];
        }
    }

    public LimitUse this[int index]
    {
        get
        {
            ReadOnlySpan<byte> rest = Packed.Span;
            for (int before = 0; before < index; before++) rest = rest[(UseBytes + rest[UseBytes - 1])..];
            return UseOf(rest);
        }
    }

    /// <summary>As the books keep it: a line for each limit of its kind, the limit, what was used before, what was moved, and the name of
    /// the accumulator.</summary>
    /// <param name="sign">-1 for what is taken back.</param>
    public string Text(int sign)
    {
        // A name has at most 255 bytes, its numbers at most 50 digits.
        Span<byte> text = stackalloc byte[Terms.MostLimits * 320];
        int length = 0;
        ReadOnlySpan<byte> rest = Packed.Span;
        for (int index = 0; index < Count; index++)
        {
            LimitUse use = UseOf(rest);
            int nameBytes = rest[UseBytes - 1];
            if (index > 0) text[length++] = (byte)'\n';
            text[length++] = rest[0];
            length += Number(text[length..], use.Limit);
            length += Number(text[length..], use.UsedBefore);
            length += Number(text[length..], sign * use.Moved);
            text[length++] = (byte)' ';
            rest.Slice(UseBytes, nameBytes).CopyTo(text[length..]);
            length += nameBytes;
            rest = rest[(UseBytes + nameBytes)..];
        }

        return Encoding.UTF8.GetString(text[..length]);
    }

    private static int Number(Span<byte> text, long number)
    {
        text[0] = (byte)' ';
        Utf8Formatter.TryFormat(number, text[1..], out int bytes);
        return bytes + 1;
    }

    private static LimitUse UseOf(ReadOnlySpan<byte> use) =>
        new(BigEndian.ReadUInt48(use[1..]), BigEndian.ReadUInt48(use[7..]), BigEndian.ReadUInt48(use[13..]));
}
