using Claims.V1;

namespace Claims.Cli.Conformance;

/// <summary>The calls of one situation so far, in the order in which they came.</summary>
/// <param name="pause">What a second is: the least time before a call is repeated after RESOURCE_EXHAUSTED.</param>
public sealed class Seen(Place place, IReadOnlyList<Exchange> calls, TimeSpan pause)
{
    public Place Place => place;

    public IReadOnlyList<Exchange> Calls => calls;

    public TimeSpan Pause => pause;

    public IReadOnlyList<Exchange> Settles { get; } = [.. calls.Where(call => call.Settle is not null)];

    public IReadOnlyList<Exchange> Cancels { get; } = [.. calls.Where(call => call.Request is CancelRequest)];

    public IReadOnlyList<Exchange> Reverses { get; } = [.. calls.Where(call => call.Request is ReverseRequest)];

    public IReadOnlyList<Exchange> Lookups { get; } = [.. calls.Where(call => call.Request is GetSettlementRequest)];

    public IReadOnlyList<Exchange> Quotes { get; } = [.. calls.Where(call => call.Method == "PreSettle")];

    public Exchange? First => Settles.Count > 0 ? Settles[0] : null;

    public IEnumerable<Exchange> After(Exchange call) => calls.Where(other => other.Number > call.Number);

    public IEnumerable<Exchange> Before(Exchange call) => calls.Where(other => other.Number < call.Number);

    /// <summary>Which settle request of its id this is, from 1.</summary>
    public int AttemptOf(Exchange call) =>
        Settles.Count(other => other.Number <= call.Number && other.RequestId == call.RequestId);

    /// <summary>Settle requests under ids that were not seen before, in order.</summary>
    public IReadOnlyList<Exchange> Visits => [.. Settles.DistinctBy(call => call.RequestId, StringComparer.Ordinal)];

    public static bool SameContent(SettleRequest one, SettleRequest other)
    {
        SettleRequest copy = one.Clone();
        copy.RequestId = other.RequestId;
        return copy.Equals(other);
    }

    public static bool SameBill(SettleRequest one, SettleRequest other) =>
        one.InsuredId == other.InsuredId && one.VisitDate == other.VisitDate && one.VisitType == other.VisitType
        && one.TotalFen == other.TotalFen;

    /// <summary>Whether the cancellation is of the settlement that the call has brought about.</summary>
    public static bool IsOf(CancelRequest cancel, Exchange settle) =>
        cancel.TargetCase is CancelRequest.TargetOneofCase.OriginalRequestId
            ? cancel.OriginalRequestId == settle.RequestId
            : cancel.SettlementId.Length > 0 && cancel.SettlementId == (settle.Centre as SettleReply)?.SettlementId;

    public static bool IsOf(GetSettlementRequest lookup, Exchange settle) =>
        lookup.KeyCase is GetSettlementRequest.KeyOneofCase.RequestId
            ? lookup.RequestId == settle.RequestId
            : lookup.SettlementId.Length > 0 && lookup.SettlementId == (settle.Centre as SettleReply)?.SettlementId;
}
