namespace Claims.LoadTests.Measuring;

/// <summary>
/// How many visits are due when: a rate that goes in straight lines from corner to corner. Visit n is due at the moment at which the
/// area under the rate has reached n.
/// </summary>
public sealed class RateProfile
{
    private readonly Segment[] _segments;

    /// <param name="corners">Seconds from the beginning, ascending from 0, and the rate at that moment.</param>
    /// <exception cref="ArgumentException">Fewer than two corners, the first not at 0, out of order, or a rate below 0.</exception>
    public RateProfile(IReadOnlyList<(double Second, double PerSecond)> corners)
    {
        ArgumentNullException.ThrowIfNull(corners);
        if (corners.Count < 2 || corners[0].Second != 0)
            throw new ArgumentException("A profile begins with a corner at 0 and has an end.", nameof(corners));
        if (corners.Zip(corners.Skip(1)).Any(pair => pair.Second.Second <= pair.First.Second)
            || corners.Any(corner => corner.PerSecond < 0))
            throw new ArgumentException("Corners ascend in time and have no rate below 0.", nameof(corners));
        _segments = new Segment[corners.Count - 1];
        double before = 0;
        for (int index = 0; index < _segments.Length; index++)
        {
            _segments[index] = new Segment(
                corners[index].Second, corners[index + 1].Second, corners[index].PerSecond, corners[index + 1].PerSecond, before);
            before += _segments[index].Visits;
        }

        Visits = (long)Math.Ceiling(before);
    }

    public static RateProfile Constant(double perSecond, TimeSpan duration) => new([(0, perSecond), (duration.TotalSeconds, perSecond)]);

    /// <summary>How many visits are due in all.</summary>
    public long Visits { get; }

    public TimeSpan Duration => TimeSpan.FromSeconds(_segments[^1].End);

    /// <summary>How long after the beginning a visit is due.</summary>
    /// <param name="visit">From 0, below <see cref="Visits"/>.</param>
    public TimeSpan DueAt(long visit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(visit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(visit, Visits);
        int segment = 0;
        while (segment < _segments.Length - 1 && _segments[segment + 1].Before <= visit) segment++;
        return TimeSpan.FromSeconds(_segments[segment].SecondOf(visit));
    }

    private readonly record struct Segment(double Begin, double End, double First, double Last, double Before)
    {
        public double Visits => (First + Last) / 2 * (End - Begin);

        public double SecondOf(double visit)
        {
            double within = visit - Before;
            if (within <= 0) return Begin;
            double slope = (Last - First) / (End - Begin);

            // The root of first·t + slope·t²/2 = within, in the form that also holds for a slope of 0.
            return Begin + (2 * within / (First + Math.Sqrt(Math.Max((First * First) + (2 * slope * within), 0))));
        }
    }
}
