using System.Collections.Immutable;

namespace Claims.Policy.Tests;

/// <summary>The values of the shipped files against the documents, on both sides of every date.</summary>
public sealed class ShippedPolicyTests
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "policy");
    private static readonly PolicyPack Zhengzhou = PolicyLoader.Load(Shipped, "zhengzhou");
    private static readonly PolicyPack Xinzhou = PolicyLoader.Load(Shipped, "xinzhou");

    [Fact]
    public void Outpatient_before_2024_is_not_in_force() => Assert.Null(Zhengzhou.OutpatientOn(new(2023, 12, 31)));

    [Theory]
    [InlineData("2024-01-01", "zhengzhou-outpatient@2024-01-01")]
    [InlineData("2024-12-31", "zhengzhou-outpatient@2024-01-01")]
    [InlineData("2025-01-01", "zhengzhou-outpatient@2025-01-01")]
    [InlineData("2031-07-09", "zhengzhou-outpatient@2025-01-01")]
    public void Outpatient_on_a_date_is_the_period_that_holds_it(string date, string policyId) =>
        Assert.Equal(policyId, Zhengzhou.OutpatientOn(Day(date))!.PolicyId);

    [Theory]
    [InlineData("2024-12-31", false)]
    [InlineData("2025-01-01", true)]
    public void Prenatal_checks_are_pooled_from_2025(string date, bool pooled)
    {
        OutpatientPolicy policy = Zhengzhou.OutpatientOn(Day(date))!;
        Assert.Equal(pooled ? "ordinary" : null, policy.BenefitFor("PRENATAL_CHECK")?.Name);
        Assert.Equal("郑医保〔2023〕6号 三", policy.BenefitFor("ORDINARY")!.VisitTypes["ORDINARY"]);
    }

    [Theory]
    [InlineData("2024-01-01")]
    [InlineData("2025-01-01")]
    public void Outpatient_terms_are_those_of_the_notice(string date)
    {
        OutpatientPolicy policy = Zhengzhou.OutpatientOn(Day(date))!;
        const string source = "郑医保〔2023〕6号 三";
        Benefit ordinary = policy.BenefitFor("ORDINARY")!;
        Deductible deductible = ordinary.Deductible!;
        Assert.Equal(("ordinary", Period.Day, true, false, true, null),
            (deductible.Group, deductible.Per, deductible.AtFacility, deductible.AfterRate, deductible.ReverseOrder, deductible.AtMost));
        foreach ((string facility, int number, long rate, long fen) in new[]
        {
            ("province_3a", 1, 4500L, 4000L), ("other", 2, 5500L, 4000L), ("grassroots", 3, 6500L, 0L),
        })
        {
            FacilityClass one = policy.FacilityClasses.Single(one => one.Name == facility);
            Assert.Equal(number, one.Number);
            Assert.Equal(new(rate, source), ordinary.RateBasisPoints!.For(one, policy.PersonClasses[0], "ORDINARY"));
            Assert.Equal(new(fen, source), deductible.Fen.For(one, policy.PersonClasses[0], "ORDINARY"));
        }

        Cap cap = Assert.Single(ordinary.Caps);
        Assert.Equal(("year", "ordinary.year", Measure.FundPay, Period.Year, 0, 0),
            (cap.Name, cap.Group, cap.Of, cap.Per, cap.FacilityClasses.Count, cap.PersonClasses.Count));
        Assert.Equal([new Cited<long>(30_000, source)], cap.Limit.Rows.Values.Distinct());
        FixedSum sums = policy.BenefitFor("DELIVERY_NATURAL")!.FixedSum!;
        Assert.Same(sums, policy.BenefitFor("DELIVERY_CAESAREAN")!.FixedSum);
        Assert.Equal(new(100_000, "郑医保〔2023〕6号 四"), sums.Fen.For(policy.FacilityClasses[0], policy.PersonClasses[0], "DELIVERY_NATURAL"));
        Assert.Equal(new(200_000, "郑医保〔2023〕6号 四"), sums.Fen.For(policy.FacilityClasses[0], policy.PersonClasses[0], "DELIVERY_CAESAREAN"));
        Assert.Equal(new Cited<int>(180, "郑医保〔2023〕6号 四", "allowance-once"), sums.NotAgainWithinDays);
        Assert.Equal(new Rounding(1, null, "round-half-up"), policy.Rounding);
        Assert.Equal(["all"], policy.PersonClasses.Select(one => one.Name));
    }

    [Theory]
    [InlineData("province", "3A", "province_3a")]
    [InlineData("province", "3B", "other")]
    [InlineData("province", "none", "other")]
    [InlineData("city", "3A", "other")]
    [InlineData("county", "2A", "other")]
    [InlineData("township", "1A", "grassroots")]
    [InlineData("community", "none", "grassroots")]
    [InlineData("village", "none", "grassroots")]
    public void Facility_counts_as_its_level_and_grade_say(string adminLevel, string grade, string facilityClass) =>
        Assert.Equal(facilityClass, Zhengzhou.Outpatient[0].FacilityClassOf(adminLevel, grade).Name);

    [Fact]
    public void Coverage_is_that_of_the_provincial_notice()
    {
        CoverageRules rules = Zhengzhou.CoverageFor(2024)!;
        Assert.Equal(new Cited<int>(30, "豫医保办〔2023〕71号 五", "first-covered-day"), rules.WaitingDays);
        Assert.Equal(3, rules.TransferMonths.Value);
        Assert.Equal(0, rules.TransferCoveredAfterDays.Value);
        Assert.Equal(["child_in_difficulty", "destitute", "disabled", "low_income", "low_income_edge", "relapse_risk"],
            rules.ExemptCategories.Keys.Order(StringComparer.Ordinal));
        Assert.Same(rules, Zhengzhou.CoverageFor(2019));
    }

    [Fact]
    public void Pooling_area_is_the_city_where_a_file_says_so_and_where_none_does_the_file_is_named()
    {
        Assert.Equal(new PoolingArea("410100", "郑州市", "郑政办〔2021〕24号 一", null), Zhengzhou.RequirePoolingArea());
        Assert.Null(Xinzhou.PoolingArea);
        Assert.Contains("there is no xinzhou-counties.yaml", Assert.Throws<PolicyException>(() => Xinzhou.RequirePoolingArea()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Gongyi_alone_is_outside_pooling() =>
        Assert.Equal(KeyValuePair.Create("410181", "郑政办〔2021〕24号 一"), Assert.Single(Zhengzhou.CountiesOutsidePooling));

    [Fact]
    public void Counties_have_the_accounts_that_the_pooling_notice_gives_them()
    {
        ILookup<FundAccounts?, string> byAccounts = Zhengzhou.Counties.Values.ToLookup(county => county.Accounts, county => county.Code);
        Assert.Equal(["410102", "410103", "410104", "410105", "410108", "410171", "410172", "410173"], byAccounts[FundAccounts.City]);
        Assert.Equal(["410106", "410122", "410182", "410183", "410184", "410185"], byAccounts[FundAccounts.County]);
        Assert.Equal(["410181"], byAccounts[null]);
    }

    [Theory]
    [InlineData(2022, "general", "410105", 32_000, 32_000, 0, 0)]
    [InlineData(2024, "general", "410105", 38_000, 38_000, 0, 0)]
    [InlineData(2024, "newborn", "410105", 38_000, 38_000, 0, 0)]
    [InlineData(2024, "destitute", "410105", 38_000, 0, 19_000, 19_000)]
    [InlineData(2024, "low_income", "410122", 38_000, 1_900, 0, 36_100)]
    [InlineData(2024, "relapse_risk", "410173", 38_000, 1_900, 18_050, 18_050)]
    [InlineData(2025, "general", "410105", 40_000, 40_000, 0, 0)]
    [InlineData(2025, "newborn", "410105", 40_000, 0, 20_000, 20_000)]
    [InlineData(2025, "relapse_risk", "410173", 40_000, 2_000, 0, 38_000)]
    [InlineData(2025, "disabled", "410106", 40_000, 8_000, 16_000, 16_000)]
    [InlineData(2025, "low_income_edge", "410185", 40_000, 8_000, 0, 32_000)]
    [InlineData(2025, "child_in_difficulty", "410171", 40_000, 8_000, 16_000, 16_000)]
    public void Contribution_is_standard_less_aid_shared_by_class(
        int planYear, string category, string county, long standardFen, long selfFen, long cityFen, long countyFen)
    {
        ContributionQuote quote = Zhengzhou.QuoteContribution(planYear, category, county);
        Assert.Equal((standardFen, selfFen, cityFen, countyFen), (quote.StandardFen, quote.SelfFen, quote.CityAidFen, quote.CountyAidFen));
    }

    [Theory]
    [InlineData(2023, "general", "410105", "2023年度个人缴费标准的文件不在手")]
    [InlineData(2026, "general", "410105", "plan year 2026 is not in hand")]
    [InlineData(2022, "low_income", "410105", "aid for category 'low_income' in plan year 2022 is not in hand")]
    [InlineData(2024, "low-income", "410105", "no category 'low-income'")]
    [InlineData(2024, "general", "410181", "outside the pooling area (郑政办〔2021〕24号 一)")]
    [InlineData(2024, "general", "110101", "no county 110101")]
    public void Contribution_that_is_not_known_says_so(int planYear, string category, string county, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<PolicyException>(() => Zhengzhou.QuoteContribution(planYear, category, county)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(2021, "410105", 34_800, 9_280, 16_960, 16_960)]
    [InlineData(2021, "410182", 34_800, 9_280, 16_960, 16_960)]
    [InlineData(2021, "410185", 34_800, 9_280, 16_960, 16_960)]
    [InlineData(2021, "410122", 34_800, 12_760, 10_000, 20_440)]
    [InlineData(2023, "410105", 38_400, 5_120, 17_240, 17_240)]
    [InlineData(2023, "410122", 38_400, 7_680, 7_000, 24_920)]
    [InlineData(2023, "410182", 38_400, 7_680, 7_000, 24_920)]
    [InlineData(2024, "410172", 40_200, 5_360, 16_220, 16_220)]
    [InlineData(2024, "410184", 40_200, 8_040, 5_500, 24_260)]
    public void Subsidy_of_a_county_sums_to_780_yuan(
        int year, string county, long centralFen, long provinceFen, long cityFen, long countyFen)
    {
        Subsidy subsidy = Zhengzhou.SubsidyFor(year, county);
        Assert.Equal((centralFen, provinceFen, cityFen, countyFen),
            (subsidy.CentralFen, subsidy.ProvinceFen, subsidy.CityFen, subsidy.CountyFen));
        Assert.Equal(78_000, centralFen + provinceFen + cityFen + countyFen);
    }

    [Theory]
    [InlineData(2021, 34_800, 9_280, 33_920, 20_000)]
    [InlineData(2023, 38_400, 5_120, 34_480, 14_000)]
    [InlineData(2024, 40_200, 5_360, 32_440, 11_000)]
    public void Subsidy_of_colleges_is_full_for_the_citys_and_in_part_for_others(
        int year, long centralFen, long provinceFen, long cityFen, long cityPartFen)
    {
        Subsidy own = Zhengzhou.SubsidyFor(year, "city_college");
        Assert.Equal((centralFen, provinceFen, cityFen, null), (own.CentralFen, own.ProvinceFen, own.CityFen, own.CountyFen));
        Subsidy provincial = Zhengzhou.SubsidyFor(year, "provincial_college");
        Assert.Equal((null, null, cityPartFen, null),
            (provincial.CentralFen, provincial.ProvinceFen, provincial.CityFen, provincial.CountyFen));
        Assert.NotNull(provincial.Remainder);
    }

    [Theory]
    [InlineData(2022, "410105")]
    [InlineData(2025, "410105")]
    [InlineData(2023, "410173")]
    [InlineData(2024, "410173")]
    [InlineData(2024, "central_college")]
    public void Subsidy_that_is_not_in_hand_says_so(int year, string countyOrClass) =>
        Assert.Contains("is not in hand", Assert.Throws<PolicyException>(() => Zhengzhou.SubsidyFor(year, countyOrClass)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Zhengzhou_keeps_every_provincial_floor()
    {
        ImmutableArray<FloorCheck> checks = Zhengzhou.CheckAgainstFloors();
        Assert.Equal(2 * 8, checks.Length);
        Assert.All(checks, check => Assert.True(check.Holds == true, check.What));
    }

    [Fact]
    public void Floors_are_missed_by_a_lower_rate_a_higher_deductible_and_a_smaller_allowance()
    {
        OutpatientPolicy policy = Zhengzhou.Outpatient[0];
        Benefit ordinary = policy.Benefits[0];
        Benefit delivery = policy.Benefits[1];
        OutpatientPolicy lower = policy with
        {
            Benefits =
            [
                ordinary with
                {
                    RateBasisPoints = Set(ordinary.RateBasisPoints!, "province_3a", 3999),
                    Deductible = ordinary.Deductible! with { Fen = Set(Set(ordinary.Deductible.Fen, "other", 6001), "grassroots", 1) },
                },
                delivery with
                {
                    VisitTypes = delivery.VisitTypes.Remove("DELIVERY_CAESAREAN"),
                    FixedSum = delivery.FixedSum! with { Fen = Set(delivery.FixedSum.Fen, "other", 99_999) },
                },
            ],
        };
        PolicyPack pack = Zhengzhou with { Outpatient = [lower] };
        Assert.Equal(
            ["省级三级甲等支付比例", "基层医疗机构起付标准", "省市县其他等级起付标准", "DELIVERY_CAESAREAN", "DELIVERY_NATURAL"],
            pack.CheckAgainstFloors().Where(check => check.Holds == false).Select(check => check.What.Split(' ')[1]));

        static ValueTable Set(ValueTable table, string facility, long value) => new(table.Rows.ToImmutableDictionary(
            row => row.Key, row => row.Key.FacilityClass == facility ? new(value, "x") : row.Value));
    }

    [Fact]
    public void Xinzhou_has_what_is_in_hand_and_settles_nothing()
    {
        Assert.Empty(Xinzhou.Outpatient);
        Assert.NotNull(Xinzhou.OutpatientIncomplete);
        Assert.Null(Xinzhou.Coverage.WaitingDays);
        Assert.Equal(1, Xinzhou.Coverage.TransferCoveredAfterDays.Value);
        Subsidy western = Xinzhou.SubsidyFor(2023, "western_county");
        Assert.Equal((51_200, 6_400, 1_350, 5_050), (western.CentralFen, western.ProvinceFen, western.CityFen, western.CountyFen));
        Subsidy ordinary = Xinzhou.SubsidyFor(2023, "ordinary_county");
        Assert.Equal((38_400, 12_800, 2_600, 10_200), (ordinary.CentralFen, ordinary.ProvinceFen, ordinary.CityFen, ordinary.CountyFen));
    }

    [Fact]
    public void Cities_are_those_with_files() => Assert.Equal(new[] { "xinzhou", "zhengzhou" }, PolicyLoader.Cities(Shipped));

    private static DateOnly Day(string date) => DateOnly.ParseExact(date, "yyyy-MM-dd");
}
