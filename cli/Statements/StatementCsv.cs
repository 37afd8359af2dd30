using System.Globalization;
using System.Text;
using Claims.Hosting;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>A statement's lines as CSV for a spreadsheet: UTF-8 with a byte order mark, without which Excel takes Chinese for GBK; CR LF;
/// amounts in yuan.</summary>
public static class StatementCsv
{
    // A spreadsheet keeps 15 digits of a number.

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
        ColumnUnit.Text or ColumnUnit.InsuredId => SpreadsheetId.Write(column.Text(line)),
        ColumnUnit.Count => ((long)column.Value(line)).ToString(CultureInfo.InvariantCulture),
        ColumnUnit.Fen => StatementWords.Yuan((long)column.Value(line)),
        _ => throw new InvalidOperationException($"{column.Name} is of no unit."),
    };

    private static void Row(StringBuilder csv, IEnumerable<string> fields) => csv.AppendJoin(',', fields.Select(Quoted)).Append("\r\n");

    private static string Quoted(string field) =>
        field.AsSpan().ContainsAny("\",\r\n") ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
