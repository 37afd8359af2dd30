using System.Collections.Immutable;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Adjudication.Tests.Rules;

public sealed class CoverageChecksTests
{
    private static readonly FacilityTerms Township =
        new("H4", "410182", Tier.Grassroots, new DateOnly(2023, 1, 1), new DateOnly(2025, 6, 30));
    private static readonly EnrolmentTerms Enrolled =
        new(2024, "resident", "410105", true, new DateOnly(2024, 3, 1), new DateOnly(2024, 3, 31), new DateOnly(2024, 12, 31));

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

    [Theory]
    [InlineData("2023-12-31", "参保人没有2023年度的居民医保参保登记，请核对参保缴费情况。")]
    [InlineData("2024-02-29", "参保人的待遇自2024年3月31日起享受，就诊日期早于缴费，请核对参保缴费情况。")]
    [InlineData("2024-03-01", "参保人尚在待遇等待期内，自2024年3月31日起享受待遇；等待期内的费用统筹基金不予支付。")]
    [InlineData("2024-03-30", "参保人尚在待遇等待期内，自2024年3月31日起享受待遇；等待期内的费用统筹基金不予支付。")]
    [InlineData("2024-10-02", "参保人的待遇已于2024年10月1日终止，请核对参保缴费情况。")]
    public void Check_of_cover_names_the_day_or_year(string date, string text) => Assert.Equal(
        text, CoverageChecks.Check(Packs.Zhengzhou, VisitOn(date), Township,
            new InsuredTerms("P01", [Enrolled with { CoveredTo = new DateOnly(2024, 10, 1) }])).Refusal?.Text);

    [Fact]
    public void Check_of_an_unpaid_enrolment_says_so() => Assert.Equal(
        new Refusal("NOT_COVERED_ON_DATE", "参保人2024年度已登记、尚未缴费，请核对参保缴费情况。"),
        CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2024-05-05"), Township, new InsuredTerms("P01", [Enrolled with { Paid = false }]))
            .Refusal);

    [Theory]
    [InlineData("resident", "410105", 2024, "")]
    [InlineData("employee", "410181", 2024, "WRONG_SCHEME")]
    [InlineData("resident", "410181", 2024, "OUTSIDE_POOLING_AREA")]
    [InlineData("employee", "410181", 2025, "")]
    [InlineData("resident", "410105", 2023, "NO_POLICY_IN_FORCE")]
    public void CapOf_is_that_of_the_years_policy_or_says_why_there_is_none(string scheme, string county, int year, string code)
    {
        (OutpatientPolicy? policy, Refusal? refusal) =
            CoverageChecks.CapOf(Packs.Zhengzhou, new InsuredTerms("P01", [Enrolled with { Scheme = scheme, County = county }]), year);

        Assert.Equal((code, code.Length == 0), (refusal?.Code ?? "", policy is not null));
        Assert.Equal(code.Length == 0 ? 30_000 : null, policy?.AnnualCapFen.Value);
        Assert.Equal((null, Refusal.Of("INSURED_UNKNOWN")), CoverageChecks.CapOf(Packs.Zhengzhou, null, year));
    }

    [Fact]
    public void Check_several_faults_gives_the_first_in_order()
    {
        Assert.Equal("FACILITY_UNKNOWN", CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2023-05-05"), null, null).Refusal!.Code);
        Assert.Equal("INSURED_UNKNOWN", CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2023-05-05"), Township, null).Refusal!.Code);
        EnrolmentTerms unpaidEmployeeOfGongyi = Enrolled with { Scheme = "employee", County = "410181", Paid = false };
        Assert.Equal("WRONG_SCHEME", ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi));
        Assert.Equal("OUTSIDE_POOLING_AREA", ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi with { Scheme = "resident" }));
        Assert.Equal("NOT_COVERED_ON_DATE",
            ReasonOf("2024-05-05", Township, unpaidEmployeeOfGongyi with { Scheme = "resident", County = "410105" }));
    }

    [Fact]
    public void Check_covered_in_2023_has_no_policy()
    {
        EnrolmentTerms enrolled2023 =
            new(2023, "resident", "410105", true, new DateOnly(2023, 1, 1), new DateOnly(2023, 1, 1), new DateOnly(2023, 12, 31));

        Assert.Equal("NO_POLICY_IN_FORCE", ReasonOf("2023-12-31", Township, enrolled2023));
    }

    [Theory]
    [InlineData("2024-12-31", 2024, "VISIT_TYPE_NOT_COVERED")]
    [InlineData("2025-01-01", 2025, "")]
    public void Check_prenatal_visit_is_covered_from_2025(string date, int year, string reason)
    {
        EnrolmentTerms wholeYear = new(
            year, "resident", "410105", true, new DateOnly(year, 1, 1), new DateOnly(year, 1, 1), new DateOnly(year, 12, 31));

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
        Assert.Equal(new Terms(rateBasisPoints, tariffFen, 30_000, null),
            CoverageChecks.TermsOf(Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 1, 1))!, tier, VisitType.Ordinary));
    }

    [Theory]
    [InlineData(VisitType.DeliveryNatural, 100_000)]
    [InlineData(VisitType.DeliveryCaesarean, 200_000)]
    public void TermsOf_delivery_is_a_fixed_sum(VisitType type, long allowanceFen) =>
        Assert.Equal(new Terms(0, 0, 30_000, allowanceFen, NotAgainWithinDays: 180),
            CoverageChecks.TermsOf(Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 1, 1))!, Tier.Other, type));

    [Fact]
    public void Check_facility_comes_before_the_insured_and_the_insured_before_the_policy()
    {
        EnrolmentTerms waitingIn2023 =
            new(2023, "resident", "410105", true, new DateOnly(2023, 1, 1), new DateOnly(2023, 6, 1), new DateOnly(2023, 12, 31));

        Assert.Equal("FACILITY_NOT_POOLED", CoverageChecks.Check(Packs.Zhengzhou, VisitOn("2025-07-01"), Township, null).Refusal!.Code);
        Assert.Equal("NOT_COVERED_ON_DATE", ReasonOf("2023-05-05", Township, Enrolled with { Scheme = "employee", County = "410181" }));
        Assert.Equal("IN_WAITING_PERIOD", ReasonOf("2023-05-31", Township, waitingIn2023, VisitType.PrenatalCheck));
        Assert.Equal("NO_POLICY_IN_FORCE", ReasonOf("2023-06-01", Township, waitingIn2023, VisitType.PrenatalCheck));
    }

    [Theory]
    [InlineData("2022-12-31", "FACILITY_NOT_POOLED")]
    [InlineData("2023-01-01", "NO_POLICY_IN_FORCE")]
    [InlineData("2025-06-30", "")]
    [InlineData("2025-07-01", "FACILITY_NOT_POOLED")]
    public void Check_agreement_counts_from_its_first_to_its_last_day(string date, string reason)
    {
        int year = int.Parse(date.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture);
        EnrolmentTerms wholeYear = new(
            year, "resident", "410105", true, new DateOnly(year, 1, 1), new DateOnly(year, 1, 1), new DateOnly(year, 12, 31));

        Assert.Equal(reason, ReasonOf(date, Township, wholeYear));
        Assert.Equal("FACILITY_NOT_POOLED", ReasonOf(date, Township with { PooledFrom = null }, wholeYear));
        Assert.Equal(reason == "FACILITY_NOT_POOLED" && year > 2023 ? "" : reason,
            ReasonOf(date, Township with { PooledTo = null }, wholeYear));
    }

    [Fact]
    public void Check_pooling_area_is_that_of_the_insured_and_not_of_the_facility()
    {
        Assert.Equal("", ReasonOf("2024-05-05", Township with { County = "410181" }, Enrolled));
        Assert.Equal("OUTSIDE_POOLING_AREA", ReasonOf("2024-05-05", Township, Enrolled with { County = "410181" }));
    }

    [Fact]
    public void Check_unpaid_enrolment_is_not_covered_even_in_its_waiting_period() =>
        Assert.Equal("NOT_COVERED_ON_DATE", ReasonOf("2024-03-15", Township, Enrolled with { Paid = false }));

    [Fact]
    public void Check_takes_the_enrolment_of_the_visits_year_and_the_tier_of_the_facility()
    {
        EnrolmentTerms before = new(2023, "employee", "410181", true, new DateOnly(2023, 1, 1), new DateOnly(2023, 1, 1),
            new DateOnly(2025, 12, 31));
        EnrolmentTerms after = before with { PlanYear = 2025, CoveredTo = new DateOnly(2025, 12, 31) };
        Visit visit = VisitOn("2024-05-05");
        FacilityTerms hospital = Township with { Tier = Tier.Province3A };

        (CoveredVisit? covered, Refusal? refusal) =
            CoverageChecks.Check(Packs.Zhengzhou, visit, hospital, new InsuredTerms("P01", [before, Enrolled, after]));

        Assert.Null(refusal);
        Assert.Equal(new CoveredVisit(visit, hospital, Enrolled, Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 5, 5))!,
            new Terms(4_500, 4_000, 30_000, null)), covered);
    }

    [Fact]
    public void Policy_of_the_visits_day_decides_and_tells_its_own_sources()
    {
        PolicyPack pack = Packs.Zhengzhou with
        {
            Outpatient = [Invented("old", 1, new DateOnly(2024, 1, 1), new DateOnly(2024, 5, 4)),
                Invented("new", 2, new DateOnly(2024, 5, 5), null)],
        };
        InsuredTerms insured = new("P01", [Enrolled]);

        CoveredVisit last = CoverageChecks.Check(pack, VisitOn("2024-05-04"), Township, insured).Covered!.Value;
        CoveredVisit first = CoverageChecks.Check(
            pack, VisitOn("2024-05-05", VisitType.PrenatalCheck), Township with { Tier = Tier.Other }, insured).Covered!.Value;
        CoveredVisit fixedSum = CoverageChecks.Check(
            pack, VisitOn("2024-05-05", VisitType.DeliveryCaesarean), Township with { Tier = Tier.Province3A }, insured).Covered!.Value;

        Assert.Equal(("old", new Terms(1_003, 103, 1_000, null)), (last.Policy.PolicyId, last.Terms));
        Assert.Equal(("new", new Terms(2_002, 202, 2_000, null)), (first.Policy.PolicyId, first.Terms));
        Assert.Equal(("new", new Terms(0, 0, 2_000, 2_005)), (fixedSum.Policy.PolicyId, fixedSum.Terms));
        Assert.Equal("VISIT_TYPE_NOT_COVERED",
            CoverageChecks.Check(pack, VisitOn("2024-05-05", VisitType.DeliveryNatural), Township, insured).Refusal!.Code);
        Assert.Equal(new Citations("old", pack.Hash, "old ordinary", "old grassroots deductible", "old grassroots rate", "old cap"),
            Citations.For(pack, last.Policy, Tier.Grassroots, VisitType.Ordinary));
        Assert.Equal(new Citations("new", pack.Hash, "new prenatal", "new other deductible", "new other rate", "new cap"),
            Citations.For(pack, first.Policy, Tier.Other, VisitType.PrenatalCheck));
        Assert.Equal(
            new Citations("new", pack.Hash, "new caesarean", "new province deductible", "new province rate", "new cap"),
            Citations.For(pack, fixedSum.Policy, Tier.Province3A, VisitType.DeliveryCaesarean));
    }

    [Theory]
    [InlineData(VisitType.Ordinary, "ORDINARY")]
    [InlineData(VisitType.PrenatalCheck, "PRENATAL_CHECK")]
    [InlineData(VisitType.DeliveryNatural, "DELIVERY_NATURAL")]
    [InlineData(VisitType.DeliveryCaesarean, "DELIVERY_CAESAREAN")]
    public void WireName_of_a_visit_type_is_that_of_the_policy_files(VisitType type, string name) =>
        Assert.Equal(name, VisitTypes.WireName(type));

    [Theory]
    [InlineData(Tier.Province3A, 1, "province_3a")]
    [InlineData(Tier.Other, 2, "other")]
    [InlineData(Tier.Grassroots, 3, "grassroots")]
    public void Tier_has_its_number_and_its_name_on_the_wire(Tier tier, int stored, string name) =>
        Assert.Equal((stored, name), ((int)tier, tier.WireName()));

    [Fact]
    public void Tier_of_an_unknown_level_is_not_guessed() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Tiers.Of(AdminLevel.Unspecified, "3A"));

    /// <summary>One with another value and another source in every place.</summary>
    private static OutpatientPolicy Invented(string id, int digit, DateOnly from, DateOnly? to) => new()
    {
        PolicyId = id,
        From = from,
        To = to,
        AnnualCapFen = new Cited<long>(1_000 * digit, $"{id} cap"),
        Province3A = new TierTerms(new Cited<int>((1_000 * digit) + 1, $"{id} province rate"),
            new Cited<long>((100 * digit) + 1, $"{id} province deductible")),
        Other = new TierTerms(new Cited<int>((1_000 * digit) + 2, $"{id} other rate"),
            new Cited<long>((100 * digit) + 2, $"{id} other deductible")),
        Grassroots = new TierTerms(new Cited<int>((1_000 * digit) + 3, $"{id} grassroots rate"),
            new Cited<long>((100 * digit) + 3, $"{id} grassroots deductible")),
        PooledVisitTypes = ImmutableDictionary.CreateRange(StringComparer.Ordinal,
            [KeyValuePair.Create("ORDINARY", $"{id} ordinary"), KeyValuePair.Create("PRENATAL_CHECK", $"{id} prenatal")]),
        FixedAllowanceFen = ImmutableDictionary.CreateRange(
            StringComparer.Ordinal, [KeyValuePair.Create("DELIVERY_CAESAREAN", new Cited<long>((1_000 * digit) + 5, $"{id} caesarean"))]),
    };

    private static string ReasonOf(string date, FacilityTerms facility, EnrolmentTerms enrolment, VisitType type = VisitType.Ordinary) =>
        CoverageChecks.Check(Packs.Zhengzhou, VisitOn(date, type), facility, new InsuredTerms("P01", [enrolment])).Refusal?.Code ?? "";

    private static Visit VisitOn(string date, VisitType type = VisitType.Ordinary) =>
        new(new SettleRequest { VisitDate = date, VisitType = type, TotalFen = 100, InScopeFen = 100 },
            DateOnly.ParseExact(date, "yyyy-MM-dd", null), new FeeParts(0, 0, 0, 100), []);
}
