using System.Collections.Immutable;

namespace Claims.Policy.Loading;

/// <summary>A benefit as the file has it: every value with its days.</summary>
internal sealed class DatedBenefit(string name, string label, PolicyNode node)
{
    public string Name => name;

    public PolicyNode Node => node;

    /// <summary>In the order of the file.</summary>
    public Dictionary<string, List<Dated<string>>> VisitTypes { get; } = new(StringComparer.Ordinal);

    public List<Dated<Cited<long>>> EntryAtLeastFen { get; set; } = [];

    public DatedDeductible? Deductible { get; set; }

    public List<Dated<ValueTable?>> RateBasisPoints { get; set; } = [];

    public DatedBands? Bands { get; set; }

    public List<DatedCap> Caps { get; } = [];

    public DatedFixedSum? FixedSum { get; set; }

    /// <summary>What holds on a day, or null where no visit type is covered on it.</summary>
    public Benefit? On(DateOnly day)
    {
        ImmutableSortedDictionary<string, string> covered = VisitTypes
            .Where(type => type.Value.Exists(value => value.Holds(day)))
            .ToImmutableSortedDictionary(type => type.Key, type => type.Value.On(day)!, StringComparer.Ordinal);
        if (covered.IsEmpty) return null;
        return new()
        {
            Name = name,
            Label = label,
            VisitTypes = covered,
            EntryAtLeastFen = EntryAtLeastFen.Find(value => value.Holds(day))?.Value,
            Deductible = Deductible?.On(day),
            RateBasisPoints = RateBasisPoints.On(day),
            Bands = Bands is { } bands && bands.Edges.Find(value => value.Holds(day)) is { } edges
                ? new(name, bands.Per, edges.Value)
                : null,
            Caps = [.. Caps.Select(cap => cap.On(day)).OfType<Cap>()],
            FixedSum = FixedSum?.On(day),
        };
    }
}

internal sealed record DatedDeductible(
    string Group, Period Per, bool AtFacility, bool AfterRate, bool ReverseOrder, List<Dated<ValueTable?>> Fen, DatedAtMost? AtMost)
{
    public Deductible? On(DateOnly day) =>
        Fen.On(day) is { } fen ? new(Group, Per, AtFacility, AfterRate, ReverseOrder, fen, AtMost?.On(day)) : null;
}

internal sealed record DatedAtMost(Period Per, List<Dated<ValueTable?>> Fen)
{
    public AtMost? On(DateOnly day) => Fen.On(day) is { } fen ? new(Per, fen) : null;
}

internal sealed record DatedBands(Period Per, List<Dated<Cited<ImmutableArray<long>>>> Edges);

internal sealed record DatedCap(
    string Name, string Group, Measure Of, Period Per, ImmutableSortedSet<string> FacilityClasses,
    ImmutableSortedSet<string> PersonClasses, List<Dated<ValueTable?>> Limit)
{
    public Cap? On(DateOnly day) =>
        Limit.On(day) is { } limit ? new(Name, Group, Of, Per, FacilityClasses, PersonClasses, limit) : null;
}

/// <param name="NotAgainWithinDays">Empty where there is no such rule.</param>
internal sealed record DatedFixedSum(List<Dated<ValueTable?>> Fen, List<Dated<Cited<int>>> NotAgainWithinDays)
{
    public FixedSum? On(DateOnly day) =>
        Fen.On(day) is { } fen ? new(fen, NotAgainWithinDays.Find(value => value.Holds(day))?.Value) : null;
}
