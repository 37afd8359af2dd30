using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Conformance;

/// <summary>A gRPC status, a broken line, or an answer that is late: what is known, and what is not.</summary>
internal static class UnansweredSituations
{
    public static IReadOnlyList<Situation> All { get; } =
    [
        new("dropped", "答复丢失", place => $"{place.Visit}。请结算；中心已结算，答复在路上丢失。请照系统提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Drop), seen => Judges.Unknown(seen, "答复丢失")),
        new("dropped-twice", "答复两次丢失", place => $"{place.Visit}。请结算；答复连续丢失两次。请照系统提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Drop, 2), seen => Judges.Unknown(seen, "答复丢失")),
        new("dropped-reverse", "答复丢失，患者已离开", place => $"{place.Visit}。请结算；答复丢失，患者已离开。请冲正。",
            Judges.FirstVisit(Act.Drop, int.MaxValue), seen => Judges.Unknown(seen, "答复丢失", undone: true)),
        new("reverse-dropped", "冲正的答复也丢失", place => $"{place.Visit}。请结算；答复丢失后冲正，冲正的答复也丢失。请办到冲正成功为止。",
            (seen, call) => call.Request is ReverseRequest && seen.Reverses.Count == 1
                ? Act.Drop
                : Judges.FirstVisit(Act.Drop, int.MaxValue)(seen, call),
            JudgeReverseDropped),
        new("unavailable", "中心暂不可用", place => $"{place.Visit}。请结算；中心答复 UNAVAILABLE。请照系统提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Fail(StatusCode.Unavailable, done: false)), seen => Judges.Unknown(seen, "UNAVAILABLE ")),
        new("deadline", "中心超时，其实已结算",
            place => $"{place.Visit}。请结算；中心答复 DEADLINE_EXCEEDED，其实已结算。请照系统提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Fail(StatusCode.DeadlineExceeded, done: true)), seen => Judges.Unknown(seen, "DEADLINE_EXCEEDED ")),
        new("no-answer", "一直没有答复", place => $"{place.Visit}。请结算；中心一直不答复。请等系统自己的时限到，再照提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Hold), JudgeHeld)
        {
            Look = "等待期间窗口不允许收费员换号重新提交",
        },
        new("slow", "答复很慢", place => $"{place.Visit}。请结算；答复要等几秒才到。",
            Judges.FirstVisit(Act.Delay), seen => Judges.Unknown(seen, "答复迟到")),
        new("busy", "中心繁忙", place => $"{place.Visit}。请结算；中心两次答复 RESOURCE_EXHAUSTED。请照系统提示办理，使这笔结算成立。",
            Judges.FirstVisit(Act.Fail(StatusCode.ResourceExhausted, done: false), 2),
            seen => Judges.Unknown(seen, "RESOURCE_EXHAUSTED ", paused: true)),
        new("stream-broken", "流中断，多笔没有答复",
            place => $"{place.Visit}，连同总额各多 0.01 元的另外两笔，共三笔，放在一条 SettleStream 里；第一笔答复之后流中断。请照系统提示补齐。",
            (seen, call) => Judges.FirstStream(seen) is [var first, ..] && call.Stream == first.Stream && call.Number > first.Number
                ? Act.BreakSoon
                : Act.PassOn,
            JudgeBrokenStream),
        new("stream-status", "流以状态结束",
            place => $"{place.Visit}，连同总额各多 0.01 元的另外两笔，共三笔，放在一条 SettleStream 里；第一笔答复之后流以 UNAVAILABLE 结束。请照系统提示补齐。",
            (seen, call) => Judges.FirstStream(seen) is [var first, ..] && call.Stream == first.Stream && call.Number > first.Number
                ? Act.Fail(StatusCode.Unavailable, done: false)
                : Act.PassOn,
            JudgeBrokenStream),
        new("reverse-unknown", "冲正一笔没有到过中心的请求",
            place => $"{place.Visit}。请结算；中心答复 UNAVAILABLE（请求没有到达），患者已离开。请冲正。",
            Judges.FirstVisit(Act.Fail(StatusCode.Unavailable, done: false), int.MaxValue), JudgeNothingToUndo)
        {
            BySilence = true,
        },
        new("replayed", "第一次答复就带 replayed", place => $"{place.Visit}。请结算；答复带 replayed=true，是正常的成功答复。",
            Judges.FirstVisit(Act.Twice),
            seen => seen.First is not { } first ? Finding.Idle
                : first.IsSettled ? Judges.NothingMore(seen, first, "replayed 的答复", Clauses.States) : Judges.NotSettled(first))
        {
            BySilence = true,
            Look = "账上只记一次（由 reconcile-agree 核对）",
        },
        new("changed-retry", "答复丢失后改了一个金额再提交",
            place => $"{place.Visit}。请结算；答复丢失后，收费员把总额改为 {Place.Yuan(place.Fen + 100)} 再提交。请办到改后的单子结算成功、原单不再有效。",
            Judges.FirstVisit(Act.Drop), JudgeChanged),
        new("unknown-fields", "答复带有不认识的字段和枚举值",
            place => $"{place.Visit}。请结算，得到答复后撤销这笔。",
            Judges.FirstVisit(Act.Alter<SettleReply>(Later)), JudgeTolerant),
    ];

    /// <summary>As a later version of the contract may answer: a field and a visit type that nobody knows yet.</summary>
    private static SettleReply Later(SettleReply reply)
    {
        // Field 1999, a text of two letters.
        byte[] field = [0xFA, 0x7C, 0x02, (byte)'o', (byte)'k'];
        SettleReply later = SettleReply.Parser.ParseFrom([.. Google.Protobuf.MessageExtensions.ToByteArray(reply), .. field]);
        later.VisitType = (VisitType)99;
        return later;
    }

    private static Finding JudgeReverseDropped(Seen seen)
    {
        if (seen.Reverses.FirstOrDefault(call => !call.Request.Equals(seen.Reverses[0].Request)) is { } other)
            return Finding.Wrong(
                $"冲正 {seen.Reverses[0].RequestId} 结果未知，再冲正时编号或内容变了（{other.RequestId}）", "以同一 request_id 原样重发冲正", Clauses.States);
        return Judges.Unknown(seen, seen.Reverses.Count > 0 ? "冲正的答复丢失" : "答复丢失", undone: true);
    }

    private static Finding JudgeHeld(Seen seen) => seen.First is { GaveUp: false, Ended: not null, Answer: not null } first
        ? Finding.Wrong($"{first.RequestId} 一直等到答复，没有自己的时限", "自设时限（10 秒足够），到时原样重发或冲正", Clauses.Limits)
        : Judges.Unknown(seen, "没有答复");

    private static Finding JudgeBrokenStream(Seen seen)
    {
        IReadOnlyList<Exchange> stream = Judges.FirstStream(seen);
        if (stream.Count == 0) return Finding.Idle with { Seen = "没有看到 SettleStream" };
        Exchange[] lost = [.. stream.Where(call => call is { Answer: null, Ended: not null })];
        if (lost.Length == 0) return Finding.Awaits($"一条流里有 {stream.Count} 笔", "三笔放在同一条流里", Clauses.Fields);
        List<Exchange> open = [.. lost];
        foreach (Exchange call in seen.After(lost[0]).Where(call => call.Stream != lost[0].Stream))
        {
            if (call.Settle is { } settle)
            {
                if (stream.Any(sent => sent.Answer is not null && sent.RequestId == settle.RequestId))
                    return Finding.Wrong($"已有答复的 {settle.RequestId} 也重发了", "另开一条流，只重发没有答复的", Clauses.Limits);
                if (lost.FirstOrDefault(sent => sent.RequestId == settle.RequestId) is { } same)
                {
                    if (!Seen.SameContent(same.Settle!, settle))
                        return Finding.Wrong($"{settle.RequestId} 重发时内容变了", "原样重发，一字不改", Clauses.Keep);
                    if (call.IsSettled) open.Remove(same);
                }
                else if (lost.FirstOrDefault(sent => Seen.SameBill(sent.Settle!, settle)) is { } bill)
                {
                    return Finding.Wrong(
                        $"没有答复的 {bill.RequestId} 换号为 {settle.RequestId} 再结算", "以同一 request_id 原样重发，或用 Reverse 冲正", Clauses.States);
                }
            }

            if (call is { Request: ReverseRequest reverse, Answer: ReverseReply })
                open.RemoveAll(sent => sent.RequestId == reverse.OriginalRequestId);
            if (call is { Request: GetSettlementRequest lookup, IsSettled: true }) open.RemoveAll(sent => Seen.IsOf(lookup, sent));
        }

        return open.Count == 0
            ? Finding.Handled
            : Finding.Awaits($"没有答复的 {string.Join("、", open.Select(call => call.RequestId))} 没有再发", "另开一条流，重发没有答复的", Clauses.Limits);
    }

    private static Finding JudgeNothingToUndo(Seen seen)
    {
        Exchange? found = seen.Reverses.FirstOrDefault(
            call => call.Answer is ReverseReply { Outcome: ReverseReply.Types.Outcome.NothingToUndo });
        if (found is { } nothing && seen.After(nothing).FirstOrDefault(call => call.Request is ReverseRequest or CancelRequest) is { } more)
            return Finding.Wrong($"NOTHING_TO_UNDO 之后又发了 {more.Method}", "没有可冲正的，到此为止", Clauses.States);
        return Judges.Unknown(seen, "UNAVAILABLE ", undone: true);
    }

    private static Finding JudgeChanged(Seen seen)
    {
        const string Way = "先使原单不再有效（Reverse，或查询后 Cancel），再以新的 request_id 结算改后的单子";
        if (seen.First is not { } first) return Finding.Idle;
        bool stands = true;
        int conflicts = 0;
        foreach (Exchange call in seen.After(first))
        {
            switch (call.Request)
            {
                case SettleRequest settle when call.Settle is not null && settle.RequestId == first.RequestId:
                    if (!Seen.SameContent(settle, first.Settle!) && ++conflicts > 1)
                        return Finding.Wrong($"改后的内容两次用原编号 {settle.RequestId} 提交", Way, Clauses.Reasons);
                    break;
                case SettleRequest settle when call.Settle is not null:
                    if (stands)
                        return Finding.Wrong($"原单 {first.RequestId} 未撤销，就以 {settle.RequestId} 结算改后的单子", Way, Clauses.States);
                    if (call.IsSettled) return Finding.Handled;
                    break;
                case ReverseRequest reverse when reverse.OriginalRequestId == first.RequestId && call.Answer is ReverseReply
                {
                    Outcome: ReverseReply.Types.Outcome.SettlementUndone or ReverseReply.Types.Outcome.NothingToUndo
                }:
                    stands = false;
                    break;
                case CancelRequest cancel when Seen.IsOf(cancel, first) && call.IsCancelled:
                    stands = false;
                    break;
            }
        }

        return Finding.Awaits(stands ? $"原单 {first.RequestId} 仍有效" : "改后的单子没有结算", Way, Clauses.Reasons);
    }

    private static Finding JudgeTolerant(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (!first.IsSettled) return Judges.NotSettled(first);
        if (seen.Settles.Count > 1 || seen.Reverses.Count > 0)
            return Finding.Wrong("答复带未知字段，就当作没有答复处理", "忽略不认识的字段和枚举值，按已结算办理", Clauses.Fields);
        if (seen.Cancels.Count == 0) return Finding.Awaits("得到答复后没有撤销", "读出答复，再 Cancel", Clauses.Fields);
        return Judges.BadCancel(seen, seen.Cancels[0])
            ?? (seen.Cancels.Any(call => call.IsCancelled)
                ? Finding.Handled
                : Finding.Awaits("撤销没有得到 CANCELLED", "撤销成功", Clauses.States));
    }
}
