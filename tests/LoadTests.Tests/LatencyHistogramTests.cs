using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Tests;

public sealed class LatencyHistogramTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(4_095)]
    [InlineData(1_000_000)]
    [InlineData(3_600_000_000)]
    public void Percentile_of_one_value_is_that_value_to_three_digits(long microseconds)
    {
        LatencyHistogram histogram = new();
        histogram.Record(TimeSpan.FromMicroseconds(microseconds));

        Assert.InRange(histogram.Percentile(50).TotalMicroseconds, microseconds, microseconds * 1.001);
        Assert.InRange(histogram.Max.TotalMicroseconds, microseconds, microseconds * 1.001);
    }

    [Fact]
    public void Percentile_of_many_values_is_within_a_thousandth_of_the_exact_one()
    {
        const int Seed = 20_250_618;
        Random random = new(Seed);
        LatencyHistogram histogram = new();
        long[] values = [.. Enumerable.Range(0, 100_000).Select(_ => (long)Math.Exp(random.NextDouble() * 18)).Order()];
        foreach (long value in values) histogram.Record(TimeSpan.FromMicroseconds(value));

        foreach (double percent in new[] { 1, 25, 50, 90, 99, 99.9, 100 })
        {
            long exact = values[(int)Math.Ceiling(values.Length * percent / 100) - 1];
            double found = histogram.Percentile(percent).TotalMicroseconds;
            Assert.True(found >= exact && found <= exact * 1.001, $"seed {Seed}: p{percent} is {found}, exactly {exact}");
        }
    }

    [Fact]
    public void Percentile_of_few_values_leaves_none_above_it_that_it_should_cover()
    {
        LatencyHistogram histogram = new();
        for (int value = 1; value <= 60; value++) histogram.Record(TimeSpan.FromMicroseconds(value));

        Assert.Equal(60, histogram.Percentile(99).TotalMicroseconds);
        Assert.Equal(30, histogram.Percentile(50).TotalMicroseconds);
        Assert.Equal(1, histogram.Percentile(1).TotalMicroseconds);
    }

    [Fact]
    public void Latency_above_an_hour_counts_as_an_hour()
    {
        LatencyHistogram histogram = new();
        histogram.Record(TimeSpan.FromDays(2));

        Assert.InRange(histogram.Max.TotalHours, 1, 1.001);
    }

    [Fact]
    public void Sum_has_the_values_of_both()
    {
        LatencyHistogram sum = new(), other = new();
        sum.Record(TimeSpan.FromMicroseconds(10));
        other.Record(TimeSpan.FromMicroseconds(20));
        sum.Add(other);

        Assert.Equal(2, sum.Count);
        Assert.Equal([10, 20], sum.Distribution().Select(point => point.Latency.TotalMicroseconds));
    }

    [Fact]
    public void Share_of_values_rises_to_one_over_the_distribution()
    {
        LatencyHistogram histogram = new();
        foreach (int value in new[] { 5, 5, 70_000, 900 }) histogram.Record(TimeSpan.FromMicroseconds(value));

        double[] shares = [.. histogram.Distribution().Select(point => point.Share)];

        Assert.Equal([0.5, 0.75, 1.0], shares);
    }

    [Fact]
    public void Percentile_of_nothing_is_refused() => Assert.Throws<InvalidOperationException>(() => new LatencyHistogram().Percentile(50));
}
