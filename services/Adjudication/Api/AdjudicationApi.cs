using Claims.Adjudication.Settling;
using Claims.Adjudication.Store;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Refusals;
using Claims.Hosting;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Api;

/// <summary>The contract that hospitals build against. A refusal is an answer; a status means that nothing is known to have been
/// settled.</summary>
public sealed class AdjudicationApi(
    SettlementDesk desk, RefusalKeeper refusals, AdjudicationSettings settings, TimeProvider time, ILogger<AdjudicationApi> log)
    : V1.Adjudication.AdjudicationBase
{
    public override Task<SettleReply> Settle(SettleRequest request, ServerCallContext context) =>
        AnswerAsync("settle", time.GetTimestamp(), desk.SettleAsync(request));

    public override Task<SettleReply> PreSettle(SettleRequest request, ServerCallContext context) =>
        AnswerAsync("pre_settle", time.GetTimestamp(), desk.QuoteAsync(request));

    public override Task<SettleReply> Cancel(CancelRequest request, ServerCallContext context) =>
        AnswerAsync("cancel", time.GetTimestamp(), desk.CancelAsync(request));

    public override Task<ReverseReply> Reverse(ReverseRequest request, ServerCallContext context) =>
        ReverseAsync(time.GetTimestamp(), request, desk.ReverseAsync(request));

    public override Task<SettleReply> GetSettlement(GetSettlementRequest request, ServerCallContext context) =>
        GuardAsync(desk.FindAsync(request), "get_settlement");

    public override Task<V1.Accumulators> GetAccumulators(GetAccumulatorsRequest request, ServerCallContext context)
    {
        if (RequestChecks.CheckCode("insured_id", request.InsuredId) is { } refusal)
            throw new RpcException(new Status(StatusCode.InvalidArgument, refusal.Text));
        return request.Year is < 2000 or > 2999
            ? throw new RpcException(new Status(StatusCode.InvalidArgument, "请求字段 year 应为四位年份。"))
            : GuardAsync(desk.AccumulatorsAsync(request), "get_accumulators");
    }

    /// <summary>
    /// Settles what arrives, many insured at a time, each insured's requests one after the other in the order sent.
    /// At most a bounded number are in flight; beyond it the stream is not read. A request whose outcome cannot be known ends
    /// the stream with its status, after the answers that are known; the sender repeats what has no answer.
    /// Mapped by <see cref="AnswerStream"/> in place of the generated method.
    /// </summary>
    public async Task SettleStream(
        IAsyncStreamReader<SettleRequest> requestStream, IServerStreamWriter<Answer> responseStream, ServerCallContext context)
    {
        using CancellationTokenSource broken = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        Exception? failure = null;
        using VisitsUnderWay visits = new(
            desk, responseStream, settings.StreamInFlight, time, (reply, begun) =>
                Count("settle_stream", begun, reply), Fail, context.CancellationToken);
        try
        {
            while (await requestStream.MoveNext(broken.Token)) await visits.AddAsync(requestStream.Current, broken.Token);
        }
        catch (OperationCanceledException) when (broken.IsCancellationRequested)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await visits.EndAsync();
        }

        if (failure is not null) throw failure;

        void Fail(Exception e)
        {
            Interlocked.CompareExchange(ref failure, StatusOf(e, "settle_stream") is { } status ? new RpcException(status) : e, null);
            _ = broken.CancelAsync();
        }
    }

    private async Task<SettleReply> AnswerAsync(string operation, long started, ValueTask<SettleReply> answering)
    {
        SettleReply reply = await GuardAsync(answering, operation);
        Count(operation, started, reply);
        return reply;
    }

    private async Task<ReverseReply> ReverseAsync(long started, ReverseRequest request, ValueTask<ReverseReply> answering)
    {
        ReverseReply reply = await GuardAsync(answering, "reverse");
        bool replayed = reply.Mirror?.Replayed ?? false;
        string outcome = replayed ? "REPLAYED" : OutcomeName(reply.Outcome);
        AdjudicationMetrics.Answer("reverse", outcome, reply.ReasonCode, replayed ? 0 : reply.Mirror?.FundPayFen ?? 0,
            time.GetElapsedTime(started));
        TellLost(reply.ReasonCode, request.InsuredId);
        if (reply.Outcome is ReverseReply.Types.Outcome.ReverseRefused)
        {
            refusals.Refused(
                "reverse", request.FacilityCode, request.RequestId, request.InsuredId, reply.ReasonCode, reply.ReasonText);
        }

        return reply;
    }

    private void Count(string operation, long started, SettleReply reply)
    {
        long paidFen = reply is { Decision: Decision.Settled or Decision.Cancelled, Replayed: false } ? reply.FundPayFen : 0;
        string decision = reply.Replayed ? "REPLAYED" : DecisionName(reply.Decision);
        AdjudicationMetrics.Answer(operation, decision, reply.ReasonCode, paidFen, time.GetElapsedTime(started));
        TellLost(reply.ReasonCode, reply.InsuredId);
        FacilityMetrics.Shared.Answered(reply);
        if (reply.Decision is Decision.Refused)
            refusals.Refused(operation, reply.FacilityCode, reply.RequestId, reply.InsuredId, reply.ReasonCode, reply.ReasonText);
    }

    private void TellLost(string reasonCode, string insuredId)
    {
        if (reasonCode == Reasons.RecordsLost)
            log.LogError("What was stored of insured {Insured} is gone from Redis.", Mask.Insured(insuredId));
    }

    private static string DecisionName(Decision decision) => decision switch
    {
        Decision.Settled => "SETTLED",
        Decision.Refused => "REFUSED",
        Decision.Quoted => "QUOTED",
        Decision.Cancelled => "CANCELLED",
        _ => "UNSPECIFIED",
    };

    private static string OutcomeName(ReverseReply.Types.Outcome outcome) => outcome switch
    {
        ReverseReply.Types.Outcome.SettlementUndone => "SETTLEMENT_UNDONE",
        ReverseReply.Types.Outcome.CancellationUndone => "CANCELLATION_UNDONE",
        ReverseReply.Types.Outcome.NothingToUndo => "NOTHING_TO_UNDO",
        ReverseReply.Types.Outcome.ReverseRefused => "REVERSE_REFUSED",
        _ => "UNSPECIFIED",
    };

    private async Task<T> GuardAsync<T>(ValueTask<T> answering, string operation)
    {
        try
        {
            return await answering;
        }
        catch (Exception e) when (StatusOf(e, operation) is { } status)
        {
            throw new RpcException(status);
        }
    }

    /// <returns>The status by which a caller learns of the failure; null where it is none of those that are foreseen.</returns>
    private Status? StatusOf(Exception failure, string operation)
    {
        switch (failure)
        {
            case StoreBusyException:
                AdjudicationMetrics.NotAnswered(operation, "busy");
                log.LogWarning("Turned away: {Reason}", failure.Message);
                return new Status(StatusCode.ResourceExhausted, "系统繁忙，本次请求未处理，请稍后以同一请求编号重试。");
            case StoreUnavailableException { Why: Unanswered.Lost }:
                AdjudicationMetrics.NotAnswered(operation, "nothing");
                log.LogError("Not answered: {Reason}", failure.Message);
                return new Status(StatusCode.Unavailable, Reasons.TextOf(Reasons.RecordsLost));
            case StoreUnavailableException { Why: Unanswered.NothingHappened } or EligibilityUnavailableException:
                AdjudicationMetrics.NotAnswered(operation, "nothing");
                log.LogWarning("Not answered: {Reason} {Cause}", failure.Message, failure.InnerException?.Message);
                return new Status(StatusCode.Unavailable, "系统暂时不能结算，本次请求未处理，请稍后以同一请求编号重试。");
            case StoreUnavailableException:
                AdjudicationMetrics.NotAnswered(operation, "unknown");
                log.LogWarning("Not answered: {Reason} {Cause}", failure.Message, failure.InnerException?.Message);
                return new Status(StatusCode.Unavailable, "系统暂时无法确认结算结果，请以同一请求编号重试，或发起冲正。");
            default:
                return null;
        }
    }
}
