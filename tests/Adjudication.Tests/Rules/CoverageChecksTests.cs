using Claims.Rules;
using Claims.V1;

namespace Adjudication.Tests.Rules;

public sealed class CoverageChecksTests
{
    private static readonly FacilityTerms Township = new("H4", "410182", Tier.Grassroots, new DateOnly(2023, 1, 1), new DateOnly(2025, 6, 30));
    private static readonly EnrolmentTerms Enrolled = new(2024, "resident", "410105", true, new DateOnly(2024, 3, 1), new DateOnly(2024, 3, 31), new DateOnly(2024, 12, 31));

    [Theory]
    [InlineData("2024-02-29", "NOT_COVERED_ON_DATE")]
    [InlineData("2024-03-01", "IN_WAITING_PERIOD")]
    [InlineData("2024-03-30", "IN_WAITING_PERIOD")]
    [InlineData("2024-03-31", "")]
    [InlineData("2024-12-31", "")]
    [InlineData("2025-01-01", "NOT_COVERED_ON_DATE")]
    [InlineData("2025-07-01", "FACILITY_NOT_POOLED")]
    [InlineData("2022-12-31", "FACILITY_NOT_POOLED")]
    public void Check_each_side_of_a_date_gives_its_reason(string date, string reason) =>
        Assert.Equal(reason, ReasonOf(date, Township, Enrolled));

    [Fact]
    public void Check_several_faults_gives_the_first_in_order()
    {
        Assert.Equal("FACILITY_UNKNOWN", CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2023-05-05"), null, null).Refusal!.Code);
        Assert.Equal("INSURED_UNKNOWN", CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2023-05-05"), Township, null).Refusal!.Code);
        EnrolmentTerms unpaidEmployeeOfGongyi = Enrolled with { Scheme = "employee", County = "410181", Paid = false };
        Assert.Equal("WRONG_SCHEME", ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi));
        Assert.Equal("OUTSIDE_POOLING_AREA", ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi with { Scheme = "resident" }));
        Assert.Equal("NOT_COVERED_ON_DATE", ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi with { Scheme = "resident", County = "410105" }));
    }

    [Fact]
    public void Check_covered_in_2023_has_no_policy()
    {
        EnrolmentTerms enrolled2023 = new(2023, "resident", "410105", true, new DateOnly(2023, 1, 1), new DateOnly(2023, 1, 1), new DateOnly(2023, 12, 31));

        Assert.Equal("NO_POLICY_IN_FORCE", ReasonOf("2023-12-31", Township, enrolled2023));
    }

    [Theory]
    [InlineData("2024-12-31", 2024, "VISIT_TYPE_NOT_COVERED")]
    [InlineData("2025-01-01", 2025, "")]
    public void Check_prenatal_visit_is_covered_from_2025(string date, int year, string reason)
    {
        EnrolmentTerms wholeYear = new(year, "resident", "410105", true, new DateOnly(year, 1, 1), new DateOnly(year, 1, 1), new DateOnly(year, 12, 31));

        Assert.Equal(reason, ReasonOf(date, Township, wholeYear, VisitType.PrenatalCheck));
    }

    [Theory]
    [InlineData(AdminLevel.Province, "3A", Tier.Province3A, 4500, 4000)]
    [InlineData(AdminLevel.Province, "3B", Tier.Other, 5500, 4000)]
    [InlineData(AdminLevel.City, "3A", Tier.Other, 5500, 4000)]
    [InlineData(AdminLevel.County, "2A", Tier.Other, 5500, 4000)]
    [InlineData(AdminLevel.Township, "3A", Tier.Grassroots, 6500, 0)]
    [InlineData(AdminLevel.Community, "none", Tier.Grassroots, 6500, 0)]
    [InlineData(AdminLevel.Village, "none", Tier.Grassroots, 6500, 0)]
    public void TermsOf_tier_follows_from_level_and_grade(AdminLevel level, string grade, Tier tier, int rateBasisPoints, long tariffFen)
    {
        Assert.Equal(tier, Tiers.Of(level, grade));
        Assert.Equal(new Terms(rateBasisPoints, tariffFen, 30_000, null), CoverageChecks.TermsOf(Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 1, 1))!, tier, VisitType.Ordinary));
    }

    [Theory]
    [InlineData(VisitType.DeliveryNatural, 100_000)]
    [InlineData(VisitType.DeliveryCaesarean, 200_000)]
    public void TermsOf_delivery_is_a_fixed_sum(VisitType type, long allowanceFen) =>
        Assert.Equal(new Terms(0, 0, 30_000, allowanceFen), CoverageChecks.TermsOf(Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 1, 1))!, Tier.Other, type));

    private static string ReasonOf(string date, FacilityTerms facility, EnrolmentTerms enrolment, VisitType type = VisitType.Ordinary) =>
        CoverageChecks.Check(Packs.Zhengzhou, VisitOn(date, type), facility, new InsuredTerms("P01", [enrolment])).Refusal?.Code ?? "";

    private static Visit VisitOn(string date, VisitType type = VisitType.Ordinary) =>
        new(new SettleRequest { VisitDate = date, VisitType = type, TotalFen = 100, InScopeFen = 100 }, DateOnly.ParseExact(date, "yyyy-MM-dd", null), new FeeParts(0, 0, 0, 100), []);
}
