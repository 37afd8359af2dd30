using Claims.Policy;

namespace Claims.Eligibility.Enrolment;

/// <summary>The days of a plan year that an enrolment covers. Until the day before <paramref name="CoveredFrom"/> it waits.</summary>
/// <param name="WaitingFrom">Equal to <paramref name="CoveredFrom"/> where there is no waiting period.</param>
/// <param name="CoveredTo">The last day.</param>
public readonly record struct CoveredDays(DateOnly WaitingFrom, DateOnly CoveredFrom, DateOnly CoveredTo);

/// <summary>From which day an enrolment covers its plan year (豫医保办〔2023〕71号 五; 医保发〔2021〕32号 二; 忻医保发〔2023〕10号 三).</summary>
public static class CoverageOf
{
    /// <param name="rules">Null where no rules are known for the plan year: then nothing is covered.</param>
    /// <returns>Null where nothing of the plan year is ever covered.</returns>
    public static CoveredDays? Row(EnrolmentRow row, CoverageRules? rules)
    {
        ArgumentNullException.ThrowIfNull(row);
        return rules is not null && Begin(row, rules) is { } begin ? new CoveredDays(begin.Waiting, begin.Covered, LastDay(row)) : null;
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
}
