using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Tests;

public sealed class RecorderTests
{
    [Fact]
    public void Second_has_what_came_in_it_and_nothing_else()
    {
        LoadRecorder recorder = new();
        recorder.Begin("load", counts: true);
        foreach (int milliseconds in Enumerable.Range(1, 100)) Answer(recorder, milliseconds);
        recorder.Errors(3);
        SecondOfLoad first = recorder.CloseSecond();
        Answer(recorder, 700);
        SecondOfLoad second = recorder.CloseSecond();

        Assert.Equal((100, 100, 3), (first.Sent, first.Answered, first.Errors));
        Assert.InRange(first.P50Ms!.Value, 50, 51);
        Assert.InRange(first.P99Ms!.Value, 99, 101);
        Assert.Equal((1, 1, 0), (second.Sent, second.Answered, second.Errors));
        Assert.InRange(second.P50Ms!.Value, 700, 712);
    }

    [Fact]
    public void Second_without_an_answer_has_no_latency()
    {
        SecondOfLoad silent = new LoadRecorder().CloseSecond();

        Assert.Equal((0, null, null), (silent.Answered, silent.P50Ms, silent.P99Ms));
    }

    [Fact]
    public void Sum_of_phases_has_the_percentiles_of_all_their_answers_and_no_warm_up()
    {
        LoadRecorder recorder = new();
        recorder.Begin("warm-up", counts: false);
        Answer(recorder, 9_000);
        recorder.Begin("one", counts: true);
        for (int answer = 0; answer < 90; answer++) Answer(recorder, 10);
        recorder.Begin("two", counts: true);
        for (int answer = 0; answer < 10; answer++) Answer(recorder, 100, refused: true);

        LoadPhase sum = LoadPhase.Sum("all", recorder.Phases.Where(phase => phase.Counts));

        Assert.Equal((100, 100, 10, 0), (sum.Sent, sum.Answered, sum.Refused, sum.Errors));
        Assert.InRange(sum.Latencies.Percentile(90).TotalMilliseconds, 10, 10.01);
        Assert.InRange(sum.Latencies.Percentile(91).TotalMilliseconds, 100, 100.1);
        Assert.InRange(sum.Latencies.Max.TotalMilliseconds, 100, 100.1);
    }

    [Fact]
    public void Trend_is_the_line_through_its_points()
    {
        Trend trend = Trend.Of([(10, 5), (12, 9), (14, 13), (20, 25)]);

        Assert.Equal(2, trend.PerSecond, 9);
        Assert.Equal(20, trend.Growth, 9);
        Assert.Equal(13, trend.Mean, 9);
    }

    [Fact]
    public void Trend_of_lows_leaves_out_what_falls_back_and_keeps_what_stays()
    {
        (double, double)[] saw = [.. Enumerable.Range(0, 900).Select(second => ((double)second, 100.0 + ((second + 150) % 300)))];
        Assert.Equal(0, Trend.OfLows(saw, stretchSeconds: 300).Growth, precision: 6);
        Assert.InRange(Trend.OfLows([.. saw.Select(point => (point.Item1, point.Item2 + (point.Item1 / 10)))], stretchSeconds: 300).Growth,
            55, 65);
        Assert.Equal(Trend.Of(saw[..500]), Trend.OfLows(saw[..500], stretchSeconds: 300));
    }

    [Fact]
    public void Trend_of_one_moment_is_refused() => Assert.Throws<ArgumentException>(() => Trend.Of([(1, 2), (1, 3)]));

    private static void Answer(LoadRecorder recorder, int milliseconds, bool refused = false)
    {
        recorder.Sent();
        recorder.Answered(TimeSpan.FromMilliseconds(milliseconds), refused);
    }
}
