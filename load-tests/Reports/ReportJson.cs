using Claims.LoadTests.Measuring;
using Claims.LoadTests.Scenarios;

namespace Claims.LoadTests.Reports;

/// <summary>A run for programs: the figures of the page, second by second.</summary>
public static class ReportJson
{
    /// <summary>Everything.</summary>
    public static object Of(RunResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Measurements measured = result.Measured;
        return new
        {
            Ok = result.Holds,
            Scenario = result.Scenario.Name,
            result.Scenario.Description,
            result.Scenario.Load.Shape,
            result.Scenario.Mix,
            result.StartedAt,
            result.Machine,
            Parameters = Parameters(result),
            Phases = measured.Phases.Select(Phase),
            Total = Phase(measured.Total),
            PostedSeconds = Math.Round(measured.PostedSeconds, 3),
            measured.Figures,
            measured.Failures,
            measured.Marks,
            result.Thresholds,
            result.Invariants,
            Seconds = measured.Samples.Select(sample => new
            {
                Second = Math.Round(sample.Second, 2),
                SentPerSecond = Math.Round(sample.Load.Sent / sample.Seconds, 1),
                AnsweredPerSecond = Math.Round(sample.Load.Answered / sample.Seconds, 1),
                sample.Load.Errors,
                sample.Load.P50Ms,
                sample.Load.P99Ms,
                sample.WaitingForLedger,
                Processes = sample.Processes.ToDictionary(
                    process => process.Key,
                    process => new { Cores = Math.Round(process.Value.Cores, 3), process.Value.ResidentBytes, process.Value.Handles }),
            }),
        };
    }

    /// <summary>Without the seconds.</summary>
    public static object Summary(RunResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new
        {
            Ok = result.Holds,
            Scenario = result.Scenario.Name,
            Phases = result.Measured.Phases.Select(Phase),
            Total = Phase(result.Measured.Total),
            PostedSeconds = Math.Round(result.Measured.PostedSeconds, 3),
            result.Measured.Figures,
            PeakResidentBytes = Figures.ProcessNames(result.Measured).ToDictionary(process => process, result.Measured.PeakResidentBytes),
            result.Thresholds,
            result.Invariants,
        };
    }

    private static object Parameters(RunResult result) => new
    {
        WarmUpSeconds = result.Scenario.WarmUp.TotalSeconds,
        DurationSeconds = (result.Options.Duration ?? result.Scenario.Duration).TotalSeconds,
        result.Options.RateScale,
        result.Options.Insured,
        result.Options.Visits,
    };

    private static object Phase(LoadPhase phase) => new
    {
        phase.Name,
        phase.Counts,
        Seconds = Math.Round(phase.Duration.TotalSeconds, 3),
        phase.Sent,
        phase.Answered,
        phase.Errors,
        phase.Refused,
        AnsweredPerSecond = Math.Round(phase.AnsweredPerSecond, 1),
        LatencyMs = phase.Answered == 0
            ? null
            : Figures.Percentiles.ToDictionary(
                percent => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"p{percent}"),
                percent => Math.Round(phase.Latencies.Percentile(percent).TotalMilliseconds, 3)),
        MaxMs = Math.Round(phase.Latencies.Max.TotalMilliseconds, 3),
    };
}
