using Claims.LoadTests.Hospitals;

namespace Claims.LoadTests.Scenarios;

/// <summary>A load to be put on a whole system, and what must hold of how the system takes it.</summary>
public sealed record Scenario
{
    public required string Name { get; init; }

    /// <summary>What it sends and what it is to show, in a sentence.</summary>
    public required string Description { get; init; }

    /// <summary>How long the same load runs before anything counts: just-in-time compilation, caches, connections.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Unless the command names another.</summary>
    public required TimeSpan Duration { get; init; }

    public required Load Load { get; init; }

    public Mix Mix { get; init; } = new();

    /// <summary>Each decides the run: one that does not hold fails it.</summary>
    public required IReadOnlyList<Threshold> Thresholds { get; init; }
}
