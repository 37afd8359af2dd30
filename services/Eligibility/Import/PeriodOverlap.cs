using System.Globalization;
using Claims.Hosting;
using Npgsql;

namespace Claims.Eligibility.Import;

/// <summary>The periods of one <paramref name="Owner"/> must not overlap.</summary>
/// <param name="Owner">One column or several; a sentence quotes the first.</param>
/// <param name="From">First day; with the owner the key of a row.</param>
/// <param name="To">Last day, null while open.</param>
internal sealed record PeriodColumns(IReadOnlyList<string> Owner, string From, string To);

/// <summary>Finds the first incoming row, by line, whose period has a day in common with another of the same owner.</summary>
internal static class PeriodOverlap
{
    /// <summary>Against the lines before it. Rows of the same key are left to the check for repeated keys.</summary>
    public static Task<ImportFaultException?> FindInFileAsync(
        IncomingRows incoming, PeriodColumns periods, CancellationToken cancellationToken) =>
        FindAsync(incoming, periods, "incoming", "other.line", "AND other.line < incoming.line", cancellationToken);

    /// <summary>Against what is stored, once the file has been merged into it: a line of the file may have made room for another.</summary>
    public static Task<ImportFaultException?> FindStoredAsync(
        IncomingRows incoming, PeriodColumns periods, string table, CancellationToken cancellationToken) =>
        FindAsync(incoming, periods, table, "NULL::bigint", "", cancellationToken);

    private static async Task<ImportFaultException?> FindAsync(
        IncomingRows rows, PeriodColumns periods, string others, string otherLine, string condition, CancellationToken cancellationToken)
    {
        (string from, string to) = (periods.From, periods.To);
        await using NpgsqlCommand command = rows.Command(
            $"""
            SELECT incoming.line, {otherLine}, incoming.{periods.Owner[0]}, incoming.{from}, incoming.{to}, other.{from}, other.{to}
            FROM incoming JOIN {others} AS other USING ({string.Join(", ", periods.Owner)})
            WHERE other.{from} <> incoming.{from} {condition}
              AND other.{from} <= COALESCE(incoming.{to}, 'infinity') AND incoming.{from} <= COALESCE(other.{to}, 'infinity')
            ORDER BY incoming.line, other.{from} LIMIT 1
            """);
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        if (!await found.ReadAsync(cancellationToken)) return null;
        string where = found.IsDBNull(1) ? "the stored" : string.Create(CultureInfo.InvariantCulture, $"line {found.GetInt64(1)},");
        return new(found.GetInt64(0), from, $"'{found.GetString(2)}' {Period(found, 3)} overlaps {where} {Period(found, 5)}");
    }

    private static string Period(NpgsqlDataReader reader, int column)
    {
        DateOnly from = reader.GetFieldValue<DateOnly>(column);
        DateOnly to = reader.IsDBNull(column + 1) ? DateOnly.MaxValue : reader.GetFieldValue<DateOnly>(column + 1);
        string begun = from == DateOnly.MinValue ? "from the beginning" : $"from {WireDate.Text(from)}";
        return to == DateOnly.MaxValue ? $"{begun} on" : $"{begun} to {WireDate.Text(to)}";
    }
}
