using System.Collections.Immutable;

namespace Claims.Policy;

/// <summary>What a person pays for a plan year, what is paid for them, and by whom.</summary>
public sealed record Contributions
{
    public static Contributions None { get; } = new()
    {
        Standards = ImmutableSortedDictionary<int, Known<long>>.Empty,
        OtherStandards = ImmutableDictionary<(int, string), Known<long>>.Empty,
        AidShares = ImmutableDictionary<string, ImmutableArray<YearSpan<Known<int>>>>.Empty,
        AidPayers = ImmutableDictionary<string, ImmutableArray<YearSpan<AidPayers>>>.Empty,
    };

    /// <summary>The individual contribution in fen, by plan year.</summary>
    public required ImmutableSortedDictionary<int, Known<long>> Standards { get; init; }

    /// <summary>The same of categories that another notice of the year sets apart, by plan year and category.</summary>
    public required ImmutableDictionary<(int PlanYear, string Category), Known<long>> OtherStandards { get; init; }

    /// <summary>The share of the contribution that is paid for a category, in basis points.</summary>
    public required ImmutableDictionary<string, ImmutableArray<YearSpan<Known<int>>>> AidShares { get; init; }

    /// <summary>Who bears the aid, by fiscal class of the county.</summary>
    public required ImmutableDictionary<string, ImmutableArray<YearSpan<AidPayers>>> AidPayers { get; init; }
}

/// <summary>A value, or the Chinese sentence that says why it is not known.</summary>
public sealed record Known<T>(Cited<T>? Cited, string? NotInHand);

/// <summary>A value for the plan years from the first to the last, both included; open where the last is null.</summary>
public sealed record YearSpan<T>(int FromPlanYear, int? ToPlanYear, T Value);

/// <summary>How the city and the county or district share aid, in basis points that sum to 10 000.</summary>
public sealed record AidPayers(int CityBasisPoints, int CountyBasisPoints, string Source, string? Ruling);

/// <summary>One person's contribution for one plan year, in fen: standard = self + aid, and aid = city aid + county aid.</summary>
/// <param name="CountyCode">Empty where the city's counties are not in hand.</param>
/// <param name="CityAidFen">Null where it is not known who bears the aid.</param>
/// <param name="CountyAidFen">Null where it is not known who bears the aid.</param>
/// <param name="PayersNotInHand">Why that is not known, in Chinese, or null.</param>
public sealed record ContributionQuote(int PlanYear, string Category, string CountyCode, long StandardFen, long SelfFen, long? CityAidFen,
    long? CountyAidFen, string? PayersNotInHand, ImmutableArray<string> Sources)
{
    /// <summary>The standard is not everybody's.</summary>
    public bool SetApart { get; init; }

    public long AidFen => StandardFen - SelfFen;
}

public static class ContributionRules
{
    private const int Whole = 10_000;

    /// <summary>The contribution of one person of the category, enrolled in the county, for the plan year.</summary>
    /// <param name="countyCode">Not asked for where the city's counties are not in hand.</param>
    /// <param name="atCollege">A full-time student of a college, who pays what students pay whatever his category.</param>
    /// <exception cref="PolicyException">The documents for this year, category or county are missing; the message says which.</exception>
    public static ContributionQuote QuoteContribution(this PolicyPack pack, int planYear, string category, string countyCode,
        bool atCollege = false)
    {
        ArgumentNullException.ThrowIfNull(pack);
        CoverageRules coverage = pack.CoverageFor(planYear) ?? pack.Coverage;
        if (!coverage.ExemptCategories.ContainsKey(category) && !coverage.OtherCategories.Contains(category))
        {
            throw new PolicyException($"There is no category '{category}': use one of {string.Join(", ", coverage.ExemptCategories.Keys.Concat(coverage.OtherCategories).Order(StringComparer.Ordinal))}.");
        }

        string standardOf = atCollege ? "student" : category;
        Known<long>? other = pack.Contributions.OtherStandards.GetValueOrDefault((planYear, standardOf));
        Cited<long> standard = Require(other ?? pack.Contributions.Standards.GetValueOrDefault(planYear),
            $"The contribution for plan year {planYear}{(other is null ? "" : $" of category '{standardOf}'")} is not in hand "
                + $"for {pack.City}");
        ImmutableArray<string>.Builder sources = ImmutableArray.CreateBuilder<string>();
        sources.Add(standard.Source);
        long aidFen = 0;
        if (pack.Contributions.AidShares.TryGetValue(category, out ImmutableArray<YearSpan<Known<int>>> shares))
        {
            Known<int>? known = shares.In(planYear);
            // A newborn's aid began with one notice and was not there before; a hardship category's earlier aid is merely unknown.
            bool beganLater = known is null && !coverage.ExemptCategories.ContainsKey(category);
            if (!beganLater)
            {
                Cited<int> share = Require(known,
                    $"The aid for category '{category}' in plan year {planYear} is not in hand for {pack.City}");
                aidFen = standard.Value * share.Value / Whole;
                sources.Add(share.Source);
            }
        }

        if (pack.PoolingArea is null && countyCode.Length == 0)
        {
            string? unknown = aidFen > 0 ? "资助由哪级财政负担、各负担多少的文件不在手" : null;
            return new(planYear, category, "", standard.Value, standard.Value - aidFen, unknown is null ? 0 : null,
                unknown is null ? 0 : null, unknown, sources.Distinct(StringComparer.Ordinal).ToImmutableArray())
            {
                SetApart = other is not null,
            };
        }

        County county = pack.RequireCounty(countyCode);
        long cityAidFen = 0;
        if (aidFen > 0)
        {
            AidPayers payers = pack.Contributions.AidPayers.TryGetValue(county.FiscalClass!, out ImmutableArray<YearSpan<AidPayers>> spans)
                && spans.In(planYear) is { } found
                ? found
                : throw new PolicyException($"Who bears the aid in {county.Name} ({county.Code}) for plan year {planYear} is not in hand.");
            cityAidFen = aidFen * payers.CityBasisPoints / Whole;
            sources.Add(payers.Source);
        }

        return new(planYear, category, countyCode, standard.Value, standard.Value - aidFen, cityAidFen, aidFen - cityAidFen, null,
            sources.Distinct(StringComparer.Ordinal).ToImmutableArray())
        {
            SetApart = other is not null,
        };
    }

    /// <summary>The pooling area, whose code stands for the whole city.</summary>
    /// <exception cref="PolicyException">The city has no counties file; the message names it.</exception>
    public static PoolingArea RequirePoolingArea(this PolicyPack pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        return pack.PoolingArea ?? throw new PolicyException(
            $"The pooling area of {pack.City} is not known: there is no {pack.City}-counties.yaml.");
    }

    /// <summary>The county of a code that is inside the pooling area.</summary>
    /// <exception cref="PolicyException">The code is unknown or outside the pooling area.</exception>
    public static County RequireCounty(this PolicyPack pack, string code)
    {
        ArgumentNullException.ThrowIfNull(pack);
        ArgumentNullException.ThrowIfNull(code);
        if (!pack.Counties.TryGetValue(code, out County? county))
            throw new PolicyException($"There is no county {code} in {pack.City}'s policy.");
        return county.InsidePooling
            ? county
            : throw new PolicyException($"{county.Name} ({code}) is outside the pooling area ({county.Source}).");
    }

    private static Cited<T> Require<T>(Known<T>? known, string sentence) =>
        known?.Cited ?? throw new PolicyException(known?.NotInHand is { } reason ? $"{sentence}: {reason}." : $"{sentence}.");

    private static T? In<T>(this ImmutableArray<YearSpan<T>> spans, int planYear) where T : class =>
        spans.FirstOrDefault(span => span.FromPlanYear <= planYear && (span.ToPlanYear is null || planYear <= span.ToPlanYear))?.Value;
}
