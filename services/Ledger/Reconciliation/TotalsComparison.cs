using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>Sums held against sums [3201].</summary>
internal static class TotalsComparison
{
    public static TotalsOutcome OutcomeOf(SettlementTotals centre, SettlementTotals facility)
    {
        int[] directions =
        [
            centre.Count.CompareTo(facility.Count),
            centre.TotalFen.CompareTo(facility.TotalFen),
            centre.FundPayFen.CompareTo(facility.FundPayFen),
        ];
        bool centreMore = directions.Any(direction => direction > 0);
        bool facilityMore = directions.Any(direction => direction < 0);
        return (centreMore, facilityMore) switch
        {
            (false, false) => TotalsOutcome.Balanced,
            (true, false) => TotalsOutcome.CentreMore,
            (false, true) => TotalsOutcome.FacilityMore,
            _ => TotalsOutcome.Inconsistent,
        };
    }

    /// <param name="centre">The centre's sums by visit type; a type without entries is absent.</param>
    /// <param name="figures">The facility's; an unspecified visit type stands for all of them.</param>
    public static ReconcileTotalsReply Compare(
        IReadOnlyDictionary<VisitType, SettlementTotals> centre, IReadOnlyList<ReconcileTotalsRequest.Types.FacilityFigures> figures)
    {
        ReconcileTotalsReply reply = new();
        foreach (ReconcileTotalsRequest.Types.FacilityFigures figure in figures)
        {
            SettlementTotals here = figure.VisitType == VisitType.Unspecified
                ? Sum(centre.Values)
                : centre.GetValueOrDefault(figure.VisitType) ?? new();
            Add(reply, figure.VisitType, here, figure.Totals ?? new());
        }

        HashSet<VisitType> named = [.. figures.Select(figure => figure.VisitType)];
        if (named.Any(type => type != VisitType.Unspecified))
        {
            foreach ((VisitType type, SettlementTotals here) in centre.Where(type => !named.Contains(type.Key)).OrderBy(type => type.Key))
                Add(reply, type, here, new());
        }

        reply.Outcome = Overall([.. reply.Comparisons.Select(comparison => comparison.Outcome)]);
        return reply;
    }

    public static SettlementTotals Sum(IEnumerable<SettlementTotals> totals)
    {
        SettlementTotals sum = new();
        foreach (SettlementTotals one in totals) Add(sum, one);
        return sum;
    }

    public static void Add(SettlementTotals sum, SettlementTotals one)
    {
        sum.Count += one.Count;
        sum.TotalFen += one.TotalFen;
        sum.FundPayFen += one.FundPayFen;
    }

    private static void Add(ReconcileTotalsReply reply, VisitType type, SettlementTotals centre, SettlementTotals facility) =>
        reply.Comparisons.Add(new ReconcileTotalsReply.Types.Comparison
        {
            VisitType = type,
            Outcome = OutcomeOf(centre, facility),
            Centre = centre,
            Facility = facility,
        });

    private static TotalsOutcome Overall(TotalsOutcome[] outcomes)
    {
        TotalsOutcome[] differing = [.. outcomes.Where(outcome => outcome != TotalsOutcome.Balanced).Distinct()];
        return differing switch
        {
            [] => TotalsOutcome.Balanced,
            [var only] => only,
            _ => TotalsOutcome.Inconsistent,
        };
    }
}
