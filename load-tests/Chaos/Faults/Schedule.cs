namespace Claims.LoadTests.Chaos.Faults;

/// <summary>One fault as it is planned.</summary>
/// <param name="At">Since the load began, at the earliest: an act waits for the one before it.</param>
/// <param name="Duration">From its beginning to its end; zero for what happens in a moment.</param>
public sealed record PlannedFault(TimeSpan At, string Kind, string Target, TimeSpan Duration);

/// <summary>Faults that overlap, or one alone. After an act the system is whole again.</summary>
public sealed record Act(TimeSpan At, IReadOnlyList<PlannedFault> Faults);

/// <summary>What is done when, from the seed alone.</summary>
public static class Schedule
{
    private const double ShareOfPairs = 0.35;
    private static readonly TimeSpan Begin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LeastGap = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MostGap = TimeSpan.FromSeconds(5);

    /// <param name="kinds">Those that may be drawn; each has had its turn before one comes again.</param>
    public static IReadOnlyList<Act> Of(int seed, TimeSpan duration, IReadOnlyList<FaultKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        Random random = new(seed);
        Bag<FaultKind> bag = new(random, kinds);
        Dictionary<string, Bag<string>> targets = kinds.ToDictionary(kind => kind.Name, kind => new Bag<string>(random, kind.Targets));
        List<Act> acts = [];
        TimeSpan at = Begin;
        while (true)
        {
            PlannedFault first = Draw(bag.Next(), at);
            List<PlannedFault> faults = [first];
            bool alone = Alone(first);
            if (!alone && random.NextDouble() < ShareOfPairs)
            {
                PlannedFault second = Draw(bag.Next(), at + (first.Duration * random.NextDouble()));
                // One that wants the system for itself has its turn afterwards.
                if (Alone(second)) bag.PutBack(kinds.First(kind => kind.Name == second.Kind));
                else if (second.Target != first.Target || second.Kind != first.Kind) faults.Add(second);
            }

            TimeSpan end = faults.Max(fault => fault.At + fault.Duration);
            if (end > duration) return acts;
            acts.Add(new Act(at, faults));
            at = Rounded(end + LeastGap + ((MostGap - LeastGap) * random.NextDouble()));
        }

        PlannedFault Draw(FaultKind kind, TimeSpan when) => new(
            Rounded(when), kind.Name, targets[kind.Name].Next(),
            Rounded(kind.Shortest + ((kind.Longest - kind.Shortest) * random.NextDouble())));

        bool Alone(PlannedFault fault) => kinds.First(kind => kind.Name == fault.Kind).Alone;
    }

    /// <summary>A rolling restart: one service after the other, stopped in order and started at once, round after round.</summary>
    /// <param name="services">In the order of an update.</param>
    public static IReadOnlyList<Act> Rolling(TimeSpan duration, IReadOnlyList<string> services)
    {
        ArgumentNullException.ThrowIfNull(services);
        List<Act> acts = [];
        for (TimeSpan at = Begin; at <= duration; at += LeastGap)
        {
            string service = services[acts.Count % services.Count];
            acts.Add(new Act(at, [new PlannedFault(at, FaultKinds.Restarted, service, TimeSpan.Zero)]));
        }

        return acts;
    }

    private static TimeSpan Rounded(TimeSpan time) => TimeSpan.FromMilliseconds(Math.Round(time.TotalMilliseconds / 100) * 100);

    /// <summary>Draws without putting back, until all have been drawn.</summary>
    private sealed class Bag<T>(Random random, IReadOnlyList<T> all)
    {
        private readonly List<T> _left = [];

        public T Next()
        {
            if (_left.Count == 0) _left.AddRange(all);
            int index = random.Next(_left.Count);
            T drawn = _left[index];
            _left.RemoveAt(index);
            return drawn;
        }

        public void PutBack(T drawn) => _left.Add(drawn);
    }
}
