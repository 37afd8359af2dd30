using System.Globalization;

namespace Claims.Ledger.Statements;

/// <summary>A month of posting dates, in China Standard Time.</summary>
internal readonly record struct StatementMonth(DateOnly First)
{
    public DateOnly Last => First.AddMonths(1).AddDays(-1);

    /// <param name="text"><c>yyyy-MM</c>.</param>
    public static StatementMonth? Parse(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly first)
            && first.Year is >= 2000 and <= 2999
            ? new StatementMonth(first)
            : null;

    public override string ToString() => First.ToString("yyyy-MM", CultureInfo.InvariantCulture);
}
