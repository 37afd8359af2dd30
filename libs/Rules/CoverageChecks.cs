using System.Collections.Immutable;
using System.Globalization;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>A facility as adjudication needs it; dates are inclusive, <paramref name="PooledTo"/> null while the agreement is
/// open.</summary>
/// <param name="AdminLevel">The registry's word, <c>province</c> to <c>village</c>.</param>
public sealed record FacilityTerms(
    string Code, string County, string AdminLevel, string Grade, DateOnly? PooledFrom, DateOnly? PooledTo);

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
/// <param name="BirthDate">Null where it is not known.</param>
public readonly record struct EnrolmentTerms(
    int PlanYear, string Scheme, string County, bool Paid, DateOnly WaitingFrom, DateOnly CoveredFrom, DateOnly CoveredTo,
    string Category = "general", DateOnly? BirthDate = null);

/// <summary>What a covered visit is settled by.</summary>
public readonly record struct CoveredVisit(Visit Visit, FacilityTerms Facility, EnrolmentTerms Enrolment, Terms Terms);

/// <summary>Checks of facility, insured and policy, in the order that decides which reason is given.</summary>
public static class CoverageChecks
{
    // Beyond it, sums of visits would leave the numbers that the script computes with exactly: ten thousand million yuan.
    private const long LargestUncappedFen = 1_000_000_000_000;

    public static (CoveredVisit? Covered, Refusal? Refusal) Check(
        TermsCatalogue terms, Visit visit, FacilityTerms? facility, InsuredTerms? insured)
    {
        PolicyPack pack = terms.Pack;
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
        PersonClass person = policy.PersonClassOf(AgeOn(date, enrolment.BirthDate), enrolment.Category);
        if (terms.Find(policy, facility.AdminLevel, facility.Grade, person, visit.Request.VisitType) is not { } found)
            return Refused(Reasons.VisitTypeNotCovered);
        if (!found.BoundsEverySum && visit.TotalFen > LargestUncappedFen)
            return (null, Refusal.Invalid("total_fen", $"超过{LargestUncappedFen / 100}元，无法结算，请核对金额。"));
        return (new CoveredVisit(visit, facility, enrolment, found), null);
    }

    /// <summary>Completed years; null where the date of birth is not known.</summary>
    private static int? AgeOn(DateOnly date, DateOnly? birth)
    {
        if (birth is not { } born || born > date) return null;
        int years = date.Year - born.Year;
        return born.AddYears(years) > date ? years - 1 : years;
    }

    /// <summary>The annual cap that an insured has in a year, or why there is none. Where it differs by class of facility it is the last
    /// class', of people that of the year's end.</summary>
    /// <returns>Neither where the policy has no annual cap.</returns>
    public static (long? CapFen, Refusal? Refusal) CapOf(PolicyPack pack, InsuredTerms? insured, int year)
    {
        if (insured is null) return (null, Refusal.Of(Reasons.InsuredUnknown));
        EnrolmentTerms? enrolment = insured.EnrolmentOf(year);
        if (enrolment is { } enrolled)
        {
            if (enrolled.Scheme != "resident") return (null, Refusal.Of(Reasons.WrongScheme));
            if (pack.CountiesOutsidePooling.ContainsKey(enrolled.County)) return (null, Refusal.Of(Reasons.OutsidePoolingArea));
        }

        DateOnly lastDay = new(year, 12, 31);
        if (pack.OutpatientOn(lastDay) is not { } policy) return (null, Refusal.Of(Reasons.NoPolicyInForce));
        if (TermsCompiler.AnnualCapOf(policy) is not var (benefit, cap)) return (null, null);
        PersonClass person = policy.PersonClassOf(AgeOn(lastDay, enrolment?.BirthDate), enrolment?.Category ?? "");
        return (cap.Limit.For(policy.FacilityClasses[^1], person, benefit.VisitTypes.Keys.First()).Value, null);
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
