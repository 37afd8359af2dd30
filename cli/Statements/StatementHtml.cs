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
        .lines table, .lines th { font-size: 8.5pt; line-height: 1.35; }
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
            <li>“超限额未付”为按比例应付而因年度最高支付限额未付的部分。</li>
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
            <thead><tr><th>机构层级</th><th>就诊类型</th><th>结算笔数</th><th>撤销笔数</th><th>总费用</th><th>政策范围内</th><th>起付标准</th><th>超限额笔数</th><th>超限额未付</th><th>基金支付</th><th>其中撤销</th><th>个人支付</th></tr></thead>
            <tbody>

            """);
        foreach (StatementGroup group in month.Groups)
            Row(page, "", [StatementWords.Tier(group.Tier), StatementWords.VisitTypeOf(group.VisitType)], Figures(group));
        Row(page, "sum", ["合计", ""], Figures(month.Sum));
        page.Append("</tbody>\n</table>\n");

        static string[] Figures(StatementGroup group) =>
        [
            Count(group.Settlements), Count(group.Cancellations), Yuan(group.TotalFen), Yuan(group.InScopeFen), Yuan(group.DeductibleFen),
            Count(group.CapCutSettlements), Yuan(group.CapCutFen), Yuan(group.FundPayFen), Yuan(group.CancelledFundPayFen), Yuan(group.SelfPayFen),
        ];
    }

    private static void Payables(StringBuilder page, Statement month)
    {
        page.Append("""
            <h2>二、应付定点机构款（总账 2101）</h2>
            <table>
            <thead><tr><th>账户</th><th>期初应付余额</th><th>本期应付</th><th>其他贷方</th><th>本期已付</th><th>期末应付余额</th></tr></thead>
            <tbody>

            """);
        foreach (PayableAccount account in month.Payables) Row(page, "", [$"{account.AccountCode} {account.Name}"], Figures(account));
        Row(page, "sum", ["合计"], Figures(month.PayableSum));
        page.Append(CultureInfo.InvariantCulture, $"""
            <tr class="capital"><td>本期应付（大写）</td><td colspan="5">人民币{Html(StatementWords.Capital(month.PayableSum.PayableFen))}</td></tr>
            <tr class="capital"><td>期末应付余额（大写）</td><td colspan="5">人民币{Html(StatementWords.Capital(month.PayableSum.ClosingFen))}</td></tr>
            </tbody>
            </table>

            """);

        static string[] Figures(PayableAccount account) =>
            [Yuan(account.OpeningFen), Yuan(account.PayableFen), Yuan(account.OtherFen), Yuan(account.PaidFen), Yuan(account.ClosingFen)];
    }

    private static void Lines(StringBuilder page, IReadOnlyList<StatementLine> lines)
    {
        page.Append("""
            <section class="lines">
            <h2>三、明细</h2>
            <table>
            <thead><tr><th>序号</th><th>入账日期</th><th>结算时间</th><th>业务</th><th>结算编号</th><th>人员编号</th><th>就诊日期</th><th>就诊类型</th><th>总费用</th><th>政策范围内</th><th>起付标准</th><th>超限额未付</th><th>基金支付</th><th>个人支付</th></tr></thead>
            <tbody>

            """);
        foreach ((int index, StatementLine line) in lines.Index())
        {
            Row(page, "",
                [
                    (index + 1).ToString(CultureInfo.InvariantCulture), line.PostedOn, line.SettledAt, StatementWords.Kind(line.Kind), line.SettlementId,
                    Hosting.Mask.Insured(line.InsuredId), line.VisitDate, StatementWords.VisitTypeOf(line.VisitType),
                ],
                [Yuan(line.TotalFen), Yuan(line.InScopeFen), Yuan(line.DeductibleFen), Yuan(line.CapCutFen), Yuan(line.FundPayFen), Yuan(line.TotalFen - line.FundPayFen)]);
        }

        page.Append("</tbody>\n</table>\n</section>\n");
    }

    private static void Row(StringBuilder page, string style, IEnumerable<string> texts, IEnumerable<string> figures)
    {
        page.Append(style.Length == 0 ? "<tr>" : $"<tr class=\"{style}\">");
        foreach (string text in texts) page.Append(CultureInfo.InvariantCulture, $"<td>{Html(text)}</td>");
        foreach (string figure in figures) page.Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{Html(figure)}</td>");
        page.Append("</tr>\n");
    }

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private static string Yuan(long fen) => (fen / 100m).ToString("#,##0.00", CultureInfo.InvariantCulture);

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
