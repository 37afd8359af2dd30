using System.Text.Json.Nodes;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>Everything of a statement for programs, in fen.</summary>
public static class StatementJson
{
    public static string Render(FacilityStatement statement)
    {
        ArgumentNullException.ThrowIfNull(statement);
        Statement month = statement.Statement;
        return Output.Json(new
        {
            month.FacilityCode,
            statement.FacilityName,
            month.Month,
            month.From,
            month.To,
            month.PreparedAt,
            month.Complete,
            month.Agrees,
            Groups = month.Groups.Select(group => Named(StatementColumns.Groups, group, "figures")),
            Sum = Figures(StatementColumns.Groups, month.Sum),
            Payables = month.Payables.Select(account => Named(StatementColumns.Payables, account, "movement")),
            PayableSum = Figures(StatementColumns.Payables, month.PayableSum),
            Lines = statement.Lines.Select(line => Object(StatementColumns.Lines, line)),
        }) + Environment.NewLine;
    }

    /// <summary>What names the row, and its figures in an object of their own.</summary>
    private static JsonObject Named<T>(IEnumerable<StatementColumn<T>> columns, T row, string figures)
    {
        JsonObject named = Object(columns.Where(column => !column.IsFigure), row);
        named.Add(figures, Figures(columns, row));
        return named;
    }

    private static JsonObject Figures<T>(IEnumerable<StatementColumn<T>> columns, T row) =>
        Object(columns.Where(column => column.IsFigure), row);

    private static JsonObject Object<T>(IEnumerable<StatementColumn<T>> columns, T row) =>
        new(columns.Select(column => KeyValuePair.Create(
            column.Name, column.Value(row) is long figure ? (JsonNode?)figure : (string)column.Value(row))));
}
