using Claims.V1;
using Grpc.Core;
using AdjudicationClient = Claims.V1.Adjudication.AdjudicationClient;
using Kind = Claims.V1.FacilityLine.Types.Kind;

namespace Claims.Gateway.Clinic;

/// <summary>One line of a browser's list, or of a clinic's own books. Amounts in fen as they were answered: a cancellation's are
/// negative.</summary>
/// <param name="State">SETTLED (已结算), CANCELLED (已撤销), CANCELLATION (撤销), WAITING (待上传), SENDING (结算中), FAILED (失败), WITHDRAWN
/// (已撤回).</param>
/// <param name="OriginalRequestId">Of a cancellation: the request that it cancels.</param>
internal sealed record CompareLine(string RequestId, string State, string? InsuredId = null, string? SettlementId = null,
    string? OriginalRequestId = null, string? VisitDate = null, long TotalFen = 0, long FundPayFen = 0);

internal sealed record CompareRequest(string Date, IReadOnlyList<CompareLine> Lines);

/// <param name="Cause">Stable: NOT_BOOKED_YET, NOT_SENT, SETTLED_UNNOTICED, UNDONE_UNNOTICED, OUTCOME_UNKNOWN, or a cause of the ledger's
/// comparison.</param>
/// <param name="Text">What is different, in Chinese.</param>
/// <param name="ToDo">What to do about it, in Chinese.</param>
internal sealed record DayDifference(string Cause, string Text, string ToDo, string RequestId, string SettlementId, string InsuredId,
    long? ListFundPayFen, long? BooksFundPayFen);

internal sealed record Sums(long Count, long TotalFen, long FundPayFen);

/// <param name="Reconciled">No difference is left but what is on its way into the books.</param>
/// <param name="Complete">The day is over and everything is booked: personal data may go.</param>
/// <param name="Outcome">Of the sums [3201]: BALANCED, CENTRE_MORE, FACILITY_MORE, INCONSISTENT.</param>
internal sealed record CompareReply(string Date, bool Reconciled, bool Complete, string Outcome, string Text, Sums List, Sums Books,
    IReadOnlyList<DayDifference> Differences);

/// <summary>
/// The browser's list, what Adjudication answers now, and the books, held against each other. The ledger compares what is said to be
/// settled with what it has booked [3201, 3202]; Adjudication is asked about each line on which they do not agree, and about those that
/// are not said to be settled.
/// </summary>
internal sealed class DayComparison(HospitalBooks books, AdjudicationClient adjudication, TimeProvider time)
{
    private const int MostLines = 5_000;
    private const int MostAsked = 500;
    private const int AskedAtOnce = 8;

    private static readonly Dictionary<string, ListState> States = new(StringComparer.Ordinal)
    {
        ["SETTLED"] = ListState.Settled,
        ["已结算"] = ListState.Settled,
        ["CANCELLED"] = ListState.Cancelled,
        ["已撤销"] = ListState.Cancelled,
        ["CANCELLATION"] = ListState.Cancellation,
        ["撤销"] = ListState.Cancellation,
        ["WAITING"] = ListState.Open,
        ["QUEUED"] = ListState.Open,
        ["待上传"] = ListState.Open,
        ["SENDING"] = ListState.Open,
        ["UNKNOWN"] = ListState.Open,
        ["结算中"] = ListState.Open,
        ["FAILED"] = ListState.NotDone,
        ["失败"] = ListState.NotDone,
        ["WITHDRAWN"] = ListState.NotDone,
        ["已撤回"] = ListState.NotDone,
    };

    private enum ListState
    {
        Settled,
        Cancelled,
        Cancellation,

        /// <summary>Still to be sent, or its outcome is not known.</summary>
        Open,

        /// <summary>It was refused, or withdrawn before it was sent.</summary>
        NotDone,
    }

    public async Task<Answer> CompareAsync(HttpContext context, CompareRequest request)
    {
        if (PageRequests.DayOf(request.Date, time) is not { } day || request.Date.Length == 0) return PageRequests.NoDay("date");
        if (request.Lines.Count > MostLines) return Answer.Malformed($"明细不超过 {MostLines} 行，请分日核对。");
        List<(CompareLine Line, ListState State)> lines = [];
        foreach ((int index, CompareLine line) in request.Lines.Index())
        {
            if (!States.TryGetValue(line.State, out ListState state))
                return Answer.Malformed($"第 {index + 1} 行：状态（state）“{Short(line.State)}”不是约定的值。");
            if (line.RequestId.Length is 0 or > 30) return Answer.Malformed($"第 {index + 1} 行：请求号（requestId）应为 1 至 30 个字符。");
            if (state is ListState.Settled or ListState.Cancelled or ListState.Cancellation && string.IsNullOrEmpty(line.InsuredId))
                return Answer.Malformed($"第 {index + 1} 行：人员编号（insuredId）未填。");
            lines.Add((line, state));
        }

        if (!books.Files.Wait(TimeSpan.Zero)) return Answer.TooManyFiles;
        try
        {
            return await CompareAsync(context, day, lines);
        }
        finally
        {
            books.Files.Release();
        }
    }

    private async Task<Answer> CompareAsync(HttpContext context, DateOnly day, List<(CompareLine Line, ListState State)> lines)
    {
        Metadata behalf = context.OnBehalf();
        string facility = context.FacilityCode();
        (FacilityBooks listed, List<CompareLine> origins) = Listed(facility, day, lines);
        FacilityBooksReply compared;
        try
        {
            compared = (FacilityBooksReply)await books.LinesAsync(listed, behalf);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
        {
            // Nothing of the clinic was ever booked: every line is missing there.
            compared = NothingBooked(listed);
        }

        List<DayDifference> differences = [];
        using SemaphoreSlim asking = new(AskedAtOnce);
        List<(CompareLine Line, ListState? State, LineDifference? Difference)> open =
        [
            .. compared.Differences.Select(difference =>
                (difference.Line is { } line ? origins[(int)line.LineNumber - 1] : new CompareLine("", ""), (ListState?)null,
                    (LineDifference?)difference)),
            .. lines.Where(one => one.State is ListState.Open or ListState.NotDone)
                .Select(one => (one.Line, (ListState?)one.State, (LineDifference?)null)),
        ];
        DayDifference?[] found = await Task.WhenAll(open.Select(async (one, index) =>
        {
            await asking.WaitAsync();
            try
            {
                SettleReply? now = index < MostAsked ? await AskAsync(facility, one.Line, behalf) : null;
                return one.Difference is { } difference ? Of(difference, one.Line, now) : Of(one.Line, one.State!.Value, now);
            }
            finally
            {
                asking.Release();
            }
        }));
        // A line that is not said to be settled may stand behind an entry that only the centre has: one difference, whose text is the
        // line's.
        HashSet<string> told = [.. lines.Where(one => one.State is ListState.Open or ListState.NotDone).Select(one => one.Line.RequestId)];
        HashSet<string> explained = [.. found.Skip(compared.Differences.Count).OfType<DayDifference>().Select(one => one.RequestId)];
        foreach (DayDifference? difference in found)
        {
            if (difference is null) continue;
            if (difference.Cause == "MISSING_THERE" && told.Contains(difference.RequestId) && explained.Contains(difference.RequestId))
                continue;
            differences.Add(difference);
        }

        LinesSummary summary = compared.Summary;
        bool reconciled = differences.All(difference => difference.Cause == "NOT_BOOKED_YET");
        bool complete = reconciled && differences.Count == 0 && summary.Complete && !lines.Any(one => one.State == ListState.Open);
        return Answer.Reply(new CompareReply(
            DayRoutes.Text(day), reconciled, complete, NameOf(summary.Outcome), TextOf(differences, summary, complete),
            Of(summary.Facility), Of(summary.Centre), differences));
    }

    /// <summary>What is said to be settled or cancelled, as the ledger compares it; and which line of the list each one is.</summary>
    private static (FacilityBooks Books, List<CompareLine> Origins) Listed(
        string facility, DateOnly day, List<(CompareLine Line, ListState State)> lines)
    {
        string date = DayRoutes.Text(day);
        FacilityBooks listed = new()
        {
            Scope = new ReconciliationScope { FacilityCode = facility, Period = new ReconciliationPeriod { From = date, To = date } },
        };
        List<CompareLine> origins = [];
        HashSet<string> cancelled = [.. lines.Where(one => one.State == ListState.Cancellation)
            .Select(one => one.Line.OriginalRequestId ?? "")];
        foreach ((CompareLine line, ListState state) in lines)
        {
            if (state is ListState.Open or ListState.NotDone) continue;
            Add(line, state == ListState.Cancellation ? Kind.Cancel : Kind.Settle, line.SettlementId, line.TotalFen, line.FundPayFen);
            // A list that notes on the settlement itself that it was cancelled.
            if (state == ListState.Cancelled && !cancelled.Contains(line.RequestId))
                Add(line, Kind.Cancel, line.SettlementId, -line.TotalFen, -line.FundPayFen);
        }

        return (listed, origins);

        void Add(CompareLine line, Kind kind, string? settlementId, long totalFen, long fundPayFen)
        {
            origins.Add(line);
            listed.Lines.Add(new FacilityLine
            {
                LineNumber = origins.Count,
                Kind = kind,
                RequestId = line.RequestId,
                SettlementId = settlementId ?? "",
                OriginalRequestId = kind == Kind.Cancel ? line.OriginalRequestId ?? "" : "",
                InsuredId = line.InsuredId ?? "",
                VisitDate = kind == Kind.Settle ? line.VisitDate ?? "" : "",
                TotalFen = totalFen,
                FundPayFen = fundPayFen,
            });
        }
    }

    /// <returns>Null where Adjudication does not know the request, or cannot be asked.</returns>
    private async Task<SettleReply?> AskAsync(string facility, CompareLine line, Metadata behalf)
    {
        if (line.RequestId.Length == 0 || string.IsNullOrEmpty(line.InsuredId)) return null;
        return await adjudication.GetSettlementAsync(
            new GetSettlementRequest { FacilityCode = facility, InsuredId = line.InsuredId, RequestId = line.RequestId }, behalf);
    }

    private static DayDifference Of(LineDifference difference, CompareLine line, SettleReply? now)
    {
        long? list = difference.Line is { } listed ? listed.FundPayFen : null;
        long? booked = difference.Entry is { } entry ? entry.FundPayFen : null;
        string request = difference.Entry?.RequestId ?? line.RequestId;
        string settlement = difference.Entry?.SettlementId ?? line.SettlementId ?? "";
        string insured = difference.Entry?.InsuredId ?? line.InsuredId ?? "";
        if (difference.Cause == DifferenceCause.MissingHere && now is { Decision: Decision.Settled or Decision.Cancelled }
            && now.FundPayFen == line.FundPayFen)
        {
            return new DayDifference("NOT_BOOKED_YET", "中心已办理，尚未入账。", "无需处理，稍后再核对一次。", line.RequestId, now.SettlementId,
                insured, list, null);
        }

        return new DayDifference(
            NameOf(difference.Cause), difference.CauseText, difference.ActionText, request, settlement, insured, list, booked);
    }

    private static DayDifference? Of(CompareLine line, ListState state, SettleReply? now)
    {
        string insured = line.InsuredId ?? "";
        if (now is { Decision: Decision.Settled or Decision.Cancelled, UndoneBy: null })
        {
            return new DayDifference("SETTLED_UNNOTICED", "中心已办理，本机尚未收到结果。", "请在本机打开这一笔并刷新，收到结果后再核对；请勿换号重发。",
                line.RequestId, now.SettlementId, insured, null, now.FundPayFen);
        }

        if (state == ListState.NotDone) return null;
        return now is null || now.ReasonCode == "RECORDS_LOST"
            ? new DayDifference("OUTCOME_UNKNOWN", "本机尚未收到这一笔的结果。", "保持联网，页面会自动查询；仍无结果时请联系医保经办机构。",
                line.RequestId, "", insured, null, null)
            : new DayDifference("NOT_SENT", "尚未上传，或中心尚未受理。", "保持联网等待自动上传；不需要时请在本机撤回。", line.RequestId, "", insured, null, null);
    }

    private static FacilityBooksReply NothingBooked(FacilityBooks listed)
    {
        FacilityBooksReply reply = new()
        {
            Summary = new LinesSummary
            {
                Lines = listed.Lines.Count,
                Outcome = listed.Lines.Count == 0 ? TotalsOutcome.Balanced : TotalsOutcome.FacilityMore,
                Centre = new SettlementTotals(),
                Facility = new SettlementTotals
                {
                    Count = listed.Lines.Sum(line => line.Kind == Kind.Cancel ? -1L : 1L),
                    TotalFen = listed.Lines.Sum(line => line.TotalFen),
                    FundPayFen = listed.Lines.Sum(line => line.FundPayFen),
                },
            },
        };
        reply.Differences.AddRange(listed.Lines.Select(line => new LineDifference
        {
            Cause = DifferenceCause.MissingHere,
            CauseText = "中心没有这一笔",
            ActionText = "用原请求编号原样重发：已办理的会返回原结果，未办理的会办理一次",
            Line = line,
        }));
        return reply;
    }

    private static string TextOf(List<DayDifference> differences, LinesSummary summary, bool complete)
    {
        if (complete) return "本日已对平：本机、中心与账簿一致。";
        int left = differences.Count(difference => difference.Cause != "NOT_BOOKED_YET");
        if (left > 0) return $"有 {left} 笔不一致，请按各笔提示处理后再核对。";
        return differences.Count > 0 ? "中心已办理，部分尚未入账，请稍后再核对。" : summary.Notice.Length > 0 ? $"目前一致。{summary.Notice}" : "目前一致。";
    }

    private static Sums Of(SettlementTotals? totals) =>
        totals is null ? new Sums(0, 0, 0) : new Sums(totals.Count, totals.TotalFen, totals.FundPayFen);

    private static string NameOf<TEnum>(TEnum value) where TEnum : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.SnakeCaseUpper.ConvertName(value.ToString());

    private static string Short(string text) => text.Length <= 20 ? text : $"{text[..20]}…";
}
