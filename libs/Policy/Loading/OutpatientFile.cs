using System.Collections.Immutable;

namespace Claims.Policy.Loading;

/// <summary>Cuts the dated parameters of outpatient pooling into periods within which none changes.</summary>
internal static class OutpatientFile
{
    public static readonly string[] FixedVisitTypes = ["DELIVERY_CAESAREAN", "DELIVERY_NATURAL"];
    private static readonly string[] PooledVisitTypes = ["ORDINARY", "PRENATAL_CHECK"];

    public sealed record Content(ImmutableArray<OutpatientPolicy> Periods, string? Incomplete, string? ProvincialFloors);

    public static Content Read(PolicyNode file, string city)
    {
        string? floors = file.OptionalText("provincial_floors");
        string? incomplete = file.OptionalText("incomplete");
        if (incomplete is not null)
        {
            // The known part is still held to its form and citation, but no period is built from it.
            if (file.OptionalChild("annual_cap") is { } part) Dated.Amounts(part, Quantity.Money);
            file.Close();
            return new([], incomplete, floors);
        }

        DateOnly from = file.Date("in_force_from");
        DateOnly? to = file.OptionalDate("in_force_to");
        List<DateOnly> changes = [from];

        List<Dated<Cited<long>>> cap = Required(file.Child("annual_cap"), Quantity.Money, "annual_cap");
        PolicyNode? tiers = file.Child("tiers");
        Tier province3A = ReadTier("province_3a");
        Tier other = ReadTier("other");
        Tier grassroots = ReadTier("grassroots");
        tiers?.Close();
        Dictionary<string, List<Dated<string>>> pooled = ReadPooledVisitTypes();
        Dictionary<string, List<Dated<Cited<long>>>> allowances = ReadAllowances();
        List<Dated<Cited<long>>> notAgain = file.OptionalChild("allowance_not_again_within") is { } days
            ? NoteChanges(Dated.Amounts(days, Quantity.Days))
            : [];
        file.Close();
        return new(Periods(), null, floors);

        Tier ReadTier(string name)
        {
            PolicyNode? tier = tiers?.Child(name);
            Tier read = new(Required(tier?.Child("rate"), Quantity.Share, $"{name} rate"),
                Required(tier?.Child("deductible"), Quantity.Money, $"{name} deductible"));
            tier?.Close();
            return read;
        }

        Dictionary<string, List<Dated<string>>> ReadPooledVisitTypes()
        {
            Dictionary<string, List<Dated<string>>> types = new(StringComparer.Ordinal);
            if (file.Child("pooled_visit_types") is not { } node) return types;
            foreach (string type in KnownKeys(node, PooledVisitTypes))
                types[type] = NoteChanges(Dated.ByDay(node.List(type), entry => Mark(entry.Source(), entry.Ruling())));
            return types;
        }

        Dictionary<string, List<Dated<Cited<long>>>> ReadAllowances()
        {
            Dictionary<string, List<Dated<Cited<long>>>> types = new(StringComparer.Ordinal);
            if (file.Child("fixed_allowances") is not { } node) return types;
            foreach (string type in KnownKeys(node, FixedVisitTypes))
            {
                if (node.Child(type) is { } allowance) types[type] = NoteChanges(Dated.Amounts(allowance, Quantity.Money));
            }

            return types;
        }

        List<Dated<Cited<long>>> Required(PolicyNode? node, Quantity quantity, string name)
        {
            if (node is null) return [];
            List<Dated<Cited<long>>> values = NoteChanges(Dated.Amounts(node, quantity));
            if (values.Count == 0) return values;
            if (values[0].From > from)
                values[0].Node.Fault($"leaves a gap: {name} has no value from {from.Iso()}, where this file begins, "
                + $"to {values[0].From.AddDays(-1).Iso()}.");
            if (values[^1].To is { } end && (to is null || end < to))
                values[^1].Node.Fault($"leaves a gap: {name} has no value after {end.Iso()}, while this file goes on.");
            return values;
        }

        List<Dated<T>> NoteChanges<T>(List<Dated<T>> values)
        {
            foreach (Dated<T> value in values)
            {
                changes.Add(value.From);
                if (value.To is { } end) changes.Add(end.AddDays(1));
            }

            return values;
        }

        ImmutableArray<OutpatientPolicy> Periods()
        {
            DateOnly[] starts = [.. changes.Where(day => day >= from && (to is null || day <= to)).Distinct().Order()];
            ImmutableArray<OutpatientPolicy>.Builder periods = ImmutableArray.CreateBuilder<OutpatientPolicy>(starts.Length);
            for (int index = 0; index < starts.Length; index++)
            {
                DateOnly start = starts[index];
                periods.Add(new()
                {
                    PolicyId = $"{city}-outpatient@{start.Iso()}",
                    From = start,
                    To = index + 1 < starts.Length ? starts[index + 1].AddDays(-1) : to,
                    AnnualCapFen = On(cap, start),
                    Province3A = province3A.On(start),
                    Other = other.On(start),
                    Grassroots = grassroots.On(start),
                    PooledVisitTypes = InForce(pooled, start),
                    FixedAllowanceFen = InForce(allowances, start),
                    AllowanceNotAgainWithinDays = notAgain.Find(value => value.Holds(start)) is { Value: var within }
                        ? new((int)within.Value, within.Source, within.Ruling)
                        : null,
                });
            }

            return periods.MoveToImmutable();
        }
    }

    // A visit type may be absent: it is not covered then.
    private static List<string> KnownKeys(PolicyNode node, string[] known)
    {
        List<string> present = [.. known.Where(node.Has)];
        node.Close();
        return present;
    }

    private static string Mark(string source, string? ruling) => ruling is null ? source : $"{source} (ruling {ruling})";

    private static ImmutableDictionary<string, T> InForce<T>(Dictionary<string, List<Dated<T>>> types, DateOnly day) =>
        types.Where(type => type.Value.Exists(value => value.Holds(day)))
            .ToImmutableDictionary(type => type.Key, type => On(type.Value, day), StringComparer.Ordinal);

    // The default stands only where a gap has been noted, and then nothing is built.
    private static T On<T>(List<Dated<T>> values, DateOnly day) =>
        values.Find(value => value.Holds(day)) is { } found ? found.Value : default!;

    private sealed record Tier(List<Dated<Cited<long>>> Rate, List<Dated<Cited<long>>> Deductible)
    {
        public TierTerms On(DateOnly day)
        {
            Cited<long> rate = OutpatientFile.On(Rate, day);
            return new(new((int)rate.Value, rate.Source, rate.Ruling), OutpatientFile.On(Deductible, day));
        }
    }
}
