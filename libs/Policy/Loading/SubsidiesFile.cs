using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class SubsidiesFile
{
    private static readonly string[] CountyClasses = ["district", "county", "airport_zone", "ordinary_county", "western_county"];
    private static readonly string[] CollegeClasses = ["city_college", "provincial_college", "central_college"];

    /// <param name="counties">Every county inside the pooling area must be reached by one row of each year; empty where the city has no
    /// such file.</param>
    public static ImmutableSortedDictionary<int, SubsidyYear> Read(PolicyNode file, ImmutableSortedDictionary<string, County> counties)
    {
        ImmutableSortedDictionary<int, SubsidyYear>.Builder years = ImmutableSortedDictionary.CreateBuilder<int, SubsidyYear>();
        Unit unit = file.Unit(Quantity.Money);
        YearByYear.Read(file.List("years"), "year", (year, entry) => years[year] = ReadYear(entry, year, unit, counties));
        file.Close();
        return years.ToImmutable();
    }

    private static SubsidyYear ReadYear(PolicyNode entry, int year, Unit unit, ImmutableSortedDictionary<string, County> counties)
    {
        if (entry.OptionalText("not_in_hand") is { } reason)
        {
            entry.Close();
            return new(year, null, ImmutableDictionary<string, Subsidy>.Empty, reason);
        }

        Cited<long> total = new(entry.Amount("total", unit), entry.Source(), entry.Ruling());
        ImmutableDictionary<string, Subsidy>.Builder rows = ImmutableDictionary.CreateBuilder<string, Subsidy>(StringComparer.Ordinal);
        foreach (PolicyNode row in entry.List("rows"))
        {
            Subsidy subsidy = ReadRow(row, unit, total.Value);
            foreach (string target in row.Words("applies_to"))
            {
                if (!CountyClasses.Contains(target, StringComparer.Ordinal) && !CollegeClasses.Contains(target, StringComparer.Ordinal)
                    && !counties.ContainsKey(target))
                {
                    row.Fault("applies_to", $"'{target}' is neither a county of the city nor one "
                        + $"of {string.Join(", ", CountyClasses.Concat(CollegeClasses))}.");
                }

                if (!rows.TryAdd(target, subsidy)) row.Fault("applies_to", $"'{target}' has a row in {year} already.");
            }

            row.Close();
        }

        foreach (County county in counties.Values.Where(county => county.InsidePooling))
        {
            if (!rows.ContainsKey(county.Code) && !rows.ContainsKey(county.FiscalClass!))
                entry.Fault($"{county.Name} ({county.Code}, {county.FiscalClass}) has no row in {year}.");
        }

        entry.Close();
        return new(year, total, rows.ToImmutable(), null);
    }

    private static Subsidy ReadRow(PolicyNode row, Unit unit, long totalFen)
    {
        long? central = row.OptionalAmount("central", unit);
        long? province = row.OptionalAmount("province", unit);
        long? city = row.OptionalAmount("city", unit);
        long? county = row.OptionalAmount("county", unit);
        string? remainder = row.OptionalText("remainder");
        string? notInHand = row.OptionalText("not_in_hand");
        long sumFen = (central ?? 0) + (province ?? 0) + (city ?? 0) + (county ?? 0);
        if (notInHand is not null)
        {
            if (sumFen != 0) row.Fault("a row that is not in hand cannot state amounts.");
        }
        else if (remainder is null ? sumFen != totalFen : sumFen >= totalFen)
        {
            row.Fault(remainder is null
                ? $"the parts sum to {Show.Yuan(sumFen)}, not to the stated total of {Show.Yuan(totalFen)}."
                : $"the parts sum to {Show.Yuan(sumFen)}, which leaves no remainder of the stated total of {Show.Yuan(totalFen)}.");
        }

        return new(central, province, city, county, remainder, notInHand, row.Source(), row.Ruling());
    }
}
