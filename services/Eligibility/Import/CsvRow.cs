using System.Globalization;
using Claims.Hosting;
using Claims.Policy;

namespace Claims.Eligibility.Import;

/// <summary>The fields of one row by column, each checked as it is read.</summary>
/// <param name="columns">The file's header; what a file may have more and this one has not is read as empty.</param>
internal sealed class CsvRow(CsvReader reader, IReadOnlyList<string> columns)
{
    public const int MaxCodeLength = 30;
    private const int MaxNameLength = 200;
    private const int MaxQuotedLength = 60;

    public long Line => reader.Line;

    /// <summary>Whether the file has the column.</summary>
    public bool Has(int column) => column < columns.Count;

    /// <exception cref="ImportFaultException">The row has more or fewer fields than the header.</exception>
    public void CheckFieldCount()
    {
        if (reader.Fields.Count == columns.Count) return;
        if (reader.Fields is [""]) throw new ImportFaultException(Line, "", "the line is empty");
        string column = reader.Fields.Count < columns.Count ? columns[reader.Fields.Count] : "";
        throw new ImportFaultException(Line, column, $"the row has {reader.Fields.Count} fields, but the header has {columns.Count}");
    }

    /// <summary>A code of 1 to 30 letters, digits, '-', '_' or '.'.</summary>
    public string Code(int column)
    {
        string value = reader.Fields[column];
        bool sound = value.Length is > 0 and <= MaxCodeLength && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        return sound ? value : throw Fault(column, $"is not a code of 1 to {MaxCodeLength} letters, digits, '-', '_' or '.'");
    }

    /// <summary>1 to 30 characters as another system gave them, each of them seen as itself.</summary>
    public string Identifier(int column)
    {
        string value = reader.Fields[column];
        bool sound = value.Length > 0 && value.EnumerateRunes().Count() <= MaxCodeLength && PlainText.Is(value);
        return sound
            ? value
            : throw Fault(column, $"is not an identifier of 1 to {MaxCodeLength} characters without control characters or invisible ones");
    }

    public string Name(int column)
    {
        string value = reader.Fields[column];
        return value.Length <= MaxNameLength && PlainText.Is(value)
            ? value
            : throw Fault(column, $"is not a name of at most {MaxNameLength} characters, each of them seen");
    }

    /// <summary>A code that the policy's list knows; any 6 digits where the policy has no list.</summary>
    public string County(int column, IReadOnlyCollection<string> known)
    {
        string value = reader.Fields[column];
        if (value.Length != 6 || !value.All(char.IsAsciiDigit)) throw Fault(column, "is not a 6-digit administrative code");
        return known.Count == 0 || known.Contains(value) ? value : throw Fault(column, "is not a county of the city's policy");
    }

    public string OneOf(int column, IReadOnlyCollection<string> words)
    {
        string value = reader.Fields[column];
        return words.Contains(value)
            ? value
            : throw Fault(column, $"is not one of {string.Join(", ", words.Order(StringComparer.Ordinal))}");
    }

    /// <returns>Empty where the field is, or the file has no such column.</returns>
    public string OneOfOrNone(int column, IReadOnlyCollection<string> words) =>
        !Has(column) || reader.Fields[column].Length == 0 ? "" : OneOf(column, words);

    public int Year(int column) =>
        int.TryParse(reader.Fields[column], NumberStyles.None, CultureInfo.InvariantCulture, out int year) && year is >= 2000 and <= 2100
            ? year
            : throw Fault(column, "is not a year from 2000 to 2100");

    /// <summary>Digits alone; null where the field is empty.</summary>
    public long? Whole(int column, long smallest, long largest)
    {
        string value = reader.Fields[column];
        if (value.Length == 0) return null;
        return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= smallest
            && number <= largest
            ? number
            : throw Fault(column, string.Create(
                CultureInfo.InvariantCulture, $"is not a whole number from {smallest} to {largest}{Unit(column)}"));
    }

    // Somebody who writes yuan is told what is asked for.
    private string Unit(int column) => columns[column].EndsWith("_milli_fen", StringComparison.Ordinal) ? ", in thousandths of a fen" : "";

    /// <returns>Null where the field is empty, or the file has no such column.</returns>
    public DateOnly? Date(int column)
    {
        if (!Has(column)) return null;
        string value = reader.Fields[column];
        if (value.Length == 0) return null;
        return DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)
            ? date
            : throw Fault(column, "is not a date of the form yyyy-MM-dd");
    }

    public ImportFaultException Fault(int column, string predicate)
    {
        string value = reader.Fields[column];
        string quoted = value.Length <= MaxQuotedLength ? value : value[..MaxQuotedLength] + "…";
        return new(Line, columns[column], $"'{quoted}' {predicate}");
    }
}
