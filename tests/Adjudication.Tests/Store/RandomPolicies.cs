using System.Collections.Immutable;
using System.Globalization;
using Claims.Policy;

namespace Adjudication.Tests.Store;

/// <summary>Policies over the whole format, with amounts so small that limits are met after a few visits.</summary>
internal static class RandomPolicies
{
    private static readonly string[] VisitTypes = ["ORDINARY", "PRENATAL_CHECK", "DELIVERY_NATURAL"];
    private static readonly Period[] Periods = [Period.Visit, Period.Day, Period.Month, Period.Quarter, Period.Year];

    public static readonly ImmutableArray<FacilityClass> Facilities =
    [
        new("clinic", 1, "基层", ["village"], []), new("hospital", 2, "医院", [], []),
    ];

    public static readonly ImmutableArray<PersonClass> People =
    [
        new("minor", 1, "未成年人", 18, null, []), new("adult", 2, "其他居民", null, null, []),
    ];

    public static OutpatientPolicy Of(int seed)
    {
        Random random = new(seed);
        bool shared = Chance(4);
        Benefit ordinary = new()
        {
            Name = "ordinary",
            Label = "普通门诊",
            VisitTypes = Types("ORDINARY", "PRENATAL_CHECK"),
            EntryAtLeastFen = Chance(6) ? Cited(random.Next(1, 4_000)) : null,
            Deductible = Chance(3) ? null : DeductibleOf("ordinary"),
            Bands = null,
            RateBasisPoints = null,
            Caps = [.. Enumerable.Range(0, random.Next(0, 5)).Select(number => CapOf($"cap{number}", "ordinary"))],
        };
        int bands = Chance(3) ? random.Next(1, 4) : 0;
        ordinary = ordinary with
        {
            Bands = bands == 0
                ? null
                : new Bands("ordinary", One(Periods), new Cited<ImmutableArray<long>>(
                    [.. Enumerable.Range(1, bands).Select(_ => (long)random.Next(1, 30_000)).Distinct().Order()], "段")),
        };
        ordinary =
            ordinary with { RateBasisPoints = Table(() => random.Next(0, 10_001), (ordinary.Bands?.EdgesFen.Value.Length ?? 0) + 1) };
        Cap? common = shared ? CapOf("shared", "ordinary+delivery") with { Of = Chance(2) ? Measure.FundPay : Measure.Count } : null;
        if (common is not null)
            common = common with { Limit = Table(() => common.Of == Measure.Count ? random.Next(1, 5) : random.Next(0, 30_000)) };
        Benefit delivery = new()
        {
            Name = "delivery",
            Label = "补助",
            VisitTypes = Types("DELIVERY_NATURAL"),
            FixedSum = new FixedSum(Table(() => random.Next(1, 20_000)), null),
            Caps = common is null ? [] : [common],
        };
        if (common is not null) ordinary = ordinary with { Caps = ordinary.Caps.Add(common) };
        return new OutpatientPolicy
        {
            PolicyId = string.Create(CultureInfo.InvariantCulture, $"random@{seed}"),
            From = new DateOnly(2024, 1, 1),
            To = null,
            FacilityClasses = Facilities,
            PersonClasses = People,
            Benefits = [ordinary, delivery],
            Rounding = new Rounding(One([1, 1, 10, 100]), "文", null),
        };

        Deductible DeductibleOf(string group)
        {
            Period per = One(Periods);
            Period[] longer = [.. Periods.Where(period => period > per && period != Period.Visit)];
            bool atFacility = per != Period.Visit && Chance(2);
            return new Deductible(group, per, atFacility, AfterRate: Chance(3), ReverseOrder: Chance(2),
                Table(() => Chance(4) ? 0 : random.Next(1, 6_000)),
                longer.Length > 0 && Chance(2) ? new AtMost(One(longer), Table(() => random.Next(0, 9_000))) : null);
        }

        Cap CapOf(string name, string benefit)
        {
            Measure of = One([Measure.Cost, Measure.FundPay, Measure.FundPay, Measure.Count]);
            return new Cap(name, $"{benefit}.{name}", of, of == Measure.Count ? One(Periods[1..]) : One(Periods),
                Chance(4) ? ["clinic"] : [], Chance(4) ? ["minor"] : [],
                Table(() => of == Measure.Count ? random.Next(1, 5) : random.Next(0, 30_000)));
        }

        bool Chance(int of) => random.Next(of) == 0;

        T One<T>(T[] from) => from[random.Next(from.Length)];

        ValueTable Table(Func<long> value, int bands = 1) => new((
            from facility in Facilities
            from person in People
            from type in VisitTypes
            from band in Enumerable.Range(1, bands)
            select (Key: new ValueKey(facility.Name, person.Name, type, band), Value: Cited(value())))
            .ToImmutableDictionary(row => row.Key, row => row.Value));
    }

    /// <summary>The same with one part less.</summary>
    public static IEnumerable<OutpatientPolicy> Simpler(OutpatientPolicy policy)
    {
        Benefit ordinary = policy.Benefits[0];
        if (ordinary.EntryAtLeastFen is not null) yield return With(ordinary with { EntryAtLeastFen = null });
        if (ordinary.Deductible is { AtMost: not null } deductible)
            yield return With(ordinary with { Deductible = deductible with { AtMost = null } });
        if (ordinary.Deductible is not null) yield return With(ordinary with { Deductible = null });
        if (ordinary.Bands is not null) yield return With(ordinary with { Bands = null });
        foreach (Cap cap in ordinary.Caps) yield return With(ordinary with { Caps = ordinary.Caps.Remove(cap) });
        if (policy.Rounding.UnitFen > 1) yield return policy with { Rounding = policy.Rounding with { UnitFen = 1 } };

        OutpatientPolicy With(Benefit changed) => policy with { Benefits = policy.Benefits.SetItem(0, changed) };
    }

    private static Cited<long> Cited(long value) => new(value, "文");

    private static ImmutableSortedDictionary<string, string> Types(params string[] types) =>
        types.ToImmutableSortedDictionary(type => type, _ => "文", StringComparer.Ordinal);
}
