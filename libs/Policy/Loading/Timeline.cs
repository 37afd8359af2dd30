namespace Claims.Policy.Loading;

/// <summary>The days of a file, and those on which something in it changes.</summary>
/// <param name="complete">False where the city's values are known in part: then none is asked to be there.</param>
internal sealed class Timeline(DateOnly from, DateOnly? to, bool complete)
{
    private readonly SortedSet<DateOnly> changes = [from];

    public bool Complete => complete;

    /// <summary>The first and last day of every period within which nothing changes, ascending.</summary>
    public IEnumerable<(DateOnly From, DateOnly? To)> Periods()
    {
        DateOnly[] starts = [.. changes.Where(day => day >= from && (to is null || day <= to))];
        for (int index = 0; index < starts.Length; index++)
            yield return (starts[index], index + 1 < starts.Length ? starts[index + 1].AddDays(-1) : to);
    }

    /// <summary>Notes the days on which the values change.</summary>
    public List<Dated<T>> Note<T>(List<Dated<T>> values)
    {
        foreach (Dated<T> value in values)
        {
            changes.Add(value.From);
            if (value.To is { } end && end < DateOnly.MaxValue) changes.Add(end.AddDays(1));
        }

        return values;
    }

    /// <summary>The same for values that every day needs on which one of the visit types is covered; a gap at either end is a
    /// fault.</summary>
    /// <param name="name">As the file nests it: <c>ordinary.caps.year</c>.</param>
    public List<Dated<T>> Require<T>(List<Dated<T>> values, string name, IEnumerable<Dated<string>> covered)
    {
        Note(values);
        Dated<string>[] spans = [.. covered];
        if (!complete || values.Count == 0 || spans.Length == 0) return values;
        DateOnly first = Later(from, spans.Min(span => span.From));
        DateOnly? last = Array.Exists(spans, span => span.To is null) ? to : Earlier(to, spans.Max(span => span.To)!.Value);
        if (values[0].From > first)
            values[0].Node.Fault($"leaves a gap: {name} has no value from {first.Iso()} to {values[0].From.AddDays(-1).Iso()}.");
        if (values[^1].To is { } end && (last is null || end < last))
            values[^1].Node.Fault($"leaves a gap: {name} has no value after {end.Iso()}, while its visits are covered.");
        return values;
    }

    private static DateOnly Later(DateOnly one, DateOnly other) => one > other ? one : other;

    private static DateOnly Earlier(DateOnly? one, DateOnly other) => one < other ? one.Value : other;
}
