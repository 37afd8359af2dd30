using System.Globalization;
using Claims.Policy;
using Claims.V1;

namespace Claims.Eligibility.Enrolment;

/// <summary>From which day an enrolment covers its plan year (豫医保办〔2023〕71号 五; 医保发〔2021〕32号 二; 忻医保发〔2023〕10号 三).</summary>
public static class CoverageOf
{
    /// <param name="rules">Null where no rules are in hand for the plan year: then nothing is covered.</param>
    public static Coverage Row(EnrolmentRow row, CoverageRules? rules)
    {
        ArgumentNullException.ThrowIfNull(row);
        Coverage coverage = new() { PlanYear = row.PlanYear, Scheme = row.Scheme, County = row.County, Category = row.Category };
        if (rules is null || Begin(row, rules) is not { } begin) return coverage;
        coverage.Paid = true;
        coverage.WaitingFrom = Iso(begin.Waiting);
        coverage.CoveredFrom = Iso(begin.Covered);
        coverage.CoveredTo = Iso(LastDay(row));
        return coverage;
    }

    private static (DateOnly Waiting, DateOnly Covered)? Begin(EnrolmentRow row, CoverageRules rules)
    {
        if (row.PaidOn is not { } paid) return null;
        DateOnly firstDay = new(row.PlanYear, 1, 1);
        if (row.BirthDate is { } born && born >= firstDay && born <= LastDay(row)) return (born, born);
        if (paid < firstDay) return (firstDay, firstDay);
        if (paid > LastDay(row)) return null;
        if (rules.ExemptCategories.ContainsKey(row.Category)) return (paid, paid);
        if (row.TransferEndedOn is { } ended && ended >= paid.AddMonths(-rules.TransferMonths.Value) && ended <= paid)
        {
            return (paid, paid.AddDays(rules.TransferCoveredAfterDays.Value));
        }

        return rules.WaitingDays is { } waiting ? (paid, paid.AddDays(waiting.Value)) : null;
    }

    private static DateOnly LastDay(EnrolmentRow row) => new(row.PlanYear, 12, 31);

    private static string Iso(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
