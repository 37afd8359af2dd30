using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Conformance;

/// <summary>What several situations are judged by.</summary>
internal static class Judges
{
    private const string SameAgain = "以同一 request_id 原样重发，或用 Reverse 冲正";

    /// <summary>The first settle request is let through, and so is everything else.</summary>
    public static Act PassOn(Seen seen, Exchange call) => Act.PassOn;

    /// <summary>The first attempts of the first visit meet something.</summary>
    public static Func<Seen, Exchange, Act> FirstVisit(Act act, int attempts = 1) => (seen, call) =>
        call.Settle is not null && call.RequestId == seen.First!.RequestId && seen.AttemptOf(call) <= attempts ? act : Act.PassOn;

    /// <summary>The very first settle request is refused, and nothing of it is stored.</summary>
    public static Func<Seen, Exchange, Act> RefuseFirst(string code, string text) => (seen, call) =>
        call.Settle is { } settle && call == seen.First ? Act.Refuse(settle, code, text) : Act.PassOn;

    /// <summary>One visit, settled once, as it was to be entered.</summary>
    /// <param name="anyAnswer">A refusal will do: what counts is the request.</param>
    public static Finding Plain(Seen seen, Func<SettleRequest, Finding?> check, bool anyAnswer = false)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (check(first.Settle!) is { } wrong) return wrong;
        if (Twice(seen) is { } twice) return twice;
        if (first.Ended is null || (first.Reply is null && seen.Settles.Count == 1)) return NotSettled(first);
        return anyAnswer || seen.Settles.Any(call => call.IsSettled) ? Finding.Handled : NotSettled(seen.Settles[^1]);
    }

    /// <summary>The same bill settled under two ids.</summary>
    public static Finding? Twice(Seen seen)
    {
        foreach (Exchange call in seen.Settles)
        {
            if (seen.Settles.FirstOrDefault(other => other.Number < call.Number && other.RequestId != call.RequestId && !other.IsRefused
                && Seen.SameBill(other.Settle!, call.Settle!)) is { } before)
                return Finding.Wrong($"同一张单先后以 {before.RequestId} 和 {call.RequestId} 两个编号结算", "一张单只用一个 request_id", Clauses.States);
        }

        return null;
    }

    public static Finding NotSettled(Exchange call) => Finding.Awaits(
        call.Reply is { } refused ? $"结算 {call.RequestId} 被拒：{refused.ReasonText}"
            : call.Status is { } status ? $"结算 {call.RequestId} 的答复是状态 {status}" : $"结算 {call.RequestId} 尚无答复",
        "得到 SETTLED", Clauses.States);

    public static Finding? Field<T>(string name, T sent, T expected, string? hint = null) where T : notnull =>
        EqualityComparer<T>.Default.Equals(sent, expected) ? null : Finding.Wrong(
            string.Create(CultureInfo.InvariantCulture, $"{name} 是 {sent}{hint}"),
            string.Create(CultureInfo.InvariantCulture, $"{name} 应为 {expected}"), Clauses.Fields);

    /// <summary>Amounts in fen; yuan in their place are told as such.</summary>
    public static Finding? Fen(string name, long sent, long expected) =>
        Field(name, sent, expected, sent != 0 && expected % 100 == 0 && sent == expected / 100 ? "，像是以元为单位" : null);

    /// <summary>
    /// No answer came to the first settle request: the same again, or a reversal, and no other id before it is known what has become of it.
    /// </summary>
    /// <param name="undone">The patient has gone: nothing may stand in the end.</param>
    /// <param name="paused">Repeats follow after a pause.</param>
    public static Finding Unknown(Seen seen, string what, bool undone = false, bool paused = false)
    {
        if (seen.First is not { } first) return Finding.Idle;
        SettleRequest bill = first.Settle!;
        bool? stands = null;
        DateTimeOffset? since = null;
        Exchange last = first;
        foreach (Exchange call in seen.Calls.Where(call => call.Number >= first.Number))
        {
            switch (call.Request)
            {
                case SettleRequest settle when call.Settle is not null && settle.RequestId == bill.RequestId:
                    if (!Seen.SameContent(settle, bill))
                        return Finding.Wrong($"{what}之后，{bill.RequestId} 重发时内容变了", "原样重发，一字不改", Clauses.Keep);
                    if (stands is false)
                        return Finding.Wrong($"{bill.RequestId} 冲正或撤销之后又以同一编号结算", "换新的 request_id", Clauses.Reasons);
                    if (paused && call != first && last.Status is StatusCode.ResourceExhausted && call.At - last.Ended is { } rest
                        && rest < seen.Pause)
                        return Finding.Wrong(
                            string.Create(CultureInfo.InvariantCulture, $"RESOURCE_EXHAUSTED 之后不到一秒就重发（{rest.TotalMilliseconds:0} 毫秒）"),
                            "等一秒，再以同一 request_id 原样重发", Clauses.Limits);
                    if (call.IsSettled) (stands, since) = (true, since ?? call.Ended);
                    last = call;
                    break;
                case SettleRequest settle when call.Settle is not null:
                    // Known when this call was made, and not only by now.
                    if (stands is null || call.At < since)
                        return Finding.Wrong($"{what}之后，未查明 {bill.RequestId} 的结果就换号为 {settle.RequestId} 结算", SameAgain, Clauses.States);
                    if (stands is true && Seen.SameBill(settle, bill))
                        return Finding.Wrong($"{bill.RequestId} 已结算，又以 {settle.RequestId} 结算同一张单", "一张单只结算一次", Clauses.States);
                    break;
                case ReverseRequest reverse when reverse.OriginalRequestId == bill.RequestId:
                    if (reverse.RequestId == bill.RequestId)
                        return Finding.Wrong("冲正用了被冲正请求的编号", "冲正有自己的 request_id", Clauses.Fields);
                    bool nothingStands = call.Answer is ReverseReply reversed
                        && reversed.Outcome is (ReverseReply.Types.Outcome.NothingToUndo or ReverseReply.Types.Outcome.SettlementUndone);
                    if (nothingStands) stands = false;
                    break;
                case CancelRequest cancel when Seen.IsOf(cancel, first):
                    if (stands is null)
                        return Finding.Wrong($"{what}之后，未查明结果就发了 Cancel", SameAgain, Clauses.States);
                    if (call.IsCancelled) stands = false;
                    break;
                case GetSettlementRequest lookup when Seen.IsOf(lookup, first) && call.IsSettled:
                    stands = true;
                    break;
            }
        }

        if (undone)
            return stands is false ? Finding.Handled
                : Finding.Awaits(stands is true ? $"{bill.RequestId} 仍是有效结算" : $"{what}之后没有冲正", "用 Reverse 冲正这次请求", Clauses.States);
        if (stands is not null) return Finding.Handled;
        return last.IsRefused ? NotSettled(last) : Finding.Awaits($"{what}之后没有再看到 {bill.RequestId}", SameAgain, Clauses.States);
    }

    /// <summary>The call has had its answer, and nothing more is to be sent for it.</summary>
    public static Finding NothingMore(Seen seen, Exchange answered, string what, string clause)
    {
        foreach (Exchange call in seen.After(answered))
        {
            if (call.Settle is { } settle)
                return Finding.Wrong(
                    settle.RequestId == answered.RequestId ? $"{what}之后又重发 {settle.RequestId}" : $"{what}之后又以 {settle.RequestId} 结算",
                    "不再发送", clause);
            if (call.Request is CancelRequest or ReverseRequest)
                return Finding.Wrong($"{what}之后发了 {call.Method}", "不再发送", clause);
        }

        return Finding.Handled;
    }

    /// <summary>A cancellation of the first visit, asked for rightly.</summary>
    public static Finding? BadCancel(Seen seen, Exchange call)
    {
        CancelRequest cancel = (CancelRequest)call.Request;
        if (seen.Settles.Any(settle => settle.RequestId == cancel.RequestId))
            return Finding.Wrong("撤销用了结算的 request_id", "撤销有自己的 request_id", Clauses.Fields);
        if (cancel.TargetCase is CancelRequest.TargetOneofCase.None)
            return Finding.Wrong("撤销没有写明 settlement_id 或 original_request_id", "写明其一", Clauses.Fields);
        return seen.Settles.Any(settle => Seen.IsOf(cancel, settle)) ? null
            : Finding.Wrong("撤销的不是本情形的结算", "settlement_id 取自答复，original_request_id 取自请求", Clauses.Fields);
    }

    /// <summary>The messages of the first stream.</summary>
    public static IReadOnlyList<Exchange> FirstStream(Seen seen)
    {
        int stream = seen.Settles.FirstOrDefault(call => call.Stream > 0)?.Stream ?? -1;
        return [.. seen.Settles.Where(call => call.Stream == stream)];
    }
}
