namespace Claims.LoadTests.Chaos.Faults;

/// <summary>The calendars of a third of the hospitals are wrong: over midnight, over New Year, or ahead of everybody.</summary>
public sealed class ClockMoved(Scene scene, string target) : IFault
{
    private static readonly Dictionary<string, int> Days = new(StringComparer.Ordinal)
    {
        ["a day back"] = -1,
        ["a day ahead"] = 1,
        ["a week back"] = -7,
        ["a week ahead"] = 7,
        // Later than any day on which this is run: each visit is in the future.
        ["a century ahead"] = 36_525,
    };

    public static IReadOnlyList<string> Targets { get; } =
        [.. Days.Keys.SelectMany(days => Enumerable.Range(1, 3).Select(third => $"{days}, hospitals {third}/3"))];

    private int Third => target[^3] - '1';

    public Task BeginAsync(CancellationToken cancellationToken)
    {
        scene.Hospitals.MoveClocks(Days[target[..target.IndexOf(',', StringComparison.Ordinal)]], Third);
        return Task.CompletedTask;
    }

    public Task EndAsync(CancellationToken cancellationToken)
    {
        scene.Hospitals.MoveClocks(0, Third);
        return Task.CompletedTask;
    }
}
