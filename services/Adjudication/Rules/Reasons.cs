using System.Collections.Frozen;

namespace Claims.Adjudication.Rules;

/// <summary>The reason codes of the contract, and what each says to the cashier.</summary>
public static class Reasons
{
    public const string InvalidRequest = "INVALID_REQUEST";
    public const string VisitInFuture = "VISIT_IN_FUTURE";
    public const string AmountsDoNotAddUp = "AMOUNTS_DO_NOT_ADD_UP";
    public const string FacilityUnknown = "FACILITY_UNKNOWN";
    public const string FacilityNotPooled = "FACILITY_NOT_POOLED";
    public const string InsuredUnknown = "INSURED_UNKNOWN";
    public const string NotCoveredOnDate = "NOT_COVERED_ON_DATE";
    public const string WrongScheme = "WRONG_SCHEME";
    public const string OutsidePoolingArea = "OUTSIDE_POOLING_AREA";
    public const string InWaitingPeriod = "IN_WAITING_PERIOD";
    public const string NoPolicyInForce = "NO_POLICY_IN_FORCE";
    public const string VisitTypeNotCovered = "VISIT_TYPE_NOT_COVERED";
    public const string DuplicateConflict = "DUPLICATE_CONFLICT";
    public const string RequestCancelled = "REQUEST_CANCELLED";
    public const string RequestReversed = "REQUEST_REVERSED";
    public const string SettlementUnknown = "SETTLEMENT_UNKNOWN";
    public const string AlreadyCancelled = "ALREADY_CANCELLED";
    public const string CancelBlockedByLaterSettlement = "CANCEL_BLOCKED_BY_LATER_SETTLEMENT";
    public const string RestoreImpossible = "RESTORE_IMPOSSIBLE";
    public const string YearClosed = "YEAR_CLOSED";
    public const string DuplicateLineId = "DUPLICATE_LINE_ID";
    public const string LineAmountMismatch = "LINE_AMOUNT_MISMATCH";
    public const string ItemUnknown = "ITEM_UNKNOWN";
    public const string ItemNotInForce = "ITEM_NOT_IN_FORCE";
    public const string CapReached = "CAP_REACHED";
    public const string CapExhausted = "CAP_EXHAUSTED";

    private static readonly FrozenDictionary<string, string> Texts = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [VisitInFuture] = "就诊日期晚于今天，请核对就诊日期。",
        [AmountsDoNotAddUp] = "全自费、超限价、先行自付与政策范围内金额之和不等于费用总额，请核对费用后重新上传。",
        [FacilityUnknown] = "医疗机构编码不存在，请核对定点医疗机构编码。",
        [FacilityNotPooled] = "该机构在就诊日期未开通居民医保门诊统筹，本次费用不能由门诊统筹支付。",
        [InsuredUnknown] = "查无此参保人，请核对人员编号或医保电子凭证。",
        [NotCoveredOnDate] = "参保人在就诊日期不在居民医保待遇享受期内，请核对参保缴费情况。",
        [WrongScheme] = "参保人不属于城乡居民医保，请按其所参加的险种结算。",
        [OutsidePoolingArea] = "参保地不在郑州市市级统筹范围内，请按参保地规定办理。",
        [InWaitingPeriod] = "参保人尚在待遇等待期内，等待期内的费用统筹基金不予支付。",
        [NoPolicyInForce] = "系统中没有就诊日期适用的门诊统筹政策，不能结算，请联系医保经办机构。",
        [VisitTypeNotCovered] = "该就诊类型在就诊日期不属于门诊统筹支付范围。",
        [DuplicateConflict] = "同一请求编号此前已用于内容不同的请求，请核对后更换请求编号重新提交。",
        [RequestCancelled] = "该请求的结算已撤销，如需再次结算请使用新的请求编号。",
        [RequestReversed] = "该请求已被冲正，如需结算请使用新的请求编号。",
        [SettlementUnknown] = "未找到该笔结算，请核对结算编号或请求编号。",
        [AlreadyCancelled] = "该笔结算已撤销或冲正，无需重复办理。",
        [CancelBlockedByLaterSettlement] = "同一参保人当日在本机构之后还有有效结算，请先撤销之后的结算，再撤销本笔。",
        [RestoreImpossible] = "撤销之后限额或当日起付标准已被其他结算使用，原结算不能恢复，请重新结算。",
        [YearClosed] = "就诊年度已年终结账，不能再办理该年度的结算、撤销或冲正，请联系医保经办机构。",
        [CapReached] = "统筹基金支付已达年度最高支付限额，超出部分由个人负担。",
        [CapExhausted] = "本年度门诊统筹最高支付限额已用完，本次费用由个人负担。",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The Chinese sentence for a code; empty for an empty code. INVALID_REQUEST has none of its own: its text names the field.</summary>
    public static string TextOf(string code) => code.Length == 0 ? "" : Texts[code];
}

/// <summary>Why a request is not settled: a code of the contract and a sentence that a cashier can act on.</summary>
public sealed record Refusal(string Code, string Text)
{
    public static Refusal Of(string code) => new(code, Reasons.TextOf(code));

    public static Refusal Invalid(string field, string why) => new(Reasons.InvalidRequest, $"请求字段 {field} {why}");
}
