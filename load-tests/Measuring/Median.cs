namespace Claims.LoadTests.Measuring;

/// <summary>The middle one of several rounds of the same measurement: one round that something else disturbed does not move it.</summary>
public static class Median
{
    /// <returns>The mean of the middle two where their number is even.</returns>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static double Of(IEnumerable<double> rounds)
    {
        double[] sorted = [.. rounds.Order()];
        if (sorted.Length == 0) throw new ArgumentException("A median needs at least one round.", nameof(rounds));
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
