using Claims.Rules;
using Claims.V1;

namespace Claims.Cli.Conformance;

/// <summary>Requests that are whole and right.</summary>
internal static class PlainSituations
{
    private const long MilliFenTimesE4 = 1_000L * 10_000;
    private const long MicroYuanTimesE4 = 10_000L * 10_000;

    public static IReadOnlyList<Situation> All { get; } =
    [
        new("plain", "普通门诊结算一笔",
            place => $"参保人 {place.Insured}，就诊日期 {place.Day}（今天），普通门诊，费用总额 12.00 元："
                + "先行自付 2.00 元，政策范围内 10.00 元。请结算。",
            Judges.PassOn,
            seen => Judges.Plain(seen, request => BadId(request)
                ?? Judges.Field("visit_date", request.VisitDate, seen.Place.Day)
                ?? Judges.Field("visit_type", request.VisitType, VisitType.Ordinary)
                ?? Judges.Fen("total_fen", request.TotalFen, 1200)
                ?? Parts(request, 0, 0, 200, 1000)))
        {
            Look = "窗口显示统筹支付、个人负担和计算过程 trace，并可打印",
        },
        new("four-parts", "四部分费用各归其位",
            place => $"参保人 {place.Insured}，今天，普通门诊，费用总额 10.00 元：全自费 1.00 元，超限价 2.00 元，"
                + "先行自付 3.00 元，政策范围内 4.00 元。请结算。",
            Judges.PassOn,
            seen => Judges.Plain(seen, request => Judges.Fen("total_fen", request.TotalFen, 1000) ?? Parts(request, 100, 200, 300, 400))),
        new("two-visits", "同一人同一天同样金额的两次就诊",
            place => $"{place.Visit}。请作为上午、下午两次就诊结算两笔。",
            Judges.PassOn, JudgeTwoVisits),
        new("fee-lines", "带费用明细的结算",
            place => $"参保人 {place.Insured}，今天，普通门诊，上传至少两条目录内的费用明细（样例目录见 samples/conformance）。请结算。",
            Judges.PassOn, JudgeLines),
        new("stream", "一条流里结算三笔",
            place => $"{place.Visit}，连同总额各多 0.01 元的另外两笔，共三笔，放在一条 SettleStream 里上传。",
            Judges.PassOn, JudgeStream),
        new("quote-then-settle", "先预结算，再结算",
            place => $"{place.Visit}。请先预结算，患者同意后结算。",
            Judges.PassOn, JudgeQuoted)
        {
            Look = "预结算的金额显示给患者，并注明尚未结算",
        },
        new("quote-only", "预结算之后患者放弃",
            place => $"{place.Visit}。请只做预结算，患者随后放弃，不结算。",
            Judges.PassOn,
            seen => seen.Quotes.Count == 0
                ? Finding.Idle
                : Judges.NothingMore(seen, seen.Quotes[0], "预结算放弃", Clauses.States))
        {
            BySilence = true,
        },
        new("lookup", "查询一笔结算",
            place => $"{place.Visit}。请结算，再查询这笔结算。",
            Judges.PassOn, JudgeLookup),
        new("accumulators", "查询本年累计",
            place => $"请查询参保人 {place.Insured} 本年度（{place.Today.Year} 年）的累计和剩余额度。",
            Judges.PassOn,
            seen => seen.Calls.FirstOrDefault(call => call.Request is GetAccumulatorsRequest) is not { } call ? Finding.Idle
                : Judges.Field("year", ((GetAccumulatorsRequest)call.Request).Year, seen.Place.Today.Year)
                ?? (call.Answer is null ? Finding.Awaits("查询没有得到答复", "得到累计", Clauses.Fields) : Finding.Handled))
        {
            Look = "cap_remaining_fen 缺失时显示未知，不显示 0",
        },
        new("midnight", "昨天的就诊，零点之后结算",
            place => $"参保人 {place.Insured} 昨天（{Place.Text(place.Today.AddDays(-1))}）深夜就诊，普通门诊，"
                + $"费用总额 {Place.Yuan(place.Fen)}，全部在政策范围内，今天才结算。请结算。",
            Judges.PassOn,
            seen => Judges.Plain(
                seen, request => Judges.Field("visit_date", request.VisitDate, Place.Text(seen.Place.Today.AddDays(-1))), anyAnswer: true)),
        new("year-end", "上年末的就诊，今年结算",
            place => $"参保人 {place.Insured} 于 {place.Today.Year - 1}-12-31 就诊，普通门诊，费用总额 {Place.Yuan(place.Fen)}，"
                + "全部在政策范围内，现在才结算。请结算。",
            Judges.PassOn,
            seen => Judges.Plain(
                seen, request => Judges.Field("visit_date", request.VisitDate, Place.Text(new(seen.Place.Today.Year - 1, 12, 31))),
                anyAnswer: true))
        {
            Look = "额度按就诊所在年度显示",
        },
        new("allowance", "生育医疗补助已享受过",
            place => $"参保人 {place.Insured}，今天，顺产，费用总额 {Place.Yuan(place.Fen)}，全部在政策范围内。请按生育结算；"
                + "中心答复已享受过补助，请照提示办理。",
            Judges.RefuseFirst(Reasons.AllowanceAlreadyPaid, Reasons.TextOf(Reasons.AllowanceAlreadyPaid)),
            seen => seen.First is not { } first ? Finding.Idle
                : Judges.Field("visit_type", first.Settle!.VisitType, VisitType.DeliveryNatural)
                ?? Judges.NothingMore(seen, first, "ALLOWANCE_ALREADY_PAID", Clauses.Reasons))
        {
            BySilence = true,
            Look = "窗口显示拒付原因 reason_text",
        },
        new("cap", "年度限额用完",
            place => $"参保人 {place.Insured}，今天，普通门诊，费用总额 800.00 元，全部在政策范围内。请结算一笔；"
                + "统筹支付会碰到年度最高支付限额。",
            Judges.PassOn, JudgeCap)
        {
            Who = Who.CapPatient,
            BySilence = true,
            Look = "CAP_REACHED、CAP_EXHAUSTED 的说明显示给患者，这笔仍是已结算",
        },
    ];

    private static Finding? BadId(SettleRequest request) => RequestChecks.CheckCode("request_id", request.RequestId) is { } bad
        ? Finding.Wrong($"request_id 不合要求：{bad.Text}", "1 至 30 个字符", Clauses.Fields)
        : null;

    private static Finding? Parts(SettleRequest request, long fullSelfPay, long overLimit, long preSelfPay, long inScope) =>
        Judges.Fen("full_self_pay_fen", request.FullSelfPayFen, fullSelfPay)
        ?? Judges.Fen("over_limit_fen", request.OverLimitFen, overLimit)
        ?? Judges.Fen("pre_self_pay_fen", request.PreSelfPayFen, preSelfPay)
        ?? Judges.Fen("in_scope_fen", request.InScopeFen, inScope);

    private static Finding JudgeTwoVisits(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        Exchange? again = seen.Settles.FirstOrDefault(
            call => call.Number > first.Number && call.RequestId == first.RequestId && first.IsSettled);
        if (again is not null)
            return Finding.Wrong($"第二次就诊又用了 {again.RequestId}", "每次就诊一个新的 request_id", Clauses.Fields);
        if (seen.Visits.Count > 2)
            return Finding.Wrong($"两次就诊用了 {seen.Visits.Count} 个编号结算", "每次就诊结算一次", Clauses.States);
        return seen.Visits.Count == 2 && seen.Visits.All(visit => visit.IsSettled)
            ? Finding.Handled
            : Finding.Awaits($"看到 {seen.Visits.Count} 笔", "两笔，各有 request_id，都得到 SETTLED", Clauses.Fields);
    }

    private static Finding JudgeLines(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        SettleRequest request = first.Settle!;
        if (request.Lines.Count < 2) return Finding.Idle with { Seen = "结算没有两条以上的 lines" };
        if (request.Lines.GroupBy(line => line.LineId, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
            return Finding.Wrong($"line_id {twice.Key} 出现两次", "line_id 在一次请求中不重复", Clauses.Fields);
        foreach (FeeLine line in request.Lines)
        {
            if ((line.UnitPriceMilliFen == 0) == (line.UnitPriceMicroYuan == 0))
                return Finding.Wrong($"明细 {line.LineId} 的两个单价字段都写了或都没写", "只写其一", Clauses.Fields);
            Int128 scale = line.UnitPriceMilliFen > 0 ? MilliFenTimesE4 : MicroYuanTimesE4;
            Int128 product = (Int128)(line.UnitPriceMilliFen + line.UnitPriceMicroYuan) * line.QuantityE4;
            long amountFen = (long)((product + scale / 2) / scale);
            if (Judges.Fen($"明细 {line.LineId} 的 amount_fen", line.AmountFen, amountFen) is { } wrong) return wrong;
        }

        return (request.TotalFen == 0 ? null : Judges.Fen("total_fen", request.TotalFen, request.Lines.Sum(line => line.AmountFen)))
            ?? Judges.Plain(seen, _ => null);
    }

    private static Finding JudgeStream(Seen seen)
    {
        IReadOnlyList<Exchange> stream = Judges.FirstStream(seen);
        if (stream.Count == 0) return Finding.Idle with { Seen = "没有看到 SettleStream" };
        if (Judges.Twice(seen) is { } twice) return twice;
        if (stream.Count < 3)
            return Finding.Awaits($"一条流里有 {stream.Count} 笔", "三笔放在同一条流里", Clauses.Fields);
        if (stream.FirstOrDefault(call => !call.IsSettled) is { } open) return Judges.NotSettled(open);
        return seen.Calls.Any(call => call.Method == Exchange.StreamEnd && call.Stream == stream[0].Stream)
            ? Finding.Handled
            : Finding.Awaits("流没有由客户端正常结束", "写完后半关闭，读完答复", Clauses.Limits);
    }

    private static Finding JudgeQuoted(Seen seen)
    {
        if (seen.First is not { } first)
            return seen.Quotes.Count == 0 ? Finding.Idle : Finding.Awaits("预结算之后没有结算", "患者同意后 Settle", Clauses.States);
        if (seen.Before(first).LastOrDefault(call => call.Method == "PreSettle") is not { } quote)
            return Finding.Wrong("结算之前没有预结算", "先 PreSettle，再 Settle", Clauses.States);
        SettleRequest quoted = ((SettleRequest)quote.Request).Clone();
        quoted.VisitId = first.Settle!.VisitId;
        return Seen.SameContent(quoted, first.Settle)
            ? Judges.Plain(seen, _ => null)
            : Finding.Wrong("结算的内容与预结算的不同", "结算的正是患者同意的那一张", Clauses.States);
    }

    private static Finding JudgeLookup(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (!first.IsSettled) return Judges.NotSettled(first);
        if (seen.Lookups.Count == 0) return Finding.Awaits("结算之后没有查询", "GetSettlement", Clauses.Fields);
        return Seen.IsOf((GetSettlementRequest)seen.Lookups[^1].Request, first)
            ? Finding.Handled
            : Finding.Wrong("查询的编号不是这笔结算的", "settlement_id 取自答复，或 request_id 取自请求", Clauses.Fields);
    }

    private static Finding JudgeCap(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (!first.IsSettled) return Judges.NotSettled(first);
        return first.Reply!.ReasonCode is Reasons.CapReached or Reasons.CapExhausted
            ? Judges.NothingMore(seen, first, first.Reply.ReasonCode, Clauses.Reasons)
            : Finding.Idle with { Seen = "这笔没有碰到年度限额" };
    }
}
