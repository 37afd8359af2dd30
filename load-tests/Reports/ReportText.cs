using System.Globalization;
using Claims.Cli;
using Claims.Cli.Demo;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Scenarios;

namespace Claims.LoadTests.Reports;

/// <summary>A run for the terminal.</summary>
public static class ReportText
{
    public static void Print(RunResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Output.Table(Figures.PhaseColumns, Figures.PhaseRows(result.Measured));
        Output.Table(Figures.ProcessColumns, Figures.ProcessRows(result.Measured));
        foreach ((string name, double value) in result.Measured.Figures) Output.Line($"  {name}: {Figures.Text(value)}");
        foreach ((string failure, long times) in result.Measured.Failures)
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"  {times} × {failure}"));
        Output.Table(["", "check", "found"],
            result.Thresholds.Concat(result.Invariants).Select(check => new[] { check.Holds ? "✓" : "✗", check.Name, check.Detail }));
        Output.Line(VerdictOf(result));
    }

    internal static string VerdictOf(RunResult result) =>
        result.Holds ? $"{result.Scenario.Name}: everything holds." : $"{result.Scenario.Name}: FAILED.";
}

/// <summary>The tables that the terminal and the page share.</summary>
public static class Figures
{
    public static readonly double[] Percentiles = [50, 90, 99, 99.9];

    public static IReadOnlyList<string> PhaseColumns { get; } =
        ["phase", ">seconds", ">sent", ">answered", ">errors", ">refused", ">answered/s",
            .. Percentiles.Select(percent => string.Create(CultureInfo.InvariantCulture, $">p{percent} ms")), ">max ms"];

    public static IReadOnlyList<string> ProcessColumns { get; } =
        ["process", ">cores, mean", ">resident MB, first", ">last", ">peak", ">handles, first", ">last"];

    public static IEnumerable<IReadOnlyList<string>> PhaseRows(Measurements measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        IEnumerable<LoadPhase> all = measured.Phases.Count(phase => phase.Counts) > 1
            ? measured.Phases.Append(measured.Total)
            : measured.Phases;
        return all.Select(phase => (IReadOnlyList<string>)
        [
            phase.Counts ? phase.Name : $"({phase.Name})",
            Text(phase.Duration.TotalSeconds),
            Text(phase.Sent),
            Text(phase.Answered),
            Text(phase.Errors),
            Text(phase.Refused),
            Text(Math.Round(phase.AnsweredPerSecond)),
            .. Percentiles.Select(percent => phase.Answered == 0 ? "" : Text(phase.Latencies.Percentile(percent).TotalMilliseconds)),
            Text(phase.Latencies.Max.TotalMilliseconds),
        ]);
    }

    public static IEnumerable<IReadOnlyList<string>> ProcessRows(Measurements measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        return ProcessNames(measured).Select(process =>
        {
            ProcessSample[] uses = [.. measured.Of(process).Select(sample => sample.Use)];
            return (IReadOnlyList<string>)
            [
                process,
                uses.Average(use => use.Cores).ToString("0.00", CultureInfo.InvariantCulture),
                Text(Math.Round(uses[0].ResidentBytes / 1e6)),
                Text(Math.Round(uses[^1].ResidentBytes / 1e6)),
                Text(Math.Round(uses.Max(use => use.ResidentBytes) / 1e6)),
                Text(uses[0].Handles),
                Text(uses[^1].Handles),
            ];
        });
    }

    /// <summary>Those that were seen while it counted, in the order in which they start.</summary>
    public static IEnumerable<string> ProcessNames(Measurements measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        return Cli.LocalSystem.ProcessDefinitions.StartOrder.Append(SystemSampler.Generator).Where(process => measured.Of(process).Any());
    }

    public static string Text(double value) =>
        value.ToString(value % 1 == 0 || Math.Abs(value) >= 1_000 ? "#,##0" : "#,##0.0", CultureInfo.InvariantCulture);
}
