using System.Collections.Immutable;
using Adjudication.Tests.Store;
using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Rules;
using Claims.Policy;
using Claims.V1;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Settling;

/// <summary>Every field of every answer against what is written here by hand.</summary>
public sealed class WholeAnswersTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private const string Now = "2026-01-01T01:00:00.000+08:00";
    private const string RequestCancelled = "该请求的结算已撤销，如需再次结算请使用新的请求编号。";
    private const string RequestReversed = "该请求已被冲正，如需结算请使用新的请求编号。";

    private const string Settled =
        "一、费用总额123.45元，其中全自费10.00元、超限价3.00元、先行自付0.45元、政策范围内110.00元，以此为计算基数（郑医保〔2023〕6号 三）。二、起付标准（每日每机构）40.00元，"
            + "本次负担起付标准40.00元（郑医保〔2023〕6号 三）。" +
        "三、省市县其他等级支付比例55%：（110.00－40.00）×55%＝38.50元（郑医保〔2023〕6号 三）。" +
        "四、年度最高支付限额300.00元，此前已用13.00元，本次未超过限额（郑医保〔2023〕6号 三）。五、统筹基金支付38.50元，个人负担84.95元。";

    [Fact]
    public async Task Quote_settlement_and_replay_tell_the_same_figures_each_in_its_own_words()
    {
        await UseCapAsync("P1");
        SettleReply expected = ExpectedSettlement("P1");
        SettleReply quote = expected.Clone();
        quote.Decision = Decision.Quoted;
        quote.SettledAt = "";

        Assert.Equal(quote, await fixture.Desk.QuoteAsync(Visit("R1", "P1")));
        SettleReply settled = await fixture.Desk.SettleAsync(Visit("R1", "P1"));
        Assert.Matches($@"^2025-{Shards.Of("P1", 4):00}-\d{{10}}$", settled.SettlementId);
        expected.SettlementId = settled.SettlementId;
        Assert.Equal(expected, settled);

        // What comes after changes nothing of it.
        await fixture.Desk.SettleAsync(VisitOf(1_000, "R2", "P1", Township));
        Assert.Equal(expected, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P1", RequestId = "R1" }));
        Assert.Equal(expected, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P1", SettlementId = settled.SettlementId }));
        expected.Replayed = true;
        Assert.Equal(expected, await fixture.Desk.SettleAsync(Visit("R1", "P1")));
    }

    [Fact]
    public async Task Cancellation_and_its_undoing_tell_every_figure_and_what_became_of_each_request()
    {
        await UseCapAsync("P2");
        SettleReply settlement = await fixture.Desk.SettleAsync(Visit("R1", "P2"));
        await fixture.Desk.SettleAsync(VisitOf(1_000, "R2", "P2", Township));

        SettleReply mirror = Mirror("P2", "C1");
        mirror.CapUsedBeforeFen = 5_800;
        mirror.CapUsedAfterFen = 1_950;
        mirror.CapRemainingFen = 28_050;
        mirror.Limits.Add([Deductible(4_000, 0), Year(5_800, 1_950)]);
        mirror.Trace = $"一、撤销结算{settlement.SettlementId}，费用总额123.45元。二、退回统筹基金支付38.50元，退回个人负担84.95元。三、恢复起付标准40.00元；"
            + $"年度最高支付限额已用由58.00元恢复为19.50元。";
        SettleReply cancelled = await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P2", SettlementId = settlement.SettlementId });
        Assert.Matches($@"^2025-{Shards.Of("P2", 4):00}-\d{{10}}$", cancelled.SettlementId);
        Assert.NotEqual(settlement.SettlementId, cancelled.SettlementId);
        mirror.SettlementId = cancelled.SettlementId;
        Assert.Equal(mirror, cancelled);
        Assert.Equal(mirror, await FindAsync("P2", "C1"));
        Assert.Equal(mirror, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P2", SettlementId = cancelled.SettlementId }));
        SettleReply was = NotStanding("P2", settlement.SettlementId, "REQUEST_CANCELLED", RequestCancelled);
        was.UndoneBy = Named(-1, cancelled.SettlementId, "C1");
        Assert.Equal(was, await FindAsync("P2", "R1"));
        Assert.Equal(was, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P2", SettlementId = settlement.SettlementId }));
        SettleReply again = Refused("R1", "P2", "REQUEST_CANCELLED", RequestCancelled + Brackets(settlement.SettlementId, "R1"));
        again.Other = Named(1, settlement.SettlementId, "R1");
        Assert.Equal(again, await fixture.Desk.SettleAsync(Visit("R1", "P2")));
        mirror.Replayed = true;
        Assert.Equal(mirror, await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P2", SettlementId = settlement.SettlementId }));

        SettleReply restored = ExpectedSettlement("P2");
        restored.SettlementId = settlement.SettlementId;
        restored.CapUsedBeforeFen = 1_950;
        restored.CapUsedAfterFen = 5_800;
        restored.CapRemainingFen = 24_200;
        restored.Limits[1] = Year(1_950, 5_800);
        restored.Trace = $"一、撤销已冲正，结算{settlement.SettlementId}恢复有效，费用总额123.45元。二、统筹基金支付38.50元，个人负担84.95元。三、负担起付标准40.00元；"
            + $"年度最高支付限额已用由19.50元变为58.00元。";
        ReverseReply undone = await fixture.Desk.ReverseAsync(Reversal("V1", "P2", "C1"));
        Assert.Equal(new ReverseReply { Outcome = ReverseReply.Types.Outcome.CancellationUndone, Mirror = restored }, undone);
        Assert.Equal(restored, await FindAsync("P2", "V1"));
        Assert.Equal(settlement, await FindAsync("P2", "R1"));
        Assert.Equal(Refused("C1", "P2", "REQUEST_REVERSED", RequestReversed), await FindAsync("P2", "C1"));
        restored.Replayed = true;
        Assert.Equal(new ReverseReply { Outcome = ReverseReply.Types.Outcome.CancellationUndone, Mirror = restored },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P2", "C1")));
    }

    [Fact]
    public async Task Reversal_of_a_settlement_tells_its_mirror_and_what_became_of_each_request()
    {
        await UseCapAsync("P3");
        SettleReply settlement = await fixture.Desk.SettleAsync(Visit("R1", "P3"));

        SettleReply mirror = Mirror("P3", "V1");
        mirror.CapUsedBeforeFen = 5_150;
        mirror.CapUsedAfterFen = 1_300;
        mirror.CapRemainingFen = 28_700;
        mirror.Limits.Add([Deductible(4_000, 0), Year(5_150, 1_300)]);
        mirror.Trace = $"一、撤销结算{settlement.SettlementId}，费用总额123.45元。二、退回统筹基金支付38.50元，退回个人负担84.95元。三、恢复起付标准40.00元；"
            + $"年度最高支付限额已用由51.50元恢复为13.00元。";
        ReverseReply undone = await fixture.Desk.ReverseAsync(Reversal("V1", "P3", "R1"));
        mirror.SettlementId = undone.Mirror.SettlementId;
        Assert.NotEqual(settlement.SettlementId, undone.Mirror.SettlementId);
        Assert.Equal(new ReverseReply { Outcome = ReverseReply.Types.Outcome.SettlementUndone, Mirror = mirror }, undone);
        Assert.Equal(mirror, await FindAsync("P3", "V1"));
        SettleReply was = NotStanding("P3", settlement.SettlementId, "REQUEST_REVERSED", RequestReversed);
        was.UndoneBy = Named(-1, undone.Mirror.SettlementId, "V1");
        Assert.Equal(was, await FindAsync("P3", "R1"));
        SettleReply again = Refused("R1", "P3", "REQUEST_REVERSED", RequestReversed + Brackets(settlement.SettlementId, "R1"));
        again.Other = Named(1, settlement.SettlementId, "R1");
        Assert.Equal(again, await fixture.Desk.SettleAsync(Visit("R1", "P3")));
        mirror.Replayed = true;
        Assert.Equal(new ReverseReply { Outcome = ReverseReply.Types.Outcome.SettlementUndone, Mirror = mirror },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P3", "R1")));

        ReverseReply nothing = new()
        {
            Outcome = ReverseReply.Types.Outcome.NothingToUndo,
            ReasonCode = "ALREADY_CANCELLED",
            ReasonText = "请求R1此前已撤销或冲正，没有可冲正的结算。",
        };
        Assert.Equal(nothing, await fixture.Desk.ReverseAsync(Reversal("V2", "P3", "R1")));
        Assert.Equal(nothing, await fixture.Desk.ReverseAsync(Reversal("V2", "P3", "R1")));
    }

    [Fact]
    public async Task Reversal_of_what_never_came_undoes_nothing_and_turns_it_away()
    {
        ReverseReply nothing = new()
        {
            Outcome = ReverseReply.Types.Outcome.NothingToUndo,
            ReasonCode = "SETTLEMENT_UNKNOWN",
            ReasonText = "该参保人在本机构名下没有请求R1，没有可冲正的结算；此编号已作废，之后到达也不会结算。请核对人员编号与请求编号。",
        };
        ReverseReply undone = nothing.Clone();
        (undone.ReasonCode, undone.ReasonText) = ("ALREADY_CANCELLED", "请求R1此前已撤销或冲正，没有可冲正的结算。");

        Assert.Equal(nothing, await fixture.Desk.ReverseAsync(Reversal("V1", "P4", "R1")));
        Assert.Equal(nothing, await fixture.Desk.ReverseAsync(Reversal("V1", "P4", "R1")));
        Assert.Equal(undone, await fixture.Desk.ReverseAsync(Reversal("V2", "P4", "R1")));
        Assert.Equal(Refused("R1", "P4", "REQUEST_REVERSED", RequestReversed), await fixture.Desk.SettleAsync(Visit("R1", "P4")));
        Assert.Equal(Refused("R1", "P4", "REQUEST_REVERSED", RequestReversed), await FindAsync("P4", "R1"));
        Assert.Equal(Refused("V1", "P4", "SETTLEMENT_UNKNOWN", "未找到该笔结算，请核对结算编号或请求编号。"), await FindAsync("P4", "V1"));
    }

    [Fact]
    public async Task Maternity_allowance_and_its_cancellation_leave_the_cap_alone()
    {
        await UseCapAsync("P5");
        SettleRequest visit = Visit("R1", "P5", Province, type: VisitType.DeliveryNatural);
        SettleReply expected = ExpectedSettlement("P5", Province);
        expected.VisitType = VisitType.DeliveryNatural;
        (expected.DeductibleFen, expected.RateBp, expected.FundPayFen, expected.SelfPayFen) = (0, 0, 12_345, 0);
        (expected.CapUsedBeforeFen, expected.CapUsedAfterFen, expected.CapRemainingFen) = (1_300, 1_300, 28_700);
        expected.Limits.Clear();
        expected.Trace = "一、生育医疗补助定额1000.00元，费用总额123.45元，按两者中较低者支付，不设起付标准，不占门诊统筹年度限额（郑医保〔2023〕6号 四）。二、统筹基金支付123.45元，个人负担0.00元。";

        SettleReply settlement = await fixture.Desk.SettleAsync(visit);
        SettleReply cancelled = await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Province, InsuredId = "P5", OriginalRequestId = "R1" });
        ReverseReply restored = await fixture.Desk.ReverseAsync(Reversal("V1", "P5", "C1", Province));

        expected.SettlementId = settlement.SettlementId;
        Assert.Equal(expected, settlement);
        Assert.Equal((0, -12_345, 0, 1_300, 1_300, 28_700),
            (cancelled.DeductibleFen, cancelled.FundPayFen, cancelled.SelfPayFen, cancelled.CapUsedBeforeFen, cancelled.CapUsedAfterFen,
            cancelled.CapRemainingFen));
        Assert.Equal(
            $"一、撤销结算{settlement.SettlementId}，费用总额123.45元。二、退回统筹基金支付123.45元，退回个人负担0.00元。三、恢复起付标准0.00元。",
            cancelled.Trace);
        Assert.Equal($"一、撤销已冲正，结算{settlement.SettlementId}恢复有效，费用总额123.45元。二、统筹基金支付123.45元，个人负担0.00元。三、负担起付标准0.00元。",
            restored.Mirror.Trace);
    }

    [Fact]
    public async Task Settlement_with_lines_tells_each_lines_parts_and_its_cancellation_the_negative_ones()
    {
        SettleRequest request = VisitOf(0, "R1", "P6");
        request.Lines.AddRange(Lines);
        LineResult[] lines =
        [
            new() { LineId = "x", FullSelfPayFen = 2_000 },
            new() { LineId = "y", OverLimitFen = 500, PreSelfPayFen = 333, InScopeFen = 667 },
            new() { LineId = "z", InScopeFen = 8_000 },
        ];

        SettleReply reply = await fixture.Desk.SettleAsync(request);
        SettleReply found = await FindAsync("P6", "R1");
        SettleReply cancelled = await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P6", OriginalRequestId = "R1" });

        // 8 667 - 4 000 = 4 667 fen at 55 %: 2 566.85.
        Assert.Equal((11_500, 2_000, 500, 333, 8_667),
            (reply.TotalFen, reply.FullSelfPayFen, reply.OverLimitFen, reply.PreSelfPayFen, reply.InScopeFen));
        Assert.Equal((4_000, 2_567, 8_933), (reply.DeductibleFen, reply.FundPayFen, reply.SelfPayFen));
        Assert.Equal(lines, reply.LineResults);
        Assert.StartsWith("一、费用总额115.00元，其中全自费20.00元、超限价5.00元、先行自付3.33元、政策范围内86.67元，", reply.Trace, StringComparison.Ordinal);
        Assert.Equal(reply, found);
        Assert.Equal((-11_500, -2_000, -500, -333, -8_667),
            (cancelled.TotalFen, cancelled.FullSelfPayFen, cancelled.OverLimitFen, cancelled.PreSelfPayFen, cancelled.InScopeFen));
        Assert.Equal(
            new LineResult[]
            {
                new() { LineId = "x", FullSelfPayFen = -2_000 },
                new() { LineId = "y", OverLimitFen = -500, PreSelfPayFen = -333, InScopeFen = -667 },
                new() { LineId = "z", InScopeFen = -8_000 },
            },
            cancelled.LineResults);
    }

    [Theory]
    [InlineData(0, 0, 0, 0, 0, "")]
    [InlineData(11_500, 2_000, 500, 333, 8_667, "")]
    [InlineData(11_501, 0, 0, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 1_999, 0, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 499, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 0, 332, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 0, 0, 8_666, "AMOUNTS_DO_NOT_ADD_UP")]
    public async Task Quote_with_lines_holds_each_stated_part_against_them(
        long total, long full, long over, long pre, long inScope, string reason)
    {
        SettleRequest request = Visit("R1", "P7");
        (request.TotalFen, request.FullSelfPayFen, request.OverLimitFen, request.PreSelfPayFen, request.InScopeFen) =
            (total, full, over, pre, inScope);
        request.Lines.AddRange(Lines);

        Assert.Equal(reason, (await fixture.Desk.QuoteAsync(request)).ReasonCode);
    }

    [Fact]
    public async Task Cap_that_cuts_and_cap_that_is_used_up_are_told_with_the_answer_and_with_what_a_cancellation_frees()
    {
        SettleReply first = await fixture.Desk.SettleAsync(VisitOf(44_000, "R1", "P8"));
        await fixture.Desk.SettleAsync(VisitOf(2_000, "R0", "P8", Township, "2024-12-31"));
        SettleReply cut = await fixture.Desk.SettleAsync(VisitOf(20_000, "R2", "P8", date: "2025-03-06"));
        SettleReply empty = await fixture.Desk.SettleAsync(VisitOf(1_000, "R3", "P8", Township));
        SettleReply cancelled = await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P8", OriginalRequestId = "R1" });

        Assert.Equal((22_000, ""), (first.FundPayFen, first.ReasonText));
        Assert.Equal((8_000, 22_000, 30_000, 0L), (cut.FundPayFen, cut.CapUsedBeforeFen, cut.CapUsedAfterFen, cut.CapRemainingFen));
        Assert.Equal(("CAP_REACHED", "统筹基金支付已达2025年度最高支付限额，超出部分由个人负担。"), (cut.ReasonCode, cut.ReasonText));
        Assert.Equal((0, 1_000, true, 0L), (empty.FundPayFen, empty.SelfPayFen, empty.HasCapRemainingFen, empty.CapRemainingFen));
        Assert.Equal(("CAP_EXHAUSTED", "2025年度门诊统筹最高支付限额已用完，本次费用由个人负担。"), (empty.ReasonCode, empty.ReasonText));

        // Where another facility's settlement was made the caller does not learn.
        Assert.Equal(
            [
                new Headroom { SettlementId = cut.SettlementId, ShortfallFen = 800, FacilityCode = Hospital, VisitDate = "2025-03-06" },
                new Headroom { SettlementId = empty.SettlementId, ShortfallFen = 650, VisitDate = "2025-03-05" },
            ],
            cancelled.Headroom);
    }

    [Fact]
    public async Task GetSettlement_of_another_facility_insured_or_year_finds_nothing()
    {
        SettleReply here = await fixture.Desk.SettleAsync(Visit("R1", "P9"));
        SettleReply there = await fixture.Desk.SettleAsync(Visit("R1", "P9", Township));

        Assert.Equal(there, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Township, InsuredId = "P9", RequestId = "R1" }));
        Assert.Equal(here, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P9", RequestId = "R1" }));
        SettleReply unknown = Refused("", "P9", "SETTLEMENT_UNKNOWN", "未找到该笔结算，请核对结算编号或请求编号。", Township);
        Assert.Equal(unknown, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Township, InsuredId = "P9", SettlementId = here.SettlementId }));
        unknown.FacilityCode = Hospital;
        string ofAnotherYear = here.SettlementId.Replace("2025-", "2024-", StringComparison.Ordinal);
        Assert.Equal(unknown, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P9", SettlementId = ofAnotherYear }));
        unknown.FacilityCode = Province;
        Assert.Equal(unknown, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Province, InsuredId = "P9", SettlementId = here.SettlementId }));
        unknown.RequestId = "R1";
        Assert.Equal(unknown, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Province, InsuredId = "P9", RequestId = "R1" }));
        unknown.FacilityCode = Hospital;
        unknown.InsuredId = "P9 other";
        Assert.Equal(unknown, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P9 other", RequestId = "R1" }));
    }

    public static TheoryData<GetSettlementRequest, string, string> BadQuestions => new()
    {
        { new() { FacilityCode = "", InsuredId = "", RequestId = "R1" }, "R1", "请求字段 facility_code 缺失。" },
        { new() { FacilityCode = Hospital, InsuredId = "", RequestId = "" }, "", "请求字段 insured_id 缺失。" },
        { new() { FacilityCode = Hospital, InsuredId = "P1", RequestId = "" }, "", "请求字段 request_id 缺失。" },
        { new() { FacilityCode = Hospital, InsuredId = "P1", SettlementId = "" }, "", "请求字段 settlement_id 缺失。" },
        { new() { FacilityCode = Hospital, InsuredId = "P1" }, "", "请求字段 key 缺失：请给出 settlement_id 或 request_id。" },
    };

    [Theory]
    [MemberData(nameof(BadQuestions))]
    public async Task GetSettlement_malformed_is_refused_with_the_field(GetSettlementRequest question, string requestId, string text) =>
        Assert.Equal(Refused(requestId, question.InsuredId, "INVALID_REQUEST", text, question.FacilityCode),
            await fixture.Desk.FindAsync(question));

    [Fact]
    public async Task GetAccumulators_lists_the_days_and_settlements_of_its_year_alone()
    {
        SettleReply one = await fixture.Desk.SettleAsync(VisitOf(10_000, "R1", "P10"));
        SettleReply two = await fixture.Desk.SettleAsync(VisitOf(5_000, "R1", "P10", Province, "2025-12-31"));
        await fixture.Desk.SettleAsync(VisitOf(2_000, "R2", "P10", date: "2025-03-05"));
        await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C2", FacilityCode = Hospital, InsuredId = "P10", OriginalRequestId = "R2" });
        await fixture.Desk.SettleAsync(VisitOf(3_000, "R3", "P10", date: "2025-04-01"));
        await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C3", FacilityCode = Hospital, InsuredId = "P10", OriginalRequestId = "R3" });
        SettleReply before = await fixture.Desk.SettleAsync(VisitOf(2_500, "R4", "P10", date: "2024-12-31"));
        SettleReply after = await fixture.Desk.SettleAsync(VisitOf(7_000, "R5", "P10", date: "2026-01-01"));

        // 60 yuan at 55 %, 10 yuan at 45 %; 2024 bore 25 yuan and got nothing.
        Claims.V1.Accumulators expected = new()
        {
            InsuredId = "P10",
            Year = 2025,
            FundPaidFen = 3_750,
            CapFen = 30_000,
            CapRemainingFen = 26_250,
            Settlements = { one, two },
        };
        expected.FacilityDays.Add(
            new Claims.V1.Accumulators.Types.FacilityDay { FacilityCode = Hospital, Date = "2025-03-05", DeductibleBorneFen = 4_000 });
        expected.FacilityDays.Add(
            new Claims.V1.Accumulators.Types.FacilityDay { FacilityCode = Province, Date = "2025-12-31", DeductibleBorneFen = 4_000 });
        Assert.Equal(expected, await AccumulatorsAsync("P10", 2025));

        expected = new() { InsuredId = "P10", Year = 2024, CapFen = 30_000, CapRemainingFen = 30_000, Settlements = { before } };
        expected.FacilityDays.Add(
            new Claims.V1.Accumulators.Types.FacilityDay { FacilityCode = Hospital, Date = "2024-12-31", DeductibleBorneFen = 2_500 });
        Assert.Equal(expected, await AccumulatorsAsync("P10", 2024));

        expected = new()
        {
            InsuredId = "P10",
            Year = 2026,
            FundPaidFen = 1_650,
            CapFen = 30_000,
            CapRemainingFen = 28_350,
            Settlements = { after },
        };
        expected.FacilityDays.Add(
            new Claims.V1.Accumulators.Types.FacilityDay { FacilityCode = Hospital, Date = "2026-01-01", DeductibleBorneFen = 4_000 });
        Assert.Equal(expected, await AccumulatorsAsync("P10", 2026));
        Assert.Equal(
            new Claims.V1.Accumulators
            {
                InsuredId = "P10",
                Year = 2023,
                ReasonCode = "NO_POLICY_IN_FORCE",
                ReasonText = "系统中没有就诊日期适用的门诊统筹政策，不能结算，请联系医保经办机构。",
            },
            await AccumulatorsAsync("P10", 2023));
        Assert.Equal(new Claims.V1.Accumulators { InsuredId = "P10 other", Year = 2025, CapFen = 30_000, CapRemainingFen = 30_000 },
            await AccumulatorsAsync("P10 other", 2025));
    }

    [Theory]
    [InlineData("Q10", "INSURED_UNKNOWN", "查无此参保人，请核对人员编号或医保电子凭证。")]
    [InlineData("G10", "OUTSIDE_POOLING_AREA", "参保地不在本市市级统筹范围内，请按参保地规定办理。")]
    public async Task GetAccumulators_of_whom_no_cap_is_of_says_why(string insured, string code, string text) => Assert.Equal(
        new Claims.V1.Accumulators { InsuredId = insured, Year = 2025, ReasonCode = code, ReasonText = text },
        await AccumulatorsAsync(insured, 2025));

    [Fact]
    public async Task Policy_that_changes_leaves_old_answers_in_their_words_and_lowers_what_remains_to_nothing()
    {
        SettleReply first = await fixture.Desk.SettleAsync(VisitOf(10_000, "R1", "P11"));
        ImmutableArray<OutpatientPolicy> lowered =
            [.. Packs.Zhengzhou.Outpatient.Select(policy => policy with { PolicyId = "lowered", Benefits = Lowered(policy.Benefits) })];
        var desk = fixture.DeskUnder(Packs.Zhengzhou with { Hash = new string('f', 64), Outpatient = lowered });

        SettleReply again = await desk.SettleAsync(VisitOf(10_000, "R1", "P11"));
        SettleReply next = await desk.SettleAsync(VisitOf(10_000, "R2", "P11", Township));
        Claims.V1.Accumulators year = await desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P11", Year = 2025 });

        first.Replayed = true;
        Assert.Equal(first, again);
        Assert.Equal(("lowered", new string('f', 64), "CAP_EXHAUSTED"), (next.PolicyId, next.PolicyHash, next.ReasonCode));
        Assert.Equal((2_000, 3_300, 3_300, true, 0L),
            (next.CapFen, next.CapUsedBeforeFen, next.CapUsedAfterFen, next.HasCapRemainingFen, next.CapRemainingFen));
        Assert.Contains("此前已用33.00元，限额已用完，本次不再支付（降低）。", next.Trace, StringComparison.Ordinal);
        Assert.Equal((3_300, 2_000, true, 0L), (year.FundPaidFen, year.CapFen, year.HasCapRemainingFen, year.CapRemainingFen));
    }

    private static ImmutableArray<Benefit> Lowered(ImmutableArray<Benefit> benefits)
    {
        Cap cap = benefits[0].Caps[0];
        ValueTable limit = new(cap.Limit.Rows.ToImmutableDictionary(row => row.Key, _ => new Cited<long>(2_000, "降低")));
        return benefits.SetItem(0, benefits[0] with { Caps = [cap with { Limit = limit }] });
    }

    [Fact]
    public async Task Settlement_is_handed_on_with_county_of_insured_and_of_facility_tier_and_time()
    {
        await fixture.Desk.SettleAsync(Visit("R1", "P12", Province, "2024-12-31", VisitType.DeliveryCaesarean));
        ShardQueue shard = fixture.Store.Store.ShardOf("P12");
        OutboxEntry entry = (await OutboxReader.ReadAsync(shard, StoreFixture.Epoch))
            .Single(found => found.InsuredId == "P12");

        SettledClaim claim = SettledClaims.Of(
            shard.Shard, "e", new Holder("P12"), entry.FacilityCode, entry.RequestId, entry.Record,
            await fixture.Store.Store.Terms.ReadAsync(shard, entry.Record.Terms!.Value));

        Assert.Equal(("410105", "410102", "province_3a", VisitType.DeliveryCaesarean),
            (claim.InsuredCounty, claim.FacilityCounty, claim.Tier, claim.VisitType));
        Assert.Equal((12_345, 1_000, 300, 45, 11_000),
            (claim.TotalFen, claim.FullSelfPayFen, claim.OverLimitFen, claim.PreSelfPayFen, claim.InScopeFen));
        Assert.Equal((Province, "R1", "2024-12-31", 12_345), (claim.FacilityCode, claim.RequestId, claim.VisitDate, claim.FundPayFen));
        Assert.Equal(new DateTimeOffset(2025, 12, 31, 17, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds(), claim.SettledAtUnixMs);
        Assert.Equal(("zhengzhou-outpatient@2024-01-01", Packs.Zhengzhou.Hash), (claim.PolicyId, claim.PolicyHash));
    }

    /// <summary>13 yuan of 2025's cap, at another facility, and 52 of 2024's.</summary>
    private async Task UseCapAsync(string insured)
    {
        Assert.Equal(5_200, (await fixture.Desk.SettleAsync(VisitOf(8_000, "R8", insured, Township, "2024-12-31"))).FundPayFen);
        Assert.Equal(1_300, (await fixture.Desk.SettleAsync(VisitOf(2_000, "R9", insured, Township, "2025-03-05"))).FundPayFen);
    }

    /// <summary>Of <see cref="DeskFixture.Visit"/> after <see cref="UseCapAsync"/>, without the settlement's id.</summary>
    private static SettleReply ExpectedSettlement(string insured, string facility = Hospital) => new()
    {
        RequestId = "R1",
        FacilityCode = facility,
        InsuredId = insured,
        Decision = Decision.Settled,
        TotalFen = 12_345,
        FullSelfPayFen = 1_000,
        OverLimitFen = 300,
        PreSelfPayFen = 45,
        InScopeFen = 11_000,
        DeductibleFen = 4_000,
        RateBp = 5_500,
        FundPayFen = 3_850,
        SelfPayFen = 8_495,
        CapFen = 30_000,
        CapUsedBeforeFen = 1_300,
        CapUsedAfterFen = 5_150,
        CapRemainingFen = 24_850,
        PolicyId = "zhengzhou-outpatient@2025-01-01",
        PolicyHash = Packs.Zhengzhou.Hash,
        Trace = Settled,
        VisitDate = "2025-03-05",
        VisitType = VisitType.Ordinary,
        VisitId = "M1",
        SettledAt = Now,
        Limits = { Deductible(0, 4_000), Year(1_300, 5_150) },
    };

    private static Limit Deductible(long before, long after) => new()
    {
        Name = "deductible",
        Label = "起付标准（每日每机构）",
        Period = "2025-03-05",
        Limit_ = 4_000,
        UsedBefore = before,
        UsedAfter = after,
        Remaining = 4_000 - after,
    };

    private static Limit Year(long before, long after) => new()
    {
        Name = "year",
        Label = "年度最高支付限额",
        Period = "2025",
        Limit_ = 30_000,
        UsedBefore = before,
        UsedAfter = after,
        Remaining = 30_000 - after,
    };

    /// <summary>Of <see cref="ExpectedSettlement"/>, without what depends on the standing.</summary>
    private static SettleReply Mirror(string insured, string requestId) => new()
    {
        RequestId = requestId,
        FacilityCode = Hospital,
        InsuredId = insured,
        Decision = Decision.Cancelled,
        TotalFen = -12_345,
        FullSelfPayFen = -1_000,
        OverLimitFen = -300,
        PreSelfPayFen = -45,
        InScopeFen = -11_000,
        DeductibleFen = -4_000,
        RateBp = 5_500,
        FundPayFen = -3_850,
        SelfPayFen = -8_495,
        CapFen = 30_000,
        PolicyId = "zhengzhou-outpatient@2025-01-01",
        PolicyHash = Packs.Zhengzhou.Hash,
        OriginalRequestId = "R1",
        VisitDate = "2025-03-05",
        VisitType = VisitType.Ordinary,
        VisitId = "M1",
        SettledAt = Now,
    };

    /// <summary>What is told of <see cref="ExpectedSettlement"/> once it was undone, without what undid it.</summary>
    private static SettleReply NotStanding(string insured, string settlementId, string code, string text)
    {
        SettleReply reply = ExpectedSettlement(insured);
        reply.Decision = Decision.Refused;
        (reply.SettlementId, reply.ReasonCode, reply.ReasonText, reply.Trace) = (settlementId, code, text, "");
        return reply;
    }

    /// <summary>The settlement or, with a sign of -1, what undid it, as another answer names it.</summary>
    private static SettlementRef Named(int sign, string settlementId, string requestId) => new()
    {
        SettlementId = settlementId,
        RequestId = requestId,
        FacilityCode = Hospital,
        VisitDate = "2025-03-05",
        VisitType = VisitType.Ordinary,
        SettledAt = Now,
        VisitId = "M1",
        TotalFen = sign * 12_345,
        DeductibleFen = sign * 4_000,
        FundPayFen = sign * 3_850,
        SelfPayFen = sign * 8_495,
    };

    private static string Brackets(string settlementId, string requestId) =>
        $"（结算编号{settlementId}，请求编号{requestId}，就诊日期2025-03-05，费用总额123.45元，统筹基金支付38.50元）";

    /// <summary>One that the hospital has numbered.</summary>
    private static SettleRequest Visit(
        string requestId, string insured, string facility = Hospital, string date = "2025-03-05", VisitType type = VisitType.Ordinary) =>
        new(DeskFixture.Visit(requestId, insured, facility, date, type)) { VisitId = "M1" };

    private static SettleReply Refused(string requestId, string insured, string code, string text, string facility = Hospital) =>
        new()
        {
            RequestId = requestId,
            FacilityCode = facility,
            InsuredId = insured,
            Decision = Decision.Refused,
            ReasonCode = code,
            ReasonText = text,
        };

    private static ReverseRequest Reversal(string requestId, string insured, string original, string facility = Hospital) =>
        new() { RequestId = requestId, FacilityCode = facility, InsuredId = insured, OriginalRequestId = original };

    private async Task<SettleReply> FindAsync(string insured, string requestId) =>
        await fixture.Desk.FindAsync(new GetSettlementRequest { FacilityCode = Hospital, InsuredId = insured, RequestId = requestId });

    /// <summary>Days in the order of their dates: the store keeps none.</summary>
    private async Task<Claims.V1.Accumulators> AccumulatorsAsync(string insured, int year)
    {
        Claims.V1.Accumulators told = await fixture.Desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = insured, Year = year });
        Claims.V1.Accumulators.Types.FacilityDay[] days = [.. told.FacilityDays.OrderBy(day => day.Date, StringComparer.Ordinal)];
        told.FacilityDays.Clear();
        told.FacilityDays.AddRange(days);
        return told;
    }
}
