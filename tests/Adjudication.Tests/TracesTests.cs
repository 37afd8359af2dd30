using System.Diagnostics;
using Claims.Adjudication;

namespace Adjudication.Tests;

/// <summary>Spans of what a visit waits for, as whoever listens gets them.</summary>
public sealed class TracesTests
{
    private static readonly ActivityContext Visit = Recorded();

    [Fact]
    public void Wait_of_a_visit_is_in_its_trace_from_its_beginning_and_names_what_it_shared()
    {
        ActivityContext within = Recorded();
        DateTimeOffset since = DateTimeOffset.UtcNow.AddSeconds(-3);
        using Activity call = new Activity("call").Start();

        Activity span = Assert.Single(Heard(Visit.TraceId, () => Traces.Waited("store.wait", Visit, since, within, "visits", 7)));

        Assert.Equal(("store.wait", Visit.SpanId, since.UtcDateTime), (span.OperationName, span.ParentSpanId, span.StartTimeUtc));
        Assert.Equal([within], span.Links.Select(link => link.Context));
        Assert.Equal(7, span.GetTagItem("visits"));
        Assert.Same(call, Activity.Current);
    }

    [Fact]
    public void Record_on_its_way_to_Kafka_is_in_the_trace_of_its_visit_and_not_in_that_of_the_caller()
    {
        using Activity call = new Activity("call").Start();
        string traceParent = $"00-{Visit.TraceId}-{Visit.SpanId}-01";

        Activity span = Assert.Single(Heard(Visit.TraceId, () => Traces.Publish(traceParent, 5)!.Stop()));

        Assert.Equal((Visit.SpanId, ActivityKind.Producer, 5),
            (span.ParentSpanId, span.Kind, span.GetTagItem("messaging.destination.partition.id")));
        Assert.Same(call, Activity.Current);
    }

    [Fact]
    public void Visit_whose_call_is_not_recorded_leaves_no_span()
    {
        ActivityContext unrecorded = new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.None);

        Assert.Empty(Heard(unrecorded.TraceId, () =>
        {
            Traces.Waited("store.wait", unrecorded, DateTimeOffset.UtcNow, default, "visits", 1);
            Assert.Null(Traces.LookUp(unrecorded));
            Assert.Null(Traces.Publish(null, 1));
        }));
    }

    private static ActivityContext Recorded() =>
        new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded);

    /// <summary>Spans of this trace that end meanwhile; other tests have theirs.</summary>
    private static List<Activity> Heard(ActivityTraceId trace, Action act)
    {
        List<Activity> heard = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "Claims.Adjudication",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if (span.TraceId == trace) heard.Add(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        act();
        return heard;
    }
}
