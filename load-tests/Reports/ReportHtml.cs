using System.Globalization;
using System.Net;
using System.Text;
using Claims.Cli.Demo;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Scenarios;

namespace Claims.LoadTests.Reports;

/// <summary>A run as one page of XHTML that loads nothing: no scripts, no fonts, no pictures from elsewhere.</summary>
public static class ReportHtml
{
    private const string Style = """
        :root { color-scheme: light dark; --paper: #fbfbfa; --ink: #1c2024; --soft: #60666d; --rule: #d9dce0; --card: #ffffff; --good: #0b7a4b; --bad: #c0262d; --warm: #00000010;
          --c1: #2563eb; --c2: #c2570c; --c3: #0f8a5f; --c4: #b3261e; --c5: #7c3aed; --c6: #0e7490; --c7: #6b7280; --c8: #a8740a; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e8ea; --soft: #9aa2aa; --rule: #333a41; --card: #1b1f23; --good: #4cc38a; --bad: #ff7b72; --warm: #ffffff12;
          --c1: #6ea8fe; --c2: #f0a458; --c3: #4cc38a; --c4: #ff7b72; --c5: #b79bff; --c6: #56c5d8; --c7: #a8b0b8; --c8: #e0c15a; } }
        * { box-sizing: border-box; }
        body { font: 15px/1.5 system-ui, "Noto Sans", sans-serif; background: var(--paper); color: var(--ink); max-width: 1200px; margin: 0 auto; padding: 28px 20px 60px; }
        h1 { font-size: 26px; margin: 0; }
        h2 { font-size: 17px; margin: 34px 0 10px; }
        .verdict { font-weight: 600; margin: 4px 0 12px; }
        .good { color: var(--good); } .bad { color: var(--bad); }
        .what { font-size: 16px; margin: 0 0 14px; max-width: 75ch; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; color: var(--soft); } dd { margin: 0; color: var(--ink); }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { padding: 5px 12px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
        th { color: var(--soft); font-weight: 500; font-size: 13px; }
        .n { text-align: right; white-space: nowrap; } .s { white-space: nowrap; font-weight: 600; width: 4em; }
        .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 16px; }
        figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: 12px 14px 6px; }
        figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; align-items: baseline; } figcaption b { font-size: 14px; }
        .unit, .none { color: var(--soft); } .key { white-space: nowrap; } .key i { display: inline-block; width: 12px; height: 3px; margin-right: 5px; vertical-align: middle; }
        svg { width: 100%; height: auto; display: block; } .tick { font-size: 11px; fill: var(--soft); } .grid { stroke: var(--rule); stroke-width: 1; fill: none; } .axis { stroke: var(--soft); fill: none; }
        .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .warm { fill: var(--warm); } .mark { stroke: var(--ink); stroke-dasharray: 3 3; fill: none; } .marked { font-size: 11px; fill: var(--ink); }
        .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); } .c6 { stroke: var(--c6); } .c7 { stroke: var(--c7); } .c8 { stroke: var(--c8); }
        .k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); } .k4 { background: var(--c4); } .k5 { background: var(--c5); } .k6 { background: var(--c6); } .k7 { background: var(--c7); } .k8 { background: var(--c8); }
        .notes { color: var(--soft); font-size: 13px; max-width: 90ch; }
        """;

    public static string Render(RunResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        StringBuilder page = new();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <title>{Text($"Load: {result.Scenario.Name}")}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <h1>{Text(result.Scenario.Name)}</h1>
            <p class="verdict {(result.Holds ? "good" : "bad")}">{Text(VerdictOf(result))}</p>
            <p class="what">{Text(result.Scenario.Description)}</p>
            <dl>

            """);
        foreach ((string name, string value) in Parameters(result))
            page.Append(CultureInfo.InvariantCulture, $"<dt>{Text(name)}</dt><dd>{Text(value)}</dd>\n");
        page.Append("</dl>\n");
        Checks(page, "Thresholds", result.Thresholds);
        Checks(page, "The whole system afterwards", result.Invariants);
        page.Append("<h2>Latency and throughput</h2>\n");
        Table(page, Figures.PhaseColumns, Figures.PhaseRows(result.Measured));
        Extras(page, result.Measured);
        page.Append("<h2>Over time</h2>\n<div class=\"plots\">\n");
        foreach (SvgPlot plot in Plots(result.Measured)) page.Append(plot.Render());
        page.Append("</div>\n<h2>Processes</h2>\n");
        Table(page, Figures.ProcessColumns, Figures.ProcessRows(result.Measured));
        return page.Append("""
            <p class="notes">A phase in brackets does not count; the warm-up is shaded. With arrivals, a latency counts from the moment at which the operation was due, not from when it was
            sent. p50 and p99 over time are of the answers of that second. PostgreSQL is all of its processes, with what they share taken once; the generator is the process that sent the load, on the same machine.</p>
            </body>
            </html>

            """).ToString();
    }

    private static string VerdictOf(RunResult result)
    {
        Check[] failed = [.. result.Thresholds.Concat(result.Invariants).Where(check => !check.Holds)];
        return failed.Length == 0 ? "✓ every threshold and invariant holds" : $"✗ {string.Join("; ", failed.Select(check => check.Name))}";
    }

    private static IEnumerable<(string Name, string Value)> Parameters(RunResult result) =>
    [
        ("begun", result.StartedAt.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)),
        ("machine", result.Machine),
        ("load", result.Scenario.Load.Shape),
        ("duration", string.Create(
            CultureInfo.InvariantCulture,
            $"{(result.Options.Duration ?? result.Scenario.Duration).TotalSeconds:#,##0} s asked for "
                + $"after {result.Scenario.WarmUp.TotalSeconds:0} s of "
                + $"warm-up; {result.Measured.MeasuredTo - result.Measured.MeasuredFrom:#,##0} s taken")),
        ("rate scale", result.Options.RateScale.ToString(CultureInfo.InvariantCulture)),
        ("insured", result.Options.Insured.ToString("#,##0", CultureInfo.InvariantCulture)),
        ("everything in the books", string.Create(
            CultureInfo.InvariantCulture, $"{result.Measured.PostedSeconds:0.0} s after the last answer")),
    ];

    private static void Checks(StringBuilder page, string title, IReadOnlyList<Check> checks)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h2>{Text(title)}</h2>\n<div class=\"wide\"><table>\n");
        foreach (Check check in checks)
        {
            page.Append(
                CultureInfo.InvariantCulture,
                $"<tr><td class=\"s {(check.Holds ? "good" : "bad")}\">{(check.Holds ? "✓ pass" : "✗ FAIL")}</td><td>{Text(check.Name)}</td><td>{Text(check.Detail)}</td></tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static void Extras(StringBuilder page, Measurements measured)
    {
        if (measured.Figures.Count + measured.Failures.Count == 0) return;
        page.Append("<div class=\"wide\"><table>\n");
        foreach ((string name, double value) in measured.Figures)
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(name)}</td><td class=\"n\">{Figures.Text(value)}</td></tr>\n");
        foreach ((string failure, long times) in measured.Failures)
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(failure)}</td><td class=\"n\">{times} times</td></tr>\n");
        page.Append("</table></div>\n");
    }

    private static void Table(StringBuilder page, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        page.Append("<div class=\"wide\"><table>\n<tr>");
        foreach (string column in columns)
            page.Append(CultureInfo.InvariantCulture, $"<th{ClassOf(column)}>{Text(column.TrimStart('>'))}</th>");
        page.Append("</tr>\n");
        foreach (IReadOnlyList<string> row in rows)
        {
            page.Append("<tr>");
            foreach ((int index, string cell) in row.Index())
                page.Append(CultureInfo.InvariantCulture, $"<td{ClassOf(columns[index])}>{Text(cell)}</td>");
            page.Append("</tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string ClassOf(string column) => column.StartsWith('>') ? " class=\"n\"" : "";

    private static IEnumerable<SvgPlot> Plots(Measurements measured)
    {
        IReadOnlyList<Sample> samples = measured.Samples;
        IReadOnlyList<(double, string)> marks = [.. measured.Marks.Select(mark => (mark.Second, mark.Text))];
        string[] processes = [.. Cli.LocalSystem.ProcessDefinitions.StartOrder, SystemSampler.Generator];
        SvgPlot[] overTime =
        [
            new("Throughput", "operations/s",
            [
                Over("sent", 1, sample => sample.Load.Sent / sample.Seconds),
                Over("answered", 3, sample => sample.Load.Answered / sample.Seconds),
                Over("errors", 4, sample => sample.Load.Errors / sample.Seconds),
            ]),
            new("Latency", "ms, logarithmic",
                [Over("p50", 1, sample => sample.Load.P50Ms), Over("p99", 2, sample => sample.Load.P99Ms)]) { LogarithmicY = true },
            new("Resident memory", "MB", OfProcesses(use => use.ResidentBytes / 1e6)),
            new("Processor", "cores", OfProcesses(use => use.Cores)),
            new("Waiting for the ledger", "settlements", [Over("waiting", 5, sample => sample.WaitingForLedger)]),
            new("Handles", "open files and connections", OfProcesses(use => use.Handles)),
        ];
        return [.. overTime.Select(plot => plot with { Marks = marks, CountsFrom = measured.MeasuredFrom }), Distribution(measured)];

        Series Over(string name, int colour, Func<Sample, double?> value) =>
            new(name, colour, [.. samples.Select(sample => (sample.Second, value(sample)))]);

        Series[] OfProcesses(Func<ProcessSample, double> value) =>
        [
            .. processes.Index().Select(process => Over(
                process.Item, process.Index + 1, sample =>
                    sample.Processes.TryGetValue(process.Item, out ProcessSample? use) ? value(use) : null)),
        ];
    }

    /// <summary>Every nine adds as much to the axis as the one before: the tail is as wide as the rest.</summary>
    private static SvgPlot Distribution(Measurements measured)
    {
        LoadPhase[] phases = [.. measured.Phases.Where(phase => phase.Counts && phase.Answered > 0)];
        return new SvgPlot(
            "Latency by percentile",
            "ms, logarithmic",
            [.. phases.Index().Select(phase => new Series(phase.Item.Name, (phase.Index % 7) + 1, [.. phase.Item.Latencies.Distribution()
                .Where(point => point.Share < 1)
                .Select(point => (Nines(point.Share), (double?)point.Latency.TotalMilliseconds))]))])
        {
            LogarithmicY = true,
            XUnit = "of the answers",
            XLabels = [.. new[] { 0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999 }
                .Select(share => (Nines(share), string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.###} %")))],
        };

        static double Nines(double share) => -Math.Log10(1 - share);
    }
}
