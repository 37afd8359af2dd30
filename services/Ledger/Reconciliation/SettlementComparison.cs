using System.Globalization;
using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>A kind of difference: what it is, what the facility's staff should do about it, and both in their words.</summary>
/// <remarks>A new kind is a row here, with the lines below that find it, and its names in reconciliation.proto. Readers draw what they
/// are given.</remarks>
internal sealed record DifferenceKind(DifferenceCause Cause, ProposedAction Action, string CauseText, string ActionText)
{
    public static readonly DifferenceKind NeverArrived = new(DifferenceCause.MissingHere, ProposedAction.SendAgain,
        "中心无", "中心无此笔结算：请用原请求号（request_id）原样重新发送结算请求；若就诊未发生，从本院账中去掉该行。");

    public static readonly DifferenceKind ReversedBeforeItCame = new(DifferenceCause.MissingHere, ProposedAction.SendAsNew,
        "中心无，请求号已被冲正", "该请求号已被冲正，不能再用：确需结算的，换新请求号重新发送；不需结算的，从本院账中去掉该行。");

    public static readonly DifferenceKind SameBillUnderAnotherRequest = new(
        DifferenceCause.MissingHere, ProposedAction.CheckBeforeSending,
        "中心无此请求，但已有同人、同日、同额的一笔",
        "中心已有同一人员、同日、同金额的结算：系同一次就诊的，不要再发送，按中心的编号改正该行；确系另一次就诊的，用原请求号原样发送。");

    public static readonly DifferenceKind CancelsWhatNeverArrived = new(DifferenceCause.MissingHere, ProposedAction.RemoveLine,
        "中心无", "中心无此笔结算，也就无可撤销：请核对后从本院账中去掉该行。");

    public static readonly DifferenceKind NotListed = new(DifferenceCause.MissingThere, ProposedAction.RecordOrCancel,
        "本院无", "中心有而本院未列：请按结算编号查询（GetSettlement）后补记本院账；若就诊未发生，向中心发送撤销请求（Cancel）。");

    public static readonly DifferenceKind SettledTwice = new(DifferenceCause.SettledTwice, ProposedAction.CancelOrRecord,
        "疑重复结算",
        "中心另有一笔同一人员、同日、同类型、同金额的结算，本院已列：系同一次就诊的，向中心撤销（Cancel）本笔，不要补记；确系两次就诊的，补记本院账。");

    public static readonly DifferenceKind RestorationNotListed = new(DifferenceCause.MissingThere, ProposedAction.RecordRestoration,
        "本院无", "该笔的撤销已被冲正，结算重新有效：请在本院账中恢复该笔。");

    public static readonly DifferenceKind OtherAmount = new(DifferenceCause.Amount, ProposedAction.CorrectAmount,
        "金额不符", "金额以中心结算结果为准：请改正本院账；若费用本身有误，先撤销（Cancel）再换新请求号按正确费用结算。");

    public static readonly DifferenceKind PairThatDoesNotCancelOut = new(DifferenceCause.Amount, ProposedAction.RemoveLine,
        "金额不符", "本院列了结算和撤销而金额不等，中心均无：请核对后从本院账中去掉这两行。");

    public static readonly DifferenceKind CancelledHere = new(DifferenceCause.CancelledHere, ProposedAction.RecordCancellation,
        "中心已撤销", "中心已撤销而本院未记：请在本院账中补记撤销并核对退费；若系误撤，换新请求号重新结算。");

    public static readonly DifferenceKind CancelledThere = new(DifferenceCause.CancelledThere, ProposedAction.SendCancel,
        "本院已撤销", "本院已撤销而中心仍有效：请向中心发送撤销请求（Cancel）；若并未退费，在本院账中恢复该笔。");

    public static readonly DifferenceKind OtherDay = new(DifferenceCause.OtherDay, ProposedAction.CorrectDay,
        "日期不符", "日期以中心记录为准：请在本院账中改记到中心的日期，并按该日期对账；若就诊日期本身有误，先撤销再重新结算。");

    public static readonly DifferenceKind ListedTwice = new(DifferenceCause.Duplicate, ProposedAction.RemoveLine,
        "重复", "该行与前面的行是同一笔，只应列一次：请从本院账中去掉该行，不要再发送，也不要撤销。");

    public static readonly DifferenceKind OfAnotherFacility = new(DifferenceCause.OtherFacility, ProposedAction.RemoveLine,
        "非本机构", "该结算编号是其他机构的：请核对后从本院账中去掉该行。");

    public static readonly DifferenceKind OtherId = new(DifferenceCause.OtherId, ProposedAction.CorrectId,
        "编号不符", "编号与中心记录不符：请按中心返回的结算编号、请求号和人员编号改正本院账。");

    public static readonly DifferenceKind OtherVisitType = new(DifferenceCause.OtherVisitType, ProposedAction.CorrectVisitType,
        "就诊类型不符", "就诊类型以中心结算结果为准：请改正本院账；若就诊类型本身有误，先撤销（Cancel）再换新请求号重新结算。");

    /// <summary>In the order of their causes.</summary>
    public static readonly IReadOnlyList<DifferenceKind> All =
    [
        NeverArrived, ReversedBeforeItCame, SameBillUnderAnotherRequest, CancelsWhatNeverArrived, NotListed, RestorationNotListed,
        OtherAmount, PairThatDoesNotCancelOut, CancelledHere, CancelledThere, OtherDay, ListedTwice, OfAnotherFacility, OtherId,
        OtherVisitType, SettledTwice,
    ];
}

/// <summary>Everything either side has of one settlement, its cancellations and restorations included.</summary>
/// <param name="Entries">The centre's, of any day, in the order of the books.</param>
/// <param name="Lines">The facility's, in the order of its file.</param>
/// <param name="Foreign">The settlement_id on the lines is another facility's.</param>
/// <param name="Reversed">The request on the lines was reversed before it came: its request_id is used up.</param>
/// <param name="Twin">The centre's other settlement of the same insured, day, type and total; empty: it has none.</param>
internal sealed record SettlementCase(
    IReadOnlyList<CentreRecord> Entries, IReadOnlyList<ListedLine> Lines, bool Foreign = false, bool Reversed = false, string Twin = "");

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
        differences.AddRange(cancels.Select(line => OfCancelLine(period, settlement, outside, line)));
        differences.AddRange(settled.Select(entry => OfEntry(settlement, entry)));
        differences.AddRange(cancelled.Select(entry => Difference(DifferenceKind.CancelledHere, null, entry, entry.Totals, new())));
        return differences;
    }

    /// <param name="first">The line that lists it before.</param>
    public static LineDifference Duplicate(ListedLine line, ListedLine first)
    {
        LineDifference difference = Difference(DifferenceKind.ListedTwice, line, null, new(), line.Totals);
        difference.TwinLineNumber = first.Number;
        difference.CauseText += string.Create(CultureInfo.InvariantCulture, $"，与第 {first.Number} 行同一笔");
        return difference;
    }

    private static List<ListedLine> MatchingFirst(Period period, SettlementCase settlement, bool cancels) =>
    [
        .. settlement.Lines.Where(line => line.Cancels == cancels)
            .OrderBy(line => settlement.Entries.Any(
                entry => entry.Cancels == cancels && period.Has(entry) && SameAmounts(line, entry) && SameDay(period, line, entry)) ? 0 : 1)
            .ThenBy(line => line.Number),
    ];

    private static void SetDuplicatesAside(List<ListedLine> lines, int allowed, List<LineDifference> differences)
    {
        differences.AddRange(lines.Skip(allowed).OrderBy(line => line.Number).Select(line => Duplicate(line, lines[0])));
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
                differences.Add(Difference(DifferenceKind.OtherAmount, line, entry, entry.Totals, line.Totals));
            else if (!SameDay(period, line, entry))
                differences.Add(OtherDay(period, line, entry, entry.Totals));
            else if (!SameIds(settlement, line))
                differences.Add(Difference(DifferenceKind.OtherId, line, entry, entry.Totals, line.Totals));
            else if (line.VisitType != VisitType.Unspecified && line.VisitType != entry.VisitType)
                differences.Add(Difference(DifferenceKind.OtherVisitType, line, entry, entry.Totals, line.Totals));
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
                differences.Add(Difference(DifferenceKind.PairThatDoesNotCancelOut, cancel, null, new(), left));
        }

        settles.RemoveRange(0, both);
        cancels.RemoveRange(0, both);
    }

    private static LineDifference OfSettleLine(Period period, SettlementCase settlement, List<CentreRecord> outside, ListedLine line)
    {
        if (settlement.Foreign) return Difference(DifferenceKind.OfAnotherFacility, line, null, new(), line.Totals);
        if (settlement.Entries.Count == 0)
        {
            DifferenceKind kind = settlement.Twin.Length > 0 ? DifferenceKind.SameBillUnderAnotherRequest
                : settlement.Reversed ? DifferenceKind.ReversedBeforeItCame
                : DifferenceKind.NeverArrived;
            return WithTwin(settlement, Difference(kind, line, null, new(), line.Totals));
        }

        if (outside.LastOrDefault(entry => !entry.Cancels) is { } elsewhere && StandsOutside(period, outside))
            return OtherDay(period, line, elsewhere, new());
        return Difference(DifferenceKind.CancelledHere, line,
            settlement.Entries.LastOrDefault(entry => entry.Cancels), new(), line.Totals);
    }

    private static LineDifference OfCancelLine(Period period, SettlementCase settlement, List<CentreRecord> outside, ListedLine line)
    {
        if (settlement.Foreign) return Difference(DifferenceKind.OfAnotherFacility, line, null, new(), line.Totals);
        if (settlement.Entries.Count == 0)
            return Difference(DifferenceKind.CancelsWhatNeverArrived, line, null, new(), line.Totals);
        if (outside.LastOrDefault(entry => entry.Cancels) is { } elsewhere && Net(settlement.Entries) <= 0)
            return OtherDay(period, line, elsewhere, new());
        return Difference(DifferenceKind.CancelledThere, line,
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

    private static LineDifference OfEntry(SettlementCase settlement, CentreRecord entry)
    {
        DifferenceKind kind = entry.Kind == "RESTORATION" ? DifferenceKind.RestorationNotListed
            : settlement.Twin.Length > 0 ? DifferenceKind.SettledTwice
            : DifferenceKind.NotListed;
        LineDifference difference = Difference(kind, null, entry, entry.Totals, new());
        return kind == DifferenceKind.SettledTwice ? WithTwin(settlement, difference) : difference;
    }

    private static LineDifference WithTwin(SettlementCase settlement, LineDifference difference)
    {
        if (settlement.Twin.Length == 0) return difference;
        difference.TwinSettlementId = settlement.Twin;
        difference.CauseText += $"（{settlement.Twin}）";
        return difference;
    }

    /// <summary>Names every day of the two that differs, of either side; where the line agrees or gives none, the centre's day lies outside
    /// the period.</summary>
    private static LineDifference OtherDay(Period period, ListedLine line, CentreRecord entry, SettlementTotals centre)
    {
        LineDifference difference = Difference(DifferenceKind.OtherDay, line, entry, centre, line.Totals);
        List<string> days = [];
        Add("就诊日期", line.VisitDate, entry.VisitDate, period.Basis == DayBasis.VisitDay);
        Add("结算日期", line.SettledOn, entry.SettledOn, period.Basis == DayBasis.SettlementDay);
        difference.CauseText += $"：{string.Join('；', days)}";
        return difference;

        void Add(string name, DateOnly? there, DateOnly here, bool counts)
        {
            if (there is { } given && given != here) days.Add($"{name}本院 {Period.Text(given)}、中心 {Period.Text(here)}");
            else if (counts && (here < period.From || here > period.To)) days.Add($"{name}中心 {Period.Text(here)}，不在对账期内");
        }
    }

    private static LineDifference Difference(
        DifferenceKind kind, ListedLine? line, CentreRecord? entry, SettlementTotals centre, SettlementTotals facility) => new()
        {
            Cause = kind.Cause,
            Action = kind.Action,
            CauseText = kind.CauseText,
            ActionText = kind.ActionText,
            Line = line?.ToMessage(),
            Entry = entry?.ToMessage(),
            Centre = centre,
            Facility = facility,
        };
}
