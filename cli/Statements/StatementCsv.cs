using System.Globalization;
using System.Text;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>A statement's lines as CSV for a spreadsheet: UTF-8 with a byte order mark, without which Excel takes Chinese for GBK; CR LF;
/// amounts in yuan.</summary>
public static class StatementCsv
{
    // A spreadsheet keeps 15 digits of a number.
    private const int MostDigits = 15;

    public static string Render(FacilityStatement statement)
    {
        ArgumentNullException.ThrowIfNull(statement);
        StringBuilder csv = new("\uFEFF");
        Row(csv, StatementColumns.Lines.Select(column => column.Chinese));
        foreach (StatementLine line in statement.Lines) Row(csv, StatementColumns.Lines.Select(column => Field(column, line)));
        return csv.ToString();
    }

    private static string Field(StatementColumn<StatementLine> column, StatementLine line) => column.Unit switch
    {
        ColumnUnit.Text => column.Text(line),
        ColumnUnit.Id or ColumnUnit.InsuredId => Id(column.Text(line)),
        ColumnUnit.Count => ((long)column.Value(line)).ToString(CultureInfo.InvariantCulture),
        ColumnUnit.Fen => StatementWords.Yuan((long)column.Value(line)),
        _ => throw new InvalidOperationException($"{column.Name} is of no unit."),
    };

    /// <summary>An id as another system gave it. An apostrophe before it keeps a spreadsheet from running it as a formula, or from rounding
    /// its digits.</summary>
    private static string Id(string id) =>
        id.Length > 0 && (id[0] is '=' or '+' or '-' or '@' or '\t' or '\r' || (id.Length > MostDigits && id.All(char.IsAsciiDigit)))
            ? "'" + id
            : id;

    private static void Row(StringBuilder csv, IEnumerable<string> fields) => csv.AppendJoin(',', fields.Select(Quoted)).Append("\r\n");

    private static string Quoted(string field) =>
        field.AsSpan().ContainsAny("\",\r\n") ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
