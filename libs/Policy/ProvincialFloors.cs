using System.Collections.Immutable;
using System.Globalization;

namespace Claims.Policy;

/// <summary>What a province asks of every city's outpatient pooling from a date on.</summary>
public sealed record ProvincialFloors
{
    public required string Province { get; init; }

    public required DateOnly From { get; init; }

    public required Cited<int> CityRateBasisPoints { get; init; }

    public required Cited<int> CountyRateBasisPoints { get; init; }

    public required Cited<int> GrassrootsRateBasisPoints { get; init; }

    /// <summary>About this much, at institutions of county level and above.</summary>
    public required Cited<long> DeductibleFen { get; init; }

    public required Cited<long> GrassrootsDeductibleFen { get; init; }

    /// <summary>How far "about" reaches, as a share of the deductible.</summary>
    public required Cited<int> DeductibleToleranceBasisPoints { get; init; }

    /// <summary>The least fixed sum in fen, by visit type.</summary>
    public required ImmutableSortedDictionary<string, Cited<long>> AllowanceFen { get; init; }
}

/// <summary>One comparison of a city's value with the province's.</summary>
/// <param name="What">The value compared, in one Chinese phrase with its period.</param>
/// <param name="City">The city's value as a person reads it.</param>
/// <param name="Province">What the province asks, as a person reads it.</param>
public sealed record FloorCheck(string What, string City, string Province, bool Holds, string Source);

public static class FloorRules
{
    /// <summary>Compares every period of the city's pack with the floors in force by then. Empty where the province's are not
    /// known.</summary>
    public static ImmutableArray<FloorCheck> CheckAgainstFloors(this PolicyPack pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        if (pack.Floors is not { } floors) return [];
        ImmutableArray<FloorCheck>.Builder checks = ImmutableArray.CreateBuilder<FloorCheck>();
        foreach (OutpatientPolicy policy in pack.Outpatient.Where(policy => policy.To is null || policy.To >= floors.From))
        {
            CheckRate("省级三级甲等支付比例", policy.Province3A, floors.CityRateBasisPoints);
            // This tier holds county hospitals too, so the higher of the two floors is what it must keep.
            CheckRate("省市县其他等级支付比例", policy.Other,
                floors.CityRateBasisPoints.Value > floors.CountyRateBasisPoints.Value
                ? floors.CityRateBasisPoints
                : floors.CountyRateBasisPoints);
            CheckRate("基层支付比例", policy.Grassroots, floors.GrassrootsRateBasisPoints);
            CheckDeductible("省级三级甲等起付标准", policy.Province3A, floors.DeductibleFen);
            CheckDeductible("省市县其他等级起付标准", policy.Other, floors.DeductibleFen);
            CheckDeductible("基层起付标准", policy.Grassroots, floors.GrassrootsDeductibleFen);
            foreach ((string visitType, Cited<long> floor) in floors.AllowanceFen)
            {
                bool known = policy.FixedAllowanceFen.TryGetValue(visitType, out Cited<long> allowance);
                checks.Add(new($"{policy.PolicyId} {visitType}", known ? Show.Yuan(allowance.Value) : "无", $"不低于{Show.Yuan(floor.Value)}",
                    known && allowance.Value >= floor.Value, floor.Source));
            }

            void CheckRate(string what, TierTerms terms, Cited<int> floor) =>
                checks.Add(new($"{policy.PolicyId} {what}", Show.Percent(terms.RateBasisPoints.Value), $"不低于{Show.Percent(floor.Value)}",
                    terms.RateBasisPoints.Value >= floor.Value, floor.Source));

            void CheckDeductible(string what, TierTerms terms, Cited<long> about)
            {
                long reachFen = about.Value * floors.DeductibleToleranceBasisPoints.Value / 10_000;
                string asked = about.Value == 0 ? "不设" : $"{Show.Yuan(about.Value)}左右";
                checks.Add(new($"{policy.PolicyId} {what}", Show.Yuan(terms.DeductibleFen.Value), asked,
                    Math.Abs(terms.DeductibleFen.Value - about.Value) <= reachFen, about.Source));
            }
        }

        return checks.ToImmutable();
    }
}

/// <summary>Amounts and shares as a Chinese reader expects them.</summary>
public static class Show
{
    /// <summary>4000 → <c>40元</c>, 9280 → <c>92.8元</c>.</summary>
    public static string Yuan(long fen) => (fen / 100m).ToString("0.##", CultureInfo.InvariantCulture) + "元";

    /// <summary>5500 → <c>55%</c>.</summary>
    public static string Percent(int basisPoints) => (basisPoints / 100m).ToString("0.##", CultureInfo.InvariantCulture) + "%";
}
