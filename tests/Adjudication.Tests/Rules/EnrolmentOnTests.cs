using Claims.Rules;

namespace Adjudication.Tests.Rules;

/// <summary>Which of a year's enrolments decides a day, and what it says where the day is not covered.</summary>
public sealed class EnrolmentOnTests
{
    private static readonly EnrolmentTerms Spring = new(2025, "resident", "410105", true, Day("2025-01-01"), Day("2025-01-01"),
        Day("2025-03-31"), EndedOn: Day("2025-03-31"), EndCause: "moved_away");
    private static readonly EnrolmentTerms Autumn = Spring with
    {
        County = "410122",
        WaitingFrom = Day("2025-09-01"),
        CoveredFrom = Day("2025-09-30"),
        CoveredTo = Day("2025-12-31"),
        BeginsOn = Day("2025-09-01"),
        EndedOn = null,
        EndCause = "",
    };

    [Theory]
    [InlineData("2025-03-31", "410105")]
    [InlineData("2025-04-01", "410105")]
    [InlineData("2025-08-31", "410105")]
    [InlineData("2025-09-01", "410122")]
    [InlineData("2025-09-30", "410122")]
    public void Span_that_covers_the_day_decides_then_one_that_waits_then_the_last_that_ended(string day, string county)
    {
        Assert.Equal(county, new InsuredTerms("P1", [Spring, Autumn]).EnrolmentOn(Day(day))?.County);
        Assert.Equal(county, new InsuredTerms("P1", [Autumn, Spring]).EnrolmentOn(Day(day))?.County);
    }

    [Fact]
    public void Employees_scheme_decides_where_both_cover_the_day()
    {
        EnrolmentTerms employee = Autumn with { Scheme = "employee", CoveredFrom = Day("2025-09-01") };
        EnrolmentTerms resident = employee with { Scheme = "resident" };
        Assert.Equal("employee", new InsuredTerms("P1", [employee, resident]).EnrolmentOn(Day("2025-09-01"))?.Scheme);
        Assert.Equal("employee", new InsuredTerms("P1", [resident, employee]).EnrolmentOn(Day("2025-09-01"))?.Scheme);
        Assert.Equal("resident", new InsuredTerms("P1", [resident, employee with { Paid = false }]).EnrolmentOn(Day("2025-09-01"))?.Scheme);
    }

    [Fact]
    public void Of_spans_that_ended_the_last_decides_and_of_later_ones_the_first()
    {
        EnrolmentTerms summer = Spring with { CoveredTo = Day("2025-06-30") };
        EnrolmentTerms winter = Autumn with { WaitingFrom = Day("2025-12-01"), CoveredFrom = Day("2025-12-01") };
        Assert.Equal(summer, new InsuredTerms("P1", [Spring, summer]).EnrolmentOn(Day("2025-08-01")));
        Assert.Equal(Autumn, new InsuredTerms("P1", [winter, Autumn]).EnrolmentOn(Day("2025-08-01")));
        Assert.Null(new InsuredTerms("P1", [winter, Autumn]).EnrolmentOn(Day("2024-08-01")));
    }

    [Theory]
    [InlineData("2025-04-01", "参保人的待遇已于2025年3月31日终止（已迁出，请按迁入地规定办理），请核对参保缴费情况。")]
    [InlineData("2024-12-31", "参保人没有2024年度的居民医保参保登记，请核对参保缴费情况。")]
    public void Refusal_says_why_the_day_is_not_covered(string day, string text) => Assert.Equal(text,
        CoverageChecks.CheckInsured(Packs.Zhengzhou, new InsuredTerms("P1", [Spring, Autumn]), Day(day), out _)?.Text);

    [Fact]
    public void Refusal_before_a_span_names_its_first_covered_day() => Assert.Equal(
        "参保人的待遇自2025年9月30日起享受，就诊日期早于参保登记的起始日，请核对参保缴费情况。",
        CoverageChecks.CheckInsured(Packs.Zhengzhou, new InsuredTerms("P1", [Autumn]), Day("2025-08-31"), out _)?.Text);

    private static DateOnly Day(string day) => DateOnly.ParseExact(day, "yyyy-MM-dd", null);
}
