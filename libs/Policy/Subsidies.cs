using System.Collections.Immutable;

namespace Claims.Policy;

/// <summary>The fiscal subsidies per head of one calendar year.</summary>
/// <param name="TotalFen">What every row sums to; null where the year is not known.</param>
/// <param name="Rows">By fiscal class or, before it, by county code.</param>
/// <param name="NotInHand">Why the year is not known, in Chinese, or null.</param>
public sealed record SubsidyYear(int Year, Cited<long>? TotalFen, ImmutableDictionary<string, Subsidy> Rows, string? NotInHand);

/// <summary>Who pays how much per head and year, in fen; null parts are not part of the row, or are covered by
/// <paramref name="Remainder"/>.</summary>
/// <param name="Remainder">Where the rest of the total comes from by rules that are not known, in Chinese, or null where the parts sum to
/// the total.</param>
/// <param name="NotInHand">Why the row is not known, in Chinese, or null.</param>
public sealed record Subsidy(long? CentralFen, long? ProvinceFen, long? CityFen, long? CountyFen, string? Remainder, string? NotInHand,
    string Source, string? Ruling)
{
    /// <summary>What is known whose it is.</summary>
    public long KnownFen => (CentralFen ?? 0) + (ProvinceFen ?? 0) + (CityFen ?? 0) + (CountyFen ?? 0);
}

public static class SubsidyRules
{
    /// <summary>Whether the year's notice has students of colleges apart from others.</summary>
    public static bool HasCollegeSubsidies(this PolicyPack pack, int year)
    {
        ArgumentNullException.ThrowIfNull(pack);
        return pack.Subsidies.TryGetValue(year, out SubsidyYear? subsidies)
            && subsidies.Rows.Keys.Any(target => target.EndsWith("_college", StringComparison.Ordinal));
    }

    /// <summary>The subsidy per head in a year for a county (6-digit code), or for a class such as <c>city_college</c>.</summary>
    /// <exception cref="PolicyException">Year, county or class is unknown, or has no document; the message says which.</exception>
    public static Subsidy SubsidyFor(this PolicyPack pack, int year, string countyOrClass)
    {
        ArgumentNullException.ThrowIfNull(pack);
        ArgumentNullException.ThrowIfNull(countyOrClass);
        if (!pack.Subsidies.TryGetValue(year, out SubsidyYear? subsidies))
            throw new PolicyException($"The fiscal subsidy of {year} is not in hand for {pack.City}.");
        if (subsidies.NotInHand is not null)
            throw new PolicyException($"The fiscal subsidy of {year} is not in hand for {pack.City}: {subsidies.NotInHand}.");
        bool byCounty = countyOrClass.All(char.IsAsciiDigit);
        string? fiscalClass = byCounty ? pack.RequireCounty(countyOrClass).FiscalClass : countyOrClass;
        Subsidy? row = subsidies.Rows.GetValueOrDefault(countyOrClass) ?? subsidies.Rows.GetValueOrDefault(fiscalClass!);
        if (row is null)
            throw new PolicyException($"There is no fiscal subsidy for '{countyOrClass}' in {year}: use a county code or one "
            + $"of {string.Join(", ", subsidies.Rows.Keys.Order(StringComparer.Ordinal))}.");
        return row.NotInHand is null
            ? row
            : throw new PolicyException($"The fiscal subsidy of {year} for '{countyOrClass}' is not in "
            + $"hand: {row.NotInHand} ({row.Source}).");
    }
}
