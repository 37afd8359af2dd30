using Claims.Rules;
using Claims.V1;

namespace Claims.Cli.Conformance;

/// <summary>Cancellations and refunds.</summary>
internal static class UndoingSituations
{
    public static IReadOnlyList<Situation> All { get; } =
    [
        new("cancel", "撤销一笔结算", place => $"{place.Visit}。请结算，然后撤销。", Judges.PassOn, JudgeCancel)
        {
            Look = "撤销的金额为负，退款与之一致；headroom 所列的结算提示重新结算",
        },
        new("cancel-dropped", "撤销的答复丢失", place => $"{place.Visit}。请结算，然后撤销；撤销的答复丢失。请照系统提示办理，使撤销成立。",
            (seen, call) => call.Request is CancelRequest && seen.Cancels.Count == 1 ? Act.Drop : Act.PassOn, JudgeCancelDropped),
        new("cancel-blocked", "之后还有结算，撤销受阻",
            place => $"{place.Visit}。请结算；再结算一笔总额 {Place.Yuan(place.Fen + 30)} 的。然后撤销第一笔；中心答复须先撤销之后的一笔。"
                + "请办到两笔都撤销为止。",
            BlockCancel, JudgeBlocked)
        {
            Look = "窗口显示 other 所指的之后那笔结算",
        },
        new("cancel-unknown", "撤销时中心找不到结算",
            place => $"{place.Visit}。请结算，然后撤销；中心答复未找到该笔结算。请先查询。",
            (seen, call) => call.Request is CancelRequest cancel && seen.Cancels.Count == 1
                ? Act.Refuse(cancel, Reasons.SettlementUnknown, Reasons.TextOf(Reasons.SettlementUnknown))
                : Act.PassOn,
            JudgeCancelUnknown),
        new("cancel-again", "已撤销的又撤销一次", place => $"{place.Visit}。请结算，撤销，再对同一笔点一次撤销。",
            Judges.PassOn, JudgeCancelAgain)
        {
            BySilence = true,
            Look = "窗口提示已撤销，无需重复办理",
        },
        new("refund", "收费有误，退费重结",
            place => $"{place.Visit}。请结算；随后发现应为 {Place.Yuan(place.Fen - 200)}，请退费并按正确金额重新结算。",
            Judges.PassOn, JudgeRefund),
        new("settle-anew", "撤销之后同一张单再结算", place => $"{place.Visit}。请结算，撤销，再把同一张单重新结算。",
            Judges.PassOn, JudgeAnew),
    ];

    private static Finding JudgeCancel(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (!first.IsSettled) return Judges.NotSettled(first);
        if (seen.Reverses.Count > 0) return Finding.Wrong("结果已知，却发了 Reverse", "已结算的用 Cancel 撤销", Clauses.States);
        if (seen.Cancels.Count == 0) return Finding.Awaits("结算之后没有撤销", "Cancel", Clauses.States);
        return Judges.BadCancel(seen, seen.Cancels[0]) ?? (seen.Cancels.Any(call => call.IsCancelled)
            ? Finding.Handled
            : Finding.Awaits("撤销没有得到 CANCELLED", "撤销成功", Clauses.States));
    }

    private static Finding JudgeCancelDropped(Seen seen)
    {
        const string Way = "以同一 request_id 原样重发撤销，或查询这笔结算";
        if (seen.First is not { } first) return Finding.Idle;
        if (seen.Cancels is not [var lost, ..]) return Finding.Awaits("没有撤销", "Cancel", Clauses.States);
        if (Judges.BadCancel(seen, lost) is { } bad) return bad;
        foreach (Exchange call in seen.After(lost))
        {
            if (call.Request is CancelRequest cancel)
            {
                if (cancel.RequestId != lost.RequestId)
                    return Finding.Wrong($"撤销 {lost.RequestId} 结果未知就换号为 {cancel.RequestId}", Way, Clauses.States);
                if (!cancel.Equals(lost.Request)) return Finding.Wrong("重发的撤销内容变了", Way, Clauses.Keep);
                if (call.IsCancelled) return Finding.Handled;
            }

            if (call.Request is ReverseRequest reverse && reverse.OriginalRequestId == first.RequestId)
                return Finding.Wrong("撤销结果未知，却去冲正原结算", Way, Clauses.States);
            if (call is { Request: GetSettlementRequest lookup, Reply.UndoneBy: not null } && Seen.IsOf(lookup, first))
                return Finding.Handled;
        }

        return Finding.Awaits("撤销的答复丢失之后没有下文", Way, Clauses.States);
    }

    private static Act BlockCancel(Seen seen, Exchange call)
    {
        if (call.Request is not CancelRequest cancel || seen.Visits.Count < 2 || !Seen.IsOf(cancel, seen.Visits[0])) return Act.PassOn;
        Exchange later = seen.Visits[1];
        if (later.Centre is not SettleReply { Decision: Decision.Settled } stands || IsCancelled(seen, later)) return Act.PassOn;
        return Act.Refuse(
            cancel, Reasons.CancelBlockedByLaterSettlement, Reasons.TextOf(Reasons.CancelBlockedByLaterSettlement), new SettlementRef
            {
                SettlementId = stands.SettlementId,
                RequestId = stands.RequestId,
                FacilityCode = stands.FacilityCode,
                VisitDate = stands.VisitDate,
                VisitType = stands.VisitType,
                SettledAt = stands.SettledAt,
                TotalFen = stands.TotalFen,
                FundPayFen = stands.FundPayFen,
                SelfPayFen = stands.SelfPayFen,
            });
    }

    private static bool IsCancelled(Seen seen, Exchange settled) =>
        seen.Cancels.Any(call => call.IsCancelled && Seen.IsOf((CancelRequest)call.Request, settled));

    private static Finding JudgeBlocked(Seen seen)
    {
        const string Way = "先撤销之后的一笔，再撤销这一笔";
        if (seen.First is null) return Finding.Idle;
        if (seen.Visits.Count < 2) return Finding.Awaits("只有一笔结算", "先后两笔", Clauses.Reasons);
        Exchange[] blocked = [.. seen.Cancels.Where(call => call.Reply?.ReasonCode == Reasons.CancelBlockedByLaterSettlement)];
        if (blocked.Length > 1)
            return Finding.Wrong($"之后的一笔未撤销，又撤销 {((CancelRequest)blocked[1].Request).RequestId}", Way, Clauses.Reasons);
        if (seen.Reverses.Count > 0) return Finding.Wrong("撤销受阻之后改用 Reverse", Way, Clauses.Reasons);
        return IsCancelled(seen, seen.Visits[0]) && IsCancelled(seen, seen.Visits[1])
            ? Finding.Handled
            : Finding.Awaits($"{seen.Cancels.Count(call => call.IsCancelled)} 笔撤销成功", Way, Clauses.Reasons);
    }

    private static Finding JudgeCancelUnknown(Seen seen)
    {
        const string Way = "先 GetSettlement 查询，再决定";
        if (seen.First is null) return Finding.Idle;
        if (seen.Cancels is not [var refused, ..]) return Finding.Awaits("没有撤销", "Cancel", Clauses.States);
        foreach (Exchange call in seen.After(refused))
        {
            if (call.Request is GetSettlementRequest or GetAccumulatorsRequest) return Finding.Handled;
            if (call.Request is CancelRequest or ReverseRequest or SettleRequest)
                return Finding.Wrong($"SETTLEMENT_UNKNOWN 之后没有查询就发了 {call.Method}", Way, Clauses.Reasons);
        }

        return Finding.Awaits("SETTLEMENT_UNKNOWN 之后没有查询", Way, Clauses.Reasons);
    }

    private static Finding JudgeCancelAgain(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (seen.Cancels.FirstOrDefault(call => call.IsCancelled) is not { } done)
            return Finding.Awaits("没有撤销成功", "结算，撤销", Clauses.States);
        Exchange[] again = [.. seen.After(done).Where(call => call.Request is CancelRequest or ReverseRequest)];
        if (again.Length > 1) return Finding.Wrong($"已撤销之后又发了 {again.Length} 次撤销或冲正", "ALREADY_CANCELLED 是终局，不再发", Clauses.Reasons);
        return seen.After(done).Any(call => call.Settle is not null)
            ? Finding.Wrong($"撤销 {first.RequestId} 之后自行重新结算", "由人决定是否重新结算", Clauses.Reasons)
            : Finding.Handled;
    }

    private static Finding JudgeRefund(Seen seen)
    {
        const string Way = "先 Cancel 原结算，再以新的 request_id 按正确金额结算";
        if (seen.First is not { } first) return Finding.Idle;
        bool cancelled = false;
        foreach (Exchange call in seen.After(first))
        {
            if (call.Request is CancelRequest)
            {
                if (Judges.BadCancel(seen, call) is { } bad) return bad;
                cancelled |= call.IsCancelled;
            }

            if (call.Settle is not { } settle) continue;
            if (settle.TotalFen < 0) return Finding.Wrong("以负数金额结算来退费", Way, Clauses.Fields);
            if (settle.RequestId == first.RequestId)
                return Finding.Wrong($"重新结算仍用 {settle.RequestId}", Way, Clauses.Reasons);
            if (!cancelled) return Finding.Wrong($"原结算未撤销，就以 {settle.RequestId} 重新结算", Way, Clauses.States);
            if (call.IsSettled)
            {
                return Judges.Fen("total_fen", settle.TotalFen, seen.Place.Fen - 200) ?? Finding.Handled;
            }
        }

        return Finding.Awaits(cancelled ? "已撤销，没有重新结算" : "原结算没有撤销", Way, Clauses.States);
    }

    private static Finding JudgeAnew(Seen seen)
    {
        const string Way = "撤销之后以新的 request_id 结算";
        if (seen.First is not { } first) return Finding.Idle;
        if (seen.Cancels.FirstOrDefault(call => call.IsCancelled) is not { } done)
        {
            return seen.Visits.Count > 1
                ? Finding.Wrong($"没有撤销就以 {seen.Visits[1].RequestId} 再结算", Way, Clauses.States)
                : Finding.Awaits("没有撤销成功", "结算，撤销，再结算", Clauses.States);
        }

        foreach (Exchange call in seen.After(done))
        {
            if (call.Settle is not { } settle) continue;
            if (settle.RequestId == first.RequestId)
                return Finding.Wrong($"又以已撤销的编号 {settle.RequestId} 结算", Way, Clauses.Reasons);
            if (call.IsSettled) return Finding.Handled;
        }

        return Finding.Awaits("撤销之后没有再结算", Way, Clauses.Reasons);
    }
}
