using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Claims.V1;

namespace Claims.Rules;

/// <summary>The registry's answers as the rules read them.</summary>
public static class EligibilityTerms
{
    private const string UsualScheme = "resident";
    private const string UsualCategory = "general";

    public static FacilityHistory Of(Facility facility)
    {
        ArgumentNullException.ThrowIfNull(facility);
        return new(facility.FacilityCode,
            facility.Periods.Count == 0
                ? [Terms(facility.FacilityCode, new FacilityPeriod
                {
                    County = facility.County,
                    AdminLevel = facility.AdminLevel,
                    Grade = facility.Grade,
                    PooledFrom = facility.PooledFrom,
                    PooledTo = facility.PooledTo,
                })]
                : [.. facility.Periods.Select(period => Terms(facility.FacilityCode, period))],
            [.. facility.Suspensions.Select(Of)]);
    }

    public static Suspension Of(V1.Suspension suspension)
    {
        ArgumentNullException.ThrowIfNull(suspension);
        return new(Date(suspension.SuspendedFrom) ?? DateOnly.MinValue, Date(suspension.ResumedFrom));
    }

    public static CatalogueTerms Of(CatalogueItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        return new(
            item.ItemCode,
            item.ItemClass,
            item.FirstSelfPayBp,
            item.HasPriceLimitMilliFen ? item.PriceLimitMilliFen : null,
            Date(item.ValidFrom) ?? DateOnly.MinValue,
            Date(item.ValidTo));
    }

    public static InsuredTerms Of(string insuredId, Enrolled enrolled)
    {
        ArgumentNullException.ThrowIfNull(enrolled);
        EnrolmentTerms[] enrolments = new EnrolmentTerms[enrolled.Enrolments.Count];
        for (int i = 0; i < enrolments.Length; i++)
        {
            Enrolment row = enrolled.Enrolments[i];
            enrolments[i] = new EnrolmentTerms(
                row.PlanYear,
                row.Scheme.Length == 0 ? UsualScheme : Shared(row.Scheme),
                Shared(row.County),
                row.Paid,
                Date(row.WaitingFrom) ?? DateOnly.MaxValue,
                Date(row.CoveredFrom) ?? DateOnly.MaxValue,
                Date(row.CoveredTo) ?? DateOnly.MinValue,
                row.Category.Length == 0 ? UsualCategory : Shared(row.Category),
                Date(row.BirthDate),
                Date(row.BeginsOn),
                Date(row.EndedOn),
                Shared(row.EndCause));
        }

        return new(insuredId, ImmutableCollectionsMarshal.AsImmutableArray(enrolments));
    }

    private static FacilityTerms Terms(string code, FacilityPeriod period) => new(
        code, period.County, LevelOf(period.AdminLevel), Shared(period.Grade), Date(period.PooledFrom), Date(period.PooledTo),
        Date(period.ValidFrom), Date(period.ValidTo));

    private static string LevelOf(AdminLevel level) => level switch
    {
        AdminLevel.Province => "province",
        AdminLevel.City => "city",
        AdminLevel.County => "county",
        AdminLevel.Township => "township",
        AdminLevel.Community => "community",
        AdminLevel.Village => "village",
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "A facility has one of six administrative levels."),
    };

    /// <summary>One text for all who have the same: what is held of an insured is few objects, since a full collection visits every one of
    /// them.</summary>
    private static string Shared(string word) => string.Intern(word);

    /// <param name="date">yyyymmdd, or 0.</param>
    private static DateOnly? Date(int date) => date == 0 ? null : new DateOnly(date / 10_000, date / 100 % 100, date % 100);

    private static DateOnly? Date(string date) =>
        date.Length == 0 ? null : DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture);
}
