using System.Collections.Immutable;
using System.Globalization;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>A facility as adjudication needs it, in one period of its history; dates are inclusive, <paramref name="PooledTo"/> null while
/// the agreement is open.</summary>
/// <param name="AdminLevel">The registry's word, <c>province</c> to <c>village</c>.</param>
/// <param name="ValidFrom">Null: from the beginning.</param>
/// <param name="ValidTo">The last day; null: without end.</param>
public sealed record FacilityTerms(
    string Code, string County, string AdminLevel, string Grade, DateOnly? PooledFrom, DateOnly? PooledTo, DateOnly? ValidFrom = null,
    DateOnly? ValidTo = null)
{
    /// <summary>The first day of the agreement that lies in the period, and the last; null where there is none.</summary>
    internal (DateOnly From, DateOnly To)? Pooled
    {
        get
        {
            if (PooledFrom is not { } from) return null;
            DateOnly to = PooledTo ?? DateOnly.MaxValue;
            if (ValidFrom > from) from = ValidFrom.Value;
            if (ValidTo < to) to = ValidTo.Value;
            return from <= to ? (from, to) : null;
        }
    }

    internal bool IsPooledOn(DateOnly date) =>
        PooledFrom <= date && !(PooledTo < date) && !(ValidFrom > date) && !(ValidTo < date);
}

/// <summary>Days on which a facility's visits are not pooled, whatever its agreement.</summary>
/// <param name="ResumedFrom">The first day that is pooled again; null while it is suspended.</param>
public readonly record struct Suspension(DateOnly SuspendedFrom, DateOnly? ResumedFrom)
{
    public bool HoldsOn(DateOnly date) => SuspendedFrom <= date && !(ResumedFrom <= date);
}

/// <summary>What a facility was and is: the tier and the agreement of a visit are those of its date.</summary>
/// <param name="Periods">Ascending, without a day in common.</param>
public sealed record FacilityHistory(string Code, ImmutableArray<FacilityTerms> Periods, ImmutableArray<Suspension> Suspensions)
{
    /// <summary>One that is always what it is now.</summary>
    public static FacilityHistory Of(FacilityTerms always)
    {
        ArgumentNullException.ThrowIfNull(always);
        return new(always.Code, [always], []);
    }

    /// <returns>Null where no agreement holds on the day, or the facility is suspended: <see cref="NotPooledOn"/>.</returns>
    public FacilityTerms? PooledOn(DateOnly date)
    {
        foreach (Suspension suspension in Suspensions)
        {
            if (suspension.HoldsOn(date)) return null;
        }

        foreach (FacilityTerms period in Periods)
        {
            if (period.IsPooledOn(date)) return period;
        }

        return null;
    }

    /// <summary>Why a day is not pooled, in a sentence that names since when, or from when on it is.</summary>
    public string NotPooledOn(DateOnly date)
    {
        foreach (Suspension suspension in Suspensions)
        {
            if (!suspension.HoldsOn(date)) continue;
            string until = suspension.ResumedFrom is { } resumed ? $"，{Days.Text(resumed)}起恢复" : "";
            return $"该机构自{Days.Text(suspension.SuspendedFrom)}起暂停居民医保门诊统筹{until}，本次费用不能由门诊统筹支付。";
        }

        DateOnly? ended = null, begins = null;
        foreach (FacilityTerms period in Periods)
        {
            if (period.Pooled is not var (from, to)) continue;
            if (to < date) ended = to;
            else if (from > date) begins ??= from;
        }

        string since = ended is { } last ? $"门诊统筹协议已于{Days.Text(last)}终止" : "";
        string next = begins is { } first ? $"自{Days.Text(first)}起{(ended is null ? "" : "重新")}开通居民医保门诊统筹" : "";
        if (since.Length + next.Length == 0) return Reasons.TextOf(Reasons.FacilityNotPooled);
        return $"该机构{since}{(since.Length > 0 && next.Length > 0 ? "，" : "")}{next}，就诊日期不在协议期内，本次费用不能由门诊统筹支付。";
    }
}

/// <summary>One insured's enrolments, by plan year; a year may have several, of two schemes or one after the other.</summary>
public sealed record InsuredTerms(string InsuredId, ImmutableArray<EnrolmentTerms> Enrolments)
{
    /// <summary>The enrolment that decides a day: one that covers it, else one that waits on it, else the last that ended before it, else
    /// the first that begins after it, else one that is unpaid. Where several do, the employees' scheme comes first, so that nobody
    /// draws on two (豫医保办〔2023〕71号 十).</summary>
    public EnrolmentTerms? EnrolmentOn(DateOnly date)
    {
        EnrolmentTerms? found = null;
        foreach (EnrolmentTerms enrolment in Enrolments)
        {
            if (enrolment.PlanYear == date.Year && (found is null || enrolment.DecidesBefore(found.Value, date))) found = enrolment;
        }

        return found;
    }

    /// <summary>The one that tells what the insured has in a year as a whole: a resident's, and of those that of its last day.</summary>
    public EnrolmentTerms? EnrolmentOf(int planYear)
    {
        DateOnly lastDay = new(planYear, 12, 31);
        EnrolmentTerms? found = null;
        foreach (EnrolmentTerms enrolment in Enrolments)
        {
            if (enrolment.PlanYear != planYear) continue;
            bool before = found is not { } other
                || (enrolment.IsResident != other.IsResident ? enrolment.IsResident : enrolment.DecidesBefore(other, lastDay));
            if (before) found = enrolment;
        }

        return found;
    }
}

/// <summary>One enrolment: waiting from <paramref name="WaitingFrom"/>, covered from <paramref name="CoveredFrom"/> to
/// <paramref name="CoveredTo"/>; the dates mean nothing where unpaid.</summary>
/// <param name="BirthDate">Null where it is not known.</param>
/// <param name="BeginsOn">First day of a span that begins within the year.</param>
/// <param name="EndedOn">Last day of one that ended.</param>
/// <param name="EndCause">The registry's word for why, empty without an end.</param>
public readonly record struct EnrolmentTerms(
    int PlanYear, string Scheme, string County, bool Paid, DateOnly WaitingFrom, DateOnly CoveredFrom, DateOnly CoveredTo,
    string Category = "general", DateOnly? BirthDate = null, DateOnly? BeginsOn = null, DateOnly? EndedOn = null, string EndCause = "")
{
    internal bool IsResident => Scheme == "resident";

    /// <summary>Whether this one decides the day where both are of its year.</summary>
    internal bool DecidesBefore(in EnrolmentTerms other, DateOnly date)
    {
        int own = RankOn(date), others = other.RankOn(date);
        if (own != others) return own < others;
        if (IsResident != other.IsResident) return !IsResident;
        return own switch
        {
            Ended => CoveredTo > other.CoveredTo,
            Later => WaitingFrom < other.WaitingFrom,
            _ => false,
        };
    }

    /// <summary>Why the day is not covered, for a clerk who can act on it.</summary>
    internal string NotCoveredOn(DateOnly date)
    {
        string cause = EndCause switch
        {
            "death" => "（死亡）",
            "employee_scheme" => "（已转入职工医保，请按职工医保结算）",
            "moved_away" => "（已迁出，请按迁入地规定办理）",
            "withdrawn_duplicate" => "（重复参保已退出）",
            _ => "",
        };
        if (!Paid && EndedOn is { } left) return $"参保人{date.Year}年度的参保登记已于{Days.Text(left)}终止{cause}，请核对参保缴费情况。";
        if (!Paid) return $"参保人{date.Year}年度已登记、尚未缴费，请核对参保缴费情况。";
        if (date > CoveredTo) return $"参保人的待遇已于{Days.Text(CoveredTo)}终止{cause}，请核对参保缴费情况。";
        return BeginsOn > date
            ? $"参保人的待遇自{Days.Text(CoveredFrom)}起享受，就诊日期早于参保登记的起始日，请核对参保缴费情况。"
            : $"参保人的待遇自{Days.Text(CoveredFrom)}起享受，就诊日期早于缴费，请核对参保缴费情况。";
    }

    private const int Covered = 0, Waits = 1, Ended = 2, Later = 3, Unpaid = 4;

    private int RankOn(DateOnly date) =>
        !Paid ? Unpaid : date > CoveredTo ? Ended : date < WaitingFrom ? Later : date < CoveredFrom ? Waits : Covered;
}

/// <summary>What a covered visit is settled by.</summary>
public readonly record struct CoveredVisit(Visit Visit, FacilityTerms Facility, EnrolmentTerms Enrolment, Terms Terms);

/// <summary>Checks of facility, insured and policy, in the order that decides which reason is given.</summary>
public static class CoverageChecks
{
    // Beyond it, sums of visits would leave the numbers that the script computes with exactly: ten thousand million yuan.
    private const long LargestUncappedFen = 1_000_000_000_000;

    public static (CoveredVisit? Covered, Refusal? Refusal) Check(
        TermsCatalogue terms, Visit visit, FacilityHistory? history, InsuredTerms? insured)
    {
        PolicyPack pack = terms.Pack;
        DateOnly date = visit.Date;
        if (history is null) return Refused(Reasons.FacilityUnknown);
        if (history.PooledOn(date) is not { } facility) return Refused(Reasons.FacilityNotPooled, history.NotPooledOn(date));

        if (CheckInsured(pack, insured, date, out EnrolmentTerms enrolment) is { } refusal) return (null, refusal);

        if (pack.OutpatientOn(date) is not { } policy) return Refused(Reasons.NoPolicyInForce);
        PersonClass person = policy.PersonClassOf(AgeOn(date, enrolment.BirthDate), enrolment.Category);
        if (terms.Find(policy, facility.AdminLevel, facility.Grade, person, visit.Request.VisitType) is not { } found)
            return Refused(Reasons.VisitTypeNotCovered);
        if (!found.BoundsEverySum && visit.TotalFen > LargestUncappedFen)
            return (null, Refusal.Invalid("total_fen", $"超过{LargestUncappedFen / 100}元，无法结算，请核对金额。"));
        return (new CoveredVisit(visit, facility, enrolment, found), null);
    }

    /// <summary>Whether an insured is covered on a day.</summary>
    /// <param name="enrolment">The one that decides it, where the year has any.</param>
    /// <returns>Null where he is.</returns>
    public static Refusal? CheckInsured(PolicyPack pack, InsuredTerms? insured, DateOnly date, out EnrolmentTerms enrolment)
    {
        enrolment = default;
        if (insured is null) return Refusal.Of(Reasons.InsuredUnknown);
        if (insured.EnrolmentOn(date) is not { } found)
            return new(Reasons.NotCoveredOnDate, $"参保人没有{date.Year}年度的居民医保参保登记，请核对参保缴费情况。");
        enrolment = found;
        if (!found.IsResident) return Refusal.Of(Reasons.WrongScheme);
        if (pack.CountiesOutsidePooling.ContainsKey(found.County)) return Refusal.Of(Reasons.OutsidePoolingArea);
        if (!found.Paid || date < found.WaitingFrom || date > found.CoveredTo)
            return new(Reasons.NotCoveredOnDate, found.NotCoveredOn(date));
        return date < found.CoveredFrom
            ? new(Reasons.InWaitingPeriod, $"参保人尚在待遇等待期内，自{Days.Text(found.CoveredFrom)}起享受待遇；等待期内的费用统筹基金不予支付。")
            : null;
    }

    /// <summary>By age and category on the day; the class that everybody is in where the registry knows neither.</summary>
    public static PersonClass PersonClassOn(OutpatientPolicy policy, EnrolmentTerms? enrolment, DateOnly date)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.PersonClassOf(AgeOn(date, enrolment?.BirthDate), enrolment?.Category ?? "");
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
            if (!enrolled.IsResident) return (null, Refusal.Of(Reasons.WrongScheme));
            if (pack.CountiesOutsidePooling.ContainsKey(enrolled.County)) return (null, Refusal.Of(Reasons.OutsidePoolingArea));
        }

        DateOnly lastDay = new(year, 12, 31);
        if (pack.OutpatientOn(lastDay) is not { } policy) return (null, Refusal.Of(Reasons.NoPolicyInForce));
        if (TermsCompiler.AnnualCapOf(policy) is not var (benefit, cap)) return (null, null);
        PersonClass person = PersonClassOn(policy, enrolment, lastDay);
        return (cap.Limit.For(policy.FacilityClasses[^1], person, benefit.VisitTypes.Keys.First()).Value, null);
    }

    private static (CoveredVisit?, Refusal?) Refused(string code) => (null, Refusal.Of(code));

    private static (CoveredVisit?, Refusal?) Refused(string code, string text) => (null, new Refusal(code, text));
}

/// <summary>A day as a sentence names it.</summary>
public static class Days
{
    public static string Text(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"{day.Year}年{day.Month}月{day.Day}日");
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
