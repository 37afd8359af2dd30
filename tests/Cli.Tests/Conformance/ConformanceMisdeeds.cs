using Claims.Conformance.Scripts;
using Claims.V1;

namespace Claims.Cli.Tests.Conformance;

/// <param name="Situation">In which it is done.</param>
/// <param name="Seen">What the report says of it, in part.</param>
internal sealed record Misdeed(string Situation, string Name, string Seen, Func<ScriptedHospital, Counter, Task> Play);

/// <summary>What a wrong system does, situation by situation.</summary>
internal static class ConformanceMisdeeds
{
    public static IReadOnlyList<Misdeed> All { get; } =
    [
        Settles("plain", "yuan for fen", "像是以元为单位", visit => (visit.TotalFen, visit.PreSelfPayFen, visit.InScopeFen) = (12, 2, 10)),
        Settles("plain", "another day", "visit_date 是 2025-01-01", visit => visit.VisitDate = "2025-01-01"),
        Settles("plain", "an id too long", "request_id 不合要求", visit => visit.RequestId = new string('9', 31)),
        Settles("four-parts", "parts changed about", "full_self_pay_fen 是 200", visit =>
        {
            (visit.TotalFen, visit.FullSelfPayFen, visit.OverLimitFen) = (1000, 200, 100);
            (visit.PreSelfPayFen, visit.InScopeFen) = (300, 400);
        }),
        new("two-visits", "one id", "第二次就诊又用了", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.SettleAsync(visit);
        }),
        new("two-visits", "three ids", "两次就诊用了 3 个编号", Visits(3)),
        Settles("fee-lines", "a line that is not price times quantity", "明细 2 的 amount_fen 是 1110", visit =>
            ScriptedHospital.Itemized(visit).Lines[1].AmountFen = 1110),
        Settles("fee-lines", "a line twice", "line_id 1 出现两次", visit => ScriptedHospital.Itemized(visit).Lines[1].LineId = "1"),
        Settles("fee-lines", "both prices", "两个单价字段", visit => ScriptedHospital.Itemized(visit).Lines[0].UnitPriceMicroYuan = 3_500_000),
        Settles("fee-lines", "a total of its own", "total_fen 是 1812", visit => ScriptedHospital.Itemized(visit).TotalFen = 1812),
        new("stream", "a stream for each", "一条流里有 1 笔", async (hospital, counter) =>
        {
            foreach (SettleRequest visit in hospital.Three(counter)) await hospital.StreamAsync([visit]);
        }),
        new("quote-then-settle", "no quote", "结算之前没有预结算", Visits(1)),
        new("quote-then-settle", "another bill", "结算的内容与预结算的不同", async (hospital, counter) =>
        {
            await hospital.Client.PreSettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 1));
        }),
        new("quote-only", "settled all the same", "预结算放弃之后又", async (hospital, counter) =>
        {
            await hospital.Client.PreSettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter));
        }),
        new("quote-only", "reversed", "预结算放弃之后发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.Client.PreSettleAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("lookup", "by another id", "查询的编号不是这笔结算的", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.Client.GetSettlementAsync(ScriptedHospital.LookupOf(hospital.Visit(counter)));
        }),
        new("lookup", "not at all", "结算之后没有查询", Visits(1)),
        new("accumulators", "last year", "year 是", async (hospital, counter) => await hospital.Client.GetAccumulatorsAsync(
            new GetAccumulatorsRequest { InsuredId = counter.Insured, Year = counter.Today.Year - 1 })),
        new("midnight", "today's date", "visit_date 是", Visits(1)),
        new("year-end", "today's date", "visit_date 是", Visits(1)),
        Settles("allowance", "as an ordinary visit", "visit_type 是 Ordinary", _ => { }),
        new("allowance", "sent again", "ALLOWANCE_ALREADY_PAID之后又重发", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            visit.VisitType = VisitType.DeliveryNatural;
            await hospital.SettleAsync(visit);
            await hospital.SettleAsync(visit);
        }),
        new("cap", "cancelled as if refused", "CAP_REACHED之后发了 Cancel", async (hospital, counter) =>
            await hospital.CancelAsync(hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter, 80_000))))),

        .. NewIdAfter("dropped", "答复丢失之后"),
        new("dropped", "nothing", "之后没有再看到", Once),
        new("dropped", "other content", "重发时内容变了", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            visit.VisitId = "MZ-2";
            await hospital.OnceAsync(visit);
        }),
        new("dropped", "cancelled unseen", "未查明结果就发了 Cancel", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.OnceAsync(new CancelRequest
            {
                RequestId = hospital.NewId(),
                FacilityCode = counter.Facility,
                InsuredId = counter.Insured,
                OriginalRequestId = visit.RequestId,
            });
        }),
        new("dropped", "settled again under another id", "又以", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter));
        }),
        new("dropped-twice", "gives up after the second", "之后没有再看到", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.OnceAsync(visit);
        }),
        new("dropped-twice", "another id after the second", "未查明", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.OnceAsync(visit);
            await hospital.OnceAsync(hospital.Visit(counter));
        }),
        new("dropped-reverse", "nothing", "之后没有冲正", Once),
        new("dropped-reverse", "left standing", "仍是有效结算", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.Client.GetSettlementAsync(ScriptedHospital.LookupOf(visit));
        }),
        new("dropped-reverse", "a refused cancellation taken for done", "仍是有效结算", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            CancelRequest cancel = hospital.CancelOf(await hospital.Client.GetSettlementAsync(ScriptedHospital.LookupOf(visit)));
            cancel.RequestId = visit.RequestId;
            await hospital.OnceAsync(cancel);
        }),
        new("dropped-reverse", "under the same id", "冲正用了被冲正请求的编号", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            ReverseRequest reverse = hospital.ReverseOf(visit);
            reverse.RequestId = visit.RequestId;
            await hospital.ReverseAsync(reverse);
        }),
        new("reverse-dropped", "another id", "再冲正时编号或内容变了", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await ReverseOnceAsync(hospital, hospital.ReverseOf(visit));
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("reverse-dropped", "taken for done", "冲正的答复丢失之后没有冲正", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await ReverseOnceAsync(hospital, hospital.ReverseOf(visit));
        }),
        .. NewIdAfter("unavailable", "UNAVAILABLE 之后"),
        .. NewIdAfter("deadline", "DEADLINE_EXCEEDED 之后"),
        new("no-answer", "a new id", "没有答复之后", async (hospital, counter) =>
        {
            await SettleWithinAsync(hospital, hospital.Visit(counter), TimeSpan.FromSeconds(1));
            await hospital.OnceAsync(hospital.Visit(counter));
        }),
        new("no-answer", "no limit of its own", "没有自己的时限", async (hospital, counter) =>
            await hospital.Client.SettleAsync(hospital.Visit(counter))),
        new("slow", "another id meanwhile", "答复迟到之后", async (hospital, counter) =>
        {
            Task<SettleReply> first = hospital.SettleAsync(hospital.Visit(counter));
            await hospital.CallSeen();
            await hospital.SettleAsync(hospital.Visit(counter));
            await first;
        }),
        .. NewIdAfter("busy", "RESOURCE_EXHAUSTED 之后"),
        new("busy", "at once", "不到一秒就重发", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            while (await hospital.OnceAsync(visit) is null)
            {
            }
        }),
        new("stream-broken", "all again", "已有答复的", AllAgain),
        new("stream-broken", "nothing", "没有再发", async (hospital, counter) => await hospital.StreamOnceAsync(hospital.Three(counter))),
        new("stream-broken", "under new ids", "换号为", NewIdsAfterStream),
        new("stream-broken", "other content", "重发时内容变了", async (hospital, counter) =>
        {
            SettleRequest[] three = hospital.Three(counter);
            await hospital.StreamOnceAsync(three);
            three[1].VisitId = "MZ-3";
            await hospital.OnceAsync(three[1]);
        }),
        new("stream-status", "all again", "已有答复的", AllAgain),
        new("stream-status", "under new ids", "换号为", NewIdsAfterStream),
        new("reverse-unknown", "again and again", "NOTHING_TO_UNDO 之后又发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("reverse-unknown", "settled under the id that is void", "冲正或撤销之后又以同一编号结算", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
            await hospital.OnceAsync(visit);
        }),
        new("replayed", "taken for a failure", "replayed 的答复之后又以", Visits(2)),
        new("replayed", "reversed", "replayed 的答复之后发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("changed-retry", "a new id", "未撤销，就以", async (hospital, counter) =>
        {
            await hospital.OnceAsync(hospital.Visit(counter));
            await hospital.OnceAsync(hospital.Visit(counter, counter.Fen + 100));
        }),
        new("changed-retry", "the old id twice", "两次用原编号", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(visit);
            (visit.TotalFen, visit.InScopeFen) = (counter.Fen + 100, counter.Fen + 100);
            await hospital.OnceAsync(visit);
            await hospital.OnceAsync(visit);
        }),
        new("changed-retry", "nothing", "仍有效", Once),
        new("unknown-fields", "taken for no answer", "当作没有答复处理", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.SettleAsync(visit);
        }),
        new("unknown-fields", "nothing read", "得到答复后没有撤销", Visits(1)),

        new("refused-amounts", "the same again", "没有更正就又提交", Again),
        new("refused-amounts", "reversed", "被拒之后发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("refused-amounts", "nothing", "没有更正后的结算", Visits(1)),
        new("refused-future", "the same again", "没有更正就又提交", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            visit.VisitDate = ScriptedHospital.Day(counter.Today.AddDays(1));
            await hospital.SettleAsync(visit);
            await hospital.SettleAsync(visit);
        }),
        new("refused-later", "at once, by itself", "不到一秒就自动重发", Again),
        new("refused-later", "other content", "再次提交时内容变了", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.PauseAsync();
            visit.VisitDate = ScriptedHospital.Day(counter.Today.AddDays(-1));
            await hospital.SettleAsync(visit);
        }),
        new("refused-final", "sent again", "OUTSIDE_POOLING_AREA之后又重发", Again),
        new("refused-final", "under a new id", "OUTSIDE_POOLING_AREA之后又以", Visits(2)),
        new("refused-reversed", "the same id", "又以已作废的编号", Again),
        new("refused-reversed", "nothing", "没有重新提交", Visits(1)),
        new("visit-settled", "on and on under new ids", "没有查询也没有撤销，就又以", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 70));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 70));
        }),
        new("visit-settled", "nothing", "之后没有查询也没有撤销", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 70));
        }),
        new("unknown-reason", "sent again", "不认识的原因代码之后又重发", Again),
        new("unknown-reason", "reversed", "不认识的原因代码之后发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("stream-refusal", "all again", "已有答复（", AllAgain),
        new("stream-refusal", "the others cancelled", "一笔被拒之后发了 Cancel", async (hospital, counter) =>
        {
            List<SettleReply> replies = await hospital.StreamOnceAsync(hospital.Three(counter));
            await hospital.CancelAsync(hospital.CancelOf(replies[0]));
        }),

        new("cancel", "under the settlement's id", "撤销用了结算的 request_id", async (hospital, counter) =>
        {
            SettleReply settled = await hospital.SettleAsync(hospital.Visit(counter));
            CancelRequest cancel = hospital.CancelOf(settled);
            cancel.RequestId = settled.RequestId;
            await hospital.CancelAsync(cancel);
        }),
        new("cancel", "without saying which", "没有写明 settlement_id", async (hospital, counter) =>
        {
            CancelRequest cancel = hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter)));
            cancel.ClearTarget();
            await hospital.CancelAsync(cancel);
        }),
        new("cancel", "another settlement", "撤销的不是本情形的结算", async (hospital, counter) =>
        {
            CancelRequest cancel = hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter)));
            cancel.SettlementId = "S999";
            await hospital.CancelAsync(cancel);
        }),
        new("cancel", "by reversal", "却发了 Reverse", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.SettleAsync(visit);
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("cancel-dropped", "another id", "结果未知就换号为", async (hospital, counter) =>
        {
            SettleReply settled = await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.OnceAsync(hospital.CancelOf(settled));
            await hospital.OnceAsync(hospital.CancelOf(settled));
        }),
        new("cancel-dropped", "taken for done", "之后没有下文", async (hospital, counter) =>
            await hospital.OnceAsync(hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter))))),
        new("cancel-dropped", "the settlement reversed", "却去冲正原结算", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.OnceAsync(hospital.CancelOf(await hospital.SettleAsync(visit)));
            await hospital.ReverseAsync(hospital.ReverseOf(visit));
        }),
        new("cancel-blocked", "the first again", "之后的一笔未撤销，又撤销", async (hospital, counter) =>
        {
            SettleReply first = await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 30));
            await hospital.CancelAsync(hospital.CancelOf(first));
            await hospital.CancelAsync(hospital.CancelOf(first));
        }),
        new("cancel-blocked", "given up", "0 笔撤销成功", async (hospital, counter) =>
        {
            SettleReply first = await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen + 30));
            await hospital.CancelAsync(hospital.CancelOf(first));
        }),
        new("cancel-unknown", "again unseen", "没有查询就发了 Cancel", async (hospital, counter) =>
        {
            SettleReply settled = await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.CancelAsync(hospital.CancelOf(settled));
            await hospital.CancelAsync(hospital.CancelOf(settled));
        }),
        new("cancel-unknown", "nothing", "之后没有查询", async (hospital, counter) =>
            await hospital.CancelAsync(hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter))))),
        new("cancel-again", "and again", "又发了 2 次撤销或冲正", async (hospital, counter) =>
        {
            SettleReply settled = await hospital.SettleAsync(hospital.Visit(counter));
            for (int time = 0; time < 3; time++) await hospital.CancelAsync(hospital.CancelOf(settled));
        }),
        new("refund", "settled before it is cancelled", "原结算未撤销，就以", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, counter.Fen - 200));
        }),
        new("refund", "a negative settlement", "以负数金额结算来退费", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.SettleAsync(hospital.Visit(counter, -200));
        }),
        new("refund", "the old id", "重新结算仍用", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.CancelAsync(hospital.CancelOf(await hospital.SettleAsync(visit)));
            (visit.TotalFen, visit.InScopeFen) = (counter.Fen - 200, counter.Fen - 200);
            await hospital.SettleAsync(visit);
        }),
        new("refund", "the old amount", "total_fen 是", async (hospital, counter) =>
        {
            await hospital.CancelAsync(hospital.CancelOf(await hospital.SettleAsync(hospital.Visit(counter))));
            await hospital.SettleAsync(hospital.Visit(counter));
        }),
        new("settle-anew", "the old id", "又以已撤销的编号", async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            await hospital.CancelAsync(hospital.CancelOf(await hospital.SettleAsync(visit)));
            await hospital.SettleAsync(visit);
        }),
        new("settle-anew", "not cancelled", "没有撤销就以", Visits(2)),

        new("reconcile-agree", "a settlement that is not in its books", "中心 2 笔", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.Client.SettleAsync(hospital.Visit(counter));
            await hospital.TotalsAsync(counter);
        }),
        new("reconcile-agree", "another day", "period.from 是", async (hospital, counter) =>
            await hospital.TotalsAsync(counter with { Today = counter.Today.AddDays(-1) })),
        new("reconcile-lines", "no lines", "没有上传明细", async (hospital, counter) => await hospital.TotalsAsync(counter)),
        new("reconcile-lines", "a line twice", "列了两次", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.TotalsAsync(counter);
            await hospital.LinesAsync(counter, lines => [.. lines, lines[0].Clone()]);
        }),
        new("reconcile-lines", "a line less", "明细合计的笔数 是 0", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.TotalsAsync(counter);
            await hospital.LinesAsync(counter, _ => []);
        }),
        new("reconcile-send-again", "a new id", "换号为", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.LinesAsync(counter);
            await hospital.SettleAsync(hospital.Visit(counter));
        }),
        new("reconcile-send-again", "nothing", "SEND_AGAIN 之后没有重发", async (hospital, counter) =>
        {
            await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.LinesAsync(counter);
        }),
        new("reconcile-person", "cancelled by itself", "CANCEL_OR_RECORD之后发了 Cancel", async (hospital, counter) =>
        {
            SettleReply settled = await hospital.SettleAsync(hospital.Visit(counter));
            await hospital.LinesAsync(counter);
            await hospital.CancelAsync(hospital.CancelOf(settled));
        }),
    ];

    private static Misdeed Settles(string situation, string name, string seen, Action<SettleRequest> change) =>
        new(situation, name, seen, async (hospital, counter) =>
        {
            SettleRequest visit = hospital.Visit(counter);
            change(visit);
            await hospital.SettleAsync(visit);
        });

    private static Misdeed[] NewIdAfter(string situation, string what) =>
    [
        new(situation, "a new id", what, async (hospital, counter) =>
        {
            await hospital.OnceAsync(hospital.Visit(counter));
            await hospital.OnceAsync(hospital.Visit(counter));
        }),
    ];

    private static Func<ScriptedHospital, Counter, Task> Visits(int count) => async (hospital, counter) =>
    {
        for (int number = 0; number < count; number++) await hospital.SettleAsync(hospital.Visit(counter));
    };

    private static async Task Once(ScriptedHospital hospital, Counter counter) => await hospital.OnceAsync(hospital.Visit(counter));

    private static async Task Again(ScriptedHospital hospital, Counter counter)
    {
        SettleRequest visit = hospital.Visit(counter);
        await hospital.SettleAsync(visit);
        await hospital.SettleAsync(visit);
    }

    private static async Task AllAgain(ScriptedHospital hospital, Counter counter)
    {
        SettleRequest[] three = hospital.Three(counter);
        await hospital.StreamOnceAsync(three);
        await hospital.StreamOnceAsync(three);
    }

    private static async Task NewIdsAfterStream(ScriptedHospital hospital, Counter counter)
    {
        await hospital.StreamOnceAsync(hospital.Three(counter));
        await hospital.OnceAsync(hospital.Three(counter)[1]);
    }

    private static async Task SettleWithinAsync(ScriptedHospital hospital, SettleRequest visit, TimeSpan limit)
    {
        try
        {
            await hospital.Client.SettleAsync(visit, deadline: DateTime.UtcNow + limit);
        }
        catch (Grpc.Core.RpcException)
        {
            // It took too long.
        }
    }

    private static async Task ReverseOnceAsync(ScriptedHospital hospital, ReverseRequest reverse)
    {
        try
        {
            await hospital.Client.ReverseAsync(reverse, deadline: hospital.Soon);
        }
        catch (Grpc.Core.RpcException)
        {
            // The answer was lost.
        }
    }
}
