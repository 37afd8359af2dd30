using Claims.Rules;
using Claims.V1;

namespace Claims.Cli.Conformance;

/// <summary>Refusals of each advice of docs/reasons.md, and what is done next.</summary>
internal static class RefusedSituations
{
    private const string Tomorrow = "REASON_OF_A_LATER_YEAR";

    public static IReadOnlyList<Situation> All { get; } =
    [
        new("refused-amounts", "金额不合，更正后重交",
            place => $"{place.Visit}。请结算；中心答复金额不合。请把总额和政策范围内金额更正为 {Place.Yuan(place.Fen + 50)} 再结算。",
            Judges.RefuseFirst(Reasons.AmountsDoNotAddUp, Reasons.TextOf(Reasons.AmountsDoNotAddUp)), JudgeCorrected)
        {
            Look = "窗口显示拒付原因 reason_text",
        },
        new("refused-future", "就诊日期写成了明天",
            place => $"参保人 {place.Insured}，普通门诊，费用总额 {Place.Yuan(place.Fen)}，全部在政策范围内。请先把就诊日期录为明天"
                + $"（{Place.Text(place.Today.AddDays(1))}）结算；被拒后（或系统自己拦下后）改为今天再结算。",
            Judges.PassOn, JudgeFuture),
        new("refused-later", "暂不能结算，以后再交",
            place => $"{place.Visit}。请结算；中心答复不在待遇享受期。患者补缴之后，请把同一张单再次提交。",
            Judges.RefuseFirst(Reasons.NotCoveredOnDate, Reasons.TextOf(Reasons.NotCoveredOnDate)), JudgeLater),
        new("refused-final", "拒付，重交无益",
            place => $"{place.Visit}。请结算；中心答复参保地不在本市统筹范围。请照提示办理。",
            Judges.RefuseFirst(Reasons.OutsidePoolingArea, Reasons.TextOf(Reasons.OutsidePoolingArea)),
            seen => seen.First is { } first ? Judges.NothingMore(seen, first, "OUTSIDE_POOLING_AREA", Clauses.Reasons) : Finding.Idle)
        {
            BySilence = true,
            Look = "窗口显示拒付原因，费用转为自费",
        },
        new("refused-reversed", "请求编号已被冲正",
            place => $"{place.Visit}。请结算；中心答复该请求已被冲正。患者仍要结算，请重新提交。",
            Judges.RefuseFirst(Reasons.RequestReversed, Reasons.TextOf(Reasons.RequestReversed)), JudgeNewId),
        new("visit-settled", "本次就诊已有结算",
            place => $"{place.Visit}。请结算；随后同一次就诊改总额为 {Place.Yuan(place.Fen + 70)} 又提交一次，中心答复本次就诊已有有效结算。"
                + "请先查询原结算，或先撤销原结算。",
            RefuseSecondVisit, JudgeVisitSettled)
        {
            Look = "窗口显示 other 所指的原结算",
        },
        new("unknown-reason", "不认识的拒付原因",
            place => $"{place.Visit}。请结算；中心以系统不认识的原因代码拒付。请照说明办理。",
            Judges.RefuseFirst(Tomorrow, "按新规定，本次费用不予支付，请告知参保人自费。"),
            seen => seen.First is { } first ? Judges.NothingMore(seen, first, "不认识的原因代码", Clauses.States) : Finding.Idle)
        {
            BySilence = true,
            Look = "窗口原样显示 reason_text「按新规定，本次费用不予支付，请告知参保人自费。」",
        },
        new("stream-refusal", "一条流里有一笔被拒",
            place => $"{place.Visit}，连同总额各多 0.01 元的另外两笔，共三笔，放在一条 SettleStream 里；第二笔被拒，其余照常。",
            (seen, call) => Judges.FirstStream(seen) is [_, var second, ..] && second == call
                ? Act.Refuse(call.Settle!, Reasons.NotCoveredOnDate, Reasons.TextOf(Reasons.NotCoveredOnDate))
                : Act.PassOn,
            JudgeStreamRefusal)
        {
            BySilence = true,
        },
    ];

    private static Finding JudgeCorrected(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        foreach (Exchange call in seen.After(first))
        {
            if (call.Request is CancelRequest or ReverseRequest)
                return Finding.Wrong($"被拒之后发了 {call.Method}", "拒付没有留下结算，更正后再结算即可", Clauses.Reasons);
            if (call.Settle is not { } settle) continue;
            if (Seen.SameContent(settle, first.Settle!))
                return Finding.Wrong($"没有更正就又提交（{settle.RequestId}）", "照说明更正后再提交", Clauses.Reasons);
            if (call.IsSettled) return Judges.Twice(seen) ?? Finding.Handled;
        }

        return Finding.Awaits("被拒之后没有更正后的结算", "更正后再提交，原编号可以再用", Clauses.Reasons);
    }

    private static Finding JudgeFuture(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (first.Settle!.VisitDate == seen.Place.Day)
            return Judges.Plain(seen, _ => null);
        Finding? other = Judges.Field("visit_date", first.Settle.VisitDate, Place.Text(seen.Place.Today.AddDays(1)));
        return other ?? JudgeCorrected(seen);
    }

    private static Finding JudgeLater(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        foreach (Exchange call in seen.After(first))
        {
            if (call.Request is CancelRequest or ReverseRequest)
                return Finding.Wrong($"被拒之后发了 {call.Method}", "拒付没有留下结算，条件具备后再提交同一张单", Clauses.Reasons);
            if (call.Settle is not { } settle) continue;
            if (call.At - first.Ended < seen.Pause)
                return Finding.Wrong("被拒后不到一秒就自动重发", "条件具备后由人再提交", Clauses.Reasons);
            if (!Seen.SameContent(settle, first.Settle!))
                return Finding.Wrong("再次提交时内容变了", "同一张单，内容不变", Clauses.Reasons);
            if (call.IsSettled) return Judges.Twice(seen) ?? Finding.Handled;
        }

        return Finding.Awaits("补缴之后没有再提交", "同一张单再次结算", Clauses.Reasons);
    }

    private static Finding JudgeNewId(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        foreach (Exchange call in seen.After(first))
        {
            if (call.Settle is not { } settle) continue;
            if (settle.RequestId == first.RequestId)
                return Finding.Wrong($"又以已作废的编号 {settle.RequestId} 提交", "换新的 request_id", Clauses.Reasons);
            if (call.IsSettled) return Judges.Twice(seen) ?? Finding.Handled;
        }

        return Finding.Awaits("没有重新提交", "以新的 request_id 结算", Clauses.Reasons);
    }

    // Whether or not the system under test states visit_id, by which the adjudication itself would refuse it.
    private static Act RefuseSecondVisit(Seen seen, Exchange call)
    {
        if (call.Settle is not { } settle || settle.RequestId == seen.First!.RequestId) return Act.PassOn;
        if (seen.First.Centre is not SettleReply { Decision: Decision.Settled } first || Undone(seen, seen.First)) return Act.PassOn;
        return Act.Refuse(settle, Reasons.VisitAlreadySettled, Reasons.TextOf(Reasons.VisitAlreadySettled), new SettlementRef
        {
            SettlementId = first.SettlementId,
            RequestId = first.RequestId,
            FacilityCode = first.FacilityCode,
            VisitDate = first.VisitDate,
            VisitType = first.VisitType,
            SettledAt = first.SettledAt,
            TotalFen = first.TotalFen,
            FundPayFen = first.FundPayFen,
            SelfPayFen = first.SelfPayFen,
        });
    }

    private static bool Undone(Seen seen, Exchange settled) => seen.Calls.Any(call =>
        (call.Request is CancelRequest cancel && Seen.IsOf(cancel, settled) && call.IsCancelled)
        || (call.Request is ReverseRequest reverse && reverse.OriginalRequestId == settled.RequestId && call.Answer is ReverseReply));

    private static Finding JudgeVisitSettled(Seen seen)
    {
        const string Way = "先 GetSettlement 查明原结算，或先撤销它";
        if (seen.First is not { } first) return Finding.Idle;
        if (seen.Settles.FirstOrDefault(call => call.Reply?.ReasonCode == Reasons.VisitAlreadySettled) is not { } refused)
        {
            return Undone(seen, first) && seen.Visits.Count > 1
                ? Finding.Handled
                : Finding.Awaits("没有第二次提交", "同一次就诊再提交一次", Clauses.Reasons);
        }

        foreach (Exchange call in seen.After(refused))
        {
            if (call.Settle is { } settle)
                return Finding.Wrong($"没有查询也没有撤销，就又以 {settle.RequestId} 结算", Way, Clauses.Reasons);
            if (call.Request is GetSettlementRequest or GetAccumulatorsRequest || Undone(seen, first)) return Finding.Handled;
        }

        return Finding.Awaits("VISIT_ALREADY_SETTLED 之后没有查询也没有撤销", Way, Clauses.Reasons);
    }

    private static Finding JudgeStreamRefusal(Seen seen)
    {
        IReadOnlyList<Exchange> stream = Judges.FirstStream(seen);
        if (stream.Count == 0) return Finding.Idle with { Seen = "没有看到 SettleStream" };
        foreach (Exchange call in seen.Settles.Where(call => call.Stream != stream[0].Stream))
        {
            if (stream.FirstOrDefault(sent => sent.Answer is not null && Seen.SameBill(sent.Settle!, call.Settle!)) is { } answered)
                return Finding.Wrong(
                    $"{answered.RequestId} 已有答复（{(answered.IsRefused ? "被拒" : "已结算")}），又以 {call.RequestId} 发送",
                    "一笔被拒不影响其余，有答复的都不再发", Clauses.States);
        }

        if (seen.Calls.FirstOrDefault(call => call.Request is CancelRequest or ReverseRequest) is { } undoing)
            return Finding.Wrong($"一笔被拒之后发了 {undoing.Method}", "其余照常有效", Clauses.States);
        if (stream.Count < 3) return Finding.Awaits($"一条流里有 {stream.Count} 笔", "三笔放在同一条流里，被拒之后照常写完", Clauses.States);
        return seen.Calls.Any(call => call.Method == Exchange.StreamEnd && call.Stream == stream[0].Stream)
            ? Finding.Handled
            : Finding.Awaits("流没有由客户端正常结束", "写完后半关闭，读完答复", Clauses.Limits);
    }
}
