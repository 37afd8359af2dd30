using Claims.Ledger.Reconciliation;
using Claims.V1;

namespace Ledger.Tests.Reconciliation;

public sealed class TotalsComparisonTests
{
    [Theory]
    // Count, total and fund payment of the centre, then of the facility.
    [InlineData(3, 900, 300, 3, 900, 300, TotalsOutcome.Balanced)]
    [InlineData(0, 0, 0, 0, 0, 0, TotalsOutcome.Balanced)]
    [InlineData(3, 900, 300, 2, 600, 200, TotalsOutcome.CentreMore)]
    [InlineData(3, 900, 300, 3, 900, 299, TotalsOutcome.CentreMore)]
    [InlineData(3, 900, 300, 3, 901, 300, TotalsOutcome.FacilityMore)]
    [InlineData(3, 900, 300, 4, 900, 300, TotalsOutcome.FacilityMore)]
    [InlineData(0, 0, 0, 1, 100, 0, TotalsOutcome.FacilityMore)]
    [InlineData(-1, -100, -50, 0, 0, 0, TotalsOutcome.FacilityMore)]
    [InlineData(3, 900, 300, 2, 950, 310, TotalsOutcome.Inconsistent)]
    [InlineData(3, 900, 300, 3, 901, 299, TotalsOutcome.Inconsistent)]
    public void Sums_come_to_an_outcome(
        long count, long total, long fund, long facilityCount, long facilityTotal, long facilityFund, TotalsOutcome expected) =>
        Assert.Equal(expected, TotalsComparison.OutcomeOf(Totals(count, total, fund), Totals(facilityCount, facilityTotal, facilityFund)));

    [Fact]
    public void Type_that_the_facility_does_not_name_counts_once_it_names_any()
    {
        Dictionary<VisitType, SettlementTotals> centre =
            new() { [VisitType.Ordinary] = Totals(2, 400, 200), [VisitType.DeliveryNatural] = Totals(1, 200_000, 100_000) };

        ReconcileTotalsReply byType = TotalsComparison.Compare(centre, [Figures(VisitType.Ordinary, Totals(2, 400, 200))]);
        ReconcileTotalsReply together = TotalsComparison.Compare(centre, [Figures(VisitType.Unspecified, Totals(3, 200_400, 100_200))]);

        Assert.Equal(TotalsOutcome.CentreMore, byType.Outcome);
        Assert.Equal([(VisitType.Ordinary, TotalsOutcome.Balanced), (VisitType.DeliveryNatural, TotalsOutcome.CentreMore)],
            byType.Comparisons.Select(one => (one.VisitType, one.Outcome)));
        Assert.Equal(TotalsOutcome.Balanced, together.Outcome);
    }

    [Fact]
    public void Types_that_differ_in_opposite_directions_are_inconsistent_although_their_sum_balances()
    {
        Dictionary<VisitType, SettlementTotals> centre =
            new() { [VisitType.Ordinary] = Totals(2, 400, 200), [VisitType.PrenatalCheck] = Totals(1, 200, 100) };

        ReconcileTotalsReply reply = TotalsComparison.Compare(
            centre, [Figures(VisitType.Ordinary, Totals(1, 200, 100)), Figures(VisitType.PrenatalCheck, Totals(2, 400, 200)),
                Figures(VisitType.Unspecified, Totals(3, 600, 300))]);

        Assert.Equal([TotalsOutcome.CentreMore, TotalsOutcome.FacilityMore, TotalsOutcome.Balanced],
            reply.Comparisons.Select(one => one.Outcome));
        Assert.Equal(TotalsOutcome.Inconsistent, reply.Outcome);
    }

    [Fact]
    public void Types_that_all_differ_in_one_direction_differ_in_that_direction()
    {
        Dictionary<VisitType, SettlementTotals> centre =
            new() { [VisitType.Ordinary] = Totals(2, 400, 200), [VisitType.PrenatalCheck] = Totals(1, 200, 100) };

        Assert.Equal(TotalsOutcome.CentreMore, TotalsComparison.Compare(
            centre, [Figures(VisitType.Ordinary, Totals(1, 200, 100)), Figures(VisitType.PrenatalCheck, Totals(0, 0, 0))]).Outcome);
    }

    private static SettlementTotals Totals(long count, long total, long fund) =>
        new() { Count = count, TotalFen = total, FundPayFen = fund };

    private static ReconcileTotalsRequest.Types.FacilityFigures Figures(VisitType type, SettlementTotals totals) =>
        new() { VisitType = type, Totals = totals };
}
