using System.Buffers.Text;
using System.Text;
using Claims.Rules;

namespace Claims.Adjudication.Store;

/// <summary>The limits that a visit met, as settle.lua keeps them behind the header.</summary>
/// <param name="Numbers">In digits, separated by blanks: of each limit what was used before and after.</param>
/// <param name="Block"><see cref="LimitsBlock"/>: terms and names of accumulators.</param>
public readonly record struct StoredLimits(ReadOnlyMemory<byte> Numbers, ReadOnlyMemory<byte> Block)
{
    public int Count => LimitsBlock.CountOf(Block.Span);

    /// <param name="bytes">The whole record.</param>
    /// <exception cref="StoreUnavailableException">They are not what this program writes.</exception>
    public static StoredLimits Read(in RecordHeader header, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < header.ContentStart) throw StoredBytes.Unreadable(null);
        StoredLimits limits = new(
            bytes.Slice(RecordHeader.Bytes, header.NumbersBytes),
            bytes.Slice(RecordHeader.Bytes + header.NumbersBytes, header.LimitsBytes));
        limits.Check();
        return limits;
    }

    /// <summary>Every limit has its numbers and its name: whoever reads them afterwards meets no end.</summary>
    private void Check()
    {
        try
        {
            LimitsBlock.Reader block = new(Block.Span);
            ReadOnlySpan<byte> numbers = Numbers.Span;
            for (int count = 0; block.MoveNext(); count++)
            {
                if (count == Terms.MostLimits) throw new InvalidDataException("A stored record has more limits than a visit can meet.");
                Next(block.Limit, ref numbers);
            }
        }
        catch (Exception met) when (StoredBytes.AreWrong(met))
        {
            throw StoredBytes.Unreadable(met);
        }
    }

    /// <param name="uses">Takes every limit, in the order of the terms; as long as there are limits.</param>
    public void CopyTo(Span<LimitUse> uses)
    {
        LimitsBlock.Reader block = new(Block.Span);
        ReadOnlySpan<byte> numbers = Numbers.Span;
        for (int index = 0; block.MoveNext(); index++) uses[index] = Next(block.Limit, ref numbers);
    }

    public LimitUse this[int index]
    {
        get
        {
            LimitsBlock.Reader block = new(Block.Span);
            ReadOnlySpan<byte> numbers = Numbers.Span;
            LimitUse use = default;
            for (int before = 0; before <= index && block.MoveNext(); before++) use = Next(block.Limit, ref numbers);
            return use;
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
        LimitsBlock.Reader block = new(Block.Span);
        ReadOnlySpan<byte> numbers = Numbers.Span;
        while (block.MoveNext())
        {
            LimitUse use = Next(block.Limit, ref numbers);
            if (length > 0) text[length++] = (byte)'\n';
            text[length++] = block.Kind;
            length += Number(text[length..], use.Limit);
            length += Number(text[length..], use.UsedBefore);
            length += Number(text[length..], sign * use.Moved);
            text[length++] = (byte)' ';
            block.Name.CopyTo(text[length..]);
            length += block.Name.Length;
        }

        return Encoding.UTF8.GetString(text[..length]);
    }

    private static int Number(Span<byte> text, long number)
    {
        text[0] = (byte)' ';
        Utf8Formatter.TryFormat(number, text[1..], out int bytes);
        return bytes + 1;
    }

    // What undoes a visit found more than it left; either way the difference is what the visit had moved.
    private static LimitUse Next(long limit, ref ReadOnlySpan<byte> numbers)
    {
        long before = Take(ref numbers);
        return new LimitUse(limit, before, Math.Abs(Take(ref numbers) - before));
    }

    private static long Take(ref ReadOnlySpan<byte> numbers)
    {
        if (!Utf8Parser.TryParse(numbers, out long number, out int bytes))
            throw new InvalidDataException("A stored record has fewer numbers than limits.");
        numbers = bytes < numbers.Length ? numbers[(bytes + 1)..] : [];
        return number;
    }
}
