using System.Diagnostics;

namespace Claims.Adjudication;

/// <summary>
/// What a visit waits for, as spans of the trace that its call belongs to. Visits wait together, for one look-up or one call of the script,
/// so a span is written once what was waited for has come. Where nobody listens this costs a comparison.
/// </summary>
internal static class Traces
{
    private static readonly ActivitySource Source = new("Claims.Adjudication");

    /// <summary>Of the call under way; default where it is not recorded.</summary>
    public static ActivityContext OfCall() =>
        Source.HasListeners() && Activity.Current is { Recorded: true } call ? call.Context : default;

    /// <summary>Whether a visit's call is recorded.</summary>
    public static bool IsRecorded(this in ActivityContext trace) => trace.TraceFlags.HasFlag(ActivityTraceFlags.Recorded);

    /// <summary>One look-up for several visits: in the trace of the first that is recorded. The others' spans link to it.</summary>
    /// <returns>To be disposed when the answer is there; null where none of them is recorded.</returns>
    public static Activity? LookUp(ActivityContext first) => first.IsRecorded()
        ? Source.StartActivity("eligibility.look_up", ActivityKind.Internal, first)
        : null;

    /// <summary>That a visit has waited, from a moment until now.</summary>
    /// <param name="within">What it has waited for together with others, in another visit's trace; default where there is nothing.</param>
    public static void Waited(string name, ActivityContext visit, DateTimeOffset since, ActivityContext within, string count, int number)
    {
        if (!visit.IsRecorded()) return;
        Activity? call = Activity.Current;
        using (Activity? span = Source.StartActivity(name, ActivityKind.Client, visit, null,
            within.IsRecorded() ? [new ActivityLink(within)] : null, since))
        {
            span?.SetTag(count, number);
        }

        Activity.Current = call;
    }

    /// <summary>A record on its way to Kafka: ends where it is stopped, on whatever thread.</summary>
    public static Activity? Publish(string? traceParent, int shard)
    {
        if (traceParent is null || !Source.HasListeners() || !ActivityContext.TryParse(traceParent, null, out ActivityContext visit))
            return null;
        Activity? call = Activity.Current;
        Activity? span = Source.StartActivity("kafka.publish", ActivityKind.Producer, visit);
        span?.SetTag("messaging.destination.partition.id", shard);
        Activity.Current = call;
        return span;
    }
}
