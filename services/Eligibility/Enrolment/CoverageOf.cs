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
        if (rules is null || Begin(row, rules) is not var (waiting, covered, _)) return null;
        DateOnly last = row.EndedOn < LastDay(row) ? row.EndedOn.Value : LastDay(row);
        if (row.BeginsOn > waiting) waiting = row.BeginsOn.Value;
        if (covered < waiting) covered = waiting;
        return waiting <= last ? new CoveredDays(waiting, covered, last) : null;
    }

    /// <summary>From when a payment covers, and by which rule; spans aside.</summary>
    /// <returns>Null where it covers nothing.</returns>
    internal static (DateOnly Waiting, DateOnly Covered, BeginRule Rule)? Begin(EnrolmentRow row, CoverageRules rules)
    {
        if (row.PaidOn is not { } paid) return null;
        DateOnly firstDay = new(row.PlanYear, 1, 1);
        if (row.BirthDate is { } born && born >= firstDay && born <= LastDay(row)) return (born, born, BeginRule.Newborn);
        if (paid < firstDay) return (firstDay, firstDay, BeginRule.PaidBefore);
        if (paid > LastDay(row)) return null;
        if (rules.ExemptCategories.ContainsKey(row.Category)) return (paid, paid, BeginRule.Exempt);
        if (row.TransferEndedOn is { } ended && ended >= paid.AddMonths(-rules.TransferMonths.Value) && ended <= paid)
        {
            return (paid, paid.AddDays(rules.TransferCoveredAfterDays.Value), BeginRule.Transfer);
        }

        return rules.WaitingDays is { } waiting ? (paid, paid.AddDays(waiting.Value), BeginRule.Waiting) : null;
    }

    private static DateOnly LastDay(EnrolmentRow row) => new(row.PlanYear, 12, 31);
}

/// <summary>Why cover begins when it does.</summary>
internal enum BeginRule
{
    PaidBefore,
    Newborn,
    Exempt,
    Transfer,
    Waiting,
}
