using System.Collections.Immutable;

namespace Claims.Policy.Loading;

/// <summary>The benefits of a file, with what they share.</summary>
internal sealed class BenefitsReader
{
    public static readonly string[] VisitTypes = ["ORDINARY", "PRENATAL_CHECK", "DELIVERY_NATURAL", "DELIVERY_CAESAREAN"];
    private static readonly (string Word, Period Period)[] Periods =
        [("visit", Period.Visit), ("day", Period.Day), ("month", Period.Month), ("quarter", Period.Quarter), ("year", Period.Year)];

    private const int MostEdges = 20;

    /// <summary>A record of a settlement has room for no more.</summary>
    private const int MostLimits = 16;
    private readonly Timeline time;
    private readonly ImmutableArray<string> facilityClasses;
    private readonly ImmutableArray<string> personClasses;
    private readonly List<DatedBenefit> benefits = [];

    private BenefitsReader(Timeline time, ImmutableArray<string> facilityClasses, ImmutableArray<string> personClasses)
    {
        this.time = time;
        this.facilityClasses = facilityClasses;
        this.personClasses = personClasses;
    }

    /// <param name="node">Null where the file has no benefits, which is noted where it must.</param>
    public static List<DatedBenefit> Read(
        PolicyNode? node, Timeline time, ImmutableArray<FacilityClass> facilityClasses, ImmutableArray<PersonClass> personClasses)
    {
        BenefitsReader reader = new(
            time, [.. facilityClasses.Select(one => one.Name)], [.. personClasses.Select(one => one.Name)]);
        if (node is null) return reader.benefits;
        foreach (string name in OutpatientClasses.Names(node))
        {
            if (node.Child(name) is { } entry) reader.Begin(name, entry);
        }

        // What is shared needs the visit types of all, so they come first.
        reader.CheckVisitTypes();
        foreach (DatedBenefit benefit in reader.benefits) reader.ReadRest(benefit);
        foreach (DatedBenefit benefit in reader.benefits)
        {
            int limits = LimitsOf(benefit);
            if (limits <= MostLimits) continue;
            benefit.Node.Fault("caps", $"a visit can meet {MostLimits} limits; with deductible, bands and annual cap these are {limits}.");
        }

        return reader.benefits;
    }

    // Every answer names an annual cap, if not this benefit's then another's.
    private static int LimitsOf(DatedBenefit benefit) => benefit.Caps.Count + 1 + (benefit.Bands is null ? 0 : 1)
        + (benefit.Deductible is null ? 0 : benefit.Deductible.AtMost is null ? 1 : 2);

    private void Begin(string name, PolicyNode node)
    {
        OutOfReach.Refuse(node);
        DatedBenefit benefit = new(name, node.Text("label"), node);
        PolicyNode? types = time.Complete ? node.Child("visit_types") : node.OptionalChild("visit_types");
        if (types is not null)
        {
            foreach (string type in types.Keys())
            {
                if (!VisitTypes.Contains(type, StringComparer.Ordinal))
                    types.Fault(type, $"'{type}' is no visit type; known: {string.Join(", ", VisitTypes)}.");
                else benefit.VisitTypes[type] = time.Note(Dated.ByDay(types.List(type), entry => Mark(entry.Source(), entry.Ruling())));
            }

            if (benefit.VisitTypes.Count == 0 && time.Complete) types.Fault("a benefit covers at least one visit type.");
        }

        benefits.Add(benefit);
    }

    private void CheckVisitTypes()
    {
        foreach (DatedBenefit benefit in benefits)
        {
            foreach ((string type, List<Dated<string>> covered) in benefit.VisitTypes)
            {
                foreach (DatedBenefit earlier in benefits.TakeWhile(other => other != benefit))
                {
                    List<Dated<string>> before = earlier.VisitTypes.GetValueOrDefault(type, []);
                    if (covered.Find(value => before.Exists(other => Meet(value, other))) is { } twice)
                        twice.Node.Fault($"{type} belongs to '{earlier.Name}' at that time already.");
                }
            }
        }

        static bool Meet(Dated<string> one, Dated<string> other) =>
            (one.To is null || other.From <= one.To) && (other.To is null || one.From <= other.To);
    }

    private void ReadRest(DatedBenefit benefit)
    {
        PolicyNode node = benefit.Node;
        if (node.Has("fixed_sum"))
        {
            foreach (string key in (string[])["entry_at_least", "deductible", "rate", "bands"])
            {
                if (node.Has(key)) node.Fault(key, $"a benefit of fixed sums has no {key}.");
            }

            if (node.Child("fixed_sum") is { } fixedSum) benefit.FixedSum = ReadFixedSum(fixedSum, benefit);
        }
        else
        {
            if (node.OptionalChild("bands") is { } bands) benefit.Bands = ReadBands(bands, benefit);
            if (node.OptionalChild("entry_at_least") is { } entry) benefit.EntryAtLeastFen = ReadEntry(entry, benefit);
            if (node.OptionalChild("deductible") is { } deductible) ReadDeductible(deductible, benefit);
            if ((time.Complete ? node.Child("rate") : node.OptionalChild("rate")) is { } rate)
            {
                Combinations all = Of([benefit]) with { Bands = benefit.Bands?.Edges ?? [] };
                benefit.RateBasisPoints = Table(rate, Quantity.Share, all, $"{benefit.Name}.rate", [benefit]);
                rate.Close();
            }
        }

        if (node.OptionalChild("caps") is { } caps)
        {
            foreach (string name in OutpatientClasses.Names(caps))
            {
                if (caps.Child(name) is { } cap) ReadCap(cap, name, benefit);
            }
        }

        node.Close();
    }

    private DatedBands ReadBands(PolicyNode node, DatedBenefit benefit)
    {
        Period per = Per(node);
        Unit unit = node.Unit(Quantity.Money);
        List<Dated<Cited<ImmutableArray<long>>>> edges = Dated.ByDay(
            node.List("values"),
            entry =>
            {
                ImmutableArray<long> fen = [.. entry.Amounts("edges", unit)];
                if (fen.Zip(fen.Skip(1)).Any(pair => pair.First >= pair.Second) || fen.Any(edge => edge == 0))
                    entry.Fault("edges", "the edges must ascend, from above 0.");
                if (fen.Length > MostEdges) entry.Fault("edges", $"more than {MostEdges} edges are not taken.");
                return new Cited<ImmutableArray<long>>(fen, entry.Source(), entry.Ruling());
            });
        node.Close();
        return new(per, time.Require(edges, $"{benefit.Name}.bands", Covered([benefit])));
    }

    private List<Dated<Cited<long>>> ReadEntry(PolicyNode node, DatedBenefit benefit)
    {
        Unit unit = node.Unit(Quantity.Money);
        List<Dated<Cited<long>>> values = Dated.ByDay(node.List("values"), entry => entry.CitedAmount(unit));
        node.Close();
        return time.Require(values, $"{benefit.Name}.entry_at_least", Covered([benefit]));
    }

    private DatedFixedSum ReadFixedSum(PolicyNode node, DatedBenefit benefit)
    {
        List<Dated<ValueTable?>> fen = Table(node, Quantity.Money, Of([benefit]), $"{benefit.Name}.fixed_sum", [benefit], mayBeNone: false);
        List<Dated<Cited<int>>> notAgain = [];
        if (node.OptionalChild("not_again_within") is { } within)
        {
            Unit unit = within.Unit(Quantity.Days);
            if (within.Has("values"))
            {
                notAgain = time.Note(Dated.ByDay(within.List("values"), entry => entry.CitedWhole(unit)));
            }
            else
            {
                // A ruling may be all that there is: the notices say nothing of a second sum.
                string? ruling = within.Ruling();
                Cited<int> days = new(
                    (int)within.Amount("value", unit), within.Has("source") || ruling is null ? within.Source() : "", ruling);
                notAgain = [new(DateOnly.MinValue, null, days, within)];
            }

            within.Close();
        }

        node.Close();
        return new(fen, notAgain);
    }

    private void ReadDeductible(PolicyNode node, DatedBenefit benefit)
    {
        OutOfReach.Refuse(node);
        IReadOnlyList<DatedBenefit> sharing = SharedBy(node, benefit, other => other.Node.OptionalChild("deductible"));
        Period per = Per(node);
        bool atFacility = per != Period.Visit || node.Has("at")
            ? !OutOfReach.RefuseFamily(node, "at") && node.OneOf("at", "facility", "anywhere") == "facility"
            : false;
        bool afterRate = node.Has("order") && node.OneOf("order", "before_rate", "after_rate") == "after_rate";
        bool reverseOrder = !node.Has("undo") || node.OneOf("undo", "reverse_order", "free") == "reverse_order";
        List<Dated<ValueTable?>> fen = Table(node, Quantity.Money, Of(sharing), $"{benefit.Name}.deductible", sharing);
        DatedAtMost? atMost = null;
        if (node.OptionalChild("at_most") is { } most)
        {
            Period longer = Per(most);
            if (longer < per || longer == Period.Visit)
                most.Fault("per", "the period must be no shorter than the deductible's, and longer than a visit.");
            atMost = new(longer, Table(most, Quantity.Money, Of(sharing), $"{benefit.Name}.deductible.at_most", sharing));
            most.Close();
        }

        node.Close();
        foreach (DatedBenefit other in sharing)
        {
            if (other.Node.Has("fixed_sum") && other != benefit)
                node.Fault("shared_by", $"'{other.Name}' is a benefit of fixed sums, which has no deductible.");
            other.Deductible ??= new(Group(sharing), per, atFacility, afterRate, reverseOrder, fen, atMost);
        }
    }

    private void ReadCap(PolicyNode node, string name, DatedBenefit benefit)
    {
        OutOfReach.Refuse(node);
        IReadOnlyList<DatedBenefit> sharing = SharedBy(
            node, benefit, other => other.Node.OptionalChild("caps") is { } caps && caps.HoldsKeys(name) ? caps.Child(name) : null);
        Measure of = node.OneOf("of", "fund_pay", "cost", "count") switch
        {
            "cost" => Measure.Cost,
            "count" => Measure.Count,
            _ => Measure.FundPay,
        };
        Period per = Per(node);
        ImmutableSortedSet<string> facilities = [];
        ImmutableSortedSet<string> persons = [];
        if (node.OptionalChild("when") is { } when)
        {
            facilities = ClassesOf(when, "facility_class", facilityClasses);
            persons = ClassesOf(when, "person_class", personClasses);
            when.Close();
        }

        Combinations all = Of(sharing) with { OnlyFacilityClasses = facilities, OnlyPersonClasses = persons };
        List<Dated<ValueTable?>> limit = Table(
            node, of == Measure.Count ? Quantity.Visits : Quantity.Money, all, $"{benefit.Name}.caps.{name}", sharing);
        node.Close();
        foreach (DatedBenefit other in sharing.Where(other => !other.Caps.Exists(cap => cap.Name == name)))
            other.Caps.Add(new(name, $"{Group(sharing)}.{name}", of, per, facilities, persons, limit));
    }

    private static ImmutableSortedSet<string> ClassesOf(PolicyNode when, string key, ImmutableArray<string> known)
    {
        if (!when.Has(key)) return [];
        IReadOnlyList<string> names = when.Words(key);
        foreach (string name in names.Where(name => !known.Contains(name)))
            when.Fault(key, $"'{name}' is no {key} here; known: {string.Join(", ", known)}.");
        return names.ToImmutableSortedSet(StringComparer.Ordinal);
    }

    // In the order of the file, the benefit itself among them.
    private IReadOnlyList<DatedBenefit> SharedBy(PolicyNode node, DatedBenefit benefit, Func<DatedBenefit, PolicyNode?> sameOf)
    {
        if (!node.Has("shared_by")) return [benefit];
        if (node.Is("shared_by", OutOfReach.Inpatient))
        {
            OutOfReach.RefuseInpatient(node, "shared_by");
            return [benefit];
        }

        IReadOnlyList<string> names = node.Words("shared_by");
        if (names.Contains(OutOfReach.Inpatient, StringComparer.Ordinal)) OutOfReach.RefuseInpatient(node, "shared_by");
        foreach (string name in names.Where(name => name != OutOfReach.Inpatient && !benefits.Exists(other => other.Name == name)))
        {
            node.Fault(
                "shared_by", $"'{name}' in 'shared_by' is no benefit; known: {string.Join(", ", benefits.Select(one => one.Name))}.");
        }

        if (names.Count > 0 && !names.Contains(benefit.Name, StringComparer.Ordinal))
            node.Fault("shared_by", $"'shared_by' leaves out '{benefit.Name}', under which it stands.");
        List<DatedBenefit> sharing = benefits.FindAll(other => other == benefit || names.Contains(other.Name, StringComparer.Ordinal));
        foreach (DatedBenefit other in sharing.Where(other => other != benefit))
        {
            if (sameOf(other) is { } same && !same.SaysTheSameAs(node))
                same.Fault($"'{benefit.Name}' shares one with '{other.Name}' under this name, and this one says something else.");
        }

        return sharing;
    }

    private static string Group(IReadOnlyList<DatedBenefit> sharing) => string.Join('+', sharing.Select(benefit => benefit.Name));

    private static Period Per(PolicyNode node)
    {
        if (OutOfReach.RefuseFamily(node, "per")) return Period.Year;
        string word = node.OneOf("per", [.. Periods.Select(period => period.Word)]);
        return Array.Find(Periods, period => period.Word == word).Period;
    }

    private List<Dated<ValueTable?>> Table(
        PolicyNode node, Quantity quantity, Combinations all, string name, IReadOnlyList<DatedBenefit> sharing, bool? mayBeNone = null) =>
        time.Require(ValueRows.Read(node, quantity, all, mayBeNone ?? quantity != Quantity.Share), name, Covered(sharing));

    private Combinations Of(IReadOnlyList<DatedBenefit> sharing) => new(
        facilityClasses,
        personClasses,
        sharing.SelectMany(benefit => benefit.VisitTypes).GroupBy(type => type.Key, StringComparer.Ordinal)
            .ToDictionary(type => type.Key, type => type.SelectMany(spans => spans.Value).ToList(), StringComparer.Ordinal),
        [],
        [],
        []);

    private static IEnumerable<Dated<string>> Covered(IEnumerable<DatedBenefit> sharing) =>
        sharing.SelectMany(benefit => benefit.VisitTypes.Values).SelectMany(spans => spans);

    private static string Mark(string source, string? ruling) => ruling is null ? source : $"{source} (ruling {ruling})";
}
