using Claims.Cli.PolicyTrial;
using Claims.Policy;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>A row of visits settled on paper.</summary>
public sealed class TrialTests
{
    private static readonly DateOnly Day = new(2025, 1, 10);
    private static readonly PolicyPack Zhengzhou = PolicyLoader.Load(Repository.PolicyDirectory, "zhengzhou");

    [Fact]
    public void Visits_of_a_day_bear_the_deductible_once_and_use_up_the_year() => Assert.Equal(
        ["40 33 ", "0 137.5 ", "0 129.5 CAP_REACHED", "40 0 CAP_EXHAUSTED"],
        Run(Zhengzhou, "other", null, "100,250,300,100@2025-01-11"));

    [Fact]
    public void Calculation_is_that_of_an_answer() => Assert.Equal(
        "一、费用总额100.00元，其中政策范围内100.00元，以此为计算基数（郑医保〔2023〕6号 三）。"
        + "二、起付标准（每日每机构）40.00元，本次负担起付标准40.00元（郑医保〔2023〕6号 三）。"
        + "三、省市县其他等级支付比例55%：（100.00－40.00）×55%＝33.00元（郑医保〔2023〕6号 三）。"
        + "四、年度最高支付限额300.00元，此前已用0.00元，本次未超过限额（郑医保〔2023〕6号 三）。"
        + "五、统筹基金支付33.00元，个人负担67.00元。",
        Trial.Run(Zhengzhou, "other", null, VisitType.Ordinary, VisitRow.Parse("100", Day))[0].Trace);

    [Fact]
    public void Row_crosses_bands_with_the_class_that_is_named() => Assert.Equal(
        ["150 0 ", "50 520 ", "0 980 CAP_REACHED"], Run(Invented("jinping"), "tertiary", "adult", "150,1050@2025-02-10,2300"));

    [Fact]
    public void Row_goes_by_the_policy_of_each_day() => Assert.Equal(
        ["40 180 ", "40 80.1 ", "40 19.9 CAP_REACHED"],
        Run(Invented("taowan"), "province_3a", "adult", "440@2025-06-30,218@2025-07-01,300@2025-07-02"));

    [Fact]
    public void Second_fixed_sum_too_near_is_refused()
    {
        IReadOnlyList<TriedVisit> tried = Trial.Run(
            Zhengzhou, "other", null, VisitType.DeliveryNatural, VisitRow.Parse("1500@2025-01-01,1500@2025-06-29,800@2025-06-30", Day));
        Assert.Equal([false, true, false], tried.Select(visit => visit.Refused));
        Assert.Equal([100_000, 0, 80_000], tried.Select(visit => visit.Settlement.FundPayFen));
        Assert.Equal("与另一次补助的就诊日期相隔不足180天，不予结算。", tried[1].Trace);
    }

    [Theory]
    [InlineData("zhengzhou", "village", null, "zhengzhou has no facility class 'village': use one of province_3a, grassroots, other.")]
    [InlineData("zhengzhou", "other", "adult", "zhengzhou has no person class 'adult': use one of all.")]
    [InlineData("jinping", "other", null, "jinping has several classes of people: name one by --person-class, minor, poor, adult.")]
    [InlineData("jinping", "other", "old", "jinping has no person class 'old': use one of minor, poor, adult.")]
    [InlineData("xinzhou", "other", null, "xinzhou: 起付标准和支付比例的文件不在手，忻州市的门诊不能结算.")]
    public void Class_that_the_city_does_not_have_is_named(string city, string facility, string? person, string sentence)
    {
        PolicyPack pack = city == "jinping" ? Invented(city) : PolicyLoader.Load(Repository.PolicyDirectory, city);
        Assert.Equal(
            sentence,
            Assert.Throws<PolicyException>(() => Trial.Run(pack, facility, person, VisitType.Ordinary, VisitRow.Parse("1", Day))).Message);
    }

    [Fact]
    public void Visit_that_no_policy_covers_says_so()
    {
        Assert.Equal("No outpatient policy of zhengzhou is in force on 2023-12-31.", Message(VisitType.Ordinary, new(2023, 12, 31)));
        Assert.Equal("zhengzhou does not cover PRENATAL_CHECK on 2024-12-31.", Message(VisitType.PrenatalCheck, new(2024, 12, 31)));

        static string Message(VisitType type, DateOnly day) =>
            Assert.Throws<PolicyException>(() => Trial.Run(Zhengzhou, "other", null, type, [new(day, 100)])).Message;
    }

    [Fact]
    public void Row_has_the_day_of_the_visit_before() => Assert.Equal(
        [new TrialVisit(Day, 10_000), new(new(2025, 2, 1), 25_050), new(new(2025, 2, 1), 1)],
        VisitRow.Parse("100, 250.50@2025-02-01,0.01", Day));

    [Theory]
    [InlineData("", "'' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("0", "'0' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("100,,3", "'' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("-5", "'-5' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("1.001", "'1.001' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("10000001", "'10000001' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.")]
    [InlineData("1@2025-02-30", "'1@2025-02-30' in --amounts does not have a day of the form yyyy-MM-dd after its @.")]
    [InlineData("1@2025-02-03@2", "'1@2025-02-03@2' in --amounts does not have a day of the form yyyy-MM-dd after its @.")]
    public void Row_that_is_none_is_named(string text, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<CommandException>(() => VisitRow.Parse(text, Day)).Message);

    private static PolicyPack Invented(string city) => PolicyLoader.Load(Path.Combine(Repository.Root, "tests", "cities"), city);

    // Deductible and payment in yuan, and the reason.
    private static IEnumerable<string> Run(PolicyPack pack, string facility, string? person, string amounts) =>
        Trial.Run(pack, facility, person, VisitType.Ordinary, VisitRow.Parse(amounts, Day)).Select(visit =>
            $"{visit.Settlement.DeductibleFen / 100m:0.##} {visit.Settlement.FundPayFen / 100m:0.##} {visit.Settlement.ReasonCode}");
}
