using Claims.Rules;

namespace Adjudication.Tests.Rules;

/// <summary>What a facility was on a visit's day, and why it was not pooled.</summary>
public sealed class FacilityHistoryTests
{
    private static readonly FacilityTerms Small =
        new("H1", "410105", "city", "2A", new DateOnly(2024, 1, 1), null, null, new DateOnly(2025, 6, 30));
    private static readonly FacilityTerms Large = new("H1", "410105", "city", "3A", new DateOnly(2024, 1, 1), new DateOnly(2025, 12, 31),
        new DateOnly(2025, 7, 1));

    [Theory]
    [InlineData("2023-12-31", null)]
    [InlineData("2024-01-01", "2A")]
    [InlineData("2025-06-30", "2A")]
    [InlineData("2025-07-01", "3A")]
    [InlineData("2025-12-31", "3A")]
    [InlineData("2026-01-01", null)]
    public void PooledOn_each_side_of_a_date_is_the_period_of_the_day(string date, string? grade) =>
        Assert.Equal(grade, new FacilityHistory("H1", [Small, Large], []).PooledOn(Day(date))?.Grade);

    [Theory]
    [InlineData("2025-03-09", true)]
    [InlineData("2025-03-10", false)]
    [InlineData("2025-04-30", false)]
    [InlineData("2025-05-01", true)]
    public void Suspension_holds_from_its_first_day_to_the_day_before_its_end(string date, bool pooled) =>
        Assert.Equal(pooled, new FacilityHistory("H1", [Small, Large], [new Suspension(Day("2025-03-10"), Day("2025-05-01"))])
            .PooledOn(Day(date)) is not null);

    [Theory]
    [InlineData("2023-12-31", "该机构自2024年1月1日起开通居民医保门诊统筹，就诊日期不在协议期内，本次费用不能由门诊统筹支付。")]
    [InlineData("2026-01-01", "该机构门诊统筹协议已于2025年12月31日终止，就诊日期不在协议期内，本次费用不能由门诊统筹支付。")]
    [InlineData("2026-08-02", "该机构自2026年8月1日起暂停居民医保门诊统筹，本次费用不能由门诊统筹支付。")]
    public void NotPooledOn_names_since_when_or_from_when(string date, string text) =>
        Assert.Equal(text, new FacilityHistory("H1", [Small, Large], [new Suspension(Day("2026-08-01"), null)]).NotPooledOn(Day(date)));

    [Fact]
    public void NotPooledOn_of_a_facility_without_an_agreement_says_that_it_has_none() => Assert.Equal(
        Reasons.TextOf("FACILITY_NOT_POOLED"),
        FacilityHistory.Of(new("H1", "410105", "city", "2A", null, null)).NotPooledOn(Day("2025-01-01")));

    [Fact]
    public void Agreement_counts_within_its_period_alone() => Assert.Equal(
        "该机构门诊统筹协议已于2025年6月30日终止，就诊日期不在协议期内，本次费用不能由门诊统筹支付。",
        FacilityHistory.Of(Small).NotPooledOn(Day("2025-07-01")));

    private static DateOnly Day(string day) => DateOnly.ParseExact(day, "yyyy-MM-dd", null);
}
