using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>What a column's values are, and so how each form of a statement writes them.</summary>
public enum ColumnUnit
{
    /// <summary>Words of a policy, or what another system gave: a spreadsheet must not take it for a formula.</summary>
    Text,

    /// <summary>Of a person: a page that is printed shows its end only.</summary>
    InsuredId,

    Count,
    Fen,
}

/// <summary>A column of a statement, in all of its forms.</summary>
/// <param name="Name">In JSON.</param>
/// <param name="English">In the table on a terminal, before the Chinese; empty: the column is not in that table.</param>
/// <param name="Chinese">In the table, the CSV and on the page.</param>
/// <param name="Value">A string of text, a long of counts and fen.</param>
/// <param name="Words">In Chinese, where the value is a code.</param>
/// <param name="OnPage">A line of A4 has no room for all.</param>
public sealed record StatementColumn<T>(
    string Name, string English, string Chinese, ColumnUnit Unit, Func<T, object> Value, Func<T, string>? Words = null, bool OnPage = true)
{
    public bool IsFigure => Unit is ColumnUnit.Count or ColumnUnit.Fen;

    /// <summary>What a reader sees who cannot look up a code.</summary>
    public string Text(T row) => Words?.Invoke(row) ?? (string)Value(row);
}

/// <summary>The columns of a statement's three tables. A new one is a line here.</summary>
public static class StatementColumns
{
    public static IReadOnlyList<StatementColumn<StatementGroup>> Groups { get; } =
    [
        new("tier", "tier", "机构层级", ColumnUnit.Text, group => group.Tier, group => Label(group.TierLabel, group.Tier)),
        new("visitType", "type", "就诊类型", ColumnUnit.Text, group => NameOf(group.VisitType),
            group => StatementWords.VisitTypeOf(group.VisitType)),
        new("settlements", "settled", "结算笔数", ColumnUnit.Count, group => group.Settlements),
        new("cancellations", "cancelled", "撤销笔数", ColumnUnit.Count, group => group.Cancellations),
        new("totalFen", "total", "总费用", ColumnUnit.Fen, group => group.TotalFen),
        new("fullSelfPayFen", "full self", "全自费", ColumnUnit.Fen, group => group.FullSelfPayFen),
        new("overLimitFen", "over limit", "超限价", ColumnUnit.Fen, group => group.OverLimitFen),
        new("preSelfPayFen", "pre self", "先行自付", ColumnUnit.Fen, group => group.PreSelfPayFen),
        new("inScopeFen", "in scope", "政策范围内费用", ColumnUnit.Fen, group => group.InScopeFen),
        new("deductibleFen", "deductible", "起付标准", ColumnUnit.Fen, group => group.DeductibleFen),
        new("capCutSettlements", "", "超限额笔数", ColumnUnit.Count, group => group.CapCutSettlements),
        new("capCutFen", "beyond cap", "超限额未付", ColumnUnit.Fen, group => group.CapCutFen),
        new("fundPayFen", "fund", "基金支付", ColumnUnit.Fen, group => group.FundPayFen),
        new("cancelledFundPayFen", "", "其中撤销", ColumnUnit.Fen, group => group.CancelledFundPayFen),
        new("selfPayFen", "self", "个人支付", ColumnUnit.Fen, group => group.SelfPayFen),
    ];

    public static IReadOnlyList<StatementColumn<PayableAccount>> Payables { get; } =
    [
        new("accountCode", "account", "账户", ColumnUnit.Text, account => account.AccountCode),
        new("name", "", "名称", ColumnUnit.Text, account => account.Name),
        new("openingFen", "opening", "期初应付余额", ColumnUnit.Fen, account => account.OpeningFen),
        new("payableFen", "payable", "本期应付", ColumnUnit.Fen, account => account.PayableFen),
        new("otherFen", "other", "其他贷方", ColumnUnit.Fen, account => account.OtherFen),
        new("paidFen", "paid", "本期已付", ColumnUnit.Fen, account => account.PaidFen),
        new("closingFen", "closing", "期末应付余额", ColumnUnit.Fen, account => account.ClosingFen),
    ];

    public static IReadOnlyList<StatementColumn<StatementLine>> Lines { get; } =
    [
        new("postedOn", "", "入账日期", ColumnUnit.Text, line => line.PostedOn),
        new("settledAt", "", "结算时间", ColumnUnit.Text, line => line.SettledAt),
        new("kind", "", "业务", ColumnUnit.Text, line => line.Kind, line => StatementWords.Kind(line.Kind)),
        new("settlementId", "", "结算编号", ColumnUnit.Text, line => line.SettlementId),
        new("originalSettlementId", "", "原结算编号", ColumnUnit.Text, line => line.OriginalSettlementId, OnPage: false),
        new("requestId", "", "请求号", ColumnUnit.Text, line => line.RequestId, OnPage: false),
        new("insuredId", "", "人员编号", ColumnUnit.InsuredId, line => line.InsuredId),
        new("visitDate", "", "就诊日期", ColumnUnit.Text, line => line.VisitDate),
        new("tier", "", "机构层级", ColumnUnit.Text, line => line.Tier, line => Label(line.TierLabel, line.Tier), OnPage: false),
        new("visitType", "", "就诊类型", ColumnUnit.Text, line => NameOf(line.VisitType), line => StatementWords.VisitTypeOf(line.VisitType)),
        new("totalFen", "", "总费用", ColumnUnit.Fen, line => line.TotalFen),
        new("fullSelfPayFen", "", "全自费", ColumnUnit.Fen, line => line.FullSelfPayFen),
        new("overLimitFen", "", "超限价", ColumnUnit.Fen, line => line.OverLimitFen),
        new("preSelfPayFen", "", "先行自付", ColumnUnit.Fen, line => line.PreSelfPayFen),
        new("inScopeFen", "", "政策范围内费用", ColumnUnit.Fen, line => line.InScopeFen),
        new("deductibleFen", "", "起付标准", ColumnUnit.Fen, line => line.DeductibleFen),
        new("capCutFen", "", "超限额未付", ColumnUnit.Fen, line => line.CapCutFen),
        new("fundPayFen", "", "基金支付", ColumnUnit.Fen, line => line.FundPayFen),
        new("selfPayFen", "", "个人支付", ColumnUnit.Fen, line => line.TotalFen - line.FundPayFen),
        new("reasonCode", "", "提示代码", ColumnUnit.Text, line => line.ReasonCode, OnPage: false),
    ];

    private static string Label(string label, string name) => label.Length > 0 ? label : name;

    private static string NameOf(VisitType type) =>
        StatementLine.Descriptor.FindFieldByName("visit_type").EnumType.FindValueByNumber((int)type)?.Name
            ?? throw CommandException.UnknownWord("visit type", type);
}
