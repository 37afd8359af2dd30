using System.Collections.Immutable;

namespace Claims.Policy;

/// <summary>A value with the classes that it depends on; what is null makes no difference to it.</summary>
public sealed record CompactRow(FacilityClass? Facility, PersonClass? Person, string? VisitType, int? Band, Cited<long> Value);

/// <summary>A table as a notice states it: one row where one holds for all.</summary>
public static class CompactRows
{
    private const int Dimensions = 4;

    /// <param name="benefit">Whose visit types are meant: a table that several benefits share has rows of the others too.</param>
    /// <param name="facilities">Those that the table holds for; empty for all.</param>
    /// <param name="persons">Those that the table holds for; empty for all.</param>
    public static ImmutableArray<CompactRow> Compact(
        this ValueTable table, OutpatientPolicy policy, Benefit benefit, IReadOnlySet<string> facilities, IReadOnlySet<string> persons)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(benefit);
        ArgumentNullException.ThrowIfNull(facilities);
        ArgumentNullException.ThrowIfNull(persons);
        ImmutableArray<CompactRow>.Builder rows = ImmutableArray.CreateBuilder<CompactRow>();
        KeyValuePair<ValueKey, Cited<long>>[] meant =
        [
            .. table.Rows.Where(row => benefit.VisitTypes.ContainsKey(row.Key.VisitType)
                && (facilities.Count == 0 || facilities.Contains(row.Key.FacilityClass))
                && (persons.Count == 0 || persons.Contains(row.Key.PersonClass))),
        ];
        if (meant.Length > 0) Split(meant, new(null, null, null, null, default));
        return rows.ToImmutable();

        void Split(KeyValuePair<ValueKey, Cited<long>>[] part, CompactRow path)
        {
            Cited<long> first = part[0].Value;
            if (Array.TrueForAll(part, row => row.Value == first))
            {
                rows.Add(path with { Value = first });
                return;
            }

            int dimension = Enumerable.Range(0, Dimensions).First(one => Matters(part, one));
            foreach (IGrouping<int, KeyValuePair<ValueKey, Cited<long>>> group in part
                .GroupBy(row => Place(row.Key, dimension)).OrderBy(group => group.Key))
            {
                ValueKey key = group.First().Key;
                Split([.. group], dimension switch
                {
                    0 => path with { Person = policy.PersonClasses.Single(one => one.Name == key.PersonClass) },
                    1 => path with { VisitType = key.VisitType },
                    2 => path with { Facility = policy.FacilityClasses.Single(one => one.Name == key.FacilityClass) },
                    _ => path with { Band = key.Band },
                });
            }
        }

        int Place(ValueKey key, int dimension) => dimension switch
        {
            0 => IndexOf(policy.PersonClasses, one => one.Name == key.PersonClass),
            1 => benefit.VisitTypes.Keys.TakeWhile(type => type != key.VisitType).Count(),
            2 => IndexOf(policy.FacilityClasses, one => one.Name == key.FacilityClass),
            _ => key.Band,
        };
    }

    private static bool Matters(KeyValuePair<ValueKey, Cited<long>>[] part, int dimension) => part
        .GroupBy(row => dimension switch
        {
            0 => row.Key with { PersonClass = "" },
            1 => row.Key with { VisitType = "" },
            2 => row.Key with { FacilityClass = "" },
            _ => row.Key with { Band = 0 },
        })
        .Any(group => group.Select(row => row.Value).Distinct().Skip(1).Any());

    private static int IndexOf<T>(ImmutableArray<T> all, Func<T, bool> isMeant) => all.TakeWhile(one => !isMeant(one)).Count();
}
