using System.Collections.Immutable;
using System.Globalization;

namespace Claims.Policy.Loading;

/// <summary>What the rows of a table can be by, each with the names that it has.</summary>
/// <param name="FacilityClasses">All of the file.</param>
/// <param name="PersonClasses">All of the file.</param>
/// <param name="VisitTypes">When each visit type is covered.</param>
/// <param name="OnlyFacilityClasses">Those that a row is for, where <c>when</c> leaves out others; else empty.</param>
/// <param name="OnlyPersonClasses">The same for people.</param>
/// <param name="Bands">Empty where there are none.</param>
internal sealed record Combinations(
    ImmutableArray<string> FacilityClasses, ImmutableArray<string> PersonClasses,
    IReadOnlyDictionary<string, List<Dated<string>>> VisitTypes, ImmutableSortedSet<string> OnlyFacilityClasses,
    ImmutableSortedSet<string> OnlyPersonClasses, IReadOnlyList<Dated<Cited<ImmutableArray<long>>>> Bands);

/// <summary>Values by class: <c>by</c>, <c>unit</c> and dated <c>values</c>, each one <c>value</c> or nested <c>rows</c>.</summary>
internal sealed class ValueRows
{
    private const string FacilityClass = "facility_class";
    private const string PersonClass = "person_class";
    private const string VisitType = "visit_type";
    private const string Band = "band";

    /// <summary>More would be no notice, and every period holds them all.</summary>
    private const int MostRows = 100_000;
    private readonly Combinations all;
    private readonly Unit unit;
    private readonly IReadOnlyList<string> by;

    private ValueRows(Combinations all, Unit unit, IReadOnlyList<string> by)
    {
        this.all = all;
        this.unit = unit;
        this.by = by;
    }

    /// <param name="mayBeNone">Whether <c>value: none</c> says that there is no such limit for a time; the table is null then.</param>
    public static List<Dated<ValueTable?>> Read(PolicyNode node, Quantity quantity, Combinations all, bool mayBeNone)
    {
        ValueRows rows = new(all, node.Unit(quantity), ReadBy(node, hasBands: all.Bands.Count > 0));
        return Dated.ByDay(node.List("values"), (entry, from, to) => rows.ReadEntry(entry, from, to, mayBeNone));
    }

    private static List<string> ReadBy(PolicyNode node, bool hasBands)
    {
        string[] known = hasBands ? [FacilityClass, PersonClass, VisitType, Band] : [FacilityClass, PersonClass, VisitType];
        List<string> dimensions = [];
        foreach (string dimension in node.WordsOrNone("by"))
        {
            if (known.Contains(dimension, StringComparer.Ordinal)) dimensions.Add(dimension);
            else node.Fault("by", $"'{dimension}' in 'by' is not one of {string.Join(", ", known)}.");
        }

        return dimensions;
    }

    private ValueTable? ReadEntry(PolicyNode entry, DateOnly from, DateOnly? to, bool mayBeNone)
    {
        ImmutableDictionary<ValueKey, Cited<long>>.Builder table = ImmutableDictionary.CreateBuilder<ValueKey, Cited<long>>();
        string source = entry.Source();
        string? ruling = entry.Ruling();
        if (entry.Has("rows"))
        {
            if (entry.Has("value")) entry.Fault("value", "'value' is one number for all, 'rows' one for each: only one can stand.");
            if (by.Count == 0) entry.Fault("rows", "rows need 'by', which says what they are by.");
            else if (entry.Child("rows") is { } rows) Nest(rows, [], new Span(from, to), fen => new(fen, source, ruling), table);
            return new(table.ToImmutable());
        }

        if (mayBeNone && entry.Is("value", "none")) return null;
        Fill([], new Span(from, to), new(entry.Amount("value", unit), source, ruling), entry, table);
        return new(table.ToImmutable());
    }

    private void Nest(
        PolicyNode rows, ImmutableArray<string> path, Span span, Func<long, Cited<long>> cite,
        ImmutableDictionary<ValueKey, Cited<long>>.Builder table)
    {
        string dimension = by[path.Length];
        ImmutableArray<string> known = NamesOf(dimension, span, rows);
        HashSet<string> met = new(StringComparer.Ordinal);
        foreach (string name in rows.Keys())
        {
            met.Add(name);
            if (!known.Contains(name))
            {
                rows.Fault(name, $"'{name}' is no {dimension} here; known: {string.Join(", ", known)}.");
                continue;
            }

            if (!rows.HoldsKeys(name)) Fill(path.Add(name), span, cite(rows.Amount(name, unit)), rows, table);
            else if (path.Length + 1 == by.Count) rows.Fault(name, $"'{name}' is nested deeper than 'by' says: {string.Join(", ", by)}.");
            else Nest(rows.Child(name)!, path.Add(name), span, cite, table);
        }

        foreach (string missing in known.Where(name => !met.Contains(name) && IsNeeded(dimension, name, span)))
            rows.Fault($"there is no row for {string.Join(" and ", path.Append(missing))} ({dimension}).");
    }

    private void Fill(
        ImmutableArray<string> path, Span span, Cited<long> value, PolicyNode at, ImmutableDictionary<ValueKey, Cited<long>>.Builder table)
    {
        ImmutableArray<string>[] names =
            [.. new[] { FacilityClass, PersonClass, VisitType, Band }.Select(dimension => Chosen(dimension, path, span, at))];
        if (names.Aggregate(1L, (product, one) => product * Math.Max(one.Length, 1)) > MostRows)
        {
            at.Fault($"these are more than {MostRows} combinations of classes, visit types and bands.");
            return;
        }

        foreach (string facility in names[0])
        {
            foreach (string person in names[1])
            {
                foreach (string visitType in names[2])
                {
                    foreach (string band in names[3])
                        table[new(facility, person, visitType, int.Parse(band, CultureInfo.InvariantCulture))] = value;
                }
            }
        }
    }

    private ImmutableArray<string> Chosen(string dimension, ImmutableArray<string> path, Span span, PolicyNode at)
    {
        int place = by.TakeWhile(one => one != dimension).Count();
        if (place < path.Length) return [path[place]];
        return place < by.Count || dimension is VisitType or Band ? NamesOf(dimension, span, at)
            : dimension == FacilityClass ? all.FacilityClasses : all.PersonClasses;
    }

    private ImmutableArray<string> NamesOf(string dimension, Span span, PolicyNode at) => dimension switch
    {
        FacilityClass => Only(all.FacilityClasses, all.OnlyFacilityClasses),
        PersonClass => Only(all.PersonClasses, all.OnlyPersonClasses),
        VisitType => [.. all.VisitTypes.Keys],
        _ => [.. Enumerable.Range(1, BandsIn(span, at)).Select(band => band.ToString(CultureInfo.InvariantCulture))],
    };

    private static ImmutableArray<string> Only(ImmutableArray<string> names, ImmutableSortedSet<string> meant) =>
        meant.IsEmpty ? names : [.. names.Where(meant.Contains)];

    // A visit type that is covered only before or after may be left out.
    private bool IsNeeded(string dimension, string name, Span span) =>
        dimension != VisitType || all.VisitTypes[name].Exists(covered => span.Meets(covered.From, covered.To));

    private int BandsIn(Span span, PolicyNode at)
    {
        int[] counts =
            [.. all.Bands.Where(bands => span.Meets(bands.From, bands.To)).Select(bands => bands.Value.Value.Length + 1).Distinct()];
        if (counts.Length > 1) at.Fault("the number of bands changes within this entry: end it there, and begin another.");
        return counts.FirstOrDefault(1);
    }

    private readonly record struct Span(DateOnly From, DateOnly? To)
    {
        public bool Meets(DateOnly from, DateOnly? to) => (To is null || from <= To) && (to is null || From <= to);
    }
}
