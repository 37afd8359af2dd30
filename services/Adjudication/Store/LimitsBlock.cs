using System.Buffers.Binary;
using Claims.Rules;

namespace Claims.Adjudication.Store;

/// <summary>
/// TERMS of settle.lua and the names of the accumulators: what the script settles a visit by. It stands in the step and, as it is, in the
/// record.
/// </summary>
internal static class LimitsBlock
{
    /// <summary>Of the most parts and limits, each with the longest name.</summary>
    public const int MostBytes = HeadBytes + (byte.MaxValue * PartBytes) + (Terms.MostLimits * (LimitBytes + 1 + byte.MaxValue));

    private const int HeadBytes = 6;
    private const int PartBytes = 8;
    private const int LimitBytes = 8;

    /// <summary>Limits of a block; 0 where it is empty.</summary>
    public static int CountOf(ReadOnlySpan<byte> block) => block.IsEmpty ? 0 : block[5];

    /// <returns>The bytes written.</returns>
    public static int Write(Terms terms, DateOnly date, string facilityCode, long inScopeFen, Span<byte> block)
    {
        // Below the entry nothing is paid and nothing moves: every limit is but shown, and no rate is given.
        bool entered = terms.FixedSumFen is not null || inScopeFen >= terms.EntryAtLeastFen;
        block[0] = (byte)(terms.FixedSumFen is null ? 'P' : 'F');
        block[1] = checked((byte)terms.RoundingFen);
        BinaryPrimitives.WriteUInt16BigEndian(block[2..], checked((ushort)terms.NotAgainWithinDays));
        block[4] = checked((byte)terms.Parts.Length);
        block[5] = checked((byte)terms.Limits.Length);
        int at = HeadBytes;
        foreach (RatePart part in terms.Parts)
        {
            BigEndian.WriteUInt48(block[at..], part.UpToFen);
            BinaryPrimitives.WriteUInt16BigEndian(block[(at + 6)..], checked((ushort)(entered ? part.RateBasisPoints : 0)));
            at += PartBytes;
        }

        int names = at + (terms.Limits.Length * LimitBytes);
        foreach (LimitTerms limit in terms.Limits)
        {
            int nameBytes = AccumulatorNames.Write(limit, date, facilityCode, block[(names + 1)..]);
            block[at] = (byte)(entered ? limit.Kind : LimitKind.Shown);
            BigEndian.WriteUInt48(block[(at + 1)..], limit.Limit);
            block[at + 7] = (byte)(nameBytes > 0 ? 1 : 0);
            at += LimitBytes;
            if (nameBytes == 0) continue;
            block[names] = checked((byte)nameBytes);
            names += 1 + nameBytes;
        }

        return names;
    }

    /// <summary>The limits of a block, one after the other.</summary>
    public ref struct Reader
    {
        private readonly ReadOnlySpan<byte> _block;
        private readonly int _limitsEnd;
        private int _next;
        private int _name;

        public Reader(ReadOnlySpan<byte> block)
        {
            _block = block;
            if (block.IsEmpty) return;
            _next = HeadBytes + (block[4] * PartBytes);
            _limitsEnd = _name = _next + (block[5] * LimitBytes);
        }

        public byte Kind { get; private set; }

        public long Limit { get; private set; }

        /// <summary>Empty where nothing accumulates.</summary>
        public ReadOnlySpan<byte> Name { get; private set; }

        public bool MoveNext()
        {
            if (_next == _limitsEnd) return false;
            ReadOnlySpan<byte> limit = _block[_next..];
            Kind = limit[0];
            Limit = BigEndian.ReadUInt48(limit[1..]);
            Name = limit[7] == 0 ? [] : _block.Slice(_name + 1, _block[_name]);
            if (limit[7] != 0) _name += 1 + _block[_name];
            _next += LimitBytes;
            return true;
        }
    }
}
