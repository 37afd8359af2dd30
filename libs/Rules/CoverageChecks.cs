using System.Collections.Immutable;
using System.Globalization;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>A facility as adjudication needs it; dates are inclusive, <paramref name="PooledTo"/> null while the agreement is
/// open.</summary>
public sealed record FacilityTerms(string Code, string County, Tier Tier, DateOnly? PooledFrom, DateOnly? PooledTo);

/// <summary>One insured's enrolments, by plan year.</summary>
public sealed record InsuredTerms(string InsuredId, ImmutableArray<EnrolmentTerms> Enrolments)
{
    public EnrolmentTerms? EnrolmentOf(int planYear)
    {
        foreach (EnrolmentTerms enrolment in Enrolments)
        {
            if (enrolment.PlanYear == planYear) return enrolment;
        }

        return null;
    }
}

/// <summary>One enrolment: waiting from <paramref name="WaitingFrom"/>, covered from <paramref name="CoveredFrom"/> to
/// <paramref name="CoveredTo"/>; the dates mean nothing where unpaid.</summary>
public readonly record struct EnrolmentTerms(
    int PlanYear, string Scheme, string County, bool Paid, DateOnly WaitingFrom, DateOnly CoveredFrom, DateOnly CoveredTo);

/// <summary>What a covered visit is settled by.</summary>
public readonly record struct CoveredVisit(
    Visit Visit, FacilityTerms Facility, EnrolmentTerms Enrolment, OutpatientPolicy Policy, Terms Terms);

/// <summary>Checks of facility, insured and policy, in the order that decides which reason is given.</summary>
public static class CoverageChecks
{
    public static (CoveredVisit? Covered, Refusal? Refusal) Check(
        PolicyPack pack, Visit visit, FacilityTerms? facility, InsuredTerms? insured)
    {
        DateOnly date = visit.Date;
        if (facility is null) return Refused(Reasons.FacilityUnknown);
        if (facility.PooledFrom is null || date < facility.PooledFrom || date > facility.PooledTo)
            return Refused(Reasons.FacilityNotPooled);

        if (insured is null) return Refused(Reasons.InsuredUnknown);
        if (insured.EnrolmentOf(date.Year) is not { } enrolment)
            return Refused(Reasons.NotCoveredOnDate, $"参保人没有{date.Year}年度的居民医保参保登记，请核对参保缴费情况。");
        if (enrolment.Scheme != "resident") return Refused(Reasons.WrongScheme);
        if (pack.CountiesOutsidePooling.ContainsKey(enrolment.County)) return Refused(Reasons.OutsidePoolingArea);
        if (!enrolment.Paid) return Refused(Reasons.NotCoveredOnDate, $"参保人{date.Year}年度已登记、尚未缴费，请核对参保缴费情况。");
        if (date < enrolment.WaitingFrom)
            return Refused(Reasons.NotCoveredOnDate, $"参保人的待遇自{Day(enrolment.CoveredFrom)}起享受，就诊日期早于缴费，请核对参保缴费情况。");
        if (date > enrolment.CoveredTo) return Refused(Reasons.NotCoveredOnDate, $"参保人的待遇已于{Day(enrolment.CoveredTo)}终止，请核对参保缴费情况。");
        if (date < enrolment.CoveredFrom)
            return Refused(Reasons.InWaitingPeriod, $"参保人尚在待遇等待期内，自{Day(enrolment.CoveredFrom)}起享受待遇；等待期内的费用统筹基金不予支付。");

        if (pack.OutpatientOn(date) is not { } policy) return Refused(Reasons.NoPolicyInForce);
        return TermsOf(policy, facility.Tier, visit.Request.VisitType) is { } terms
            ? (new CoveredVisit(visit, facility, enrolment, policy, terms), null)
            : Refused(Reasons.VisitTypeNotCovered);
    }

    /// <summary>The policy whose cap an insured has in a year, or why there is none.</summary>
    public static (OutpatientPolicy? Policy, Refusal? Refusal) CapOf(PolicyPack pack, InsuredTerms? insured, int year)
    {
        if (insured is null) return (null, Refusal.Of(Reasons.InsuredUnknown));
        if (insured.EnrolmentOf(year) is { } enrolment)
        {
            if (enrolment.Scheme != "resident") return (null, Refusal.Of(Reasons.WrongScheme));
            if (pack.CountiesOutsidePooling.ContainsKey(enrolment.County)) return (null, Refusal.Of(Reasons.OutsidePoolingArea));
        }

        return pack.OutpatientOn(new DateOnly(year, 12, 31)) is { } policy ? (policy, null) : (null, Refusal.Of(Reasons.NoPolicyInForce));
    }

    /// <summary>The dated values for a visit type at a tier, or null where the policy does not cover the type.</summary>
    public static Terms? TermsOf(OutpatientPolicy policy, Tier tier, V1.VisitType visitType)
    {
        string type = VisitTypes.WireName(visitType);
        if (policy.FixedAllowanceFen.TryGetValue(type, out Cited<long> allowance))
        {
            return new Terms(0, 0, policy.AnnualCapFen.Value, allowance.Value, policy.AllowanceNotAgainWithinDays?.Value ?? 0);
        }

        if (!policy.PooledVisitTypes.ContainsKey(type)) return null;
        TierTerms terms = policy.TermsFor(tier);
        return new Terms(terms.RateBasisPoints.Value, terms.DeductibleFen.Value, policy.AnnualCapFen.Value, null);
    }

    private static string Day(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"{day.Year}年{day.Month}月{day.Day}日");

    private static (CoveredVisit?, Refusal?) Refused(string code) => (null, Refusal.Of(code));

    private static (CoveredVisit?, Refusal?) Refused(string code, string text) => (null, new Refusal(code, text));
}

/// <summary>The contract's names of the visit types, as the policy files use them.</summary>
public static class VisitTypes
{
    public static string WireName(V1.VisitType type) => type switch
    {
        V1.VisitType.Ordinary => "ORDINARY",
        V1.VisitType.PrenatalCheck => "PRENATAL_CHECK",
        V1.VisitType.DeliveryNatural => "DELIVERY_NATURAL",
        V1.VisitType.DeliveryCaesarean => "DELIVERY_CAESAREAN",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}
