using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class CoverageFile
{
    /// <summary>The rules by plan year, ascending; only the first may leave out where it begins.</summary>
    public static ImmutableArray<CoverageRules> Read(PolicyNode file)
    {
        ImmutableArray<CoverageRules>.Builder all = ImmutableArray.CreateBuilder<CoverageRules>();
        foreach (PolicyNode entry in file.List("rules"))
        {
            CoverageRules rules = ReadRules(entry, first: all.Count == 0);
            if (all is [.., { } previous] && rules.FromPlanYear <= previous.FromPlanYear)
                entry.Fault($"begins in plan year {rules.FromPlanYear} and overlaps the entry before.");
            all.Add(rules);
        }

        file.Close();
        return all.ToImmutable();
    }

    private static CoverageRules ReadRules(PolicyNode entry, bool first)
    {
        ImmutableDictionary<string, string>.Builder exempt = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        if (entry.Child("categories_without_waiting") is { } categories)
        {
            foreach (string category in categories.Keys())
            {
                if (categories.Child(category) is not { } cited) continue;
                exempt[category] = cited.Source();
                cited.Ruling();
                cited.Close();
            }
        }

        ImmutableSortedSet<string> others = [.. entry.Words("categories_with_waiting")];
        foreach (string both in others.Intersect(exempt.Keys))
            entry.Fault("categories_with_waiting", $"category '{both}' also stands under categories_without_waiting.");

        PolicyNode? newborn = entry.Child("newborn_from_birth");
        string newbornSource = newborn?.Source() ?? "";
        newborn?.Ruling();
        newborn?.Close();

        CoverageRules rules = new()
        {
            FromPlanYear = (first ? entry.OptionalYear("from_plan_year") : entry.Year("from_plan_year")) ?? 0,
            WaitingDays = entry.Has("waiting") ? Span(entry, "waiting", Quantity.Days) : null,
            TransferMonths = Span(entry, "transfer_within", Quantity.Months),
            TransferCoveredAfterDays = Span(entry, "transfer_covered_after", Quantity.Days),
            ExemptCategories = exempt.ToImmutable(),
            OtherCategories = others,
            NewbornSource = newbornSource,
        };
        entry.Ruling();
        entry.Close();
        return rules;
    }

    private static Cited<int> Span(PolicyNode entry, string key, Quantity quantity)
    {
        if (entry.Child(key) is not { } node) return default;
        Cited<int> span = node.CitedWhole(node.Unit(quantity));
        node.Close();
        return span;
    }
}
