using Claims.Rules;

namespace Adjudication.Tests.Rules;

public sealed class AdjudicatorTests
{
    private static readonly Terms Province3A = SampleTerms.Of(4500, 4000, 30_000);
    private static readonly Terms Other = SampleTerms.Of(5500, 4000, 30_000);
    private static readonly Terms Grassroots = SampleTerms.Of(6500, 0, 30_000);

    public static TheoryData<string, long, long, long, long, long, string> Golden => new()
    {
        // tier, in scope, cap used, borne that day, deductible, fund pays, reason
        { "province_3a", 10_000, 0, 0, 4_000, 2_700, "" },
        { "other", 10_000, 0, 0, 4_000, 3_300, "" },
        { "grassroots", 10_000, 0, 0, 0, 6_500, "" },
        { "other", 4_000, 0, 0, 4_000, 0, "" },
        { "other", 4_001, 0, 0, 4_000, 1, "" },
        { "other", 2_500, 0, 0, 2_500, 0, "" },
        { "other", 6_000, 0, 2_500, 1_500, 2_475, "" },
        { "other", 6_000, 0, 4_000, 0, 3_300, "" },
        { "other", 0, 0, 0, 0, 0, "" },
        { "grassroots", 80_000, 0, 0, 0, 30_000, "CAP_REACHED" },
        { "grassroots", 10_000, 29_999, 0, 0, 1, "CAP_REACHED" },
        { "other", 10_000, 30_000, 0, 4_000, 0, "CAP_EXHAUSTED" },
        { "other", 4_000, 30_000, 0, 4_000, 0, "" },
        { "grassroots", 46_153, 0, 0, 0, 29_999, "" },
        { "grassroots", 46_154, 0, 0, 0, 30_000, "" },
        { "other", long.MaxValue, 0, 0, 4_000, 30_000, "CAP_REACHED" },
        // 1 fen x 45% = 0.45: down; 1 fen x 55% = 0.55: up; 10 fen x 65% = 6.5: half goes up
        { "province_3a", 4_001, 0, 0, 4_000, 0, "" },
        { "grassroots", 10, 0, 0, 0, 7, "" },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void Adjudicate_golden_row_gives_the_fen(
        string tier, long inScopeFen, long capUsedFen, long borneFen, long deductibleFen, long fundPayFen, string reason)
    {
        Terms terms = tier switch { "province_3a" => Province3A, "other" => Other, _ => Grassroots };

        Settlement settlement = SampleTerms.Adjudicate(
            terms, inScopeFen == 0 ? 1 : inScopeFen, inScopeFen, capUsedFen, borneFen);

        Assert.Equal((deductibleFen, fundPayFen, reason), (settlement.DeductibleFen, settlement.FundPayFen, settlement.ReasonCode));
    }

    [Theory]
    [InlineData(500_000, 100_000)]
    [InlineData(100_000, 100_000)]
    [InlineData(99_999, 99_999)]
    [InlineData(1, 1)]
    public void Adjudicate_allowance_pays_the_fixed_sum_but_never_more_than_the_total(long totalFen, long fundPayFen)
    {
        Terms natural = SampleTerms.Of(0, 0, 30_000, 100_000);

        Settlement settlement = SampleTerms.Adjudicate(natural, totalFen, inScopeFen: 0, 30_000, 0);

        Assert.Equal((0, fundPayFen, ""), (settlement.DeductibleFen, settlement.FundPayFen, settlement.ReasonCode));
    }

    [Fact]
    public void Adjudicate_cap_lowered_below_what_was_used_pays_nothing()
    {
        Settlement settlement = SampleTerms.Adjudicate(SampleTerms.Of(6500, 0, 15_000), 10_000, 10_000, 20_000, 0);

        Assert.Equal((0, "CAP_EXHAUSTED"), (settlement.FundPayFen, settlement.ReasonCode));
    }
}
