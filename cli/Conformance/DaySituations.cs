using Claims.V1;

namespace Claims.Cli.Conformance;

/// <summary>The day's reconciliation.</summary>
internal static class DaySituations
{
    public static IReadOnlyList<Situation> All { get; } =
    [
        new("reconcile-agree", "对当天总账，两边一致",
            place => $"请对今天（{place.Day}）的总账：ReconcileTotals，按结算日。两边的笔数和金额应当一致。",
            Judges.PassOn, JudgeAgree),
        new("reconcile-lines", "总账不符，逐笔核对",
            place => $"请对今天（{place.Day}）的总账；中心答复总额不符。请再逐笔上传明细 ReconcileLines。",
            (seen, call) => call.Request is ReconcileTotalsRequest ? Act.Alter<ReconcileTotalsReply>(OneMore) : Act.PassOn, JudgeLines)
        {
            Look = "对账页面显示两边的笔数和金额",
        },
        new("reconcile-send-again", "对账要求重发一笔",
            place => $"{place.Visit}。请结算；再对今天的明细，中心答复这笔没有收到（SEND_AGAIN）。请重发这笔。",
            (seen, call) => call.Request is FacilityBooks ? Act.Alter<FacilityBooksReply>(reply => MissingHere(seen, reply)) : Act.PassOn,
            JudgeSentAgain),
        new("reconcile-person", "对账差异须人工查看",
            place => $"{place.Visit}。请结算；再对今天的明细，中心答复这笔像是一张单结算了两次（CANCEL_OR_RECORD）。无人查看之前系统不应有动作。",
            (seen, call) => call.Request is FacilityBooks ? Act.Alter<FacilityBooksReply>(reply => SettledTwice(seen, reply)) : Act.PassOn,
            JudgePerson)
        {
            BySilence = true,
            Look = "差异的 cause_text 和 action_text 显示给对账人员",
        },
    ];

    private static ReconcileTotalsReply OneMore(ReconcileTotalsReply reply)
    {
        ReconcileTotalsReply other = reply.Clone();
        other.Outcome = TotalsOutcome.CentreMore;
        foreach (ReconcileTotalsReply.Types.Comparison comparison in other.Comparisons)
        {
            comparison.Outcome = TotalsOutcome.CentreMore;
            comparison.Facility ??= new SettlementTotals();
            comparison.Centre = new SettlementTotals
            {
                Count = comparison.Facility.Count + 1,
                TotalFen = comparison.Facility.TotalFen + 100,
                FundPayFen = comparison.Facility.FundPayFen,
            };
        }

        return other;
    }

    private static FacilityBooksReply MissingHere(Seen seen, FacilityBooksReply reply) => With(seen, reply, new LineDifference
    {
        Cause = DifferenceCause.MissingHere,
        CauseText = "中心没有这笔结算",
        Action = ProposedAction.SendAgain,
        ActionText = "请以同一请求编号原样重发",
    });

    private static FacilityBooksReply SettledTwice(Seen seen, FacilityBooksReply reply) => With(seen, reply, new LineDifference
    {
        Cause = DifferenceCause.SettledTwice,
        CauseText = "中心另有一笔，疑为同一张单结算两次",
        Action = ProposedAction.CancelOrRecord,
        ActionText = "请人工核对：同一次就诊则撤销，两次就诊则补记",
    });

    private static FacilityBooksReply With(Seen seen, FacilityBooksReply reply, LineDifference difference)
    {
        if (seen.First?.Reply is not { } settled) return reply;
        FacilityBooksReply other = reply.Clone();
        difference.Line = new FacilityLine
        {
            Kind = FacilityLine.Types.Kind.Settle,
            RequestId = settled.RequestId,
            SettlementId = settled.SettlementId,
            InsuredId = settled.InsuredId,
            TotalFen = settled.TotalFen,
            FundPayFen = settled.FundPayFen,
        };
        other.Differences.Add(difference);
        other.Summary ??= new LinesSummary();
        other.Summary.Reconciled = false;
        other.Summary.Differences++;
        return other;
    }

    private static Finding? BadPeriod(ReconciliationPeriod? period, Seen seen) =>
        Judges.Field("period.from", period?.From ?? "", seen.Place.Day) ?? Judges.Field("period.to", period!.To, seen.Place.Day);

    private static Finding JudgeAgree(Seen seen)
    {
        if (seen.Calls.LastOrDefault(call => call.Request is ReconcileTotalsRequest) is not { } call) return Finding.Idle;
        ReconcileTotalsRequest asked = (ReconcileTotalsRequest)call.Request;
        if (BadPeriod(asked.Period, seen) is { } bad) return bad;
        if (asked.Figures.Count == 0) return Finding.Wrong("总账里没有数字", "figures 至少一项", Clauses.Day);
        if (call.Answer is not ReconcileTotalsReply reply) return Finding.Awaits("对总账没有得到答复", "得到答复", Clauses.Day);
        if (reply.Outcome is TotalsOutcome.Balanced) return Finding.Handled;
        ReconcileTotalsReply.Types.Comparison? apart =
            reply.Comparisons.FirstOrDefault(comparison => comparison.Outcome is not TotalsOutcome.Balanced);
        return Finding.Awaits($"医院 {Sums(apart?.Facility)}，中心 {Sums(apart?.Centre)}", "两边一致：每笔结算只记一次，撤销记 -1", Clauses.Day);

        static string Sums(SettlementTotals? totals) => totals is null
            ? "没有"
            : $"{totals.Count} 笔、{Place.Yuan(totals.TotalFen)}、统筹 {Place.Yuan(totals.FundPayFen)}";
    }

    private static Finding JudgeLines(Seen seen)
    {
        if (seen.Calls.FirstOrDefault(call => call.Request is ReconcileTotalsRequest) is not { } call) return Finding.Idle;
        ReconcileTotalsRequest asked = (ReconcileTotalsRequest)call.Request;
        if (BadPeriod(asked.Period, seen) is { } bad) return bad;
        if (seen.After(call).FirstOrDefault(other => other.Request is FacilityBooks) is not { } sent)
            return Finding.Awaits("总账不符之后没有上传明细", "ReconcileLines 逐笔核对", Clauses.Day);
        FacilityBooks books = (FacilityBooks)sent.Request;
        if (BadPeriod(books.Scope.Period, seen) is { } other) return other;
        var byKey = books.Lines.GroupBy(line => (line.Kind, line.SettlementId, line.RequestId));
        if (byKey.FirstOrDefault(same => same.Count() > 1) is { } twice)
            return Finding.Wrong($"明细里 {twice.Key.RequestId}{twice.Key.SettlementId} 列了两次", "每笔列一次", Clauses.Day);
        // Of all types together where that is stated, else type by type.
        ReconcileTotalsRequest.Types.FacilityFigures[] together =
            [.. asked.Figures.Where(figure => figure.VisitType == VisitType.Unspecified)];
        SettlementTotals[] stated = [.. (together.Length > 0 ? together : [.. asked.Figures]).Select(figure => figure.Totals ?? new())];
        long count = books.Lines.Sum(line => line.Kind is FacilityLine.Types.Kind.Cancel ? -1 : 1);
        return Judges.Field("明细合计的笔数", count, stated.Sum(one => one.Count))
            ?? Judges.Field("明细合计的 total_fen", books.Lines.Sum(line => line.TotalFen), stated.Sum(one => one.TotalFen))
            ?? Judges.Field("明细合计的 fund_pay_fen", books.Lines.Sum(line => line.FundPayFen), stated.Sum(one => one.FundPayFen))
            ?? (sent.Answer is null ? Finding.Awaits("上传明细没有得到答复", "得到答复", Clauses.Day) : Finding.Handled);
    }

    private static Finding JudgeSentAgain(Seen seen)
    {
        if (seen.First is not { } first) return Finding.Idle;
        if (seen.Calls.FirstOrDefault(call => call.Request is FacilityBooks) is not { } books)
            return Finding.Awaits("没有上传明细", "ReconcileLines", Clauses.Day);
        foreach (Exchange call in seen.After(books))
        {
            if (call.Settle is not { } settle) continue;
            if (settle.RequestId != first.RequestId)
                return Finding.Wrong($"{first.RequestId} 换号为 {settle.RequestId} 重发", "同一请求、同一 request_id", Clauses.Day);
            if (!Seen.SameContent(settle, first.Settle!))
                return Finding.Wrong($"{settle.RequestId} 重发时内容变了", "原样重发，一字不改", Clauses.Keep);
            if (call.IsSettled) return Finding.Handled;
        }

        return Finding.Awaits("SEND_AGAIN 之后没有重发", "同一请求、同一 request_id 重发", Clauses.Day);
    }

    private static Finding JudgePerson(Seen seen)
    {
        if (seen.First is null) return Finding.Idle;
        return seen.Calls.FirstOrDefault(call => call.Request is FacilityBooks) is { } books
            ? Judges.NothingMore(seen, books, "CANCEL_OR_RECORD", Clauses.Day)
            : Finding.Awaits("没有上传明细", "ReconcileLines", Clauses.Day);
    }
}
