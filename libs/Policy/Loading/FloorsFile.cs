using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class FloorsFile
{
    private static readonly string[] FixedVisitTypes = ["DELIVERY_CAESAREAN", "DELIVERY_NATURAL"];

    public static ProvincialFloors Read(PolicyNode file, string province)
    {
        PolicyNode? rates = file.Child("rate_at_least");
        Unit? share = rates?.Unit(Quantity.Share);
        PolicyNode? deductibles = file.Child("deductible_about");
        Unit? money = deductibles?.Unit(Quantity.Money);
        ProvincialFloors floors = new()
        {
            Province = province,
            From = file.Date("from"),
            CityRateBasisPoints = Whole(rates, "city_and_above", share),
            CountyRateBasisPoints = Whole(rates, "county", share),
            GrassrootsRateBasisPoints = Whole(rates, "grassroots", share),
            DeductibleFen = Amount(deductibles, "county_and_above", money),
            GrassrootsDeductibleFen = Amount(deductibles, "grassroots", money),
            DeductibleToleranceBasisPoints = Whole(deductibles, "tolerance", unit: null),
            AllowanceFen = ReadAllowances(file),
        };
        rates?.Close();
        deductibles?.Close();
        file.Ruling();
        file.Close();
        return floors;
    }

    private static ImmutableSortedDictionary<string, Cited<long>> ReadAllowances(PolicyNode file)
    {
        ImmutableSortedDictionary<string, Cited<long>>.Builder allowances =
            ImmutableSortedDictionary.CreateBuilder<string, Cited<long>>(StringComparer.Ordinal);
        if (file.Child("allowance_at_least") is not { } node) return allowances.ToImmutable();
        Unit unit = node.Unit(Quantity.Money);
        foreach (string visitType in FixedVisitTypes) allowances[visitType] = Amount(node, visitType, unit);
        node.Close();
        return allowances.ToImmutable();
    }

    private static Cited<int> Whole(PolicyNode? parent, string key, Unit? unit)
    {
        if (parent?.Child(key) is not { } node) return default;
        Cited<int> value = node.CitedWhole(unit ?? node.Unit(Quantity.Share));
        node.Close();
        return value;
    }

    private static Cited<long> Amount(PolicyNode? parent, string key, Unit? unit)
    {
        if (unit is null || parent?.Child(key) is not { } node) return default;
        Cited<long> value = node.CitedAmount(unit);
        node.Close();
        return value;
    }
}
