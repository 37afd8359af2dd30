using Claims.Ledger.Funding;
using Claims.Policy;
using Claims.V1;

namespace Ledger.Tests.Funding;

/// <summary>Heads by what is owed for each: colleges, aid by who bears it, corrections, and who is named and not guessed.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class AssessedHeadsTests(LedgerDatabase databases)
{
    private const string NoCollege = "the registry does not say of which college they are students 登记未写明就读院校的隶属关系";
    private static readonly DateOnly Today = new(2025, 3, 10);

    // 郑医保〔2021〕16号 一(二); 郑医保〔2023〕6号 二; 郑医保办〔2024〕60号 二.
    [Theory]
    [InlineData(2021, "city_college", 34_800, 9_280, 33_920, 0)]
    [InlineData(2023, "city_college", 38_400, 5_120, 34_480, 0)]
    [InlineData(2024, "city_college", 40_200, 5_360, 32_440, 0)]
    [InlineData(2021, "provincial_college", 0, 0, 20_000, 58_000)]
    [InlineData(2023, "provincial_college", 0, 0, 14_000, 64_000)]
    [InlineData(2024, "provincial_college", 0, 0, 11_000, 67_000)]
    [InlineData(2021, "central_college", 0, 0, 20_000, 58_000)]
    [InlineData(2023, "central_college", 0, 0, 14_000, 64_000)]
    public async Task College_is_subsidised_by_its_own_payers_and_the_rest_is_named(
        int year, string college, long centralFen, long provinceFen, long cityFen, long unknownFen)
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.County, year, ("general", "", 10), ("student", college, 7));

        Voucher voucher = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.County, year);

        Assert.Equal((10 * 78_000) + (7 * (78_000 - unknownFen)), voucher.AmountFen);
        Assert.Equal(
            new[] { ("1102.resident.410122", centralFen), ("1103.resident.410122", provinceFen), ("1104.resident.410122", cityFen) }
                .Where(line => line.Item2 > 0).Select(line => (line.Item1, 7L, line.Item2)),
            voucher.Assessed.Where(line => line.Of == college).Select(line => (line.Account, line.Heads, line.PerHeadFen)));
        Assert.All(voucher.Assessed.Where(line => line.Of != college), line => Assert.Equal(("", 10L), (line.Of, line.Heads)));
        if (unknownFen == 0)
        {
            Assert.Empty(voucher.Unassessed);
            return;
        }

        UnassessedHeads rest = Assert.Single(voucher.Unassessed);
        Assert.Equal((college, 7L, unknownFen), (rest.Of, rest.Heads, rest.PerHeadFen));
        Assert.StartsWith("其余的财政补助资金来源渠道按国家、省、市有关规定执行 (郑医保", rest.Reason, StringComparison.Ordinal);
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Students_without_a_college_and_colleges_without_an_amount_are_named_and_told_again_to_a_repeat()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.District, 2024,
            ("general", "", 3), ("residence_permit", "", 2), ("student", "", 4), ("student", "central_college", 1));

        Voucher voucher = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024, "once");
        Voucher again = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024, "once");

        // Holders of residence permits are subsidised as residents are (豫医保办〔2023〕71号 四).
        Assert.Equal(5 * 78_000, voucher.AmountFen);
        Assert.Equal([("central_college", 1L, 0L), ("student", 4L, 0L)],
            voucher.Unassessed.Select(line => (line.Of, line.Heads, line.PerHeadFen)));
        Assert.Contains("通知未写明中央属大中专学生的财政补助", voucher.Unassessed[0].Reason, StringComparison.Ordinal);
        Assert.Equal(NoCollege, voucher.Unassessed[1].Reason);
        voucher.Replayed = true;
        Assert.Equal(voucher, again);
    }

    // 郑医保〔2023〕6号 一; 郑医保办〔2024〕60号 一: city and district 1:1, counties alone, the Airport zone alone from plan year 2025.
    [Theory]
    [InlineData(2024, "410105", "destitute", 0, 19_000, 19_000)]
    [InlineData(2024, "410105", "low_income", 1_900, 18_050, 18_050)]
    [InlineData(2024, "410122", "low_income", 1_900, 0, 36_100)]
    [InlineData(2024, "410122", "disabled", 7_600, 0, 30_400)]
    [InlineData(2024, "410173", "low_income_edge", 7_600, 15_200, 15_200)]
    [InlineData(2025, "410173", "low_income_edge", 8_000, 0, 32_000)]
    [InlineData(2024, "410105", "newborn", 38_000, 0, 0)]
    [InlineData(2025, "410105", "newborn", 0, 20_000, 20_000)]
    [InlineData(2025, "410105", "residence_permit", 40_000, 0, 0)]
    public async Task Contribution_is_owed_by_the_tax_bureau_and_its_aid_by_who_bears_it(
        int planYear, string county, string category, long selfFen, long cityFen, long countyFen)
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(county, planYear, ("general", "", 10), (category, "", 3));
        long standardFen = planYear == 2024 ? 38_000 : 40_000;

        await AssessAsync(fund, AssessmentKind.Contribution, county, planYear);

        Assert.Equal((10 * standardFen) + (3 * selfFen), await fund.BalanceFenAsync($"1101.resident.{county}"));
        Assert.Equal(3 * cityFen, await fund.BalanceFenAsync($"1106.resident.{county}"));
        Assert.Equal(3 * countyFen, await fund.BalanceFenAsync($"1107.resident.{county}"));
        Assert.Equal(-13 * standardFen, await fund.BalanceFenAsync($"4001.resident.{county}"));
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Standard_of_students_that_is_not_in_hand_is_not_taken_for_the_residents()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.District, 2025, ("general", "", 10), ("low_income", "city_college", 1), ("student", "", 2));

        Voucher voucher = await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2025);

        Assert.Equal(10 * 40_000, voucher.AmountFen);
        Assert.Equal([("low_income", 1L), ("student", 2L)], voucher.Unassessed.Select(line => (line.Of, line.Heads)));
        Assert.All(voucher.Unassessed, line => Assert.Contains("郑医保办〔2024〕44号", line.Reason, StringComparison.Ordinal));
        fund.Heads.Set(Fund.County, 2025, ("student", "", 2));
        await Assert.ThrowsAsync<PolicyException>(() => AssessAsync(fund, AssessmentKind.Contribution, Fund.County, 2025));
    }

    [Fact]
    public async Task Correction_of_heads_is_a_correction_in_the_books_of_every_payer()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.District, 2024, ("general", "", 10), ("low_income", "", 2), ("student", "city_college", 4));
        await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2024);
        await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);

        // One was low income after all, and the students were not of the city's college.
        fund.Heads.Set(Fund.District, 2024, ("general", "", 9), ("low_income", "", 3), ("student", "provincial_college", 4));
        Voucher contribution = await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2024);
        Voucher subsidy = await AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024);

        Assert.Equal(
            [("1101.resident.410105", "", -1L, 38_000L), ("1101.resident.410105", "low_income", 1L, 1_900L),
                ("1106.resident.410105", "low_income", 1L, 18_050L), ("1107.resident.410105", "low_income", 1L, 18_050L)],
            contribution.Assessed.Select(line => (line.Account, line.Of, line.Heads, line.PerHeadFen)));
        Assert.Equal(0, contribution.AmountFen);
        Assert.Contains(
            ("1104.resident.410105", "city_college", -4L), subsidy.Assessed.Select(line => (line.Account, line.Of, line.Heads)));
        Assert.Equal(((9 + 4) * 38_000) + (3 * 1_900), await fund.BalanceFenAsync("1101.resident.410105"));
        Assert.Equal((12 * 16_220) + (4 * 11_000), await fund.BalanceFenAsync("1104.resident.410105"));
        Assert.Equal(12 * 40_200, await fund.BalanceFenAsync("1102.resident.410105"));
        await Assert.ThrowsAsync<FundingRefusedException>(() => AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024));
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Year_that_was_assessed_before_anybody_was_set_apart_is_corrected_to_what_each_owes()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.District, 2024, ("general", "", 10));
        await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2024);
        // As an older ledger has written it down.
        await fund.ExecuteAsync("""
            INSERT INTO assessment SELECT voucher_id, account_code, heads, per_head_fen, source FROM assessed_head;
            ALTER TABLE assessed_head DISABLE TRIGGER append_only; DELETE FROM assessed_head
            """);
        fund.Heads.Set(Fund.District, 2024, ("destitute", "", 1), ("general", "", 9));

        Voucher corrected = await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2024);

        Assert.Equal(
            [("1101.resident.410105", "", -1L), ("1106.resident.410105", "destitute", 1L), ("1107.resident.410105", "destitute", 1L)],
            corrected.Assessed.Select(line => (line.Account, line.Of, line.Heads)));
        Assert.Equal(9 * 38_000, await fund.BalanceFenAsync("1101.resident.410105"));
    }

    [Fact]
    public async Task Aid_is_received_from_who_bears_it_up_to_what_is_owed()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Set(Fund.District, 2024, ("destitute", "", 2));
        await AssessAsync(fund, AssessmentKind.Contribution, Fund.District, 2024);

        await Assert.ThrowsAsync<FundingRefusedException>(() => ReceiveAsync(Payer.CityTreasury, 38_001));
        Voucher city = await ReceiveAsync(Payer.CityTreasury, 38_000);
        await ReceiveAsync(Payer.CountyTreasury, 1);

        Assert.Equal(("AID_RECEIVED", "收到参保资助"), (city.Kind, city.KindName));
        Assert.Equal(0, await fund.BalanceFenAsync("1106.resident.410105"));
        Assert.Equal(37_999, await fund.BalanceFenAsync("1107.resident.410105"));
        Assert.Equal(38_001, await fund.BalanceFenAsync("1003.resident.410100"));

        Task<Voucher> ReceiveAsync(Payer payer, long fen) => fund.Income.ReceiveAsync(
            fund.Head(), IncomeKind.IncomeAid, "resident", Fund.District, payer, fen, CancellationToken.None);
    }

    [Fact]
    public async Task Eligibility_that_does_not_tell_categories_yet_is_not_believed_that_there_are_none()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        (fund.Heads.Paid[(Fund.District, 2024)], fund.Heads.Old) = (10, true);
        FundingRefusedException refused = await Assert.ThrowsAsync<FundingRefusedException>(
            () => AssessAsync(fund, AssessmentKind.Subsidy, Fund.District, 2024));
        Assert.Equal("Eligibility does not tell heads by category: update it first", refused.Message);
    }

    private static Task<Voucher> AssessAsync(Fund fund, AssessmentKind kind, string county, int year, string? key = null) =>
        fund.Income.AssessAsync(fund.Head(key), kind, "resident", county, year, CancellationToken.None);
}
