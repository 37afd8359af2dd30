using System.Globalization;
using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>A merge, or its undoing, as it lies in the store: header, what the accumulators held before,
/// <see cref="StoredMerge"/>.</summary>
/// <param name="Before">Of each accumulator of the content, in its order; empty where the record moves none.</param>
public sealed record MergeRecord(RecordHeader Header, IReadOnlyList<long> Before, StoredMerge Content)
{
    /// <summary>What is settled of each accumulator: added, or taken away.</summary>
    public int Sign => Header.State is RecordState.MergedIn or RecordState.Parted ? 1 : -1;

    public static MergeRecord Read(ReadOnlyMemory<byte> bytes)
    {
        RecordHeader header = RecordHeader.Read(bytes.Span);
        string before = Encoding.ASCII.GetString(bytes.Span.Slice(RecordHeader.Bytes, header.NumbersBytes));
        return new MergeRecord(
            header,
            [.. before.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Number)],
            StoredMerge.Parser.ParseFrom(bytes.Span[header.ContentStart..]));
    }

    /// <summary>As the books keep it: a line for each accumulator, with what it held and what it was moved by; and one for the settlements
    /// that stand, which have no accumulator.</summary>
    public string LimitsText()
    {
        StringBuilder text = new();
        for (int index = 0; index < Content.Accumulators.Count; index++)
        {
            StoredField accumulator = Content.Accumulators[index];
            long amount = AmountOf(accumulator);
            long before = Before.Count > 0 ? Before[index] : Header.State is RecordState.MergedAway ? amount : 0;
            text.Append(CultureInfo.InvariantCulture, $"t 0 {before} {Sign * amount} {accumulator.Field}\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"S 0 0 {Sign * Content.Standing} ").ToString();
    }

    public static long AmountOf(StoredField accumulator) => Number(accumulator.Value.ToStringUtf8());

    private static long Number(string digits) => long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
