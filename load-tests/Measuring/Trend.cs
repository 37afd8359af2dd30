namespace Claims.LoadTests.Measuring;

/// <summary>The straight line through points that is closest to them, by least squares.</summary>
/// <param name="PerSecond">How fast it rises.</param>
/// <param name="Growth">From the first point's moment to the last's.</param>
public readonly record struct Trend(double PerSecond, double Growth, double Mean)
{
    /// <summary>
    /// Fits the lowest point of each stretch, for what rises and falls back by itself: a rise that stays raises the lows as well. Fits all
    /// points where they do not make three stretches.
    /// </summary>
    public static Trend OfLows(IReadOnlyCollection<(double Second, double Value)> points, double stretchSeconds)
    {
        ArgumentNullException.ThrowIfNull(points);
        double first = points.Count == 0 ? 0 : points.Min(point => point.Second);
        (double, double)[] lows = [.. points.GroupBy(point => Math.Floor((point.Second - first) / stretchSeconds)).Select(
            stretch => stretch.MinBy(point => point.Value))];
        return Of(lows.Length < 3 ? points : lows);
    }

    /// <exception cref="ArgumentException">Fewer than two points, or all of one moment.</exception>
    public static Trend Of(IReadOnlyCollection<(double Second, double Value)> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        if (points.Select(point => point.Second).Distinct().Take(2).Count() < 2)
            throw new ArgumentException("A trend needs points of two moments.", nameof(points));
        double second = points.Average(point => point.Second);
        double value = points.Average(point => point.Value);
        double slope = points.Sum(point => (point.Second - second) * (point.Value - value)) / points.Sum(
            point => (point.Second - second) * (point.Second - second));
        return new Trend(slope, slope * (points.Max(point => point.Second) - points.Min(point => point.Second)), value);
    }
}
