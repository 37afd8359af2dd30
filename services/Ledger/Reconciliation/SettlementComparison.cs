using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>Everything either side has of one settlement, its cancellations and restorations included.</summary>
/// <param name="Entries">The centre's, of any day, in the order of the books.</param>
/// <param name="Lines">The facility's, in the order of its file.</param>
/// <param name="Foreign">The settlement_id on the lines is another facility's.</param>
/// <param name="Reversed">The request on the lines was reversed before it came: its request_id is used up.</param>
internal sealed record SettlementCase(
    IReadOnlyList<CentreRecord> Entries, IReadOnlyList<ListedLine> Lines, bool Foreign = false, bool Reversed = false);

/// <summary>Finds the differences in one settlement [3202].</summary>
/// <remarks>
/// Entries and lines of a kind are paired first; what is left over on one side is a difference, unless a settlement and its
/// cancellation are left over together on one side and the other knows nothing of them: then nobody owes anything.
/// Every entry of the period and every line goes into one difference, one pair that agrees, or one that cancels out, so the
/// differences add up to the difference of the totals.
/// </remarks>
internal static class SettlementComparison
{
    public static List<LineDifference> Of(Period period, SettlementCase settlement)
    {
        List<LineDifference> differences = [];
        List<CentreRecord> settled = [.. settlement.Entries.Where(entry => period.Has(entry) && !entry.Cancels)];
        List<CentreRecord> cancelled = [.. settlement.Entries.Where(entry => period.Has(entry) && entry.Cancels)];
        List<CentreRecord> outside = [.. settlement.Entries.Where(entry => !period.Has(entry))];
        List<ListedLine> settles = MatchingFirst(period, settlement, cancels: false);
        List<ListedLine> cancels = MatchingFirst(period, settlement, cancels: true);

        // A settlement stands at most once; it is listed again only after a cancellation, and only if it was restored.
        int settlesHere = Math.Max(settlement.Entries.Count(entry => !entry.Cancels), 1);
        int cancelsHere = Math.Max(settlement.Entries.Count(entry => entry.Cancels), 1);
        SetDuplicatesAside(settles, Math.Min(settlesHere, cancels.Count + 1), differences);
        SetDuplicatesAside(cancels, Math.Min(cancelsHere, settles.Count + 1), differences);

        Pair(period, settlement, settles, settled, differences);
        Pair(period, settlement, cancels, cancelled, differences);
        CancelOut(settled, cancelled);
        if (settlement.Entries.Count == 0) CancelOut(settles, cancels, differences);

        differences.AddRange(settles.Select(line => OfSettleLine(period, settlement, outside, line)));
        differences.AddRange(cancels.Select(line => OfCancelLine(settlement, outside, line)));
        differences.AddRange(settled.Select(entry => Difference(
            DifferenceCause.MissingThere, entry.Kind == "RESTORATION" ? ProposedAction.RecordRestoration : ProposedAction.RecordOrCancel,
            null, entry, entry.Totals, new())));
        differences.AddRange(cancelled.Select(entry => Difference(
            DifferenceCause.CancelledHere, ProposedAction.RecordCancellation, null, entry, entry.Totals, new())));
        return differences;
    }

    public static LineDifference Duplicate(ListedLine line) =>
        Difference(DifferenceCause.Duplicate, ProposedAction.RemoveLine, line, null, new(), line.Totals);

    private static List<ListedLine> MatchingFirst(Period period, SettlementCase settlement, bool cancels) =>
    [
        .. settlement.Lines.Where(line => line.Cancels == cancels)
            .OrderBy(line => settlement.Entries.Any(
                entry => entry.Cancels == cancels && period.Has(entry) && SameAmounts(line, entry) && SameDay(period, line, entry)) ? 0 : 1)
            .ThenBy(line => line.Number),
    ];

    private static void SetDuplicatesAside(List<ListedLine> lines, int allowed, List<LineDifference> differences)
    {
        differences.AddRange(lines.Skip(allowed).OrderBy(line => line.Number).Select(Duplicate));
        if (lines.Count > allowed) lines.RemoveRange(allowed, lines.Count - allowed);
    }

    private static void Pair(Period period, SettlementCase settlement, List<ListedLine> lines, List<CentreRecord> entries,
        List<LineDifference> differences)
    {
        int pairs = Math.Min(lines.Count, entries.Count);
        foreach (ListedLine line in lines.Take(pairs))
        {
            CentreRecord entry = entries.Find(entry => SameDay(period, line, entry)) ?? entries[0];
            entries.Remove(entry);
            if (!SameAmounts(line, entry))
                differences.Add(Difference(DifferenceCause.Amount, ProposedAction.CorrectAmount, line, entry, entry.Totals, line.Totals));
            else if (!SameDay(period, line, entry))
                differences.Add(Difference(DifferenceCause.OtherDay, ProposedAction.CorrectDay, line, entry, entry.Totals, line.Totals));
            else if (!SameIds(settlement, line))
                differences.Add(Difference(DifferenceCause.OtherId, ProposedAction.CorrectId, line, entry, entry.Totals, line.Totals));
        }

        lines.RemoveRange(0, pairs);
    }

    private static void CancelOut(List<CentreRecord> settled, List<CentreRecord> cancelled)
    {
        int both = Math.Min(settled.Count, cancelled.Count);
        settled.RemoveRange(0, both);
        cancelled.RemoveRange(0, both);
    }

    private static void CancelOut(List<ListedLine> settles, List<ListedLine> cancels, List<LineDifference> differences)
    {
        int both = Math.Min(settles.Count, cancels.Count);
        foreach ((ListedLine settle, ListedLine cancel) in settles.Zip(cancels).Take(both))
        {
            SettlementTotals left = TotalsComparison.Sum([settle.Totals, cancel.Totals]);
            if (left is not { TotalFen: 0, FundPayFen: 0 })
                differences.Add(Difference(DifferenceCause.Amount, ProposedAction.RemoveLine, cancel, null, new(), left));
        }

        settles.RemoveRange(0, both);
        cancels.RemoveRange(0, both);
    }

    private static LineDifference OfSettleLine(Period period, SettlementCase settlement, List<CentreRecord> outside, ListedLine line)
    {
        if (settlement.Foreign) return Difference(DifferenceCause.OtherFacility, ProposedAction.RemoveLine, line, null, new(), line.Totals);
        if (settlement.Entries.Count == 0)
            return Difference(DifferenceCause.MissingHere, settlement.Reversed ? ProposedAction.SendAsNew : ProposedAction.SendAgain, line,
                null, new(), line.Totals);
        if (outside.LastOrDefault(entry => !entry.Cancels) is { } elsewhere && StandsOutside(period, outside))
            return Difference(DifferenceCause.OtherDay, ProposedAction.CorrectDay, line, elsewhere, new(), line.Totals);
        return Difference(DifferenceCause.CancelledHere, ProposedAction.RecordCancellation, line,
            settlement.Entries.LastOrDefault(entry => entry.Cancels), new(), line.Totals);
    }

    private static LineDifference OfCancelLine(SettlementCase settlement, List<CentreRecord> outside, ListedLine line)
    {
        if (settlement.Foreign) return Difference(DifferenceCause.OtherFacility, ProposedAction.RemoveLine, line, null, new(), line.Totals);
        if (settlement.Entries.Count == 0)
            return Difference(DifferenceCause.MissingHere, ProposedAction.RemoveLine, line, null, new(), line.Totals);
        if (outside.LastOrDefault(entry => entry.Cancels) is { } elsewhere && Net(settlement.Entries) <= 0)
            return Difference(DifferenceCause.OtherDay, ProposedAction.CorrectDay, line, elsewhere, new(), line.Totals);
        return Difference(DifferenceCause.CancelledThere, ProposedAction.SendCancel, line,
            settlement.Entries.LastOrDefault(entry => !entry.Cancels), new(), line.Totals);
    }

    /// <summary>
    /// Whether the centre settled it on another day and let it stand until the period began, or settled it only after the
    /// period. What happened to it later is the business of those later days.
    /// </summary>
    private static bool StandsOutside(Period period, List<CentreRecord> outside)
    {
        if (period.Basis == DayBasis.VisitDay) return Net(outside) > 0;
        return Net(outside.Where(entry => entry.SettledOn < period.From)) > 0
            || outside.Any(entry => !entry.Cancels && entry.SettledOn > period.To);
    }

    private static int Net(IEnumerable<CentreRecord> entries) => entries.Sum(entry => entry.Cancels ? -1 : 1);

    private static bool SameAmounts(ListedLine line, CentreRecord entry) =>
        line.TotalFen == entry.TotalFen && line.FundPayFen == entry.FundPayFen;

    private static bool SameDay(Period period, ListedLine line, CentreRecord entry) =>
        (line.VisitDate is not { } visit || visit == entry.VisitDate)
        && (period.Basis == DayBasis.VisitDay || line.SettledOn is not { } settled || settled == entry.SettledOn);

    private static bool SameIds(SettlementCase settlement, ListedLine line) =>
        settlement.Entries.Any(entry => entry.InsuredId == line.InsuredId)
        && (line.SettlementId.Length == 0
            || settlement.Entries.Any(entry => entry.SettlementId == line.SettlementId || entry.OriginalSettlementId == line.SettlementId))
        // A cancellation may have come about under another request than the one the facility recorded, such as a reversal.
        && (line.Cancels || line.RequestId.Length == 0
            || settlement.Entries.Any(entry => entry.RequestId == line.RequestId || entry.OriginalRequestId == line.RequestId));

    private static LineDifference Difference(
        DifferenceCause cause, ProposedAction action, ListedLine? line, CentreRecord? entry, SettlementTotals centre,
        SettlementTotals facility)
    {
        return new LineDifference
        {
            Cause = cause,
            Action = action,
            ActionText = Proposals.TextOf(action),
            Line = line?.ToMessage(),
            Entry = entry?.ToMessage(),
            Centre = centre,
            Facility = facility,
        };
    }
}
