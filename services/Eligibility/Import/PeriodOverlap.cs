using System.Globalization;
using Claims.Hosting;
using Npgsql;

namespace Claims.Eligibility.Import;

/// <summary>The periods of one <paramref name="Owner"/> must not overlap.</summary>
/// <param name="From">First day; with the owner the key of a row.</param>
/// <param name="To">Last day, null while open.</param>
internal sealed record PeriodColumns(string Owner, string From, string To);

/// <summary>Finds the first incoming row, by line, whose period has a day in common with another of the same owner.</summary>
internal static class PeriodOverlap
{
    /// <summary>Against the lines before it. Rows of the same key are left to the check for repeated keys.</summary>
    public static Task<ImportFaultException?> FindInFileAsync(
        NpgsqlConnection connection, PeriodColumns periods, TimeSpan bound, CancellationToken cancellationToken) =>
        FindAsync(connection, periods, "incoming", "other.line", "AND other.line < incoming.line", bound, cancellationToken);

    /// <summary>Against what is stored, once the file has been merged into it: a line of the file may have made room for another.</summary>
    public static Task<ImportFaultException?> FindStoredAsync(
        NpgsqlConnection connection, PeriodColumns periods, string table, TimeSpan bound, CancellationToken cancellationToken) =>
        FindAsync(connection, periods, table, "NULL::bigint", "", bound, cancellationToken);

    private static async Task<ImportFaultException?> FindAsync(
        NpgsqlConnection connection, PeriodColumns periods, string others, string otherLine, string condition, TimeSpan bound,
        CancellationToken cancellationToken)
    {
        (string owner, string from, string to) = (periods.Owner, periods.From, periods.To);
        await using NpgsqlCommand command = new(
            $"""
            SELECT incoming.line, {otherLine}, incoming.{owner}, incoming.{from}, incoming.{to}, other.{from}, other.{to}
            FROM incoming JOIN {others} AS other USING ({owner})
            WHERE other.{from} <> incoming.{from} {condition}
              AND other.{from} <= COALESCE(incoming.{to}, 'infinity') AND incoming.{from} <= COALESCE(other.{to}, 'infinity')
            ORDER BY incoming.line, other.{from} LIMIT 1
            """,
            connection);
        command.CommandTimeout = (int)bound.TotalSeconds;
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        if (!await found.ReadAsync(cancellationToken)) return null;
        string where = found.IsDBNull(1) ? "the stored" : string.Create(CultureInfo.InvariantCulture, $"line {found.GetInt64(1)},");
        return new(found.GetInt64(0), from, $"'{found.GetString(2)}' {Period(found, 3)} overlaps {where} {Period(found, 5)}");
    }

    private static string Period(NpgsqlDataReader reader, int column)
    {
        string from = Iso(reader, column);
        return reader.IsDBNull(column + 1) ? $"from {from} on" : $"from {from} to {Iso(reader, column + 1)}";
    }

    private static string Iso(NpgsqlDataReader reader, int column) =>
        reader.GetFieldValue<DateOnly>(column).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
