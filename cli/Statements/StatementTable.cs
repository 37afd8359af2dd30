using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>A statement's sums and accounts to read on a terminal; the lines are for the other forms.</summary>
public static class StatementTable
{
    public static string Render(FacilityStatement statement) => Render(statement, Output.Width);

    /// <param name="width">Columns of the terminal.</param>
    public static string Render(FacilityStatement statement, int width)
    {
        ArgumentNullException.ThrowIfNull(statement);
        Statement month = statement.Statement;
        return $"{statement.FacilityName} {month.FacilityCode}, {month.From} "
            + $"– {month.To}{(month.Complete ? "" : ", not ended yet 本月未结束")}\n"
            + Table(StatementColumns.Groups, month.Groups, month.Sum, width)
            + Table(StatementColumns.Payables, month.Payables, month.PayableSum, width)
            + $"{(month.Agrees ? "Lines and general ledger agree 明细与总账一致." : "LINES AND GENERAL LEDGER DO NOT AGREE 明细与总账不一致.")}\n";
    }

    private static string Table<T>(IEnumerable<StatementColumn<T>> all, IEnumerable<T> rows, T sum, int width)
    {
        StatementColumn<T>[] columns = [.. all.Where(column => column.English.Length > 0)];
        return TextTable.Render(
            [.. columns.Select(column => $"{(column.IsFigure ? ">" : "")}{column.English} {column.Chinese}")],
            [.. rows.Select(row => Cells(row, column => column.Text(row))), Cells(sum, column => column == columns[0] ? "合计" : "")], width);

        string[] Cells(T row, Func<StatementColumn<T>, string> text) => [.. columns.Select(column => column.Unit switch
        {
            ColumnUnit.Text or ColumnUnit.InsuredId => text(column),
            ColumnUnit.Count => ((long)column.Value(row)).ToString("#,##0", CultureInfo.InvariantCulture),
            ColumnUnit.Fen => StatementWords.Yuan((long)column.Value(row)),
            _ => throw new InvalidOperationException($"{column.Name} is of no unit."),
        })];
    }
}
