using System.Globalization;
using System.Net;
using System.Text;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>A statement as a page to print on A4: one file that loads nothing. Insured ids show their last four characters.</summary>
public static class StatementHtml
{
    private const string Style = """
        @page { size: A4 landscape; margin: 14mm 12mm 14mm; @bottom-right { content: "第 " counter(page) " 页 / 共 " counter(pages) " 页"; font-size: 9pt; } }
        * { box-sizing: border-box; }
        body { font: 10.5pt/1.5 "Noto Serif CJK SC", "Source Han Serif SC", "Songti SC", SimSun, serif; color: #000; margin: 0 auto; max-width: 273mm; padding: 8mm; }
        @media print { body { padding: 0; } }
        h1 { font-size: 18pt; text-align: center; margin: 0 0 1mm; letter-spacing: .08em; }
        .month { text-align: center; margin: 0 0 3mm; font-size: 12pt; }
        .header { display: flex; justify-content: space-between; gap: 8mm; margin-bottom: 2mm; }
        h2 { font-size: 12pt; margin: 5mm 0 1.5mm; break-after: avoid; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { border: .3pt solid #000; padding: .6mm 1.6mm; text-align: left; vertical-align: top; }
        th { font-weight: 600; text-align: center; white-space: nowrap; font-size: 9.5pt; background: #eee; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        .groups td { white-space: nowrap; }
        .groups table, .groups th, .groups td { font-size: 8.5pt; padding: .6mm 1mm; }
        .groups th, .lines th { white-space: normal; }
        td.n { text-align: right; white-space: nowrap; }
        tr { break-inside: avoid; }
        thead { display: table-header-group; }
        tr.sum td { font-weight: 600; border-top: 1.2pt solid #000; }
        .capital td { font-size: 11.5pt; }
        .signatures { display: flex; justify-content: space-between; margin: 8mm 6mm 4mm; break-inside: avoid; }
        .signatures span { display: inline-block; min-width: 55mm; }
        .notes { font-size: 9pt; margin: 2mm 0 0; padding-left: 5mm; break-inside: avoid; }
        .warning { border: 1.2pt solid #000; padding: 1.5mm 3mm; font-weight: 600; margin: 2mm 0; }
        .lines { break-before: page; }
        .lines table, .lines th { font-size: 7.5pt; line-height: 1.35; }
        .lines td { padding: .3mm 1mm; white-space: nowrap; }
        """;

    public static string Render(FacilityStatement statement)
    {
        ArgumentNullException.ThrowIfNull(statement);
        Statement month = statement.Statement;
        StringBuilder page = new();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="zh-CN">
            <head>
            <meta charset="utf-8">
            <title>{Html($"定点医药机构费用月结算单 {month.FacilityCode} {month.Month}")}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <h1>定点医药机构费用月结算单</h1>
            <p class="month">{Html(month.From)} 至 {Html(month.To)}</p>
            <div class="header"><span>机构：{Html(statement.FacilityName)}（{Html(month.FacilityCode)}）</span><span>编制时间：{Html(month.PreparedAt)}</span><span>单位：元</span></div>

            """);
        if (!month.Complete) page.Append("<p class=\"warning\">本月尚未结束，以下为截至编制时间的数字，不作结算依据。</p>\n");
        if (!month.Agrees) page.Append("<p class=\"warning\">明细合计与总账应付款不一致，请勿使用本单并立即联系经办机构。</p>\n");
        Groups(page, month);
        Payables(page, month);
        page.Append("""
            <div class="signatures"><span>制表：</span><span>复核：</span><span>负责人：</span><span>（盖章）</span></div>
            <ol class="notes">
            <li>所属期按总账入账日期：跨月零时前后的结算，以入账日期所在月份为准。期末应付余额即总账该账户月末余额。</li>
            <li>各项金额为净额：撤销以负数计入，撤销被冲正的恢复以正数计入。“结算笔数”含恢复。</li>
            <li>“超限额未付”为按比例应付而因支付限额未付的部分。</li>
            <li>期末应付余额 = 期初应付余额 + 本期应付 + 其他贷方 - 本期已付。</li>
            </ol>

            """);
        if (statement.Lines.Count > 0) Lines(page, statement.Lines);
        return page.Append("</body>\n</html>\n").ToString();
    }

    private static void Groups(StringBuilder page, Statement month)
    {
        page.Append("""
            <h2>一、按机构层级与就诊类型</h2>
            <table class="groups">

            """);
        StatementColumn<StatementGroup>[] columns = Head(page, StatementColumns.Groups);
        foreach (StatementGroup group in month.Groups) Row(page, columns, group);
        Sum(page, columns, month.Sum);
        page.Append("</tbody>\n</table>\n");
    }

    private static void Payables(StringBuilder page, Statement month)
    {
        page.Append("""
            <h2>二、应付定点机构款（总账 2101）</h2>
            <table>

            """);
        StatementColumn<PayableAccount>[] columns = Head(page, StatementColumns.Payables);
        foreach (PayableAccount account in month.Payables) Row(page, columns, account);
        Sum(page, columns, month.PayableSum);
        page.Append(CultureInfo.InvariantCulture, $"""
            <tr class="capital"><td>本期应付（大写）</td><td colspan="{columns.Length - 1}">人民币{Html(StatementWords.Capital(month.PayableSum.PayableFen))}</td></tr>
            <tr class="capital"><td>期末应付余额（大写）</td><td colspan="{columns.Length - 1}">人民币{Html(StatementWords.Capital(month.PayableSum.ClosingFen))}</td></tr>
            </tbody>
            </table>

            """);
    }

    private static void Lines(StringBuilder page, IReadOnlyList<StatementLine> lines)
    {
        page.Append("""
            <section class="lines">
            <h2>三、明细</h2>
            <table>

            """);
        StatementColumn<StatementLine>[] columns = Head(page, StatementColumns.Lines, "<th>序号</th>");
        foreach ((int index, StatementLine line) in lines.Index()) Row(page, columns, line, $"<td>{Number(index + 1)}</td>");
        page.Append("</tbody>\n</table>\n</section>\n");
    }

    /// <returns>The columns that are on the page.</returns>
    private static StatementColumn<T>[] Head<T>(StringBuilder page, IEnumerable<StatementColumn<T>> all, string before = "")
    {
        StatementColumn<T>[] columns = [.. all.Where(column => column.OnPage)];
        page.Append("<thead><tr>").Append(before);
        foreach (StatementColumn<T> column in columns) page.Append(CultureInfo.InvariantCulture, $"<th>{Html(column.Chinese)}</th>");
        page.Append("</tr></thead>\n<tbody>\n");
        return columns;
    }

    private static void Row<T>(StringBuilder page, StatementColumn<T>[] columns, T row, string before = "")
    {
        page.Append("<tr>").Append(before);
        foreach (StatementColumn<T> column in columns) Cell(page, column, row, column.Text);
        page.Append("</tr>\n");
    }

    private static void Sum<T>(StringBuilder page, StatementColumn<T>[] columns, T sum)
    {
        page.Append("<tr class=\"sum\">");
        foreach (StatementColumn<T> column in columns) Cell(page, column, sum, _ => column == columns[0] ? "合计" : "");
        page.Append("</tr>\n");
    }

    private static void Cell<T>(StringBuilder page, StatementColumn<T> column, T row, Func<T, string> text)
    {
        string content = column.Unit switch
        {
            ColumnUnit.Text => text(row),
            ColumnUnit.InsuredId => Hosting.Mask.Insured(text(row)),
            ColumnUnit.Count => Number((long)column.Value(row)),
            ColumnUnit.Fen => ((long)column.Value(row) / 100m).ToString("#,##0.00", CultureInfo.InvariantCulture),
            _ => throw new InvalidOperationException($"{column.Name} is of no unit."),
        };
        page.Append(column.IsFigure ? "<td class=\"n\">" : "<td>").Append(Html(content)).Append("</td>");
    }

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private static string Number(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
