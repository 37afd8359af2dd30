using Claims.Cli.Demo;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios;

/// <summary>What a run measured, before anybody judges it.</summary>
/// <param name="Phases">In order, the warm-up first.</param>
/// <param name="Total">The sum of the phases that count.</param>
/// <param name="MeasuredFrom">The second at which the warm-up was over, as samples count.</param>
/// <param name="MeasuredTo">The second at which the last answer was there.</param>
/// <param name="PostedSeconds">From then on until everything was in the books.</param>
/// <param name="Failures">Calls and streams that broke, by status, and how often.</param>
public sealed record Measurements(
    IReadOnlyList<LoadPhase> Phases,
    LoadPhase Total,
    IReadOnlyList<Sample> Samples,
    IReadOnlyList<Mark> Marks,
    IReadOnlyDictionary<string, double> Figures,
    IReadOnlyDictionary<string, long> Failures,
    double MeasuredFrom,
    double MeasuredTo,
    double PostedSeconds)
{
    /// <summary>What one process used while it counted.</summary>
    public IEnumerable<(double Second, ProcessSample Use)> Of(string process) => Samples
        .Where(sample => sample.Second >= MeasuredFrom && sample.Processes.ContainsKey(process))
        .Select(sample => (sample.Second, sample.Processes[process]));

    public long? PeakResidentBytes(string process) => Of(process).Select(sample => (long?)sample.Use.ResidentBytes).Max();
}

/// <summary>A run and what was made of it.</summary>
public sealed record RunResult(
    Scenario Scenario,
    LoadOptions Options,
    DateTimeOffset StartedAt,
    string Machine,
    Measurements Measured,
    IReadOnlyList<Check> Thresholds,
    IReadOnlyList<Check> Invariants)
{
    public bool Holds => Thresholds.Concat(Invariants).All(check => check.Holds);
}
