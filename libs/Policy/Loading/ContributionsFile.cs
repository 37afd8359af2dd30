using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class ContributionsFile
{
    private const int Whole = 10_000;

    public static Contributions Read(PolicyNode file)
    {
        (ImmutableSortedDictionary<int, Known<long>> standards, ImmutableDictionary<(int, string), Known<long>> others) =
            ReadStandards(file);
        Contributions contributions = new()
        {
            Standards = standards,
            OtherStandards = others,
            AidShares = ReadShares(file),
            AidPayers = ReadPayers(file),
        };
        file.Close();
        return contributions;
    }

    private static (ImmutableSortedDictionary<int, Known<long>> Standards, ImmutableDictionary<(int, string), Known<long>> Others)
        ReadStandards(PolicyNode file)
    {
        ImmutableSortedDictionary<int, Known<long>>.Builder years = ImmutableSortedDictionary.CreateBuilder<int, Known<long>>();
        ImmutableDictionary<(int, string), Known<long>>.Builder others = ImmutableDictionary.CreateBuilder<(int, string), Known<long>>();
        if (file.Child("standard") is not { } node) return (years.ToImmutable(), others.ToImmutable());
        Unit unit = node.Unit(Quantity.Money);
        YearByYear.Read(node.List("plan_years"), "plan_year", (year, entry) =>
        {
            years[year] = entry.OptionalText("not_in_hand") is { } reason ? new(null, reason) : new(entry.CitedAmount(unit), null);
            if (entry.OptionalChild("categories") is { } categories)
            {
                foreach (string category in categories.Keys())
                    if (categories.Child(category) is { } other) others[(year, category)] = ReadOther(other, unit);
            }

            entry.Close();
        });
        node.Close();
        return (years.ToImmutable(), others.ToImmutable());
    }

    /// <summary>Of a category that another notice of the same year sets apart.</summary>
    private static Known<long> ReadOther(PolicyNode node, Unit unit)
    {
        Known<long> known;
        if (node.OptionalText("not_in_hand") is { } reason)
        {
            node.Source();
            known = new(null, reason);
        }
        else
        {
            known = new(node.CitedAmount(unit), null);
        }

        node.Close();
        return known;
    }

    private static ImmutableDictionary<string, ImmutableArray<YearSpan<Known<int>>>> ReadShares(PolicyNode file)
    {
        ImmutableDictionary<string, ImmutableArray<YearSpan<Known<int>>>>.Builder shares =
            ImmutableDictionary.CreateBuilder<string, ImmutableArray<YearSpan<Known<int>>>>(StringComparer.Ordinal);
        if (file.OptionalChild("aid") is not { } node) return shares.ToImmutable();
        Unit unit = node.Unit(Quantity.Share);
        if (node.Child("categories") is { } categories)
        {
            foreach (string category in categories.Keys())
            {
                shares[category] = Spans(categories.List(category), entry =>
                {
                    if (entry.OptionalText("not_in_hand") is not { } reason) return new Known<int>(entry.CitedWhole(unit), null);
                    entry.Source();
                    return new Known<int>(null, reason);
                });
            }
        }

        node.Close();
        return shares.ToImmutable();
    }

    private static ImmutableDictionary<string, ImmutableArray<YearSpan<AidPayers>>> ReadPayers(PolicyNode file)
    {
        ImmutableDictionary<string, ImmutableArray<YearSpan<AidPayers>>>.Builder payers =
            ImmutableDictionary.CreateBuilder<string, ImmutableArray<YearSpan<AidPayers>>>(StringComparer.Ordinal);
        if (file.OptionalChild("aid_borne_by") is not { } node) return payers.ToImmutable();
        Unit unit = node.Unit(Quantity.Share);
        if (node.Child("classes") is { } classes)
        {
            foreach (string fiscalClass in classes.Keys())
            {
                payers[fiscalClass] = Spans(classes.List(fiscalClass), entry =>
                {
                    AidPayers sharing = new((int)entry.Amount("city", unit), (int)entry.Amount("county", unit), entry.Source(),
                        entry.Ruling());
                    if (sharing.CityBasisPoints + sharing.CountyBasisPoints != Whole)
                        entry.Fault("the shares of city and county do not sum to 100%.");
                    return sharing;
                });
            }
        }

        node.Close();
        return payers.ToImmutable();
    }

    private static ImmutableArray<YearSpan<T>> Spans<T>(IReadOnlyList<PolicyNode> entries, Func<PolicyNode, T> read) =>
        [.. Dated.ByPlanYear(entries, read).Select(span => new YearSpan<T>(span.From.Year, span.To?.Year, span.Value))];
}

internal static class YearByYear
{
    /// <summary>Entries of one year each, ascending without a gap: a year that is not known is stated, not left out.</summary>
    public static void Read(IEnumerable<PolicyNode> entries, string key, Action<int, PolicyNode> read)
    {
        int? previous = null;
        foreach (PolicyNode entry in entries)
        {
            int year = entry.Year(key);
            if (year <= previous) entry.Fault(key, $"year {year} overlaps: it does not come after {previous}.");
            else if (year > previous + 1)
                entry.Fault(key, $"leaves a gap between {previous} and {year}; state a year that is not known with 'not_in_hand'.");
            read(year, entry);
            previous = year;
        }
    }
}
