namespace Claims.Eligibility.Enrolment;

/// <summary>One insured in one span of a plan year, as registered.</summary>
/// <param name="Scheme"><c>resident</c> or <c>employee</c>.</param>
/// <param name="County">6-digit administrative code of enrolment.</param>
/// <param name="PaidOn">Null while unpaid.</param>
/// <param name="TransferEndedOn">Last day of the previous cover under another scheme, or null.</param>
/// <param name="BeginsOn">First day that the span can cover; null: the year's.</param>
/// <param name="EndedOn">Last day that it can cover; null: the year's.</param>
/// <param name="EndCause">One of <see cref="EndCauses"/>, empty while it has not ended.</param>
/// <param name="College">One of <see cref="Colleges"/>, empty for whoever is no student of one. A look-up does not read it: nothing of it
/// decides a visit.</param>
public sealed record EnrolmentRow(
    int PlanYear, string Scheme, string County, string Category, DateOnly? PaidOn, DateOnly? BirthDate, DateOnly? TransferEndedOn,
    DateOnly? BeginsOn = null, DateOnly? EndedOn = null, string EndCause = "", string College = "")
{
    /// <summary>Where it says more than the year's beginning.</summary>
    public DateOnly? BeginsLater => BeginsOn is { DayOfYear: > 1 } ? BeginsOn : null;
}
