using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios;

/// <summary>How operations are sent over time.</summary>
public abstract record Load
{
    /// <summary>For a reader of the report.</summary>
    public abstract string Shape { get; }

    /// <summary>As the load begins, for a few seconds.</summary>
    public abstract Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>All phases that count, to the last answer.</summary>
    public abstract Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken);
}
