using System.Collections.Immutable;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Adjudication.Tests.Rules;

public sealed class CoverageChecksTests
{
    private static readonly FacilityTerms Township =
        new("H4", "410182", "township", "none", new DateOnly(2023, 1, 1), new DateOnly(2025, 6, 30));
    private static readonly TermsCatalogue Zhengzhou = new(Packs.Zhengzhou);
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
        text, CoverageChecks.Check(Zhengzhou, VisitOn(date), Always(Township),
            new InsuredTerms("P01", [Enrolled with { CoveredTo = new DateOnly(2024, 10, 1) }])).Refusal?.Text);

    [Fact]
    public void Check_of_an_unpaid_enrolment_says_so() => Assert.Equal(
        new Refusal("NOT_COVERED_ON_DATE", "参保人2024年度已登记、尚未缴费，请核对参保缴费情况。"),
        CoverageChecks.Check(Zhengzhou, VisitOn("2024-05-05"), Always(Township), new InsuredTerms("P01", [Enrolled with { Paid = false }]))
            .Refusal);

    [Theory]
    [InlineData("resident", "410105", 2024, "")]
    [InlineData("employee", "410181", 2024, "WRONG_SCHEME")]
    [InlineData("resident", "410181", 2024, "OUTSIDE_POOLING_AREA")]
    [InlineData("employee", "410181", 2025, "")]
    [InlineData("resident", "410105", 2023, "NO_POLICY_IN_FORCE")]
    public void CapOf_is_that_of_the_years_policy_or_says_why_there_is_none(string scheme, string county, int year, string code)
    {
        (long? capFen, Refusal? refusal) =
            CoverageChecks.CapOf(Packs.Zhengzhou, new InsuredTerms("P01", [Enrolled with { Scheme = scheme, County = county }]), year);

        Assert.Equal((code, code.Length == 0 ? 30_000L : null), (refusal?.Code ?? "", capFen));
        Assert.Equal((null, Refusal.Of("INSURED_UNKNOWN")), CoverageChecks.CapOf(Packs.Zhengzhou, null, year));
    }

    [Fact]
    public void CapOf_an_insured_of_two_enrolments_is_the_residents_and_of_those_the_last_ones()
    {
        EnrolmentTerms first = Enrolled with
        {
            WaitingFrom = new DateOnly(2024, 1, 1),
            CoveredFrom = new DateOnly(2024, 1, 1),
            CoveredTo = new DateOnly(2024, 5, 31),
        };
        EnrolmentTerms second = Enrolled with { WaitingFrom = new DateOnly(2024, 6, 1), CoveredFrom = new DateOnly(2024, 6, 1) };

        Assert.Equal("", CodeOf(first, second with { Scheme = "employee" }));
        Assert.Equal("", CodeOf(first with { Scheme = "employee" }, second));
        Assert.Equal("OUTSIDE_POOLING_AREA", CodeOf(first, second with { County = "410181" }));
        Assert.Equal("", CodeOf(first with { County = "410181" }, second));

        static string CodeOf(params EnrolmentTerms[] enrolments)
        {
            Refusal?[] either = [.. ((EnrolmentTerms[][])[enrolments, [.. enrolments.Reverse()]])
                .Select(order => CoverageChecks.CapOf(Packs.Zhengzhou, new InsuredTerms("P01", [.. order]), 2024).Refusal)];
            Assert.Equal(either[0], either[1]);
            return either[0]?.Code ?? "";
        }
    }

    [Fact]
    public void CapOf_is_that_of_the_last_class_of_facilities_and_of_who_the_insured_is_at_the_years_end()
    {
        OutpatientPolicy policy = Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 5, 5))!;
        PersonClass minor = new("minor", 9, "未成年人", AgeBelow: 18, AgeFrom: null, []);
        Benefit ordinary = policy.Benefits[0];
        Cap cap = ordinary.Caps[0];
        ImmutableDictionary<ValueKey, Cited<long>> rows = cap.Limit.Rows.ToImmutableDictionary(row => row.Key, row =>
            new Cited<long>(row.Key.FacilityClass == policy.FacilityClasses[^1].Name ? 50_000 : 10_000, "made up"));
        ValueTable limits = new(rows.SetItems(rows.Select(row => KeyValuePair.Create(
            row.Key with { PersonClass = minor.Name }, new Cited<long>(2 * row.Value.Value, "made up")))));
        PolicyPack pack = Packs.Zhengzhou with
        {
            Outpatient =
            [
                policy with
                {
                    PersonClasses = [minor, .. policy.PersonClasses],
                    Benefits = policy.Benefits.SetItem(0, ordinary with { Caps = ordinary.Caps.SetItem(0, cap with { Limit = limits }) }),
                },
            ],
        };

        Assert.Equal(50_000, CapOf(new DateOnly(2006, 12, 31)));
        Assert.Equal(100_000, CapOf(new DateOnly(2007, 1, 1)));

        long? CapOf(DateOnly birth) =>
            CoverageChecks.CapOf(pack, new InsuredTerms("P01", [Enrolled with { BirthDate = birth }]), 2024).CapFen;
    }

    [Fact]
    public void Check_several_faults_gives_the_first_in_order()
    {
        Assert.Equal("FACILITY_UNKNOWN", CoverageChecks.Check(Zhengzhou, VisitOn("2023-05-05"), null, null).Refusal!.Code);
        Assert.Equal("INSURED_UNKNOWN", CoverageChecks.Check(Zhengzhou, VisitOn("2023-05-05"), Always(Township), null).Refusal!.Code);
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
    [InlineData("a cap on what the fund pays", true)]
    [InlineData("no cap", false)]
    [InlineData("a cap on the cost beside it", false)]
    [InlineData("bands of the cost beside it", false)]
    public void Check_of_a_sum_beyond_all_bounds_refuses_it_unless_the_fund_is_capped_and_no_cost_summed(string limits, bool isTaken)
    {
        const long LargestFen = 1_000_000_000_000;
        OutpatientPolicy policy = Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 5, 5))!;
        Benefit ordinary = policy.Benefits[0];
        Benefit limited = limits switch
        {
            "no cap" => ordinary with { Caps = [] },
            "a cap on the cost beside it" =>
                ordinary with { Caps = [.. ordinary.Caps, ordinary.Caps[0] with { Name = "cost", Of = Measure.Cost }] },
            "bands of the cost beside it" => ordinary with { Bands = new Bands("ordinary", Period.Year, new([], "")) },
            _ => ordinary,
        };
        TermsCatalogue terms =
            new(Packs.Zhengzhou with { Outpatient = [policy with { Benefits = policy.Benefits.SetItem(0, limited) }] });

        Assert.Null(RefusalOf(LargestFen));
        Assert.Equal(isTaken ? null : Refusal.Invalid("total_fen", "超过10000000000元，无法结算，请核对金额。"), RefusalOf(LargestFen + 1));

        Refusal? RefusalOf(long totalFen) => CoverageChecks.Check(
            terms, VisitOn("2024-05-05") with { Fees = new FeeParts(0, 0, 0, totalFen) }, Always(Township),
            new InsuredTerms("P01", [Enrolled])).Refusal;
    }

    [Theory]
    [InlineData("province", "3A", "province_3a", 4500, 4000)]
    [InlineData("province", "3B", "other", 5500, 4000)]
    [InlineData("city", "3A", "other", 5500, 4000)]
    [InlineData("county", "2A", "other", 5500, 4000)]
    [InlineData("township", "3A", "grassroots", 6500, 0)]
    [InlineData("community", "none", "grassroots", 6500, 0)]
    [InlineData("village", "none", "grassroots", 6500, 0)]
    public void Terms_follow_from_level_and_grade(string level, string grade, string name, int rateBasisPoints, long deductibleFen)
    {
        Terms terms = Find(level, grade, VisitType.Ordinary);

        Assert.Equal((name, rateBasisPoints, 30_000), (terms.FacilityClass, terms.RateBasisPoints, terms.Limits[terms.AnnualCap].Limit));
        Assert.Equal(deductibleFen, terms.Limits.SingleOrDefault(limit => limit.Name == "deductible")?.Limit ?? 0);
        Assert.True(terms.Capped);
        Assert.Same(terms, Find(level, grade, VisitType.Ordinary));
    }

    [Theory]
    [InlineData(VisitType.DeliveryNatural, 100_000)]
    [InlineData(VisitType.DeliveryCaesarean, 200_000)]
    public void Terms_of_a_delivery_are_a_fixed_sum(VisitType type, long fixedSumFen)
    {
        Terms terms = Find("county", "2A", type);

        Assert.Equal((fixedSumFen, 180, 0), (terms.FixedSumFen, terms.NotAgainWithinDays, terms.RateBasisPoints));
        Assert.Equal((LimitKind.Shown, 30_000L), (Assert.Single(terms.Limits).Kind, terms.Limits[0].Limit));
        Assert.False(terms.Capped);
    }

    private static Terms Find(string level, string grade, VisitType type)
    {
        OutpatientPolicy policy = Packs.Zhengzhou.OutpatientOn(new DateOnly(2024, 1, 1))!;
        return Zhengzhou.Find(policy, level, grade, policy.PersonClasses[0], type)!;
    }

    [Fact]
    public void Check_facility_comes_before_the_insured_and_the_insured_before_the_policy()
    {
        EnrolmentTerms waitingIn2023 =
            new(2023, "resident", "410105", true, new DateOnly(2023, 1, 1), new DateOnly(2023, 6, 1), new DateOnly(2023, 12, 31));

        Assert.Equal("FACILITY_NOT_POOLED", CoverageChecks.Check(Zhengzhou, VisitOn("2025-07-01"), Always(Township), null).Refusal!.Code);
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
        FacilityTerms hospital = Township with { AdminLevel = "province", Grade = "3A" };

        (CoveredVisit? covered, Refusal? refusal) =
            CoverageChecks.Check(Zhengzhou, visit, Always(hospital), new InsuredTerms("P01", [before, Enrolled, after]));

        Assert.Null(refusal);
        Assert.Equal(new CoveredVisit(visit, hospital, Enrolled, Find("province", "3A", VisitType.Ordinary)), covered);
    }

    [Fact]
    public void Policy_of_the_visits_day_decides_and_tells_its_own_sources()
    {
        PolicyPack pack = Packs.Zhengzhou with
        {
            Outpatient = [Invented("old", 1, new DateOnly(2024, 1, 1), new DateOnly(2024, 5, 4)),
                Invented("new", 2, new DateOnly(2024, 5, 5), null)],
        };
        TermsCatalogue terms = new(pack);
        InsuredTerms insured = new("P01", [Enrolled]);

        Terms last = CoverageChecks.Check(terms, VisitOn("2024-05-04"), Always(Township), insured).Covered!.Value.Terms;
        Terms first = CoverageChecks.Check(terms, VisitOn("2024-05-05", VisitType.PrenatalCheck),
            Always(Township with { AdminLevel = "county" }), insured).Covered!.Value.Terms;
        Terms fixedSum = CoverageChecks.Check(terms, VisitOn("2024-05-05", VisitType.DeliveryCaesarean),
            Always(Township with { AdminLevel = "province", Grade = "3A" }), insured).Covered!.Value.Terms;

        Assert.Equal("old old ordinary; 1003 old grassroots rate; deductible 103 old grassroots deductible; year 1000 old cap", Said(last));
        Assert.Equal("new new prenatal; 2002 new other rate; deductible 202 new other deductible; year 2000 new cap", Said(first));
        Assert.Equal("new new caesarean; 2005; year 2000 new cap", Said(fixedSum));
        Assert.Equal(pack.Hash, last.PolicyHash);
        Assert.Equal("VISIT_TYPE_NOT_COVERED",
            CoverageChecks.Check(terms, VisitOn("2024-05-05", VisitType.DeliveryNatural), Always(Township), insured).Refusal!.Code);

        static string Said(Terms terms) => string.Join("; ",
        [
            $"{terms.PolicyId} {terms.VisitTypeSource}",
            .. terms.Parts.Select(part => $"{part.RateBasisPoints} {part.Source}"),
            .. terms.FixedSumFen is { } sum ? [$"{sum}"] : Array.Empty<string>(),
            .. terms.Limits.Select(limit => $"{limit.Name} {limit.Limit} {limit.Source}"),
        ]);
    }

    [Theory]
    [InlineData(VisitType.Ordinary, "ORDINARY")]
    [InlineData(VisitType.PrenatalCheck, "PRENATAL_CHECK")]
    [InlineData(VisitType.DeliveryNatural, "DELIVERY_NATURAL")]
    [InlineData(VisitType.DeliveryCaesarean, "DELIVERY_CAESAREAN")]
    public void WireName_of_a_visit_type_is_that_of_the_policy_files(VisitType type, string name) =>
        Assert.Equal(name, VisitTypes.WireName(type));

    /// <summary>One with another value and another source in every place.</summary>
    private static OutpatientPolicy Invented(string id, int digit, DateOnly from, DateOnly? to)
    {
        OutpatientPolicy shape = Packs.Zhengzhou.OutpatientOn(new DateOnly(2025, 1, 1))!;
        (string Class, string Word, int Last)[] classes =
            [("province_3a", "province", 1), ("other", "other", 2), ("grassroots", "grassroots", 3)];
        string[] types = ["ORDINARY", "PRENATAL_CHECK"];
        Benefit ordinary = shape.Benefits[0], delivery = shape.Benefits[1];
        return shape with
        {
            PolicyId = id,
            From = from,
            To = to,
            Benefits =
            [
                ordinary with
                {
                    VisitTypes = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal,
                        [KeyValuePair.Create("ORDINARY", $"{id} ordinary"), KeyValuePair.Create("PRENATAL_CHECK", $"{id} prenatal")]),
                    Deductible =
                        ordinary.Deductible! with { Fen = Table(one => new((100 * digit) + one.Last, $"{id} {one.Word} deductible")) },
                    RateBasisPoints = Table(one => new((1_000 * digit) + one.Last, $"{id} {one.Word} rate")),
                    Caps = [ordinary.Caps[0] with { Limit = Table(_ => new(1_000 * digit, $"{id} cap")) }],
                },
                delivery with
                {
                    VisitTypes = ImmutableSortedDictionary.CreateRange(
                        StringComparer.Ordinal, [KeyValuePair.Create("DELIVERY_CAESAREAN", $"{id} caesarean")]),
                    FixedSum = new FixedSum(new ValueTable(classes.ToImmutableDictionary(
                        one => new ValueKey(one.Class, "all", "DELIVERY_CAESAREAN", 1), _ =>
                            new Cited<long>((1_000 * digit) + 5, "sum"))), null),
                },
            ],
        };

        ValueTable Table(Func<(string Class, string Word, int Last), Cited<long>> value) => new(classes
            .SelectMany(one => types.Select(type => (Key: new ValueKey(one.Class, "all", type, 1), Value: value(one))))
            .ToImmutableDictionary(row => row.Key, row => row.Value));
    }

    private static string ReasonOf(string date, FacilityTerms facility, EnrolmentTerms enrolment, VisitType type = VisitType.Ordinary) =>
        CoverageChecks.Check(Zhengzhou, VisitOn(date, type), Always(facility), new InsuredTerms("P01", [enrolment])).Refusal?.Code ?? "";

    private static FacilityHistory Always(FacilityTerms facility) => FacilityHistory.Of(facility);

    private static Visit VisitOn(string date, VisitType type = VisitType.Ordinary) =>
        new(new SettleRequest { VisitDate = date, VisitType = type, TotalFen = 100, InScopeFen = 100 },
            DateOnly.ParseExact(date, "yyyy-MM-dd", null), new FeeParts(0, 0, 0, 100), []);
}
