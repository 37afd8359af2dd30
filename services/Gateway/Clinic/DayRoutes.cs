using System.Globalization;
using System.Text.Json;
using Claims.Hosting;
using Claims.V1;
using ReconciliationClient = Claims.V1.Reconciliation.ReconciliationClient;
using State = Claims.V1.FacilityEntry.Types.State;

namespace Claims.Gateway.Clinic;

/// <summary>One settlement or cancellation of the clinic's as the books have it. Amounts in fen; a cancellation's are negative.</summary>
/// <param name="State">SETTLED; CANCELLED: it was undone since; CANCELLATION; RESTORED: a cancellation was undone, the settlement stands
/// again.</param>
/// <param name="SettledAt">yyyy-MM-dd HH:mm:ss in China Standard Time.</param>
internal sealed record DayLine(
    string Kind, string State, string StateText, string SettlementId, string OriginalSettlementId, string RequestId,
    string OriginalRequestId, string InsuredId, string VisitDate, string VisitType, string SettledAt, long TotalFen, long FullSelfPayFen,
    long OverLimitFen, long PreSelfPayFen, long InScopeFen, long DeductibleFen, int RateBp, long FundPayFen, long SelfPayFen,
    string ReasonCode, string VisitId);

/// <summary>Net: a cancellation takes away what it undid. What was settled and undone the same day is in the first two and not in the
/// sums.</summary>
internal sealed record DayTotals(long Settlements, long Cancellations, long Net, long TotalFen, long FundPayFen, long SelfPayFen);

/// <param name="Source">BOOKS: what was settled some seconds ago may not be in it yet.</param>
/// <param name="ReadAt">yyyy-MM-dd HH:mm:ss in China Standard Time.</param>
/// <param name="More">There are earlier lines than these.</param>
internal sealed record DayReply(
    string Date, IReadOnlyList<DayLine> Lines, DayTotals Totals, string Source, string ReadAt, bool Complete, string Notice, bool More);

internal sealed record FindReply(
    string From, string To, IReadOnlyList<DayLine> Lines, string Source, string ReadAt, string Notice, bool More);

/// <summary>The clinic's own entries, from the books: of a day, or found again.</summary>
internal sealed class DayRoutes(ReconciliationClient ledger, DayComparison comparison, TimeProvider time) : IPageRoutes
{
    private const int MostLines = 2_000;
    private const int MostDays = 366;
    private const int SearchDays = 92;
    private const int MostIdCharacters = 30;

    private const string NotYet = "刚刚办理的业务约需数秒入账，入账后才会列出。";

    public void Map(PageRoutes routes)
    {
        routes.Get("/clinic/day", DayAsync);
        routes.Get("/clinic/find", FindAsync);
        routes.Post<CompareRequest>("/clinic/day/compare", comparison.CompareAsync, ofBooks: true);
    }

    private async Task<Answer> DayAsync(HttpContext context)
    {
        if (PageRequests.DayOf(context.Query("date"), time) is not { } day) return PageRequests.NoDay("date");
        string date = Text(day);
        FacilityEntries entries = await EntriesAsync(context, day, day);
        bool complete = ChinaTime.Today(time) > day;
        return Answer.Reply(new DayReply(date, [.. entries.Entries.Select(LineOf)], TotalsOf(entries.Entries), "BOOKS", entries.ReadAt,
            complete, complete ? "" : NotYet, entries.More));
    }

    private async Task<Answer> FindAsync(HttpContext context)
    {
        string request = context.Query("request");
        string insured = context.Query("insured");
        if (request.Length > MostIdCharacters || insured.Length > MostIdCharacters)
            return Answer.Malformed($"编号不超过 {MostIdCharacters} 个字符。");
        if (PageRequests.DayOf(context.Query("to"), time) is not { } to) return PageRequests.NoDay("to");
        string first = context.Query("from");
        if ((first.Length == 0 ? to.AddDays(-SearchDays) : PageRequests.DayOf(first, time)) is not { } from)
            return PageRequests.NoDay("from");
        if (from > to) return Answer.Malformed("起始日期（from）晚于截止日期（to）。");
        if (to.DayNumber - from.DayNumber >= MostDays) return Answer.Malformed($"查询期间不超过 {MostDays} 天。");
        FacilityEntries entries = await EntriesAsync(context, from, to, request, insured);
        return Answer.Reply(new FindReply(
            Text(from), Text(to), [.. entries.Entries.Select(LineOf)], "BOOKS", entries.ReadAt, NotYet, entries.More));
    }

    private async Task<FacilityEntries> EntriesAsync(
        HttpContext context, DateOnly from, DateOnly to, string request = "", string insured = "") =>
        await ledger.ListFacilityEntriesAsync(new ListFacilityEntriesRequest
        {
            FacilityCode = context.FacilityCode(),
            Period = new ReconciliationPeriod { From = Text(from), To = Text(to) },
            RequestId = request,
            InsuredId = insured,
            Limit = MostLines,
        }, context.OnBehalf());

    internal static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    internal static DayTotals TotalsOf(IReadOnlyCollection<FacilityEntry> entries)
    {
        long settlements = entries.Count(entry => entry.State != State.Undoing);
        return new DayTotals(
            settlements, entries.Count - settlements, 2 * settlements - entries.Count, entries.Sum(entry => entry.TotalFen),
            entries.Sum(entry => entry.FundPayFen), entries.Sum(entry => entry.SelfPayFen));
    }

    private static DayLine LineOf(FacilityEntry entry)
    {
        (string state, string text) = entry.State switch
        {
            State.Undone => ("CANCELLED", "已撤销"),
            State.Undoing => ("CANCELLATION", "撤销"),
            State.Restoring => ("RESTORED", "撤销已冲正，结算恢复"),
            _ => ("SETTLED", "已结算"),
        };
        return new DayLine(
            entry.Kind, state, text, entry.SettlementId, entry.OriginalSettlementId, entry.RequestId, entry.OriginalRequestId,
            entry.InsuredId, entry.VisitDate, JsonNamingPolicy.SnakeCaseUpper.ConvertName(entry.VisitType.ToString()), entry.SettledAt,
            entry.TotalFen,
            entry.FullSelfPayFen, entry.OverLimitFen, entry.PreSelfPayFen, entry.InScopeFen, entry.DeductibleFen, entry.RateBp,
            entry.FundPayFen, entry.SelfPayFen, entry.ReasonCode, entry.VisitId);
    }
}
