using System.Numerics;

namespace Claims.LoadTests.Measuring;

/// <summary>
/// Latencies in buckets whose width grows with them, as HDR histograms have it: every value from 1 µs to over an hour within 1.6%, in
/// constant memory, from many threads.
/// </summary>
public sealed class LatencyHistogram
{
    // 64 buckets to each doubling.
    private const int Precision = 6;
    private const int Buckets = (64 - Precision) << Precision;

    private readonly long[] _counts = new long[Buckets];
    private long _count;
    private long _maxMicroseconds;

    public long Count => Interlocked.Read(ref _count);

    public TimeSpan Max => TimeSpan.FromMicroseconds(Interlocked.Read(ref _maxMicroseconds));

    public void Record(TimeSpan latency)
    {
        long microseconds = Math.Max((long)latency.TotalMicroseconds, 0);
        Interlocked.Increment(ref _counts[BucketOf(microseconds)]);
        Interlocked.Increment(ref _count);
        long seen = Interlocked.Read(ref _maxMicroseconds);
        while (microseconds > seen)
        {
            long before = Interlocked.CompareExchange(ref _maxMicroseconds, microseconds, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    /// <summary>Takes over what another has recorded.</summary>
    public void Add(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            long here = Interlocked.Read(ref other._counts[bucket]);
            if (here > 0) Interlocked.Add(ref _counts[bucket], here);
        }

        Interlocked.Add(ref _count, other.Count);
        long most = Interlocked.Read(ref other._maxMicroseconds);
        if (most > Interlocked.Read(ref _maxMicroseconds)) Interlocked.Exchange(ref _maxMicroseconds, most);
    }

    /// <summary>The least latency that <paramref name="percent"/> of the values do not exceed, rounded up to its bucket's end.</summary>
    /// <param name="percent">Above 0, at most 100.</param>
    /// <exception cref="InvalidOperationException">Nothing was recorded.</exception>
    public TimeSpan Percentile(double percent)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        long count = Count;
        if (count == 0) throw new InvalidOperationException("No latency was recorded.");
        long rank = Math.Max((long)Math.Ceiling(count * percent / 100), 1);
        long passed = 0;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            passed += Interlocked.Read(ref _counts[bucket]);
            if (passed >= rank) return TimeSpan.FromMicroseconds(Math.Min(EndOf(bucket), Interlocked.Read(ref _maxMicroseconds)));
        }

        return Max;
    }

    /// <summary>Latency and the share of values at or below it, bucket by bucket where there are any: what a plot needs.</summary>
    public IEnumerable<(TimeSpan Latency, double Share)> Distribution()
    {
        long count = Count;
        long passed = 0;
        for (int bucket = 0; bucket < Buckets && passed < count; bucket++)
        {
            long here = Interlocked.Read(ref _counts[bucket]);
            if (here == 0) continue;
            passed += here;
            yield return (TimeSpan.FromMicroseconds(EndOf(bucket)), (double)passed / count);
        }
    }

    private static int BucketOf(long microseconds)
    {
        // Values below 2^Precision have a bucket each; above, the leading bits after the first choose it.
        int shift = Math.Max(BitOperations.Log2((ulong)microseconds | 1) - Precision, 0);
        return (shift << Precision) + (int)(microseconds >> shift);
    }

    private static long EndOf(int bucket)
    {
        int shift = Math.Max((bucket >> Precision) - 1, 0);
        long first = (long)(bucket - (shift << Precision)) << shift;
        return first + (1L << shift) - 1;
    }
}
