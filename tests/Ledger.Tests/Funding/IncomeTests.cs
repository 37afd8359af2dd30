using Claims.Ledger.Funding;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Ledger.Tests.Funding;

/// <summary>What the fund is owed, and what comes in, to the fen.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class IncomeTests(LedgerDatabase databases)
{
    private static readonly DateOnly Today = new(2025, 3, 10);

    // 郑医保〔2021〕16号 一(二); 郑医保〔2023〕6号 二; 郑医保办〔2024〕60号 二.
    [Theory]
    [InlineData(2021, "410105", 34_800, 9_280, 16_960, 16_960)]
    [InlineData(2021, "410184", 34_800, 9_280, 16_960, 16_960)]
    [InlineData(2021, "410122", 34_800, 12_760, 10_000, 20_440)]
    [InlineData(2023, "410106", 38_400, 5_120, 17_240, 17_240)]
    [InlineData(2023, "410185", 38_400, 7_680, 7_000, 24_920)]
    [InlineData(2024, "410171", 40_200, 5_360, 16_220, 16_220)]
    [InlineData(2024, "410182", 40_200, 8_040, 5_500, 24_260)]
    public async Task Subsidy_is_owed_by_each_payer_and_sums_to_780_yuan_a_head(
        int year, string county, long centralFen, long provinceFen, long cityFen, long countyFen)
    {
        const long heads = 123_457;
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(county, year)] = heads;

        Voucher voucher = await AssessAsync(fund, AssessmentKind.Subsidy, county, year);

        Assert.Equal(78_000 * heads, voucher.AmountFen);
        foreach (
            (string kind, long perHeadFen) in new[] { ("1102", centralFen), ("1103", provinceFen), ("1104", cityFen), ("1105", countyFen) })
            Assert.Equal(perHeadFen * heads, await fund.BalanceFenAsync($"{kind}.resident.{county}"));
        Assert.Equal(-78_000 * heads, await fund.BalanceFenAsync($"4002.resident.{county}"));
        Assert.All(voucher.Assessed, line => Assert.Equal(heads, line.Heads));
        Assert.All(voucher.Assessed, line => Assert.StartsWith("郑医保", line.Source, StringComparison.Ordinal));
        await fund.AssertBalancedAsync();
    }

    [Theory]
    [InlineData(2022, 32_000)]
    [InlineData(2024, 38_000)]
    [InlineData(2025, 40_000)]
    public async Task Contribution_is_the_standard_of_the_plan_year_for_every_head(int planYear, long standardFen)
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.County, planYear)] = 4_321;

        await AssessAsync(fund, AssessmentKind.Contribution, Fund.County, planYear);

        Assert.Equal(4_321 * standardFen, await fund.BalanceFenAsync("1101.resident.410122"));
        Assert.Equal(-4_321 * standardFen, await fund.BalanceFenAsync("4001.resident.410122"));
    }

    [Theory]
    [InlineData(AssessmentKind.Subsidy, "410105", 2022, "not in hand")]
    [InlineData(AssessmentKind.Subsidy, "410105", 2025, "not in hand")]
    [InlineData(AssessmentKind.Subsidy, "410173", 2023, "not in hand")]
    [InlineData(AssessmentKind.Subsidy, "410173", 2024, "not in hand")]
    [InlineData(AssessmentKind.Subsidy, "410181", 2024, "outside the pooling area")]
    [InlineData(AssessmentKind.Subsidy, "city_college", 2024, "no county")]
    [InlineData(AssessmentKind.Contribution, "410105", 2023, "not in hand")]
    [InlineData(AssessmentKind.Contribution, "410181", 2024, "outside the pooling area")]
    public async Task Amount_that_is_not_in_hand_is_refused_by_name(AssessmentKind kind, string county, int year, string reason)
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(county, year)] = 10;

        PolicyException refused = await Assert.ThrowsAsync<PolicyException>(() => AssessAsync(fund, kind, county, year));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await fund.Ledger.CountAsync("SELECT count(*) FROM batch"));
    }

    [Fact]
    public async Task Employees_have_no_amount_per_head()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await Assert.ThrowsAsync<PolicyException>(() => fund.Income.AssessAsync(
            fund.Head(), AssessmentKind.Contribution, "employee", Fund.District, 2024, CancellationToken.None));
    }

    [Fact]
    public async Task Later_enrolments_are_assessed_by_their_difference_in_either_direction()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 1_000;
        await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);
        await Assert.ThrowsAsync<FundingRefusedException>(() => AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024));

        fund.Heads.Paid[(Fund.District, 2024)] = 1_005;
        Voucher more = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);
        fund.Heads.Paid[(Fund.District, 2024)] = 998;
        Voucher fewer = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);

        Assert.Equal((5 * 78_000, -7 * 78_000), (more.AmountFen, fewer.AmountFen));
        Assert.Equal(-998 * 78_000, await fund.BalanceFenAsync("4002.resident.410105"));
    }

    [Fact]
    public async Task Each_year_and_county_is_assessed_for_itself()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        foreach ((string county, int year, long heads) in new[]
        {
            (Fund.District, 2023, 7L), (Fund.District, 2024, 5L), (Fund.OtherDistrict, 2024, 3L), (Fund.County, 2024, 2L),
        })
        {
            fund.Heads.Paid[(county, year)] = heads;
            Assert.Equal(heads * 78_000, (await AssessAsync(fund, AssessmentKind.Subsidy, county, year)).AmountFen);
        }

        // The amount per head is that of 2023, and the heads are more.
        fund.Heads.Paid[(Fund.District, 2023)] = 8;
        Voucher more = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2023);
        Assert.Equal((78_000, 38_400), (more.AmountFen, more.Assessed[0].PerHeadFen));
    }

    [Fact]
    public async Task Money_of_a_county_outside_the_pooling_area_is_not_received()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);

        foreach (string county in (string[])["410181", "990102"])
        {
            await Assert.ThrowsAsync<PolicyException>(
                () => ReceiveAsync(fund, IncomeKind.IncomeOther, county, Payer.Unspecified, 1));
        }

        Assert.Equal(0, await fund.Ledger.CountAsync("SELECT count(*) FROM voucher"));
    }

    [Fact]
    public async Task Assessment_that_was_reversed_can_be_made_anew()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 1_000;
        Voucher first = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);
        await fund.Vouchers.ReverseAsync(fund.Head(), first.VoucherId, CancellationToken.None);
        Assert.Equal(0, await fund.BalanceFenAsync("1104.resident.410105"));

        Voucher again = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);

        Assert.Equal(1_000 * 78_000, again.AmountFen);
    }

    [Fact]
    public async Task Repeated_assessment_is_answered_without_the_registry()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 1_000;
        Voucher first = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024, "once");
        fund.Heads.Away = true;

        Voucher again = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024, "once");

        Assert.Equal((first.VoucherId, true), (again.VoucherId, again.Replayed));
        await Assert.ThrowsAsync<RpcException>(() => AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024, "twice"));
    }

    [Fact]
    public async Task Receipt_clears_what_is_receivable_and_no_more()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 10;
        await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);

        await ReceiveAsync(fund, IncomeKind.IncomeSubsidy, Fund.District, Payer.CityTreasury, 100_000);
        await Assert.ThrowsAsync<FundingRefusedException>(
            () => ReceiveAsync(fund, IncomeKind.IncomeSubsidy, Fund.District, Payer.CityTreasury, 62_201));
        await Assert.ThrowsAsync<FundingRefusedException>(
            () => ReceiveAsync(fund, IncomeKind.IncomeContribution, Fund.District, Payer.Unspecified, 1));
        await ReceiveAsync(fund, IncomeKind.IncomeSubsidy, Fund.District, Payer.CityTreasury, 62_200);
        await ReceiveAsync(fund, IncomeKind.IncomeInterest, Fund.City, Payer.Unspecified, 3);

        Assert.Equal(0, await fund.BalanceFenAsync("1104.resident.410105"));
        Assert.Equal(162_203, await fund.BalanceFenAsync("1003.resident.410100"));
        Assert.Equal(-3, await fund.BalanceFenAsync("4004.resident.410100"));
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Result_is_income_less_expense_per_county_and_for_the_fund()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 10;
        await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);
        await ReceiveAsync(fund, IncomeKind.IncomeTransfer, Fund.City, Payer.Unspecified, 500);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-01", 100_000), ("H2", Fund.County, "2025-03-02", 40_000),
            ("H2", Fund.County, "2024-12-31", 9));

        FundResult march = await fund.Balances.ResultAsync(
            "resident", new(2025, 3, 1), new(2025, 3, 31), DateKind.ByBusiness, CancellationToken.None);
        FundResult posted = await fund.Balances.ResultAsync("resident", Today, Today, DateKind.ByPosting, CancellationToken.None);

        Assert.Equal(
            [(Fund.City, 500L), (Fund.District, 780_000L - 100_000), (Fund.County, -40_000L)],
            march.Counties.Select(county => (county.County, county.ResultFen)).OrderBy(county => county.County, StringComparer.Ordinal));
        Assert.Equal(780_000 + 500 - 140_000, march.Fund.ResultFen);
        Assert.Equal(780_000 + 500 - 140_009, posted.Fund.ResultFen);
    }

    private static Task<Voucher> AssessAsync(Fund fund, AssessmentKind kind, string county, int year, string? key = null) =>
        fund.Income.AssessAsync(fund.Head(key), kind, "resident", county, year, CancellationToken.None);

    private static Task<Voucher> ReceiveAsync(Fund fund, IncomeKind kind, string county, Payer payer, long fen) =>
        fund.Income.ReceiveAsync(fund.Head(), kind, "resident", county, payer, fen, CancellationToken.None);
}
