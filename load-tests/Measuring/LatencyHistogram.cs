using HdrHistogram;

namespace Claims.LoadTests.Measuring;

/// <summary>Latencies from 1 µs to an hour, each to three digits, in constant memory (about 190 kB), from many threads.</summary>
public sealed class LatencyHistogram
{
    private const int Digits = 3;

    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private readonly LongConcurrentHistogram _microseconds = new(1, (long)Longest.TotalMicroseconds, Digits);

    public long Count => _microseconds.TotalCount;

    public TimeSpan Max => Latency(_microseconds.GetMaxValue());

    /// <summary>Counts a latency; one above an hour as an hour.</summary>
    public void Record(TimeSpan latency) =>
        _microseconds.RecordValue((long)Math.Clamp(latency.TotalMicroseconds, 0, Longest.TotalMicroseconds));

    /// <summary>Takes over what another has recorded.</summary>
    public void Add(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        _microseconds.Add(other._microseconds);
    }

    /// <summary>The least latency that <paramref name="percent"/> of the values do not exceed, rounded up by at most a
    /// thousandth.</summary>
    /// <param name="percent">Above 0, at most 100.</param>
    /// <exception cref="InvalidOperationException">Nothing was recorded.</exception>
    public TimeSpan Percentile(double percent)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        long count = Count;
        if (count == 0) throw new InvalidOperationException("No latency was recorded.");
        // The library rounds to the nearest rank, which of 60 values leaves the largest above their p99.
        double rank = Math.Ceiling(count * percent / 100);
        return Latency(_microseconds.GetValueAtPercentile(100 * rank / count));
    }

    /// <summary>Latency and the share of values at or below it, wherever there are any: what a plot needs.</summary>
    public IEnumerable<(TimeSpan Latency, double Share)> Distribution() =>
        _microseconds.RecordedValues().Select(value => (Latency(value.ValueIteratedTo), (double)value.TotalCountToThisValue / Count));

    private static TimeSpan Latency(long microseconds) => TimeSpan.FromMicroseconds(microseconds);
}
