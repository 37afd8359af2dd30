using System.Collections.Immutable;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>Chooses from a policy what holds for a visit type, a class of facilities and a class of people.</summary>
public static class TermsCompiler
{
    /// <returns>Null where the policy does not cover the visit type.</returns>
    public static Terms? Compile(
        PolicyPack pack, OutpatientPolicy policy, FacilityClass facility, PersonClass person, V1.VisitType visitType)
    {
        string type = VisitTypes.WireName(visitType);
        if (policy.BenefitFor(type) is not { } benefit) return null;
        List<LimitTerms> limits = [];
        AddCaps(Measure.Cost);
        Deductible? deductible = benefit.Deductible;
        Cited<long> deductibleFen = deductible?.Fen.For(facility, person, type) ?? default;
        if (deductible is { AfterRate: false }) AddDeductible(deductible);
        if (benefit.Bands is { } bands)
        {
            limits.Add(new LimitTerms("bands", Words.NameOf(bands), LimitKind.Bands, bands.Per, AtFacility: false, $"c{bands.Group}", 0,
                bands.EdgesFen.Source, IsAnnualCap: false));
        }

        if (deductible is { AfterRate: true }) AddDeductible(deductible);
        AddCaps(Measure.Count);
        AddCaps(Measure.FundPay);
        if (!limits.Exists(limit => limit.IsAnnualCap) && AnnualCapOf(policy) is var (of, shown))
        {
            // Another benefit's: the answer names it, and nothing of this visit counts against it.
            limits.Add(LimitOf(policy, shown, LimitKind.Shown, shown.Limit.For(facility, person, of.VisitTypes.Keys.First()),
                isAnnualCap: true));
        }

        return new Terms(
            policy.PolicyId, pack.Hash, benefit.Label, benefit.VisitTypes[type], facility.Name, facility.Label,
            policy.PersonClasses.Length > 1 ? person.Label : "",
            benefit.EntryAtLeastFen?.Value ?? 0, benefit.EntryAtLeastFen?.Source ?? "",
            benefit.FixedSum?.Fen.For(facility, person, type).Value, benefit.FixedSum?.NotAgainWithinDays?.Value ?? 0,
            PartsOf(benefit, facility, person, type), policy.Rounding.UnitFen, deductibleFen.Source ?? "", [.. limits]);

        void AddDeductible(Deductible one)
        {
            if (deductibleFen.Value == 0) return;
            long limitFen = deductibleFen.Value;
            if (one.AtMost is { } atMost)
            {
                Cited<long> most = atMost.Fen.For(facility, person, type);
                // Of one period and place both are one accumulator.
                if (atMost.Per == one.Per && !one.AtFacility) limitFen = Math.Min(limitFen, most.Value);
                else
                    limits.Add(new LimitTerms("at_most", Words.NameOf(atMost), LimitKind.AtMost, atMost.Per, AtFacility: false,
                        $"b{one.Group}", most.Value, most.Source, IsAnnualCap: false));
            }

            LimitKind kind = (one.AfterRate, one.ReverseOrder) switch
            {
                (false, true) => LimitKind.DeductibleInOrder,
                (false, false) => LimitKind.Deductible,
                (true, true) => LimitKind.DeductibleAfterInOrder,
                (true, false) => LimitKind.DeductibleAfter,
            };
            limits.Add(new LimitTerms("deductible", Words.NameOf(one), kind, one.Per, one.AtFacility, $"b{one.Group}",
                limitFen, deductibleFen.Source, IsAnnualCap: false));
        }

        void AddCaps(Measure measure)
        {
            foreach (Cap cap in benefit.Caps.Where(cap => cap.Of == measure))
            {
                if (!cap.FacilityClasses.IsEmpty && !cap.FacilityClasses.Contains(facility.Name)) continue;
                if (!cap.PersonClasses.IsEmpty && !cap.PersonClasses.Contains(person.Name)) continue;
                LimitKind kind = measure switch
                {
                    Measure.Cost => LimitKind.Cost,
                    Measure.Count => LimitKind.Count,
                    _ => LimitKind.FundPay,
                };
                bool annual = IsAnnual(cap) && !limits.Exists(limit => limit.IsAnnualCap);
                limits.Add(LimitOf(policy, cap, kind, cap.Limit.For(facility, person, type), annual));
            }
        }
    }

    /// <summary>The cap that answers and accumulators name: the first on what the fund pays in a year, for everybody.</summary>
    /// <returns>Null where the policy has none.</returns>
    public static (Benefit Benefit, Cap Cap)? AnnualCapOf(OutpatientPolicy policy)
    {
        foreach (Benefit benefit in policy.Benefits)
        {
            foreach (Cap cap in benefit.Caps)
            {
                if (IsAnnual(cap)) return (benefit, cap);
            }
        }

        return null;
    }

    /// <summary>Name of the accumulator of the cap that <see cref="AnnualCapOf"/> finds; null where the year has none.</summary>
    public static string? AnnualAccumulator(PolicyPack pack, int year)
    {
        DateOnly lastDay = new(year, 12, 31);
        return pack.OutpatientOn(lastDay) is { } policy && AnnualCapOf(policy) is var (_, cap)
            ? AccumulatorNames.NameOf(LimitOf(policy, cap, LimitKind.FundPay, default, isAnnualCap: true), lastDay, "")
            : null;
    }

    private static bool IsAnnual(Cap cap) =>
        cap is { Of: Measure.FundPay, Per: Period.Year } && cap.FacilityClasses.IsEmpty && cap.PersonClasses.IsEmpty;

    private static LimitTerms LimitOf(OutpatientPolicy policy, Cap cap, LimitKind kind, Cited<long> limit, bool isAnnualCap)
    {
        char measure = cap.Of switch { Measure.Cost => 'c', Measure.Count => 'n', _ => 'f' };
        return new LimitTerms(cap.Name, Words.NameOf(cap, policy), kind, cap.Per, AtFacility: false, $"{measure}{cap.Group}", limit.Value,
            limit.Source ?? "", isAnnualCap);
    }

    private static ImmutableArray<RatePart> PartsOf(Benefit benefit, FacilityClass facility, PersonClass person, string type)
    {
        if (benefit.RateBasisPoints is not { } rates) return [];
        ImmutableArray<long> edges = benefit.Bands?.EdgesFen.Value ?? [];
        return
        [
            .. Enumerable.Range(0, edges.Length + 1).Select(band =>
            {
                Cited<long> rate = rates.For(facility, person, type, band + 1);
                return new RatePart(band < edges.Length ? edges[band] : 0, (int)rate.Value, rate.Source);
            }),
        ];
    }
}
