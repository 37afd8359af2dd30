using System.Globalization;
using Claims.Cli.Demo;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios;

/// <summary>What must hold of a run's figures.</summary>
public delegate Check Threshold(Measurements measured);

/// <summary>The thresholds that scenarios name.</summary>
public static class Thresholds
{
    private static readonly string[] Services =
        [ProcessDefinitions.Adjudication, ProcessDefinitions.Eligibility, ProcessDefinitions.Ledger];

    /// <summary>Every operation was answered, and there was one.</summary>
    public static Threshold EverythingAnswered { get; } = measured => new(
        "every operation is answered",
        measured.Total.Answered > 0 && measured.Total.Errors == 0 && measured.Total.Answered == measured.Total.Sent,
        string.Create(CultureInfo.InvariantCulture,
            $"{measured.Total.Sent:#,##0} sent, {measured.Total.Answered:#,##0} answered, {measured.Total.Errors:#,##0} errors"));

    /// <param name="percent">Share of the answers.</param>
    public static Threshold RefusedAtMost(double percent) => measured => new(
        string.Create(CultureInfo.InvariantCulture, $"refused ≤ {percent:0.##} %"),
        measured.Total.Refused <= measured.Total.Answered * percent / 100,
        string.Create(CultureInfo.InvariantCulture, $"{measured.Total.Refused:#,##0} of {measured.Total.Answered:#,##0}"));

    /// <summary>Judges the operations of all phases, or of one.</summary>
    public static Threshold LatencyAtMost(double percent, double milliseconds, string? phase = null) => measured =>
    {
        LoadPhase part = phase is null ? measured.Total : measured.Phases.Single(one => one.Name == phase);
        string name = string.Create(CultureInfo.InvariantCulture,
            $"p{percent:0.##} ≤ {milliseconds:#,##0} ms{(phase is null ? "" : $" with {phase}")}");
        if (part.Answered == 0) return new Check(name, false, "nothing was answered");
        double found = part.Latencies.Percentile(percent).TotalMilliseconds;
        return new Check(name, found <= milliseconds, string.Create(CultureInfo.InvariantCulture, $"{found:#,##0.0} ms"));
    };

    public static Threshold AnsweredPerSecondAtLeast(double perSecond, string? phase = null) => measured =>
    {
        LoadPhase part = phase is null ? measured.Total : measured.Phases.Single(one => one.Name == phase);
        return new Check(
            string.Create(CultureInfo.InvariantCulture, $"answered ≥ {perSecond:#,##0}/s{(phase is null ? "" : $" with {phase}")}"),
            part.AnsweredPerSecond >= perSecond,
            string.Create(CultureInfo.InvariantCulture, $"{part.AnsweredPerSecond:#,##0}/s"));
    };

    public static Threshold PostedWithin(double seconds) => measured => new(
        string.Create(CultureInfo.InvariantCulture, $"everything posted ≤ {seconds:#,##0} s after the last answer"),
        measured.PostedSeconds <= seconds,
        string.Create(CultureInfo.InvariantCulture, $"{measured.PostedSeconds:0.0} s"));

    /// <summary>Judges each of the three services.</summary>
    public static Threshold ServicesResidentAtMost(double megabytes) => measured =>
    {
        (string Process, double Megabytes)[] peaks =
            [.. Services.Select(process => (process, (measured.PeakResidentBytes(process) ?? 0) / 1e6))];
        return new Check(
            string.Create(CultureInfo.InvariantCulture, $"each service's resident memory ≤ {megabytes:#,##0} MB"),
            peaks.All(peak => peak.Megabytes > 0 && peak.Megabytes <= megabytes),
            string.Join(", ", peaks.Select(
                peak => string.Create(CultureInfo.InvariantCulture, $"{peak.Process} {peak.Megabytes:#,##0} MB"))));
    };

    /// <summary>Judges a process that keeps what it is sent: a part that does not grow, and so much for each operation that was ever
    /// sent.</summary>
    public static Threshold ResidentAtMost(string process, double megabytes, double bytesPerOperation = 0) => measured =>
    {
        double bound = megabytes + (measured.Phases.Sum(phase => phase.Sent) * bytesPerOperation / 1e6);
        double peak = (measured.PeakResidentBytes(process) ?? 0) / 1e6;
        return new Check(
            string.Create(CultureInfo.InvariantCulture, $"{process}'s resident memory ≤ {megabytes:#,##0} MB{(bytesPerOperation > 0 ? string.Create(CultureInfo.InvariantCulture, $" + {bytesPerOperation:#,##0} B an operation") : "")}"),
            peak > 0 && peak <= bound,
            string.Create(CultureInfo.InvariantCulture, $"{peak:#,##0} MB of {bound:#,##0} MB"));
    };

    /// <summary>Judges a figure that only its load has: what the run is meant to show did happen in it.</summary>
    public static Threshold FigureAtLeast(string figure, double least) => measured =>
    {
        double found = measured.Figures.GetValueOrDefault(figure);
        return new Check(
            string.Create(CultureInfo.InvariantCulture, $"{figure} ≥ {least:#,##0}"), found >= least,
            string.Create(CultureInfo.InvariantCulture, $"{found:#,##0}"));
    };

    /// <summary>Judges each service, by the line of least squares through the second half of the run.</summary>
    public static Threshold MemoryIsFlat(double percent, double megabytes) => Flat(
        string.Create(CultureInfo.InvariantCulture, $"memory is flat: over the second half at most +{percent:0.#} % or {megabytes:0} MB"),
        use => use.ResidentBytes / 1e6, Trend.Of, percent, megabytes, "MB", Services);

    /// <summary>Judges every process, likewise, by the lows: a backend of PostgreSQL opens files until its idle connection is closed, after
    /// 300 s.</summary>
    public static Threshold HandlesAreFlat(double percent, double handles) => Flat(
        string.Create(CultureInfo.InvariantCulture, $"handles are flat: over the second half at most +{percent:0.#} % or {handles:0}"),
        use => use.Handles, points => Trend.OfLows(points, stretchSeconds: 300), percent, handles, "", ProcessDefinitions.StartOrder);

    private static Threshold Flat(
        string name, Func<ProcessSample, double> value, Func<(double, double)[], Trend> trendOf, double percent, double least, string unit,
        IReadOnlyList<string> processes) => measured =>
    {
        List<string> details = [];
        bool flat = true;
        double half = (measured.MeasuredFrom + measured.MeasuredTo) / 2;
        foreach (string process in processes)
        {
            (double, double)[] points =
                [.. measured.Of(process).Where(sample => sample.Second >= half && sample.Second <= measured.MeasuredTo)
                    .Select(sample => (sample.Second, value(sample.Use)))];
            if (points.Length < 2) return new Check(name, false, $"{process} was seen less than twice in the second half");
            Trend trend = trendOf(points);
            flat &= trend.Growth <= Math.Max(trend.Mean * percent / 100, least);
            details.Add(string.Create(CultureInfo.InvariantCulture, $"{process} {trend.Growth:+0.0;-0.0;0} {unit}").TrimEnd());
        }

        return new Check(name, flat, string.Join(", ", details));
    };
}
