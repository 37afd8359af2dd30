using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Claims.Cli;
using Claims.Cli.Demo;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Reports;
using Claims.LoadTests.Scenarios;
using Claims.LoadTests.Scenarios.Loads;
using LoadOptions = Claims.LoadTests.Scenarios.LoadOptions;

namespace Claims.LoadTests.Tests;

public sealed class ReportTests
{
    private static readonly XNamespace Html = "http://www.w3.org/1999/xhtml";

    [Fact]
    public void Page_is_well_formed_and_loads_nothing()
    {
        XDocument page = Parse(Result());

        Assert.Empty(page.Descendants(Html + "script"));
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href");
        Assert.DoesNotContain("url(", page.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", page.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Page_has_the_figures_of_the_run()
    {
        string text = Parse(Result()).Root!.Value;

        Assert.Contains("a <quick> load & more", text, StringComparison.Ordinal);
        Assert.Contains("2 × some processor", text, StringComparison.Ordinal);
        Assert.Contains("12,345", text, StringComparison.Ordinal);
        Assert.Contains("p99 ≤ 5 ms", text, StringComparison.Ordinal);
        Assert.Contains("Unavailable: gone", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_marks_what_does_not_hold()
    {
        XDocument page = Parse(Result(holds: false));

        string[] failed = [.. page.Descendants(Html + "tr").Where(row => row.Value.Contains("✗ FAIL", StringComparison.Ordinal))
            .Select(row => row.Value)];
        Assert.Equal(["✗ FAILp99 ≤ 5 ms9.9 ms"], failed);
        Assert.Contains("✗ p99 ≤ 5 ms", page.Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_plots_every_second_and_interrupts_the_line_of_a_process_that_was_gone()
    {
        XDocument page = Parse(Result());
        XElement memory = page.Descendants(Html + "figure")
            .Single(figure => figure.Value.StartsWith("Resident memory", StringComparison.Ordinal));

        Dictionary<string, string> paths = memory.Descendants(Html + "path").Where(path => path.Value.Length > 0)
            .ToDictionary(path => path.Value, path => path.Attribute("d")!.Value);
        Assert.Equal((1, 3), (paths["adjudication"].Count(letter => letter == 'M'), paths["adjudication"].Count(letter => letter == 'L')));
        Assert.Equal((2, 1), (paths["ledger"].Count(letter => letter == 'M'), paths["ledger"].Count(letter => letter == 'L')));
    }

    [Fact]
    public void Json_has_the_same_figures()
    {
        JsonElement report = JsonDocument.Parse(Output.Json(ReportJson.Of(Result()))).RootElement;

        Assert.True(report.GetProperty("ok").GetBoolean());
        Assert.Equal(12_345, report.GetProperty("total").GetProperty("sent").GetInt64());
        Assert.Equal(2, report.GetProperty("total").GetProperty("latencyMs").GetProperty("p99").GetDouble(), 1);
        Assert.Equal(4, report.GetProperty("seconds").GetArrayLength());
        Assert.Equal(300_000_000, report.GetProperty("seconds")[3].GetProperty("processes").GetProperty("ledger").GetProperty(
            "residentBytes").GetInt64());
        Assert.False(report.GetProperty("seconds")[2].GetProperty("processes").TryGetProperty("ledger", out _));
    }

    [Fact]
    public void Exit_code_is_0_only_where_every_run_holds()
    {
        Assert.Equal(ExitCodes.Done, LoadCommand.ExitCodeOf([Result(), Result()]));
        Assert.Equal(ExitCodes.Failed, LoadCommand.ExitCodeOf([Result(), Result(holds: false)]));
    }

    [Fact]
    public void Run_whose_books_are_unsound_fails_wherever_it_is_told()
    {
        RunResult sound = Result();
        RunResult unsound = sound with { Invariants = [.. sound.Invariants, new Check("no annual cap exceeded", false, "one")] };

        Assert.Equal(ExitCodes.Failed, LoadCommand.ExitCodeOf([unsound, sound]));
        Assert.Equal(("quick: everything holds.", "quick: FAILED."), (ReportText.VerdictOf(sound), ReportText.VerdictOf(unsound)));
        Assert.Contains("✗ no annual cap exceeded", Parse(unsound).Root!.Value, StringComparison.Ordinal);
        Assert.All([ReportJson.Of(unsound), ReportJson.Summary(unsound)], json =>
        {
            JsonElement report = JsonDocument.Parse(Output.Json(json)).RootElement;
            Assert.False(report.GetProperty("ok").GetBoolean());
            Assert.False(report.GetProperty("invariants")[1].GetProperty("holds").GetBoolean());
        });
    }

    [Fact]
    public void Threshold_of_refusals_is_a_share_of_the_answers()
    {
        LoadRecorder recorder = new();
        LoadPhase phase = recorder.Begin("arrivals", counts: true);
        for (int answer = 0; answer < 200; answer++) recorder.Answered(TimeSpan.FromMilliseconds(2), refused: answer < 6);
        Measurements measured = Measured() with { Total = LoadPhase.Sum("all", [phase]) };

        Assert.True(Thresholds.RefusedAtMost(3)(measured).Holds);
        Assert.False(Thresholds.RefusedAtMost(2.9)(measured).Holds);
        Assert.False(Thresholds.RefusedAtMost(0)(measured).Holds);
    }

    [Fact]
    public void Threshold_of_a_phase_looks_at_that_phase_alone_and_does_not_hold_where_nothing_was_answered()
    {
        LoadRecorder recorder = new();
        LoadPhase fast = recorder.Begin("fast", counts: true);
        for (int answer = 0; answer < 100; answer++) recorder.Answered(TimeSpan.FromMilliseconds(2), refused: false);
        LoadPhase slow = recorder.Begin("slow", counts: true);
        recorder.Answered(TimeSpan.FromMilliseconds(900), refused: false);
        LoadPhase silent = recorder.Begin("silent", counts: true);
        Measurements measured = Measured() with { Phases = [fast, slow, silent], Total = LoadPhase.Sum("all", [fast, slow, silent]) };

        Assert.True(Thresholds.LatencyAtMost(99, 10)(measured).Holds);
        Assert.False(Thresholds.LatencyAtMost(99, 10, "slow")(measured).Holds);
        Assert.False(Thresholds.LatencyAtMost(99, 10, "silent")(measured).Holds);
        Assert.True(Thresholds.AnsweredPerSecondAtLeast(fast.AnsweredPerSecond / 2, "fast")(measured).Holds);
        Assert.False(Thresholds.AnsweredPerSecondAtLeast(0.1, "silent")(measured).Holds);
    }

    [Fact]
    public void Threshold_of_the_books_and_of_a_figure_holds_up_to_its_bound()
    {
        Assert.True(Thresholds.PostedWithin(0.25)(Measured()).Holds);
        Assert.False(Thresholds.PostedWithin(0.24)(Measured()).Holds);
        Assert.True(Thresholds.FigureAtLeast("waited", 7)(Measured()).Holds);
        Assert.False(Thresholds.FigureAtLeast("waited", 8)(Measured()).Holds);
        Assert.False(Thresholds.FigureAtLeast("never seen", 1)(Measured()).Holds);
    }

    [Theory]
    [InlineData(true, 4)]
    [InlineData(false, 1)]
    public void Threshold_of_latency_holds_up_to_its_bound(bool holds, double milliseconds) =>
        Assert.Equal(holds, Thresholds.LatencyAtMost(99, milliseconds)(Measured()).Holds);

    [Fact]
    public void Threshold_of_answers_does_not_hold_with_an_error_or_without_an_answer()
    {
        Assert.True(Thresholds.EverythingAnswered(Measured()).Holds);
        Assert.False(Thresholds.EverythingAnswered(Measured(errors: 1)).Holds);
        Assert.False(Thresholds.EverythingAnswered(Measured(sent: 0)).Holds);
        Assert.False(Thresholds.EverythingAnswered(Measured(unanswered: 1)).Holds);
    }

    [Fact]
    public void Threshold_of_memory_looks_at_the_highest_of_each_service()
    {
        Assert.True(Thresholds.ServicesResidentAtMost(300)(Measured()).Holds);
        Assert.False(Thresholds.ServicesResidentAtMost(299)(Measured()).Holds);
        Sample[] without = [.. Measured().Samples.Select(sample => SampleAt(sample.Second, 100, ledgerRuns: false))];
        Assert.False(Thresholds.ServicesResidentAtMost(300)(Measured() with { Samples = without }).Holds);
    }

    [Fact]
    public void Threshold_of_a_store_s_memory_grows_with_what_was_sent()
    {
        // 300 MB at most, 12 345 operations.
        Assert.True(Thresholds.ResidentAtMost("broker", megabytes: 200, bytesPerOperation: 8_200)(Measured()).Holds);
        Assert.False(Thresholds.ResidentAtMost("broker", megabytes: 200, bytesPerOperation: 8_000)(Measured()).Holds);
        Assert.False(Thresholds.ResidentAtMost("redis", megabytes: 200)(Measured()).Holds);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0.4, true)]
    [InlineData(0.6, false)]
    public void Threshold_of_flat_memory_looks_at_the_slope_of_the_second_half(double megabytesPerSecond, bool flat)
    {
        // 100 s of which the second half counts: the first may grow as it likes.
        Sample[] samples = [.. Enumerable.Range(0, 101)
            .Select(second =>
            SampleAt(second, 100 + (second < 50 ? second : 50 + ((second - 50) * megabytesPerSecond)), ledgerRuns: true))];
        Measurements measured = Measured() with { Samples = samples, MeasuredFrom = 0, MeasuredTo = 100 };

        Assert.Equal(flat, Thresholds.MemoryIsFlat(percent: 0, megabytes: 25)(measured).Holds);
        // What grows afterwards does not count.
        Sample[] after = [.. samples, SampleAt(101, 9_000, ledgerRuns: true), SampleAt(102, 18_000, ledgerRuns: true)];
        Assert.Equal(flat, Thresholds.MemoryIsFlat(percent: 0, megabytes: 25)(measured with { Samples = after }).Holds);
    }

    [Fact]
    public void Threshold_of_flat_memory_looks_at_every_service_and_none_may_be_missing()
    {
        // The first of them grows, the last one does not.
        Measurements grows = Over(second => SampleAt(second, 100 + second, ledgerRuns: true, ledgerMegabytes: 100));
        Assert.False(Thresholds.MemoryIsFlat(percent: 0, megabytes: 25)(grows).Holds);
        Assert.True(Thresholds.MemoryIsFlat(percent: 0, megabytes: 51)(grows).Holds);
        Assert.True(Thresholds.MemoryIsFlat(percent: 30, megabytes: 25)(grows).Holds);
        Assert.False(Thresholds.MemoryIsFlat(percent: 100, megabytes: 1_000)(
            Over(second => SampleAt(second, 100, ledgerRuns: second < 51))).Holds);

        static Measurements Over(Func<int, Sample> at) =>
            Measured() with { Samples = [.. Enumerable.Range(0, 101).Select(at)], MeasuredFrom = 0, MeasuredTo = 100 };
    }

    private static XDocument Parse(RunResult result)
    {
        using XmlReader reader = XmlReader.Create(
            new StringReader(ReportHtml.Render(result)), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XDocument.Load(reader);
    }

    private static RunResult Result(bool holds = true) => new(
        new Scenario
        {
            Name = "quick",
            Description = "a <quick> load & more",
            Duration = TimeSpan.FromSeconds(4),
            Load = Arrivals.Constant(10),
            Thresholds = [],
        },
        new LoadOptions(null, 1, 100, 1),
        new DateTimeOffset(2025, 6, 18, 8, 0, 0, TimeSpan.Zero),
        "2 × some processor",
        Measured(),
        [new Check("p99 ≤ 5 ms", holds, holds ? "2 ms" : "9.9 ms")],
        [new Check("acknowledged ⊆ posted ⊆ sent", true, "all of them")]);

    /// <param name="unanswered">Without an answer, and without an error that says so.</param>
    private static Measurements Measured(int sent = 12_345, int errors = 0, int unanswered = 0)
    {
        LoadRecorder recorder = new();
        LoadPhase phase = recorder.Begin("arrivals", counts: true);
        for (int visit = 0; visit < sent; visit++)
        {
            recorder.Sent();
            if (visit >= errors + unanswered) recorder.Answered(TimeSpan.FromMilliseconds(2), refused: false);
        }

        recorder.Errors(errors);
        return new Measurements(
            [phase],
            LoadPhase.Sum("all", [phase]),
            [SampleAt(1, 100, true), SampleAt(2, 200, true), SampleAt(3, 250, false), SampleAt(4, 300, true)],
            [new Mark(2.5, "ledger stopped")],
            new Dictionary<string, double> { ["waited"] = 7 },
            new Dictionary<string, long> { ["Unavailable: gone"] = 3 },
            MeasuredFrom: 0.5,
            MeasuredTo: 4,
            PostedSeconds: 0.25);
    }

    private static Sample SampleAt(double second, double megabytes, bool ledgerRuns, double? ledgerMegabytes = null)
    {
        ProcessSample use = new(0.5, (long)(megabytes * 1e6), 100);
        Dictionary<string, ProcessSample> processes = new() { ["adjudication"] = use, ["eligibility"] = use, ["broker"] = use };
        if (ledgerRuns) processes["ledger"] = use with { ResidentBytes = (long)((ledgerMegabytes ?? megabytes) * 1e6) };
        return new Sample(second, 1, new SecondOfLoad(3_000, 3_000, 0, 1, 2), 10, processes);
    }
}
