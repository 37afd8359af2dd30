using System.Globalization;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Tests.Conformance;

/// <summary>Adjudication and ledger in memory: enough of both that a bill settled twice shows in the day's totals.</summary>
internal sealed class MemoryCentre(DateOnly today) : InProcessCalls
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (SettleRequest Request, SettleReply Reply)> _settled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SettleReply> _cancelled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (IMessage Request, IMessage Reply)> _undoings = new(StringComparer.Ordinal);
    private readonly HashSet<string> _void = new(StringComparer.Ordinal);
    private int _numbers;

    /// <summary>Settlements that stand.</summary>
    public int Standing
    {
        get
        {
            lock (_gate) return _settled.Count - _cancelled.Count;
        }
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        IMessage reply;
        lock (_gate)
        {
            reply = (method.Name, request) switch
            {
                ("Settle", SettleRequest settle) => Settle(settle),
                ("PreSettle", SettleRequest settle) => Answer(settle, Decision.Quoted),
                (_, CancelRequest cancel) => Once(cancel.RequestId, cancel, () => Cancel(cancel)),
                (_, ReverseRequest reverse) => Once(reverse.RequestId, reverse, () => Reverse(reverse)),
                (_, GetSettlementRequest lookup) => Find(lookup),
                (_, GetAccumulatorsRequest asked) => new Accumulators { InsuredId = asked.InsuredId, Year = asked.Year },
                (_, ReconcileTotalsRequest totals) => Totals(totals),
                _ => throw new NotSupportedException(method.FullName),
            };
        }

        return Answered(Task.FromResult((TResponse)reply));
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => Opened<TRequest, TResponse>(new Lines());

    private SettleReply Settle(SettleRequest request)
    {
        if (_void.Contains(request.RequestId)) return Refused(request, Reasons.RequestReversed);
        if (_settled.TryGetValue(request.RequestId, out (SettleRequest Request, SettleReply Reply) known))
        {
            if (!known.Request.Equals(request)) return Refused(request, Reasons.DuplicateConflict);
            if (_cancelled.ContainsKey(request.RequestId)) return Refused(request, Reasons.RequestCancelled);
            SettleReply again = known.Reply.Clone();
            again.Replayed = true;
            return again;
        }

        if (request.InsuredId == "NOBODY") return Refused(request, Reasons.InsuredUnknown);
        if (string.CompareOrdinal(request.VisitDate, today.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)) > 0)
            return Refused(request, Reasons.VisitInFuture);
        SettleReply reply = Answer(request, Decision.Settled);
        reply.SettlementId = NewId();
        if (request.TotalFen >= 80_000) reply.ReasonCode = Reasons.CapReached;
        _settled.Add(request.RequestId, (request.Clone(), reply));
        return reply;
    }

    private SettleReply Cancel(CancelRequest cancel)
    {
        string target = cancel.TargetCase is CancelRequest.TargetOneofCase.OriginalRequestId
            ? cancel.OriginalRequestId
            : _settled.FirstOrDefault(one => one.Value.Reply.SettlementId == cancel.SettlementId).Key ?? "";
        SettleReply reply = new() { RequestId = cancel.RequestId, FacilityCode = cancel.FacilityCode, InsuredId = cancel.InsuredId };
        bool conflicts = _settled.ContainsKey(cancel.RequestId);
        if (conflicts || !_settled.ContainsKey(target) || _cancelled.ContainsKey(target))
        {
            reply.Decision = Decision.Refused;
            reply.ReasonCode = conflicts ? Reasons.DuplicateConflict
                : _cancelled.ContainsKey(target) ? Reasons.AlreadyCancelled : Reasons.SettlementUnknown;
            return reply;
        }

        return Undo(target, cancel.RequestId);
    }

    private ReverseReply Reverse(ReverseRequest reverse)
    {
        string target = reverse.OriginalRequestId;
        _void.Add(target);
        return _settled.ContainsKey(target) && !_cancelled.ContainsKey(target)
            ? new ReverseReply { Outcome = ReverseReply.Types.Outcome.SettlementUndone, Mirror = Undo(target, reverse.RequestId) }
            : new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo };
    }

    private SettleReply Undo(string target, string requestId)
    {
        SettleReply mirror = _settled[target].Reply.Clone();
        mirror.Decision = Decision.Cancelled;
        mirror.OriginalRequestId = target;
        mirror.RequestId = requestId;
        mirror.SettlementId = NewId();
        (mirror.TotalFen, mirror.FundPayFen) = (-mirror.TotalFen, -mirror.FundPayFen);
        _cancelled[target] = mirror;
        return mirror;
    }

    private SettleReply Find(GetSettlementRequest lookup)
    {
        (string key, (SettleRequest Request, SettleReply Reply) found) = _settled.FirstOrDefault(one =>
            one.Key == lookup.RequestId || one.Value.Reply.SettlementId == lookup.SettlementId);
        if (key is null) return new SettleReply { Decision = Decision.Refused, ReasonCode = Reasons.SettlementUnknown };
        SettleReply reply = found.Reply.Clone();
        if (!_cancelled.TryGetValue(key, out SettleReply? undoing)) return reply;
        (reply.Decision, reply.ReasonCode) = (Decision.Refused, Reasons.RequestCancelled);
        reply.UndoneBy = new SettlementRef { SettlementId = undoing.SettlementId, RequestId = undoing.RequestId };
        return reply;
    }

    private ReconcileTotalsReply Totals(ReconcileTotalsRequest request)
    {
        SettlementTotals centre = new()
        {
            Count = _settled.Count - _cancelled.Count,
            TotalFen = _settled.Values.Sum(one => one.Reply.TotalFen) + _cancelled.Values.Sum(one => one.TotalFen),
            FundPayFen = _settled.Values.Sum(one => one.Reply.FundPayFen) + _cancelled.Values.Sum(one => one.FundPayFen),
        };
        SettlementTotals facility = request.Figures[0].Totals;
        TotalsOutcome outcome = centre.Equals(facility) ? TotalsOutcome.Balanced : TotalsOutcome.Inconsistent;
        return new ReconcileTotalsReply
        {
            Outcome = outcome,
            Comparisons =
            {
                new ReconcileTotalsReply.Types.Comparison { Outcome = outcome, Centre = centre, Facility = facility.Clone() },
            },
        };
    }

    private T Once<T>(string id, IMessage request, Func<T> answer) where T : class, IMessage
    {
        if (_undoings.TryGetValue(id, out (IMessage Request, IMessage Reply) known) && known.Request.Equals(request)) return (T)known.Reply;
        T reply = answer();
        _undoings[id] = (request, reply);
        return reply;
    }

    private string NewId() => string.Create(CultureInfo.InvariantCulture, $"S{++_numbers}");

    private static SettleReply Refused(SettleRequest request, string code)
    {
        SettleReply reply = Answer(request, Decision.Refused);
        (reply.ReasonCode, reply.ReasonText, reply.FundPayFen) = (code, Reasons.TextOf(code), 0);
        return reply;
    }

    private static SettleReply Answer(SettleRequest request, Decision decision)
    {
        bool known = request.InsuredId != "NOBODY";
        return new SettleReply
        {
            RequestId = request.RequestId,
            FacilityCode = request.FacilityCode,
            InsuredId = request.InsuredId,
            Decision = known ? decision : Decision.Refused,
            ReasonCode = known ? "" : Reasons.InsuredUnknown,
            ReasonText = known ? "" : Reasons.TextOf(Reasons.InsuredUnknown),
            TotalFen = request.TotalFen,
            InScopeFen = request.InScopeFen,
            FundPayFen = request.InScopeFen * 65 / 100,
            VisitDate = request.VisitDate,
            VisitType = request.VisitType,
            VisitId = request.VisitId,
        };
    }

    /// <summary>A file of lines, in which there is no difference.</summary>
    private sealed class Lines : IClientStreamWriter<ReconcileLinesRequest>, IAsyncStreamReader<ReconcileLinesReply>
    {
        private bool _read;

        public WriteOptions? WriteOptions { get; set; }

        public ReconcileLinesReply Current { get; } = new() { Summary = new LinesSummary { Reconciled = true } };

        public Task WriteAsync(ReconcileLinesRequest message) => Task.CompletedTask;

        public Task CompleteAsync() => Task.CompletedTask;

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            bool more = !_read;
            _read = true;
            return Task.FromResult(more);
        }
    }
}
