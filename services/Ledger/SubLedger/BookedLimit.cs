using System.Globalization;

namespace Claims.Ledger.SubLedger;

/// <summary>A limit that a visit met, as a line of <c>limits</c> says it (claims/v1/settled_claim.proto).</summary>
/// <param name="Moved">Negative where it is taken back.</param>
/// <param name="Accumulator">Empty where nothing accumulates.</param>
internal readonly record struct BookedLimit(char Kind, long Limit, long UsedBefore, long Moved, string Accumulator)
{
    private const string Kinds = "cmDdbAanfs";

    /// <exception cref="UnbookableRecordException">The text is none.</exception>
    public static List<BookedLimit> Read(string limits)
    {
        List<BookedLimit> read = [];
        if (limits.Length == 0) return read;
        Span<Range> parts = stackalloc Range[5];
        foreach (ReadOnlySpan<char> line in limits.EnumerateLines())
        {
            if (line.Split(parts, ' ') < 5 || line[parts[0]].Length != 1 || !Kinds.Contains(line[0], StringComparison.Ordinal)
                || !Number(line[parts[1]], out long limit) || !Number(line[parts[2]], out long before)
                || !Number(line[parts[3]], out long moved))
                throw new UnbookableRecordException("has limits that are not kind, limit, used before, moved, accumulator");
            read.Add(new BookedLimit(line[0], limit, before, moved, line[parts[4]].ToString()));
        }

        return read;

        static bool Number(ReadOnlySpan<char> text, out long number) =>
            long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }
}
