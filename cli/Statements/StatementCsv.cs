using System.Text;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>A statement's lines as CSV for a spreadsheet: UTF-8 with a byte order mark, without which Excel takes Chinese for GBK; CR LF; amounts in yuan.</summary>
public static class StatementCsv
{
    // A spreadsheet keeps 15 digits of a number.
    private const int MostDigits = 15;

    private static readonly string[] Headings =
    [
        "入账日期", "结算时间", "业务", "结算编号", "原结算编号", "请求号", "人员编号", "就诊日期", "机构层级", "就诊类型",
        "总费用", "政策范围内费用", "起付标准", "超限额未付", "基金支付", "个人支付", "提示代码",
    ];

    public static string Render(FacilityStatement statement)
    {
        ArgumentNullException.ThrowIfNull(statement);
        StringBuilder csv = new("\uFEFF");
        Row(csv, Headings);
        foreach (StatementLine line in statement.Lines)
        {
            Row(csv,
            [
                line.PostedOn, line.SettledAt, StatementWords.Kind(line.Kind), Text(line.SettlementId), Text(line.OriginalSettlementId), Text(line.RequestId),
                Text(line.InsuredId), line.VisitDate, StatementWords.Tier(line.Tier), StatementWords.VisitTypeOf(line.VisitType),
                StatementWords.Yuan(line.TotalFen), StatementWords.Yuan(line.InScopeFen), StatementWords.Yuan(line.DeductibleFen), StatementWords.Yuan(line.CapCutFen),
                StatementWords.Yuan(line.FundPayFen), StatementWords.Yuan(line.TotalFen - line.FundPayFen), Text(line.ReasonCode),
            ]);
        }

        return csv.ToString();
    }

    /// <summary>An id as another system gave it. An apostrophe before it keeps a spreadsheet from running it as a formula, or from rounding its digits.</summary>
    private static string Text(string id) =>
        id.Length > 0 && (id[0] is '=' or '+' or '-' or '@' or '\t' or '\r' || (id.Length > MostDigits && id.All(char.IsAsciiDigit))) ? "'" + id : id;

    private static void Row(StringBuilder csv, IEnumerable<string> fields) => csv.AppendJoin(',', fields.Select(Quoted)).Append("\r\n");

    private static string Quoted(string field) =>
        field.AsSpan().ContainsAny("\",\r\n") ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
