using Claims.Eligibility.Enrolment;
using Claims.Policy;

namespace Claims.Eligibility.Tests;

/// <summary>Enrolments against the days on both sides of every date that a rule turns on.</summary>
public sealed class CoverageOfTests
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "policy");
    private static readonly CoverageRules Zhengzhou = PolicyLoader.Load(Shipped, "zhengzhou").CoverageFor(2024)!;
    private static readonly CoverageRules Xinzhou = PolicyLoader.Load(Shipped, "xinzhou").CoverageFor(2024)!;

    [Theory]
    // In the concentrated period, and on the last day before the year.
    [InlineData(2024, "2023-09-01", "2024-01-01", "2024-01-01")]
    [InlineData(2024, "2023-12-31", "2024-01-01", "2024-01-01")]
    // From the first day of the year on: 30 days.
    [InlineData(2024, "2024-01-01", "2024-01-01", "2024-01-31")]
    [InlineData(2024, "2024-02-01", "2024-02-01", "2024-03-02")]
    [InlineData(2023, "2023-02-01", "2023-02-01", "2023-03-03")]
    [InlineData(2024, "2024-03-01", "2024-03-01", "2024-03-31")]
    [InlineData(2024, "2024-12-01", "2024-12-01", "2024-12-31")]
    // Waiting goes on over the end of the year, so the year is never covered.
    [InlineData(2024, "2024-12-02", "2024-12-02", "2025-01-01")]
    [InlineData(2024, "2024-12-31", "2024-12-31", "2025-01-30")]
    public void Payment_by_date_begins_the_year_or_the_waiting_period(int planYear, string paidOn, string waitingFrom, string coveredFrom)
    {
        CoveredDays? days = Of(Zhengzhou, planYear, "general", paidOn);
        Assert.Equal(new CoveredDays(Day(waitingFrom), Day(coveredFrom), new DateOnly(planYear, 12, 31)), days);
    }

    [Theory]
    [InlineData("2024-05-31", "2024-02-29", true)]
    [InlineData("2024-05-31", "2024-02-28", false)]
    [InlineData("2023-05-31", "2023-02-28", true)]
    [InlineData("2023-05-31", "2023-02-27", false)]
    [InlineData("2024-05-30", "2024-02-29", true)]
    [InlineData("2024-05-29", "2024-02-29", true)]
    [InlineData("2024-05-29", "2024-02-28", false)]
    [InlineData("2024-07-31", "2024-04-30", true)]
    [InlineData("2024-07-31", "2024-04-29", false)]
    [InlineData("2024-01-15", "2023-10-15", true)]
    [InlineData("2024-01-15", "2023-10-14", false)]
    [InlineData("2024-03-10", "2024-03-10", true)]
    [InlineData("2024-03-10", "2024-03-11", false)]
    public void Transfer_within_three_calendar_months_has_no_waiting(string paidOn, string endedOn, bool exempt)
    {
        DateOnly paid = Day(paidOn);
        CoveredDays? days = Of(Zhengzhou, paid.Year, "general", paidOn, endedOn: endedOn);
        Assert.Equal(new CoveredDays(paid, exempt ? paid : paid.AddDays(30), new DateOnly(paid.Year, 12, 31)), days);
    }

    [Theory]
    [InlineData("destitute", true)]
    [InlineData("low_income", true)]
    [InlineData("relapse_risk", true)]
    [InlineData("disabled", true)]
    [InlineData("low_income_edge", true)]
    [InlineData("child_in_difficulty", true)]
    [InlineData("general", false)]
    [InlineData("newborn", false)]
    public void Category_decides_whether_a_payment_within_the_year_waits(string category, bool exempt)
    {
        CoveredDays? days = Of(Zhengzhou, 2024, category, "2024-03-01");
        Assert.Equal(new CoveredDays(Day("2024-03-01"), Day(exempt ? "2024-03-01" : "2024-03-31"), Day("2024-12-31")), days);
    }

    [Theory]
    // The category is the year's own, and a transfer before the year begins has nothing to be exempt from.
    [InlineData("low_income", "2024-02-01", "2023-12-31", "2024-02-01", "2024-02-01")]
    [InlineData("general", "2023-12-31", "2023-12-01", "2024-01-01", "2024-01-01")]
    [InlineData("general", "2024-01-01", "2023-10-01", "2024-01-01", "2024-01-01")]
    [InlineData("general", "2024-01-01", "2023-09-30", "2024-01-01", "2024-01-31")]
    [InlineData("general", "2024-12-31", "2024-09-30", "2024-12-31", "2024-12-31")]
    [InlineData("general", "2024-12-31", "2024-09-29", "2024-12-31", "2025-01-30")]
    [InlineData("destitute", "2024-01-01", "", "2024-01-01", "2024-01-01")]
    [InlineData("destitute", "2024-12-31", "", "2024-12-31", "2024-12-31")]
    public void Exemption_begins_with_the_payment_at_either_end_of_the_year(
        string category, string paidOn, string endedOn, string waitingFrom, string coveredFrom) =>
        Assert.Equal(new CoveredDays(Day(waitingFrom), Day(coveredFrom), Day("2024-12-31")),
            Of(Zhengzhou, 2024, category, paidOn, endedOn: endedOn));

    [Fact]
    public void Each_number_of_the_rules_is_the_one_that_is_used()
    {
        CoverageRules rules =
            Zhengzhou with { WaitingDays = new(10, "x"), TransferMonths = new(2, "x"), TransferCoveredAfterDays = new(5, "x") };
        Assert.Equal(new CoveredDays(Day("2024-05-01"), Day("2024-05-11"), Day("2024-12-31")), Of(rules, 2024, "general", "2024-05-01"));
        Assert.Equal(new CoveredDays(Day("2024-05-01"), Day("2024-05-06"), Day("2024-12-31")),
            Of(rules, 2024, "general", "2024-05-01", endedOn: "2024-03-01"));
        Assert.Equal(new CoveredDays(Day("2024-05-01"), Day("2024-05-11"), Day("2024-12-31")),
            Of(rules, 2024, "general", "2024-05-01", endedOn: "2024-02-29"));
    }

    [Fact]
    public void Exempt_category_that_paid_before_the_year_has_all_of_it()
    {
        CoveredDays? days = Of(Zhengzhou, 2024, "low_income", "2023-11-05");
        Assert.Equal(new CoveredDays(Day("2024-01-01"), Day("2024-01-01"), Day("2024-12-31")), days);
    }

    [Theory]
    [InlineData("2024-01-01", "2024-06-20", "2024-01-01")]
    [InlineData("2024-06-01", "2024-06-20", "2024-06-01")]
    [InlineData("2024-12-31", "2024-12-31", "2024-12-31")]
    // The year's contribution is often paid after its end for a child born at its end.
    [InlineData("2024-12-31", "2025-01-10", "2024-12-31")]
    // Born on the day before or after the year, it is an enrolment like any other.
    [InlineData("2023-12-31", "2024-06-20", "2024-07-20")]
    [InlineData("2025-01-01", "2024-06-20", "2024-07-20")]
    public void Newborn_of_the_year_is_covered_from_birth(string birthDate, string paidOn, string coveredFrom) =>
        Assert.Equal(
            new CoveredDays(Day(birthDate).Year == 2024 ? Day(birthDate) : Day(paidOn), Day(coveredFrom), Day("2024-12-31")),
            Of(Zhengzhou, 2024, "newborn", paidOn, birthDate));

    [Theory]
    [InlineData("general", "2025-01-01")]
    [InlineData("low_income", "2025-01-01")]
    [InlineData("general", "")]
    [InlineData("destitute", "")]
    public void Year_that_is_unpaid_or_paid_after_its_end_is_never_covered(string category, string paidOn) =>
        Assert.Null(Of(Zhengzhou, 2024, category, paidOn));

    [Fact]
    public void Unpaid_newborn_is_not_covered() => Assert.Null(Of(Zhengzhou, 2024, "newborn", "", "2024-06-01"));

    [Theory]
    [InlineData("2024-03-11", "2023-12-11", "2024-03-12")]
    [InlineData("2024-03-11", "2024-03-11", "2024-03-12")]
    public void Transfer_in_Xinzhou_is_covered_from_the_day_after_payment(string paidOn, string endedOn, string coveredFrom) =>
        Assert.Equal(new CoveredDays(Day(paidOn), Day(coveredFrom), Day("2024-12-31")),
            Of(Xinzhou, 2024, "general", paidOn, endedOn: endedOn));

    [Fact]
    public void Late_payment_that_Xinzhou_does_not_provide_for_is_not_covered() =>
        Assert.Null(Of(Xinzhou, 2024, "general", "2024-03-11", endedOn: "2023-12-10"));

    [Fact]
    public void Plan_year_without_rules_is_not_covered() =>
        Assert.Null(CoverageOf.Row(new(2024, "resident", "410105", "general", new(2023, 11, 5), null, null), rules: null));

    private static CoveredDays? Of(
        CoverageRules rules, int planYear, string category, string paidOn, string birthDate = "1980-01-01", string endedOn = "") =>
        CoverageOf.Row(new(planYear, "resident", "410105", category, OptionalDay(paidOn), Day(birthDate), OptionalDay(endedOn)), rules);

    private static DateOnly? OptionalDay(string date) => date.Length == 0 ? null : Day(date);

    private static DateOnly Day(string date) => DateOnly.ParseExact(date, "yyyy-MM-dd");
}
