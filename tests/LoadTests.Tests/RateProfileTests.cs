using System.Diagnostics;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Scenarios.Loads;

namespace Claims.LoadTests.Tests;

public sealed class RateProfileTests
{
    [Fact]
    public void Visits_of_a_constant_rate_are_due_at_even_distances()
    {
        RateProfile rate = RateProfile.Constant(4, TimeSpan.FromSeconds(2));

        Assert.Equal(8, rate.Visits);
        Assert.Equal([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75], DueSeconds(rate));
    }

    [Theory]
    // Half of a rate that rises evenly from nothing is due when 1/√2 of the time has passed, an eighth at 1/√8.
    [InlineData(50, 7.071)]
    [InlineData(12, 3.464)]
    [InlineData(0, 0)]
    public void Visits_of_a_rising_rate_are_due_as_the_area_beneath_it_grows(long visit, double second)
    {
        RateProfile rate = new([(0, 0), (10, 20)]);

        Assert.Equal(100, rate.Visits);
        Assert.Equal(second, rate.DueAt(visit).TotalSeconds, 3);
    }

    [Fact]
    public void Morning_rises_stays_and_falls()
    {
        RateProfile rate = new Arrivals((0, 10), (0.4, 100), (0.7, 100), (1, 10)).Over(TimeSpan.FromSeconds(100), rateScale: 2);

        double[] due = DueSeconds(rate);
        int[] byTenth = [.. Enumerable.Range(0, 10)
            .Select(tenth => due.Count(second => second >= tenth * 10 && second < (tenth + 1) * 10))];

        // The mean rate of each tenth, in visits of ten seconds.
        Assert.Equal([425, 875, 1325, 1775, 2000, 2000, 2000, 1700, 1100, 500], byTenth);
        Assert.Equal(due.Order(), due);
    }

    [Fact]
    public void Rate_of_zero_in_the_middle_makes_nothing_due_there()
    {
        RateProfile rate = new([(0, 10), (1, 0), (2, 0), (3, 10)]);

        Assert.DoesNotContain(DueSeconds(rate), second => second is > 1.001 and < 1.999);
        Assert.Equal(10, rate.Visits);
    }

    [Fact]
    public void Profile_without_an_end_or_with_a_rate_below_zero_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new RateProfile([(0, 1)]));
        Assert.Throws<ArgumentException>(() => new RateProfile([(0, 1), (1, -1)]));
        Assert.Throws<ArgumentException>(() => new RateProfile([(0, 1), (2, 1), (1, 1)]));
        Assert.Throws<ArgumentException>(() => new RateProfile([(1, 1), (2, 1)]));
    }

    [Fact]
    public async Task Visit_that_could_not_be_sent_in_time_was_still_due_when_it_was_due()
    {
        RateProfile rate = RateProfile.Constant(1_000, TimeSpan.FromMilliseconds(100));
        using SemaphoreSlim stuck = new(0);
        List<long> due = [];
        Task keeping = Pace.KeepAsync(
            rate,
            async (visit, dueTicks) =>
            {
                due.Add(dueTicks);
                if (visit == 10) await stuck.WaitAsync();
            },
            CancellationToken.None);
        long begun = Stopwatch.GetTimestamp();
        SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(begun) > TimeSpan.FromMilliseconds(200));
        stuck.Release();
        await keeping;

        double[] gaps = [.. due.Zip(due.Skip(1)).Select(pair => Stopwatch.GetElapsedTime(pair.First, pair.Second).TotalMilliseconds)];
        Assert.Equal(100, due.Count);
        Assert.All(gaps, gap => Assert.InRange(gap, 0.99, 1.01));
    }

    private static double[] DueSeconds(RateProfile rate) =>
        [.. Enumerable.Range(0, (int)rate.Visits).Select(visit => Math.Round(rate.DueAt(visit).TotalSeconds, 6))];
}
