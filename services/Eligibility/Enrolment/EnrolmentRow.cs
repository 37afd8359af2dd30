namespace Claims.Eligibility.Enrolment;

/// <summary>One insured in one plan year, as registered.</summary>
/// <param name="Scheme"><c>resident</c> or <c>employee</c>.</param>
/// <param name="County">6-digit administrative code of enrolment.</param>
/// <param name="PaidOn">Null while unpaid.</param>
/// <param name="TransferEndedOn">Last day of the previous cover under another scheme, or null.</param>
public sealed record EnrolmentRow(
    int PlanYear, string Scheme, string County, string Category, DateOnly? PaidOn, DateOnly? BirthDate, DateOnly? TransferEndedOn);
