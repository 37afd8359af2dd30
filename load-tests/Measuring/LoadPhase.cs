using System.Diagnostics;

namespace Claims.LoadTests.Measuring;

/// <summary>One part of a run, such as its warm-up or a number of connections.</summary>
/// <param name="Counts">False for a warm-up: in no figure of the whole run.</param>
public sealed class LoadPhase(string name, bool counts)
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private long _sent;
    private long _refused;
    private long _errors;
    private TimeSpan? _duration;

    public string Name { get; } = name;

    public bool Counts { get; } = counts;

    public LatencyHistogram Latencies { get; } = new();

    public long Sent => Interlocked.Read(ref _sent);

    public long Answered => Latencies.Count;

    /// <summary>Answers that are a refusal.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Operations that got no answer.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    public TimeSpan Duration => _duration ?? Stopwatch.GetElapsedTime(_begun);

    public double AnsweredPerSecond => Answered / Math.Max(Duration.TotalSeconds, 1e-3);

    public void CountSent() => Interlocked.Increment(ref _sent);

    public void CountAnswer(TimeSpan latency, bool refused)
    {
        Latencies.Record(latency);
        if (refused) Interlocked.Increment(ref _refused);
    }

    public void CountErrors(long errors) => Interlocked.Add(ref _errors, errors);

    public void End() => _duration ??= Stopwatch.GetElapsedTime(_begun);

    /// <summary>Everything that several phases measured, taken together.</summary>
    public static LoadPhase Sum(string name, IEnumerable<LoadPhase> phases)
    {
        LoadPhase sum = new(name, counts: true) { _duration = TimeSpan.Zero };
        foreach (LoadPhase phase in phases)
        {
            sum.Latencies.Add(phase.Latencies);
            sum._sent += phase.Sent;
            sum._refused += phase.Refused;
            sum._errors += phase.Errors;
            sum._duration += phase.Duration;
        }

        return sum;
    }
}
