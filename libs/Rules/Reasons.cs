using System.Collections.Frozen;
using System.Collections.Immutable;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>What the sender does about a reason.</summary>
public enum NextStep
{
    /// <summary>Correct what the text names and send again. Nothing was stored, so the same request id may be used.</summary>
    Correct,

    /// <summary>Nothing was stored: the same request may be settled once what stands against it has changed.</summary>
    SendAgainLater,

    /// <summary>Something stands under the id or is named by the text: look it up before anything else is sent.</summary>
    LookUpFirst,

    /// <summary>The answer is final for this request.</summary>
    Final,
}

/// <summary>Who can help where the sender cannot.</summary>
public enum Helper
{
    /// <summary>The cashier at the counter.</summary>
    Cashier,

    /// <summary>Whoever runs the hospital's system.</summary>
    HospitalSystem,

    /// <summary>The insured person, who enrols and pays.</summary>
    Insured,

    /// <summary>The medical-insurance bureau.</summary>
    Bureau,
}

/// <summary>A reason code of the contract.</summary>
/// <param name="Text">The sentence for the cashier; where the answer names a field, a line or another settlement, its own text stands in
/// place of it.</param>
public sealed record Reason(string Code, NextStep Next, Helper Helper, string Text);

/// <summary>The reason codes of the contract, and what each says to the cashier.</summary>
public static class Reasons
{
    public const string InvalidRequest = "INVALID_REQUEST";
    public const string VisitInFuture = "VISIT_IN_FUTURE";
    public const string AmountsDoNotAddUp = "AMOUNTS_DO_NOT_ADD_UP";
    public const string DuplicateLineId = "DUPLICATE_LINE_ID";
    public const string LineAmountMismatch = "LINE_AMOUNT_MISMATCH";
    public const string ItemUnknown = "ITEM_UNKNOWN";
    public const string ItemNotInForce = "ITEM_NOT_IN_FORCE";
    public const string DuplicateConflict = "DUPLICATE_CONFLICT";
    public const string RequestCancelled = "REQUEST_CANCELLED";
    public const string RequestReversed = "REQUEST_REVERSED";
    public const string SettlementUnknown = "SETTLEMENT_UNKNOWN";
    public const string AlreadyCancelled = "ALREADY_CANCELLED";
    public const string CancelBlockedByLaterSettlement = "CANCEL_BLOCKED_BY_LATER_SETTLEMENT";
    public const string RestoreImpossible = "RESTORE_IMPOSSIBLE";
    public const string RecordsLost = "RECORDS_LOST";
    public const string FacilityUnknown = "FACILITY_UNKNOWN";
    public const string FacilityNotPooled = "FACILITY_NOT_POOLED";
    public const string InsuredUnknown = "INSURED_UNKNOWN";
    public const string NotCoveredOnDate = "NOT_COVERED_ON_DATE";
    public const string WrongScheme = "WRONG_SCHEME";
    public const string OutsidePoolingArea = "OUTSIDE_POOLING_AREA";
    public const string InWaitingPeriod = "IN_WAITING_PERIOD";
    public const string NoPolicyInForce = "NO_POLICY_IN_FORCE";
    public const string VisitTypeNotCovered = "VISIT_TYPE_NOT_COVERED";
    public const string YearClosed = "YEAR_CLOSED";
    public const string VisitAlreadySettled = "VISIT_ALREADY_SETTLED";
    public const string AllowanceAlreadyPaid = "ALLOWANCE_ALREADY_PAID";
    public const string CapReached = "CAP_REACHED";
    public const string CapExhausted = "CAP_EXHAUSTED";

    /// <summary>
    /// In order of precedence: the first that applies is the reason. What the request says of itself, its lines, what is stored of it, the
    /// facility, the insured, the policy, the year; then what may stand on a settlement.
    /// </summary>
    public static ImmutableArray<Reason> All { get; } =
    [
        new(InvalidRequest, NextStep.Correct, Helper.HospitalSystem, "请求内容有误，请按提示更正后重新提交。"),
        new(VisitInFuture, NextStep.Correct, Helper.Cashier, "就诊日期晚于今天，请核对就诊日期。"),
        new(AmountsDoNotAddUp, NextStep.Correct, Helper.Cashier, "全自费、超限价、先行自付与政策范围内金额之和不等于费用总额，请核对费用后重新上传。"),
        new(DuplicateLineId, NextStep.Correct, Helper.HospitalSystem, "明细编号在本次请求中重复。"),
        new(LineAmountMismatch, NextStep.Correct, Helper.HospitalSystem, "单价与数量之积不等于金额。"),
        new(ItemUnknown, NextStep.Correct, Helper.HospitalSystem, "项目不在医保目录中。"),
        new(ItemNotInForce, NextStep.Correct, Helper.HospitalSystem, "项目在就诊日期不在有效期内。"),
        new(DuplicateConflict, NextStep.LookUpFirst, Helper.HospitalSystem, "该请求编号已用于内容不同的请求，原请求仍然有效。请先按请求编号查询原结算；确需更正的，先撤销原结算，再以新编号提交。"),
        new(RequestCancelled, NextStep.Final, Helper.Cashier, "该请求的结算已撤销，如需再次结算请使用新的请求编号。"),
        new(RequestReversed, NextStep.Final, Helper.Cashier, "该请求已被冲正，如需结算请使用新的请求编号。"),
        new(SettlementUnknown, NextStep.LookUpFirst, Helper.HospitalSystem, "未找到该笔结算，请核对结算编号或请求编号。"),
        new(AlreadyCancelled, NextStep.Final, Helper.Cashier, "该笔结算已撤销或冲正，无需重复办理。"),
        new(CancelBlockedByLaterSettlement, NextStep.LookUpFirst, Helper.Cashier, "该参保人之后还有共用同一起付标准的有效结算，请先撤销之后的结算，再撤销本笔。"),
        new(RestoreImpossible, NextStep.Final, Helper.Cashier, "撤销之后限额、起付标准、本次就诊或定额补助已被其他结算占用，原结算不能恢复；确需结算的，请重新提交。"),
        new(RecordsLost, NextStep.SendAgainLater, Helper.Bureau, "该参保人以往的结算记录在系统中缺失，为防止重复支付暂停为其办理，请联系医保经办机构；恢复后以原请求编号重新提交。"),
        new(FacilityUnknown, NextStep.SendAgainLater, Helper.Bureau, "医疗机构编码不存在，请核对定点医疗机构编码。"),
        new(FacilityNotPooled, NextStep.SendAgainLater, Helper.Bureau, "该机构在就诊日期未开通居民医保门诊统筹，本次费用不能由门诊统筹支付。"),
        new(InsuredUnknown, NextStep.SendAgainLater, Helper.Cashier, "查无此参保人，请核对人员编号或医保电子凭证。"),
        new(NotCoveredOnDate, NextStep.SendAgainLater, Helper.Insured, "参保人在就诊日期不在居民医保待遇享受期内，请核对参保缴费情况。"),
        new(WrongScheme, NextStep.SendAgainLater, Helper.Cashier, "参保人不属于城乡居民医保，请按其所参加的险种结算。"),
        new(OutsidePoolingArea, NextStep.Final, Helper.Insured, "参保地不在本市市级统筹范围内，请按参保地规定办理。"),
        new(InWaitingPeriod, NextStep.SendAgainLater, Helper.Insured, "参保人尚在待遇等待期内，等待期内的费用统筹基金不予支付。"),
        new(NoPolicyInForce, NextStep.SendAgainLater, Helper.Bureau, "系统中没有就诊日期适用的门诊统筹政策，不能结算，请联系医保经办机构。"),
        new(VisitTypeNotCovered, NextStep.Final, Helper.Bureau, "该就诊类型在就诊日期不属于门诊统筹支付范围。"),
        new(YearClosed, NextStep.Final, Helper.Bureau, "就诊年度已年终结账，不能再办理该年度的结算、撤销或冲正，请联系医保经办机构。"),
        new(VisitAlreadySettled, NextStep.LookUpFirst, Helper.Cashier, "本次就诊已有有效结算，不能重复结算；确需更正的，请先撤销原结算。"),
        new(AllowanceAlreadyPaid, NextStep.Final, Helper.Bureau, "该参保人在规定期限内已享受该项定额补助，本次不予支付。"),
        new(CapReached, NextStep.Final, Helper.Cashier, "统筹基金支付已达最高支付限额，超出部分由个人负担。"),
        new(CapExhausted, NextStep.Final, Helper.Cashier, "最高支付限额已用完，本次费用由个人负担。"),
    ];

    private static readonly FrozenDictionary<string, Reason> ByCode = All.ToFrozenDictionary(reason => reason.Code, StringComparer.Ordinal);

    /// <summary>In Chinese, what the sender does next.</summary>
    public static string NameOf(NextStep next) => next switch
    {
        NextStep.Correct => "更正后重发",
        NextStep.SendAgainLater => "条件变化后重发",
        NextStep.LookUpFirst => "先查询",
        NextStep.Final => "到此为止",
        _ => throw new ArgumentOutOfRangeException(nameof(next), next, null),
    };

    /// <summary>In Chinese, who can help.</summary>
    public static string NameOf(Helper helper) => helper switch
    {
        Helper.Cashier => "窗口收费员",
        Helper.HospitalSystem => "医院信息系统",
        Helper.Insured => "参保人本人",
        Helper.Bureau => "医保经办机构",
        _ => throw new ArgumentOutOfRangeException(nameof(helper), helper, null),
    };

    /// <summary>The sentence that stands on a settlement: which cap has cut it, the one that left least. Empty for an empty code.</summary>
    /// <param name="uses">How the visit met each of the terms' limits.</param>
    /// <param name="year">Of the visit: an annual cap is that year's.</param>
    public static string TextOf(string code, Terms terms, ReadOnlySpan<LimitUse> uses, int year)
    {
        if (code is not (CapReached or CapExhausted) || TightestCap(terms, uses) is not { } cap) return TextOf(code);
        string name = cap.Per == Period.Year ? $"{year}{cap.Label}" : cap.Label;
        return code switch
        {
            CapReached => $"统筹基金支付已达{name}，超出部分由个人负担。",
            _ when cap.IsAnnualCap => $"{year}年度门诊统筹最高支付限额已用完，本次费用由个人负担。",
            _ => $"{name}已用完，本次费用由个人负担。",
        };
    }

    /// <summary>Of the caps on how often and how much the fund pays, the one that left least; of several, the annual one.</summary>
    private static LimitTerms? TightestCap(Terms terms, ReadOnlySpan<LimitUse> uses)
    {
        LimitTerms? tightest = null;
        long least = long.MaxValue;
        for (int index = 0; index < uses.Length; index++)
        {
            LimitTerms limit = terms.Limits[index];
            long left = uses[index].Left;
            bool binds = limit.Kind == LimitKind.FundPay || (limit.Kind == LimitKind.Count && left == 0);
            if (!binds || left > least || (left == least && !limit.IsAnnualCap)) continue;
            (tightest, least) = (limit, left);
        }

        return tightest;
    }

    /// <summary>The Chinese sentence for a code; empty for an empty code.</summary>
    /// <exception cref="KeyNotFoundException">The code is not in the table.</exception>
    public static string TextOf(string code) => code.Length == 0 ? "" : ByCode[code].Text;
}

/// <summary>Why a request is not settled: a code of the contract and a sentence that a cashier can act on.</summary>
public sealed record Refusal(string Code, string Text)
{
    public static Refusal Of(string code) => new(code, Reasons.TextOf(code));

    public static Refusal Invalid(string field, string why) => new(Reasons.InvalidRequest, $"请求字段 {field} {why}");
}
