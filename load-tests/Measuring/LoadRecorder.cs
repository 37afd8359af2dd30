namespace Claims.LoadTests.Measuring;

/// <summary>What happened within one second of a run, or a little more where the machine was too busy to look.</summary>
/// <param name="P50Ms">The median latency of the answers that came in this second; null where none did.</param>
public sealed record SecondOfLoad(long Sent, long Answered, long Errors, double? P50Ms, double? P99Ms);

/// <summary>Counts what a run sends and is answered, in total by phase and second by second; from many threads.</summary>
public sealed class LoadRecorder
{
    private readonly List<LoadPhase> _phases = [];
    private readonly Lock _gate = new();
    private LoadPhase _phase = new("before", counts: false);
    private LoadPhase _second = new("second", counts: false);

    public IReadOnlyList<LoadPhase> Phases => _phases;

    /// <summary>From now on what is sent and answered belongs to this phase.</summary>
    public LoadPhase Begin(string phase, bool counts)
    {
        lock (_gate)
        {
            _phase.End();
            _phase = new LoadPhase(phase, counts);
            _phases.Add(_phase);
            return _phase;
        }
    }

    public void Sent()
    {
        Volatile.Read(ref _phase).CountSent();
        Volatile.Read(ref _second).CountSent();
    }

    public void Answered(TimeSpan latency, bool refused)
    {
        Volatile.Read(ref _phase).CountAnswer(latency, refused);
        Volatile.Read(ref _second).CountAnswer(latency, refused);
    }

    public void Errors(long errors)
    {
        Volatile.Read(ref _phase).CountErrors(errors);
        Volatile.Read(ref _second).CountErrors(errors);
    }

    /// <summary>What has happened since the last call.</summary>
    /// <remarks>A thread that has just read the closed second may still count into it: the plots may miss a handful, the phases
    /// none.</remarks>
    public SecondOfLoad CloseSecond()
    {
        LoadPhase closed = Interlocked.Exchange(ref _second, new LoadPhase("second", counts: false));
        bool any = closed.Answered > 0;
        return new SecondOfLoad(
            closed.Sent,
            closed.Answered,
            closed.Errors,
            any ? closed.Latencies.Percentile(50).TotalMilliseconds : null,
            any ? closed.Latencies.Percentile(99).TotalMilliseconds : null);
    }
}
