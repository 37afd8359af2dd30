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
/// <param name="City">The city's value as a person reads it; where it cannot be compared, why.</param>
/// <param name="Province">What the province asks, as a person reads it.</param>
/// <param name="Holds">Null where the two cannot be compared.</param>
public sealed record FloorCheck(string What, string City, string Province, bool? Holds, string Source);

public static class FloorRules
{
    private static readonly string[] CityAndAbove = ["province", "city"];
    private static readonly string[] County = ["county"];
    private static readonly string[] Grassroots = ["township", "community", "village"];

    /// <summary>Compares every period of the city's pack with the floors in force by then. Empty where the province's are not
    /// known.</summary>
    public static ImmutableArray<FloorCheck> CheckAgainstFloors(this PolicyPack pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        if (pack.Floors is not { } floors) return [];
        return
        [
            .. pack.Outpatient.Where(policy => policy.To is null || policy.To >= floors.From)
                .SelectMany(policy => CheckRates(policy, floors).Concat(CheckDeductibles(policy, floors))
                    .Concat(CheckFixedSums(policy, floors))),
        ];
    }

    // A class that holds facilities of several levels must keep the highest of their floors.
    private static IEnumerable<FloorCheck> CheckRates(OutpatientPolicy policy, ProvincialFloors floors)
    {
        foreach (FacilityClass facility in policy.FacilityClasses)
        {
            (string[] Levels, Cited<int> Floor)[] asked =
            [
                .. new[]
                {
                    (CityAndAbove, floors.CityRateBasisPoints), (County, floors.CountyRateBasisPoints),
                    (Grassroots, floors.GrassrootsRateBasisPoints),
                }.Where(one => Gets(policy, facility, one.Item1)),
            ];
            if (asked.Length == 0) continue;
            Cited<int> floor = asked.MaxBy(one => one.Floor.Value).Floor;
            string what = $"{policy.PolicyId} {facility.Label}支付比例";
            string province = $"不低于{Show.Percent(floor.Value)}";
            if (policy.BenefitFor("ORDINARY") is { RateBasisPoints: { } rates })
            {
                int least = (int)Of(rates, facility).Min();
                yield return new(what, Show.Percent(least), province, least >= floor.Value, floor.Source);
            }
            else yield return new(what, "普通门诊不按比例支付，无法比较", province, null, floor.Source);
        }
    }

    private static IEnumerable<FloorCheck> CheckDeductibles(OutpatientPolicy policy, ProvincialFloors floors)
    {
        foreach (FacilityClass facility in policy.FacilityClasses)
        {
            if (Gets(policy, facility, [.. CityAndAbove, .. County])) yield return Check(facility, floors.DeductibleFen);
            if (Gets(policy, facility, Grassroots)) yield return Check(facility, floors.GrassrootsDeductibleFen);
        }

        FloorCheck Check(FacilityClass facility, Cited<long> about)
        {
            string what = $"{policy.PolicyId} {facility.Label}起付标准";
            string asked = about.Value == 0 ? "不设" : $"{Show.Yuan(about.Value)}左右";
            if (policy.BenefitFor("ORDINARY") is not { FixedSum: null } ordinary)
                return new(what, "普通门诊不按比例支付，无法比较", asked, null, about.Source);
            Deductible? deductible = ordinary.Deductible;
            long[] fen = deductible is null ? [0] : [.. Of(deductible.Fen, facility)];
            if (Array.Exists(fen, one => one > 0)
                && deductible is not { Per: Period.Day, AtFacility: true, AfterRate: false, AtMost: null })
            {
                return new(
                    what, $"{Words.NameOf(deductible!)}，与省里每日每机构的起付标准口径不同，无法比较", asked, null, about.Source);
            }

            long reachFen = about.Value * floors.DeductibleToleranceBasisPoints.Value / 10_000;
            long furthest = fen.MaxBy(one => Math.Abs(one - about.Value));
            return new(what, Show.Yuan(furthest), asked, Math.Abs(furthest - about.Value) <= reachFen, about.Source);
        }
    }

    private static IEnumerable<FloorCheck> CheckFixedSums(OutpatientPolicy policy, ProvincialFloors floors)
    {
        foreach ((string visitType, Cited<long> floor) in floors.AllowanceFen)
        {
            string what = $"{policy.PolicyId} {visitType}";
            string asked = $"不低于{Show.Yuan(floor.Value)}";
            yield return policy.BenefitFor(visitType) switch
            {
                null => new(what, "无", asked, false, floor.Source),
                { FixedSum: { } sum } => Sum(sum.Fen.Rows.Where(row => row.Key.VisitType == visitType).Min(row => row.Value.Value)),
                _ => new(what, "按比例支付，没有定额，无法比较", asked, null, floor.Source),
            };

            FloorCheck Sum(long fen) => new(what, Show.Yuan(fen), asked, fen >= floor.Value, floor.Source);
        }
    }

    private static IEnumerable<long> Of(ValueTable table, FacilityClass facility) => table.Rows
        .Where(row => row.Key.FacilityClass == facility.Name && row.Key.VisitType == "ORDINARY").Select(row => row.Value.Value);

    // Whether some facility of the levels counts as the class, whatever its grade.
    private static bool Gets(OutpatientPolicy policy, FacilityClass facility, string[] levels) =>
        levels.Any(level => policy.FacilityClasses.SelectMany(one => one.Grades).Append("")
            .Any(grade => policy.FacilityClassOf(level, grade) == facility));
}

/// <summary>Amounts and shares as a Chinese reader expects them.</summary>
public static class Show
{
    /// <summary>4000 → <c>40元</c>, 9280 → <c>92.8元</c>.</summary>
    public static string Yuan(long fen) => (fen / 100m).ToString("0.##", CultureInfo.InvariantCulture) + "元";

    /// <summary>5500 → <c>55%</c>.</summary>
    public static string Percent(int basisPoints) => (basisPoints / 100m).ToString("0.##", CultureInfo.InvariantCulture) + "%";
}
