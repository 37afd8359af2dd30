using System.Text.RegularExpressions;

namespace Claims.Hosting;

/// <summary>An id on its way through a spreadsheet, which runs some as a formula and rounds those of more than 15 digits.</summary>
public static partial class SpreadsheetId
{
    private const int MostDigits = 15;

    /// <summary>With an apostrophe before it where a spreadsheet would change it.</summary>
    public static string Write(string id) => IsChanged(id) ? "'" + id : id;

    /// <summary>Without the apostrophe that <see cref="Write"/> has put before it.</summary>
    public static string Read(string id) => id is ['\'', ..] && IsChanged(id[1..]) ? id[1..] : id;

    /// <summary>4.10105E+17 is what a spreadsheet leaves of a number of 18 digits: the rest of it is lost.</summary>
    public static bool IsRounded(string id) => Rounded().IsMatch(id);

    private static bool IsChanged(string id) =>
        id.Length > 0 && (BeginsFormula(id[0]) || (id.Length > MostDigits && id.All(char.IsAsciiDigit)));

    // Chinese input methods write full width.
    private static bool BeginsFormula(char first) => first is '=' or '+' or '-' or '@' or '＝' or '＋' or '－' or '＠' or '\t' or '\r';

    [GeneratedRegex(@"^'?[0-9](?:[.,][0-9]+)?E\+[0-9]+$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        matchTimeoutMilliseconds: 100)]
    private static partial Regex Rounded();
}
