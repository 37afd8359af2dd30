using System.Collections.Immutable;

namespace Claims.Policy.Tests;

/// <summary>Every field of what a pack answers, against values written by hand.</summary>
public sealed class PolicyValuesTests
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "policy");
    private static readonly PolicyPack Zhengzhou = PolicyLoader.Load(Shipped, "zhengzhou");
    private static readonly PolicyPack Xinzhou = PolicyLoader.Load(Shipped, "xinzhou");

    [Fact]
    public void Periods_have_their_days_and_what_each_covers()
    {
        const string notice = "郑医保〔2023〕6号 三";
        Assert.Equal(
            ["zhengzhou-outpatient@2024-01-01 2024-01-01..2024-12-31", "zhengzhou-outpatient@2025-01-01 2025-01-01.."],
            Zhengzhou.Outpatient.Select(period => $"{period.PolicyId} {period.From:yyyy-MM-dd}..{period.To:yyyy-MM-dd}"));
        Assert.All(Zhengzhou.Outpatient, period => Assert.Equal(
            ["ordinary 普通门诊统筹", "delivery 生育医疗补助"], period.Benefits.Select(benefit => $"{benefit.Name} {benefit.Label}")));
        Assert.Equal([KeyValuePair.Create("ORDINARY", notice)], Zhengzhou.Outpatient[0].Benefits[0].VisitTypes);
        Assert.Equal(
            [KeyValuePair.Create("ORDINARY", notice), KeyValuePair.Create("PRENATAL_CHECK", "郑医保办〔2024〕60号 三; 豫医保办〔2024〕64号 二")],
            Zhengzhou.Outpatient[1].Benefits[0].VisitTypes);
        Assert.All(Zhengzhou.Outpatient, period => Assert.Equal(
            [KeyValuePair.Create("DELIVERY_CAESAREAN", "郑医保〔2023〕6号 四"), KeyValuePair.Create("DELIVERY_NATURAL", "郑医保〔2023〕6号 四")],
            period.Benefits[1].VisitTypes));
        Assert.Equal("zhengzhou", Zhengzhou.City);
        Assert.Null(Zhengzhou.OutpatientIncomplete);
    }

    [Fact]
    public void Rules_of_coverage_have_their_values_sources_and_rulings()
    {
        CoverageRules rules = Zhengzhou.Coverage;
        Assert.Equal(0, rules.FromPlanYear);
        Assert.Equal(new Cited<int>(30, "豫医保办〔2023〕71号 五", "first-covered-day"), rules.WaitingDays);
        Assert.Equal(new Cited<int>(3, "医保发〔2021〕32号 二", "transfer-window"), rules.TransferMonths);
        Assert.Equal(new Cited<int>(0, "豫医保办〔2023〕71号 五", "exempt-from-payment"), rules.TransferCoveredAfterDays);
        Assert.Equal("豫医保办〔2023〕71号 五; 郑医保办〔2024〕60号 一", rules.NewbornSource);
        Assert.Equal(["general", "newborn", "residence_permit", "student"], rules.OtherCategories);
        Assert.Equal("豫医保办〔2023〕71号 五; 医保发〔2021〕32号 二", rules.ExemptCategories["destitute"]);
        Assert.Equal("豫医保办〔2023〕71号 五; 郑医保〔2023〕6号 一", rules.ExemptCategories["low_income_edge"]);

        Assert.Equal(new Cited<int>(3, "忻医保发〔2023〕10号 三", "transfer-window"), Xinzhou.Coverage.TransferMonths);
        Assert.Equal(new Cited<int>(1, "忻医保发〔2023〕10号 三"), Xinzhou.Coverage.TransferCoveredAfterDays);
        Assert.Equal(["general", "newborn", "residence_permit"], Xinzhou.Coverage.OtherCategories);
    }

    [Theory]
    [InlineData("410105", "金水区", true, FundAccounts.City, "district", null)]
    [InlineData("410106", "上街区", true, FundAccounts.County, "district", "shangjie-is-a-district")]
    [InlineData("410122", "中牟县", true, FundAccounts.County, "county", null)]
    [InlineData("410181", "巩义市", false, null, null, null)]
    public void County_has_its_name_accounts_and_class(
        string code, string name, bool inside, FundAccounts? accounts, string? fiscalClass, string? ruling)
    {
        County county = Zhengzhou.Counties[code];
        Assert.Equal((code, name, inside, accounts, fiscalClass, ruling),
            (county.Code, county.Name, county.InsidePooling, county.Accounts, county.FiscalClass, county.Ruling));
        Assert.True(Citation.IsWellFormed(county.Source));
        if (inside) Assert.Same(county, Zhengzhou.RequireCounty(code));
    }

    [Fact]
    public void Fiscal_classes_share_out_the_counties()
    {
        ILookup<string?, string> byClass = Zhengzhou.Counties.Values.ToLookup(county => county.FiscalClass, county => county.Code);
        Assert.Equal(["410102", "410103", "410104", "410105", "410106", "410108", "410171", "410172"], byClass["district"]);
        Assert.Equal(["410122", "410182", "410183", "410184", "410185"], byClass["county"]);
        Assert.Equal(["410173"], byClass["airport_zone"]);
    }

    [Theory]
    [InlineData(2022, "general", "410122", "郑医保〔2021〕16号 一(一), 三.3")]
    [InlineData(2024, "general", "410122", "郑医保〔2023〕6号 一; 忻医保发〔2023〕10号 一")]
    [InlineData(2024, "newborn", "410122", "郑医保〔2023〕6号 一; 忻医保发〔2023〕10号 一")]
    [InlineData(2024, "student", "410122", "郑医保〔2023〕6号 一; 忻医保发〔2023〕10号 一")]
    [InlineData(2025, "residence_permit", "410122", "郑医保办〔2024〕60号 一, 五")]
    public void Contribution_without_aid_names_the_source_of_the_standard_alone(int planYear, string category, string county, string source)
    {
        ContributionQuote quote = Zhengzhou.QuoteContribution(planYear, category, county);
        Assert.Equal<string>([source], quote.Sources);
        Assert.Equal((planYear, category, county), (quote.PlanYear, quote.Category, quote.CountyCode));
    }

    [Fact]
    public void Contribution_with_aid_names_every_source_once()
    {
        const string standard = "郑医保办〔2024〕60号 一, 五";
        const string aid = "郑医保〔2023〕6号 一; 郑医保办〔2024〕60号 一";
        Assert.Equal<string>([standard, aid], Zhengzhou.QuoteContribution(2025, "low_income", "410122").Sources);
        Assert.Equal<string>([standard, aid, "郑医保办〔2024〕60号 一"], Zhengzhou.QuoteContribution(2025, "low_income", "410173").Sources);
    }

    [Fact]
    public void Aid_is_shared_by_the_class_and_year_of_the_county()
    {
        Assert.Equal((5_000, 5_000), Sharing("district", 2024));
        Assert.Equal((0, 10_000), Sharing("county", 2024));
        Assert.Equal((5_000, 5_000), Sharing("airport_zone", 2024));
        Assert.Equal((0, 10_000), Sharing("airport_zone", 2025));

        static (int City, int County) Sharing(string fiscalClass, int planYear)
        {
            AidPayers payers = Zhengzhou.Contributions.AidPayers[fiscalClass]
                .Single(span => span.FromPlanYear <= planYear && (span.ToPlanYear ?? 9999) >= planYear).Value;
            return (payers.CityBasisPoints, payers.CountyBasisPoints);
        }
    }

    [Fact]
    public void Xinzhou_aids_the_destitute_in_full_and_names_what_is_not_in_hand()
    {
        Assert.Equal(
            "The aid for category 'low_income' in plan year 2024 is not in hand for xinzhou: 对低保对象定额资助，定额的文件不在手.",
            Assert.Throws<PolicyException>(() => Xinzhou.QuoteContribution(2024, "low_income", "140902")).Message);
        Assert.Equal(38_000, Xinzhou.Contributions.Standards[2024].Cited!.Value.Value);
        Assert.Equal(10_000, Assert.Single(Xinzhou.Contributions.AidShares["destitute"]).Value.Cited!.Value.Value);
    }

    [Fact]
    public void Students_of_2025_follow_another_notice_that_is_not_in_hand() =>
        Assert.Equal(
            "The contribution for plan year 2025 of category 'student' is not in hand for zhengzhou: 驻郑大中专院校全日制在校学生按郑医保办〔2024〕44号执行，"
                + "该文件不在手，不能给出金额.",
            Assert.Throws<PolicyException>(() => Zhengzhou.QuoteContribution(2025, "student", "410122")).Message);

    [Fact]
    public void Xinzhou_is_asked_without_a_county_and_says_that_who_bears_the_aid_is_not_in_hand()
    {
        ContributionQuote general = Xinzhou.QuoteContribution(2024, "general", "");
        ContributionQuote destitute = Xinzhou.QuoteContribution(2024, "destitute", "");

        Assert.Equal((38_000, 38_000, 0L, 0L, null),
            (general.StandardFen, general.SelfFen, general.CityAidFen, general.CountyAidFen, general.PayersNotInHand));
        Assert.Equal((38_000, 0, 38_000, null, null),
            (destitute.StandardFen, destitute.SelfFen, destitute.AidFen, destitute.CityAidFen, destitute.CountyAidFen));
        Assert.Contains("文件不在手", destitute.PayersNotInHand, StringComparison.Ordinal);
    }

    [Fact]
    public void Subsidy_row_names_only_the_ruling_that_it_needs()
    {
        Assert.Null(Zhengzhou.SubsidyFor(2021, "410184").Ruling);
        Assert.Null(Zhengzhou.SubsidyFor(2021, "410105").Ruling);
        Assert.Equal("airport-zone", Zhengzhou.SubsidyFor(2021, "410173").Ruling);
    }

    [Fact]
    public void Subsidy_has_its_total_source_and_ruling()
    {
        Assert.Equal([2021, 2022, 2023, 2024], Zhengzhou.Subsidies.Keys);
        Assert.Equal(new Cited<long>(78_000, "郑医保〔2021〕16号 一(二)"), Zhengzhou.Subsidies[2021].TotalFen);
        Assert.Equal(new Cited<long>(78_000, "郑医保〔2023〕6号 二"), Zhengzhou.Subsidies[2023].TotalFen);
        Assert.Null(Zhengzhou.Subsidies[2022].TotalFen);
        Assert.Equal("2022年财政补助标准的文件不在手，不能给出金额", Zhengzhou.Subsidies[2022].NotInHand);
        Assert.Equal(("郑医保〔2021〕16号 一(二)", "airport-zone"),
            (Zhengzhou.SubsidyFor(2021, "410173").Source, Zhengzhou.SubsidyFor(2021, "410173").Ruling));
        Assert.Equal(("郑医保〔2023〕6号 二", null), (Zhengzhou.SubsidyFor(2023, "410122").Source, Zhengzhou.SubsidyFor(2023, "410122").Ruling));
        Assert.Equal((64_000, 64_000), (Xinzhou.Subsidies[2023].TotalFen!.Value.Value, Sum(Xinzhou.SubsidyFor(2023, "western_county"))));

        static long Sum(Subsidy subsidy) =>
            subsidy.CentralFen!.Value + subsidy.ProvinceFen!.Value + subsidy.CityFen!.Value + subsidy.CountyFen!.Value;
    }

    [Theory]
    [InlineData(2023, "410181", "is outside the pooling area")]
    [InlineData(2023, "999999", "There is no county 999999 in zhengzhou's policy.")]
    [InlineData(2023, "village_college",
        "There is no fiscal subsidy for 'village_college' in 2023: use a county code or one of airport_zone, central_college, "
        + "city_college, county, district, provincial_college.")]
    [InlineData(2022, "410105", "The fiscal subsidy of 2022 is not in hand for zhengzhou: 2022年财政补助标准的文件不在手，不能给出金额.")]
    [InlineData(2020, "410105", "The fiscal subsidy of 2020 is not in hand for zhengzhou.")]
    public void Subsidy_of_nobody_says_why(int year, string countyOrClass, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<PolicyException>(() => Zhengzhou.SubsidyFor(year, countyOrClass)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Floors_are_the_provinces()
    {
        ProvincialFloors floors = Zhengzhou.Floors!;
        const string two = "豫医保办〔2023〕71号 二";
        const string three = "豫医保办〔2023〕71号 三";
        Assert.Equal(("henan", new DateOnly(2024, 1, 1)), (floors.Province, floors.From));
        Assert.Equal((new(4_000, two), new(5_000, two), new(6_000, two)),
            (floors.CityRateBasisPoints, floors.CountyRateBasisPoints, floors.GrassrootsRateBasisPoints));
        Assert.Equal((new(5_000, two), new(0, two)), (floors.DeductibleFen, floors.GrassrootsDeductibleFen));
        Assert.Equal(new Cited<int>(2_000, two, "deductible-about-50"), floors.DeductibleToleranceBasisPoints);
        Assert.Equal([KeyValuePair.Create("DELIVERY_CAESAREAN", new Cited<long>(200_000, three)),
            KeyValuePair.Create("DELIVERY_NATURAL", new Cited<long>(100_000, three))], floors.AllowanceFen);
    }

    [Fact]
    public void Comparison_with_a_floor_says_both_sides()
    {
        const string id = "zhengzhou-outpatient@2024-01-01";
        const string two = "豫医保办〔2023〕71号 二";
        const string three = "豫医保办〔2023〕71号 三";
        Assert.Equal(
            [
                new FloorCheck($"{id} 省级三级甲等支付比例", "45%", "不低于40%", true, two),
                new FloorCheck($"{id} 基层医疗机构支付比例", "65%", "不低于60%", true, two),
                new FloorCheck($"{id} 省市县其他等级支付比例", "55%", "不低于50%", true, two),
                new FloorCheck($"{id} 省级三级甲等起付标准", "40元", "50元左右", true, two),
                new FloorCheck($"{id} 基层医疗机构起付标准", "0元", "不设", true, two),
                new FloorCheck($"{id} 省市县其他等级起付标准", "40元", "50元左右", true, two),
                new FloorCheck($"{id} DELIVERY_CAESAREAN", "2000元", "不低于2000元", true, three),
                new FloorCheck($"{id} DELIVERY_NATURAL", "1000元", "不低于1000元", true, three),
            ],
            Zhengzhou.CheckAgainstFloors().Take(8));
    }

    public static TheoryData<string, Func<OutpatientPolicy, OutpatientPolicy>, Func<OutpatientPolicy, OutpatientPolicy>> Bounds => new()
    {
        { "省级三级甲等支付比例", policy => Rate(policy, "province_3a", 4_000), policy => Rate(policy, "province_3a", 3_999) },
        { "省市县其他等级支付比例", policy => Rate(policy, "other", 5_000), policy => Rate(policy, "other", 4_999) },
        { "基层医疗机构支付比例", policy => Rate(policy, "grassroots", 6_000), policy => Rate(policy, "grassroots", 5_999) },
        { "省级三级甲等起付标准", policy => Borne(policy, "province_3a", 6_000), policy => Borne(policy, "province_3a", 6_001) },
        { "省市县其他等级起付标准", policy => Borne(policy, "other", 4_000), policy => Borne(policy, "other", 3_999) },
        { "基层医疗机构起付标准", policy => Borne(policy, "grassroots", 0), policy => Borne(policy, "grassroots", 1) },
        { "DELIVERY_CAESAREAN", policy => policy, policy => Sum(policy, "DELIVERY_CAESAREAN", 199_999) },
        { "DELIVERY_NATURAL", policy => policy, policy => policy with { Benefits = [policy.Benefits[0], NaturalLeftOut(policy)] } },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Floor_is_kept_at_its_bound_and_missed_beyond_it(
        string what, Func<OutpatientPolicy, OutpatientPolicy> kept, Func<OutpatientPolicy, OutpatientPolicy> missed)
    {
        OutpatientPolicy policy = Zhengzhou.Outpatient[0];
        Assert.DoesNotContain((Zhengzhou with { Outpatient = [kept(policy)] }).CheckAgainstFloors(), check => check.Holds != true);
        FloorCheck failed = Assert.Single(
            (Zhengzhou with { Outpatient = [missed(policy)] }).CheckAgainstFloors(), check => check.Holds != true);
        Assert.EndsWith($" {what}", failed.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Period_that_ended_before_the_floors_began_is_not_held_to_them()
    {
        OutpatientPolicy earlier = Zhengzhou.Outpatient[0] with { To = new(2023, 12, 31) };
        Assert.Empty((Zhengzhou with { Outpatient = [earlier] }).CheckAgainstFloors());
        Assert.Equal(8, (Zhengzhou with { Outpatient = [earlier with { To = new(2024, 1, 1) }] }).CheckAgainstFloors().Length);
        Assert.Empty((Zhengzhou with { Floors = null }).CheckAgainstFloors());
    }

    [Fact]
    public void Plan_year_before_the_first_rules_has_none()
    {
        PolicyPack pack = Zhengzhou with
        {
            Coverage = Zhengzhou.Coverage with { FromPlanYear = 2026 },
            EarlierCoverage = [Zhengzhou.Coverage with { FromPlanYear = 2022 }, Zhengzhou.Coverage with { FromPlanYear = 2024 }],
        };
        Assert.Equal([null, 2022, 2022, 2024, 2024, 2026, 2026],
            new[] { 2021, 2022, 2023, 2024, 2025, 2026, 2027 }.Select(year => pack.CoverageFor(year)?.FromPlanYear));
    }

    [Theory]
    [InlineData("郑医保〔2023〕6号 三", true)]
    [InlineData("郑医保〔2021〕16号 一(一), 三.3", true)]
    [InlineData("豫医保办〔2023〕71号 五; 医保发〔2021〕32号 二", true)]
    [InlineData("", false)]
    [InlineData("郑医保〔2023〕6号", false)]
    [InlineData("郑医保〔23〕6号 三", false)]
    [InlineData("郑医保[2023]6号 三", false)]
    [InlineData("郑医保〔2023〕号 三", false)]
    [InlineData("郑医保〔2023〕6号 3", false)]
    [InlineData("郑医保〔2023〕6号 三;豫医保办〔2023〕71号 五", false)]
    [InlineData("郑医保〔2023〕6号 三; notice", false)]
    [InlineData("see 郑医保〔2023〕6号 三", false)]
    public void Citation_is_document_number_and_clause(string citation, bool wellFormed) =>
        Assert.Equal(wellFormed, Citation.IsWellFormed(citation));

    [Theory]
    [InlineData(4_000, "40元")]
    [InlineData(9_280, "92.8元")]
    [InlineData(5, "0.05元")]
    [InlineData(0, "0元")]
    public void Amounts_are_shown_in_yuan(long fen, string text) => Assert.Equal(text, Show.Yuan(fen));

    [Theory]
    [InlineData(5_500, "55%")]
    [InlineData(5_525, "55.25%")]
    public void Shares_are_shown_in_percent(int basisPoints, string text) => Assert.Equal(text, Show.Percent(basisPoints));

    [Fact]
    public void Floor_that_asks_of_another_shape_says_why_it_cannot_be_compared()
    {
        OutpatientPolicy policy = Zhengzhou.Outpatient[0];
        Deductible daily = policy.Benefits[0].Deductible!;
        Assert.Equal(
            ["起付标准（每年），与省里每日每机构的起付标准口径不同，无法比较", "0元", "起付标准（每年），与省里每日每机构的起付标准口径不同，无法比较"],
            Deductibles(daily with { Per = Period.Year, AtFacility = false }).Select(check => check.City));
        Assert.Equal([null, true, null], Deductibles(daily with { AfterRate = true }).Select(check => check.Holds));
        Assert.Equal([null, true, null], Deductibles(daily with { AtFacility = false }).Select(check => check.Holds));
        Assert.Equal([null, true, null], Deductibles(daily with { AtMost = new(Period.Year, daily.Fen) }).Select(check => check.Holds));
        Assert.Equal([false, true, false], Deductibles(null).Select(check => check.Holds));

        PolicyPack fixedSums = Zhengzhou with
        {
            Outpatient = [policy with { Benefits = [policy.Benefits[1] with { VisitTypes = policy.Benefits[0].VisitTypes }] }],
        };
        Assert.Equal(
            ["普通门诊不按比例支付，无法比较 ", "无 False"],
            fixedSums.CheckAgainstFloors().Select(check => $"{check.City} {check.Holds}").Distinct());
        PolicyPack byRate = Zhengzhou with
        {
            Outpatient = [policy with { Benefits = [policy.Benefits[0] with { VisitTypes = policy.Benefits[1].VisitTypes }] }],
        };
        Assert.Equal("按比例支付，没有定额，无法比较", byRate.CheckAgainstFloors()[^1].City);

        IEnumerable<FloorCheck> Deductibles(Deductible? deductible) =>
            (Zhengzhou with { Outpatient = [policy with { Benefits = [policy.Benefits[0] with { Deductible = deductible }] }] })
                .CheckAgainstFloors().Where(check => check.What.Contains("起付标准", StringComparison.Ordinal));
    }

    private static OutpatientPolicy Rate(OutpatientPolicy policy, string facility, long basisPoints) => policy with
    {
        Benefits = policy.Benefits.SetItem(0, policy.Benefits[0] with
        {
            RateBasisPoints = Set(policy.Benefits[0].RateBasisPoints!, key => key.FacilityClass == facility, basisPoints),
        }),
    };

    private static OutpatientPolicy Borne(OutpatientPolicy policy, string facility, long fen)
    {
        Deductible deductible = policy.Benefits[0].Deductible!;
        return policy with
        {
            Benefits = policy.Benefits.SetItem(0, policy.Benefits[0] with
            {
                Deductible = deductible with { Fen = Set(deductible.Fen, key => key.FacilityClass == facility, fen) },
            }),
        };
    }

    private static OutpatientPolicy Sum(OutpatientPolicy policy, string visitType, long fen)
    {
        FixedSum sum = policy.Benefits[1].FixedSum!;
        return policy with
        {
            Benefits = policy.Benefits.SetItem(1, policy.Benefits[1] with
            {
                FixedSum = sum with { Fen = Set(sum.Fen, key => key.VisitType == visitType, fen) },
            }),
        };
    }

    private static Benefit NaturalLeftOut(OutpatientPolicy policy) =>
        policy.Benefits[1] with { VisitTypes = policy.Benefits[1].VisitTypes.Remove("DELIVERY_NATURAL") };

    private static ValueTable Set(ValueTable table, Func<ValueKey, bool> isMeant, long value) => new(
        table.Rows.ToImmutableDictionary(row => row.Key, row => isMeant(row.Key) ? new(value, "x") : row.Value));
}
