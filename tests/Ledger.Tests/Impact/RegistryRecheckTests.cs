using Claims.Ledger.Impact;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Ledger.Tests.Impact;

/// <summary>Made-up books, looked at with another registry.</summary>
public sealed class RegistryRecheckTests
{
    private static readonly PolicyPack Present = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

    private static readonly EnrolmentTerms Year = new(2025, "resident", "410105", true, new DateOnly(2025, 1, 1), new DateOnly(2025, 1, 1),
        new DateOnly(2025, 12, 31));

    private readonly MadeUpBooks _books = new(Present);

    [Fact]
    public void Registry_that_says_what_it_said_differs_in_nothing()
    {
        _books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        _books.Cancel(_books.Settle("I1", "2025-01-02", "other", 10_000));
        _books.Settle("I1", "2025-01-03", "other", 60_000);

        RegistryRecheck recheck = Of(new RecheckRequest());

        Assert.Empty(recheck.Found);
        Assert.Equal(new RecheckTotals { Settlements = 2 }, recheck.Totals);
    }

    [Fact]
    public void Cover_that_ended_before_a_visit_refuses_it_and_gives_a_later_one_what_the_cap_had_cut()
    {
        SubLedgerEntry early = _books.Settle("I1", "2025-06-01", "grassroots", 40_000);
        SubLedgerEntry other = _books.Settle("I1", "2025-03-01", "grassroots", 20_000);
        Assert.Equal((26_000, 4_000), (early.FundPayFen, other.FundPayFen));

        RegistryRecheck recheck = Of(new RecheckRequest(),
            insured: Year with { CoveredTo = new DateOnly(2025, 5, 31), EndedOn = new DateOnly(2025, 5, 31), EndCause = "death" });

        Assert.Equal(
            [(early.SettlementId, WrongCause.Refused, "NOT_COVERED_ON_DATE", 26_000L, 0L),
                (other.SettlementId, WrongCause.Follows, "", 4_000L, 13_000L)],
            recheck.Found.Select(one => (one.SettlementId, one.Cause, one.ReasonCode, one.FundPaidBeforeFen, one.FundPaidAfterFen)));
        Assert.Contains("2025年5月31日终止（死亡）", recheck.Found[0].ReasonText, StringComparison.Ordinal);
        Assert.Equal(
            new RecheckTotals { Settlements = 2, Differing = 2, Refused = 1, FundPaidBeforeFen = 30_000, FundPaidAfterFen = 13_000 },
            recheck.Totals);
    }

    [Fact]
    public void Facility_of_another_grade_from_a_day_on_is_another_tier_from_that_day()
    {
        _books.Settle("I1", "2025-06-30", "grassroots", 10_000);
        SubLedgerEntry july = _books.Settle("I1", "2025-07-01", "grassroots", 10_000);
        FacilityTerms before = Facility("H-grassroots", "township") with { ValidTo = new DateOnly(2025, 6, 30) };
        FacilityTerms after = Facility("H-grassroots", "city") with { ValidFrom = new DateOnly(2025, 7, 1) };

        RegistryRecheck recheck = Of(new RecheckRequest(), facility: new FacilityHistory("H-grassroots", [before, after], []));

        WrongSettlement one = Assert.Single(recheck.Found);
        Assert.Equal((july.SettlementId, WrongCause.OtherTier, "grassroots", "other", 6_500L, 3_300L, 4_000L),
            (one.SettlementId, one.Cause, one.TierBefore, one.TierAfter, one.FundPaidBeforeFen, one.FundPaidAfterFen,
                one.DeductibleAfterFen));
    }

    [Fact]
    public void Only_settlements_of_the_facility_or_insured_asked_for_are_told()
    {
        _books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        SubLedgerEntry other = _books.Settle("I2", "2025-01-01", "other", 10_000);
        EnrolmentTerms unpaid = Year with { Paid = false };

        WrongSettlement his = Assert.Single(Of(new RecheckRequest { InsuredId = "I2" }, insured: unpaid).Found);
        Assert.Equal((other.SettlementId, "H-other", "I2"), (his.SettlementId, his.FacilityCode, his.InsuredId));
        Assert.Equal(
            other.SettlementId, Assert.Single(Of(new RecheckRequest { FacilityCode = "H-other" }, insured: unpaid).Found).SettlementId);
        Assert.Equal(2, Of(new RecheckRequest(), insured: unpaid).Totals.Refused);
        Assert.Empty(Of(new RecheckRequest(), insured: unpaid, from: new DateOnly(2025, 1, 2)).Found);
    }

    [Fact]
    public void Visit_that_should_have_been_refused_is_told_although_the_fund_paid_nothing_for_it()
    {
        _books.Settle("I1", "2025-03-01", "grassroots", 60_000);
        SubLedgerEntry unpaid = _books.Settle("I1", "2025-06-01", "grassroots", 10_000);
        Assert.Equal((0, 0), (unpaid.FundPayFen, unpaid.DeductibleFen));

        RegistryRecheck recheck = Of(new RecheckRequest(),
            insured: Year with { CoveredTo = new DateOnly(2025, 5, 31), EndedOn = new DateOnly(2025, 5, 31), EndCause = "death" });

        Assert.Equal((unpaid.SettlementId, WrongCause.Refused),
            (Assert.Single(recheck.Found).SettlementId, recheck.Found[0].Cause));
        Assert.Equal(new RecheckTotals { Settlements = 2, Differing = 1, Refused = 1 }, recheck.Totals);
    }

    [Fact]
    public void Another_rate_is_another_policy_although_the_deductible_is_the_same()
    {
        SubLedgerEntry settled = _books.Settle("I1", "2025-06-01", "grassroots", 10_000);

        RegistryRecheck recheck = Of(new RecheckRequest(), pack: ImpactCalculationTests.With(grassrootsRate: 7_000));

        WrongSettlement one = Assert.Single(recheck.Found);
        Assert.Equal((settled.SettlementId, WrongCause.OtherTerms, 6_500L, 7_000L),
            (one.SettlementId, one.Cause, one.FundPaidBeforeFen, one.FundPaidAfterFen));
    }

    private RegistryRecheck Of(
        RecheckRequest request, FacilityHistory? facility = null, EnrolmentTerms? insured = null, DateOnly from = default,
        PolicyPack? pack = null)
    {
        RegistryRecheck recheck = new(pack ?? Present, from, request,
            code => facility ?? FacilityHistory.Of(Facility(code, code == "H-grassroots" ? "township" : "city")),
            id => new InsuredTerms(id, [insured ?? Year]));
        foreach (SubLedgerEntry entry in _books.Entries) recheck.Add(entry);
        recheck.Finish();
        return recheck;
    }

    private static FacilityTerms Facility(string code, string level) => new(code, "410105", level, "2A", new DateOnly(2024, 1, 1), null);
}
