using System.Globalization;

namespace Claims.Policy.Loading;

/// <summary>A value from its first to its last day; open where there is no last.</summary>
internal sealed record Dated<T>(DateOnly From, DateOnly? To, T Value, PolicyNode Node)
{
    public bool Holds(DateOnly day) => From <= day && (To is null || day <= To);
}

internal static class Dated
{
    /// <summary>The entries of a list that carry <c>from</c> and, on all but the last, <c>to</c>; overlaps and gaps are faults.</summary>
    public static List<Dated<T>> ByDay<T>(IEnumerable<PolicyNode> entries, Func<PolicyNode, T> read) =>
        ByDay(entries, (entry, _, _) => read(entry));

    /// <param name="read">From the entry with its first and last day.</param>
    public static List<Dated<T>> ByDay<T>(IEnumerable<PolicyNode> entries, Func<PolicyNode, DateOnly, DateOnly?, T> read) =>
        Read(entries, entry => (entry.Date("from"), entry.OptionalDate("to")), read);

    /// <summary>The same by <c>from_plan_year</c> and <c>to_plan_year</c>.</summary>
    public static List<Dated<T>> ByPlanYear<T>(IEnumerable<PolicyNode> entries, Func<PolicyNode, T> read) =>
        Read(
            entries,
            entry =>
                (new DateOnly(Math.Max(entry.Year("from_plan_year"), 1), 1, 1),
                entry.OptionalYear("to_plan_year") is { } last ? new DateOnly(last, 12, 31) : null),
            (entry, _, _) => read(entry));

    /// <summary>The value of a day; the default where there is none.</summary>
    public static T? On<T>(this List<Dated<T>> values, DateOnly day) =>
        values.Find(value => value.Holds(day)) is { } found ? found.Value : default;

    public static string Iso(this DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static List<Dated<T>> Read<T>(
        IEnumerable<PolicyNode> entries, Func<PolicyNode, (DateOnly From, DateOnly? To)> span,
        Func<PolicyNode, DateOnly, DateOnly?, T> read)
    {
        List<Dated<T>> values = [];
        foreach (PolicyNode entry in entries)
        {
            (DateOnly from, DateOnly? to) = span(entry);
            Dated<T> value = new(from, to, read(entry, from, to), entry);
            entry.Close();
            if (to < from) entry.Fault($"ends on {to.Value.Iso()}, before it begins on {from.Iso()}.");
            if (values is [.., { } previous]) CheckFollows(previous, value);
            values.Add(value);
        }

        return values;
    }

    private static void CheckFollows<T>(Dated<T> previous, Dated<T> next)
    {
        if (previous.To is not { } end) next.Node.Fault($"overlaps the entry before, which began on {previous.From.Iso()} and has no end.");
        else if (next.From <= end)
            next.Node.Fault($"begins on {next.From.Iso()} and overlaps the entry before, which ends on {end.Iso()}.");
        else if (next.From > end.AddDays(1))
            next.Node.Fault($"leaves a gap from {end.AddDays(1).Iso()} to {next.From.AddDays(-1).Iso()} after the entry before.");
    }
}
