using System.Globalization;

namespace Claims.Ledger.SubLedger;

/// <summary>A limit that a visit met, as a line of <c>limits</c> says it (claims/v1/settled_claim.proto).</summary>
/// <param name="Moved">Negative where it is taken back.</param>
/// <param name="Accumulator">Empty where nothing accumulates.</param>
internal readonly record struct BookedLimit(char Kind, long Limit, long UsedBefore, long Moved, string Accumulator)
{
    /// <exception cref="UnbookableRecordException">The text is none.</exception>
    public static List<BookedLimit> Read(string limits)
    {
        List<BookedLimit> read = [];
        BookedLimitReader reader = new(limits);
        while (reader.MoveNext())
            read.Add(new BookedLimit(reader.Kind, reader.Limit, reader.UsedBefore, reader.Moved, reader.Accumulator.ToString()));
        return read;
    }
}

/// <summary>The lines of <c>limits</c> one after the other, without an object for any: every record is read so before it is
/// booked.</summary>
internal ref struct BookedLimitReader(string limits)
{
    private const string Kinds = "cmDdbAanfstS";
    private ReadOnlySpan<char> _rest = limits;
    private bool _isAtEnd = limits.Length == 0;

    public char Kind { get; private set; }

    public long Limit { get; private set; }

    public long UsedBefore { get; private set; }

    public long Moved { get; private set; }

    public ReadOnlySpan<char> Accumulator { get; private set; }

    /// <exception cref="UnbookableRecordException">The next line is no limit.</exception>
    public bool MoveNext()
    {
        if (_isAtEnd) return false;
        int end = _rest.IndexOf('\n');
        _isAtEnd = end < 0;
        ReadOnlySpan<char> line = _isAtEnd ? _rest : _rest[..end];
        if (!_isAtEnd) _rest = _rest[(end + 1)..];
        if (line.Length < 2 || line[1] != ' ' || !Kinds.Contains(line[0], StringComparison.Ordinal)) throw NoLimit();
        Kind = line[0];
        line = line[2..];
        Limit = Number(ref line);
        UsedBefore = Number(ref line);
        Moved = Number(ref line);
        Accumulator = line;
        return true;
    }

    private static long Number(ref ReadOnlySpan<char> line)
    {
        int end = line.IndexOf(' ');
        if (end < 0 || !long.TryParse(line[..end], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            throw NoLimit();
        line = line[(end + 1)..];
        return number;
    }

    private static UnbookableRecordException NoLimit() => new("has limits that are not kind, limit, used before, moved, accumulator");
}
