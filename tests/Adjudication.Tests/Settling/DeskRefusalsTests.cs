using System.Globalization;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Settling;
using Claims.V1;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Settling;

/// <summary>Which reason is given, and what a refusal says besides.</summary>
public sealed class DeskRefusalsTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private const string Conflict = "该请求编号已用于内容不同的请求，原请求仍然有效。请先按请求编号查询原结算；确需更正的，先撤销原结算，再以新编号提交。";
    private const string RequestCancelled = "该请求的结算已撤销，如需再次结算请使用新的请求编号。";
    private const string RequestReversed = "该请求已被冲正，如需结算请使用新的请求编号。";
    private const string Unknown = "未找到该笔结算，请核对结算编号或请求编号。";

    [Theory]
    [InlineData("", "P20", Hospital, "2025-03-05", "INVALID_REQUEST", "请求字段 request_id 缺失。")]
    [InlineData("R1", "P20", Hospital, "2026-01-02", "VISIT_IN_FUTURE", "就诊日期晚于今天，请核对就诊日期。")]
    [InlineData("R1", "Q20", "H9", "2023-12-31", "FACILITY_UNKNOWN", "医疗机构编码不存在，请核对定点医疗机构编码。")]
    [InlineData("R1", "Q20", Hospital, "2023-12-31", "INSURED_UNKNOWN", "查无此参保人，请核对人员编号或医保电子凭证。")]
    [InlineData("R1", "Q20", Hospital, "2022-12-31", "FACILITY_NOT_POOLED", "该机构自2023年1月1日起开通居民医保门诊统筹，就诊日期不在协议期内，本次费用不能由门诊统筹支付。")]
    [InlineData("R1", "G20", Hospital, "2023-12-31", "OUTSIDE_POOLING_AREA", "参保地不在本市市级统筹范围内，请按参保地规定办理。")]
    [InlineData("R1", "P20", Hospital, "2023-12-31", "NO_POLICY_IN_FORCE", "系统中没有就诊日期适用的门诊统筹政策，不能结算，请联系医保经办机构。")]
    public async Task Settle_and_quote_are_refused_for_the_same_reason(
        string requestId, string insured, string facility, string date, string code, string text)
    {
        SettleReply expected = Refused(requestId, insured, code, text, facility);

        Assert.Equal(expected, await fixture.Desk.SettleAsync(Visit(requestId, insured, facility, date)));
        Assert.Equal(expected, await fixture.Desk.QuoteAsync(Visit(requestId, insured, facility, date)));
    }

    [Fact]
    public async Task Settle_of_today_in_china_is_not_in_the_future() =>
        Assert.Equal(Decision.Settled, (await fixture.Desk.SettleAsync(Visit("R1", "P21", date: "2026-01-01"))).Decision);

    [Fact]
    public async Task Settle_looks_at_the_lines_before_facility_and_insured_and_tells_those_at_fault()
    {
        SettleRequest request = VisitOf(0, "R1", "Q22", "H9");
        request.Lines.AddRange(Lines);
        request.Lines[1].ItemCode = "NONE";
        SettleReply expected = Refused(
            "R1", "Q22", "INVALID_REQUEST", "请求字段 lines[1].item_code 不在医保目录中：第 2 条费用明细（line_id y，项目 NONE），请核对项目编码。", "H9");
        expected.LineResults.Add(new LineResult { LineId = "y", ReasonCode = "ITEM_UNKNOWN" });
        Assert.Equal(expected, await fixture.Desk.SettleAsync(request));
        Assert.Equal(expected, await fixture.Desk.QuoteAsync(request));

        request.Lines[2].AmountFen = 1;
        expected = Refused("R1", "Q22", "AMOUNTS_DO_NOT_ADD_UP", "第 3 条费用明细（line_id z，项目 A1）单价与数量之积不等于金额，请核对后重新上传。", "H9");
        expected.LineResults.Add(new LineResult { LineId = "z", ReasonCode = "LINE_AMOUNT_MISMATCH" });
        Assert.Equal(expected, await fixture.Desk.SettleAsync(request));
    }

    [Fact]
    public async Task Settle_finds_what_was_answered_before_whatever_policy_and_coverage_have_become()
    {
        SettleReply settled = await fixture.Desk.SettleAsync(Visit("R1", "P23"));
        SettleReply second = await fixture.Desk.SettleAsync(Visit("R2", "P23", date: "2025-03-06"));
        SettleReply cancelled = await fixture.Desk.CancelAsync(Cancellation("C2", "P23", "R2"));
        await fixture.Desk.ReverseAsync(Reversal("V3", "P23", "R3"));
        settled.Replayed = true;
        SettlementDesk withoutPolicy = fixture.DeskUnder(Packs.Zhengzhou with { Outpatient = [] });

        foreach (SettlementDesk desk in (SettlementDesk[])[withoutPolicy, fixture.DeskWithoutEligibility])
        {
            Assert.Equal(settled, await desk.SettleAsync(Visit("R1", "P23")));
            Assert.Equal(RefusedFor("R2", "P23", "REQUEST_CANCELLED", RequestCancelled, Named(second.SettlementId, "R2", "2025-03-06")),
                await desk.SettleAsync(Visit("R2", "P23", date: "2025-03-06")));
            Assert.Equal(Refused("R3", "P23", "REQUEST_REVERSED", RequestReversed), await desk.SettleAsync(Visit("R3", "P23")));
            Assert.Equal(RefusedFor("R1", "P23", "DUPLICATE_CONFLICT", Conflict, Named(settled.SettlementId, "R1")),
                await desk.SettleAsync(Visit("R1", "P23", date: "2025-03-07")));
            Assert.Equal(
                RefusedFor("C2", "P23", "DUPLICATE_CONFLICT", Conflict, Named(cancelled.SettlementId, "C2", "2025-03-06", sign: -1)),
                await desk.SettleAsync(Visit("C2", "P23")));
            Assert.Equal("VISIT_IN_FUTURE", (await desk.SettleAsync(Visit("R1", "P23", date: "2026-01-02"))).ReasonCode);
        }

        Assert.Equal("NO_POLICY_IN_FORCE", (await withoutPolicy.SettleAsync(Visit("R4", "P23"))).ReasonCode);
        Assert.Equal("NO_POLICY_IN_FORCE", (await withoutPolicy.QuoteAsync(Visit("R1", "P23"))).ReasonCode);
        await Assert.ThrowsAsync<EligibilityUnavailableException>(
            () => fixture.DeskWithoutEligibility.SettleAsync(Visit("R4", "P23")).AsTask());
        await Assert.ThrowsAsync<EligibilityUnavailableException>(
            () => fixture.DeskWithoutEligibility.QuoteAsync(Visit("R1", "P23")).AsTask());
        Assert.Equal("SETTLEMENT_UNKNOWN",
            (await fixture.Desk.FindAsync(new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P23", RequestId = "R4" }))
            .ReasonCode);
    }

    [Fact]
    public async Task Quote_neither_finds_nor_leaves_anything()
    {
        await fixture.Desk.QuoteAsync(Visit("R1", "P24"));
        Assert.Equal(Refused("R1", "P24", "SETTLEMENT_UNKNOWN", Unknown),
            await fixture.Desk.FindAsync(new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P24", RequestId = "R1" }));
        Assert.Equal(0, (await fixture.Desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P24", Year = 2025 })).FundPaidFen);

        await fixture.Desk.SettleAsync(Visit("R1", "P24"));
        SettleReply quote = await fixture.Desk.QuoteAsync(Visit("R1", "P24"));
        Assert.Equal((Decision.Quoted, "", 0, 3_850, false),
            (quote.Decision, quote.SettlementId, quote.DeductibleFen, quote.CapUsedBeforeFen, quote.Replayed));
    }

    [Fact]
    public async Task Cancel_malformed_is_refused_with_the_field()
    {
        Assert.Equal(RefusedCancel("", "P25", "R1", "INVALID_REQUEST", "请求字段 request_id 缺失。"),
            await fixture.Desk.CancelAsync(Cancellation("", "P25", "R1")));
        Assert.Equal(RefusedCancel("C1", "P25", "", "INVALID_REQUEST", "请求字段 original_request_id 缺失。"),
            await fixture.Desk.CancelAsync(Cancellation("C1", "P25", "")));
        Assert.Equal(
            RefusedCancel("C1", "P25", "", "INVALID_REQUEST", "请求字段 target 缺失：请给出 settlement_id 或 original_request_id。"),
            await fixture.Desk.CancelAsync(new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P25" }));
    }

    [Fact]
    public async Task Cancel_of_what_another_facility_settled_or_nobody_did_is_unknown()
    {
        SettleReply settled = await fixture.Desk.SettleAsync(Visit("R1", "P26"));
        SettleReply elsewhere = RefusedCancel("C1", "P26", "R1", "SETTLEMENT_UNKNOWN", Unknown);
        elsewhere.FacilityCode = Township;
        Assert.Equal(elsewhere, await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Township, InsuredId = "P26", OriginalRequestId = "R1" }));
        elsewhere.OriginalRequestId = "";
        Assert.Equal(elsewhere, await fixture.Desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = Township, InsuredId = "P26", SettlementId = settled.SettlementId }));
        string ofAnotherYear = settled.SettlementId.Replace("2025-", "2024-", StringComparison.Ordinal);
        string ofAnotherShard = settled.SettlementId.Replace("2025-", "2025-1", StringComparison.Ordinal);
        foreach (string id in (string[])["", "0", "no id", settled.SettlementId + "0", ofAnotherYear, ofAnotherShard])
        {
            Assert.Equal(
                RefusedCancel("C1", "P26", "", "SETTLEMENT_UNKNOWN", Unknown),
                await fixture.Desk.CancelAsync(
                    new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P26", SettlementId = id }));
        }
    }

    [Fact]
    public async Task Cancel_that_cannot_be_is_refused_for_its_own_reason()
    {
        SettleReply first = await fixture.Desk.SettleAsync(Visit("R1", "P27"));
        await fixture.Desk.SettleAsync(Visit("R2", "P27"));
        SettleReply third = await fixture.Desk.SettleAsync(VisitOf(1_000, "R3", "P27"));

        // Of the two that block, the one that can be undone at once: 10 yuan at 55 %, and the day's deductible is borne.
        SettlementRef blocking = Named(third.SettlementId, "R3");
        (blocking.TotalFen, blocking.DeductibleFen, blocking.FundPayFen, blocking.SelfPayFen) = (1_000, 0, 550, 450);
        const string Blocked = "该参保人之后还有共用同一起付标准的有效结算，请先撤销之后的结算，再撤销本笔。";
        SettleReply refused = RefusedFor("C1", "P27", "CANCEL_BLOCKED_BY_LATER_SETTLEMENT", Blocked, blocking);
        refused.OriginalRequestId = "R1";
        Assert.Equal(refused, await fixture.Desk.CancelAsync(Cancellation("C1", "P27", "R1")));
        Assert.EndsWith($"（结算编号{third.SettlementId}，请求编号R3，就诊日期2025-03-05，费用总额10.00元，统筹基金支付5.50元）", refused.ReasonText,
            StringComparison.Ordinal);
        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.ReverseRefused,
                ReasonCode = "CANCEL_BLOCKED_BY_LATER_SETTLEMENT",
                ReasonText = refused.ReasonText,
            },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P27", "R1")));

        // The second bore no deductible, so what came after it does not hold it.
        SettleReply cancelled = await fixture.Desk.CancelAsync(Cancellation("C2", "P27", "R2"));
        Assert.Equal(Decision.Cancelled, cancelled.Decision);
        SettlementRef second = Named(cancelled.Trace[("一、撤销结算".Length)..cancelled.Trace.IndexOf('，', StringComparison.Ordinal)], "R2");
        (second.DeductibleFen, second.FundPayFen, second.SelfPayFen) = (0, 6_050, 6_295);
        SettlementRef mirror = new(second)
        {
            SettlementId = cancelled.SettlementId,
            RequestId = "C2",
            TotalFen = -12_345,
            FundPayFen = -6_050,
            SelfPayFen = -6_295,
        };
        refused = RefusedFor("C3", "P27", "ALREADY_CANCELLED", "该笔结算已撤销或冲正，无需重复办理。", second);
        refused.OriginalRequestId = "R2";
        Assert.Equal(refused, await fixture.Desk.CancelAsync(Cancellation("C3", "P27", "R2")));
        refused = RefusedFor("C2", "P27", "DUPLICATE_CONFLICT", Conflict, mirror);
        refused.OriginalRequestId = "R1";
        Assert.Equal(refused, await fixture.Desk.CancelAsync(Cancellation("C2", "P27", "R1")));
        refused = RefusedFor("R1", "P27", "DUPLICATE_CONFLICT", Conflict, Named(first.SettlementId, "R1"));
        refused.OriginalRequestId = "R2";
        Assert.Equal(refused, await fixture.Desk.CancelAsync(Cancellation("R1", "P27", "R2")));

        await fixture.Desk.ReverseAsync(Reversal("V4", "P27", "C4"));
        Assert.Equal(RefusedCancel("C4", "P27", "R1", "REQUEST_REVERSED", RequestReversed),
            await fixture.Desk.CancelAsync(Cancellation("C4", "P27", "R1")));

        // A cancellation that was itself undone names what it had booked.
        await fixture.Desk.ReverseAsync(Reversal("V5", "P27", "C2"));
        refused = RefusedFor("C2", "P27", "REQUEST_REVERSED", RequestReversed, mirror);
        refused.OriginalRequestId = "R2";
        Assert.Equal(refused, await fixture.Desk.CancelAsync(Cancellation("C2", "P27", "R2")));
    }

    [Fact]
    public async Task Restoration_that_the_day_or_the_cap_no_longer_allows_is_refused()
    {
        await fixture.Desk.SettleAsync(Visit("R1", "P28"));
        await fixture.Desk.CancelAsync(Cancellation("C1", "P28", "R1"));
        await fixture.Desk.SettleAsync(Visit("R2", "P28"));

        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.ReverseRefused,
                ReasonCode = "RESTORE_IMPOSSIBLE",
                ReasonText = "撤销之后限额、起付标准、本次就诊或定额补助已被其他结算占用，原结算不能恢复；确需结算的，请重新提交。",
            },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P28", "C1")));
    }

    [Theory]
    [InlineData("", "R1", "INVALID_REQUEST", "请求字段 request_id 缺失。")]
    [InlineData("V1", "", "INVALID_REQUEST", "请求字段 original_request_id 缺失。")]
    [InlineData("V1", "V1", "INVALID_REQUEST", "请求字段 original_request_id 不能与本次请求编号相同。")]
    [InlineData("R1", "R2", "DUPLICATE_CONFLICT", Conflict + "（结算编号{0}，请求编号R1，就诊日期2025-03-05，费用总额123.45元，统筹基金支付38.50元）")]
    [InlineData("T1", "R2", "REQUEST_REVERSED", RequestReversed)]
    public async Task Reverse_refused_tells_why_and_no_mirror(string requestId, string original, string code, string text)
    {
        SettleReply settled = await fixture.Desk.SettleAsync(Visit("R1", "P29"));
        await fixture.Desk.ReverseAsync(Reversal("V9", "P29", "T1"));

        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.ReverseRefused,
                ReasonCode = code,
                ReasonText = text.Replace("{0}", settled.SettlementId, StringComparison.Ordinal),
            },
            await fixture.Desk.ReverseAsync(Reversal(requestId, "P29", original)));
    }

    [Fact]
    public async Task Reverse_at_one_facility_leaves_the_others_request_of_that_name_alone()
    {
        await fixture.Desk.SettleAsync(Visit("R1", "P30"));

        ReverseReply there = await fixture.Desk.ReverseAsync(
            new ReverseRequest { RequestId = "V1", FacilityCode = Township, InsuredId = "P30", OriginalRequestId = "R1" });

        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.NothingToUndo,
                ReasonCode = "SETTLEMENT_UNKNOWN",
                ReasonText = "该参保人在本机构名下没有请求R1，没有可冲正的结算；此编号已作废，之后到达也不会结算。请核对人员编号与请求编号。",
            },
            there);
        Assert.Equal(3_850, (await fixture.Desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P30", Year = 2025 }))
            .FundPaidFen);
    }

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

    /// <summary>With the settlement that it speaks of, which is of the facility that asks.</summary>
    private static SettleReply RefusedFor(string requestId, string insured, string code, string text, SettlementRef other)
    {
        SettleReply refused = Refused(
            requestId, insured, code,
            $"{text}（结算编号{other.SettlementId}，请求编号{other.RequestId}，就诊日期{other.VisitDate}，费用总额{Yuan(other.TotalFen)}元，"
                + $"统筹基金支付{Yuan(other.FundPayFen)}元）");
        refused.Other = other;
        return refused;
    }

    private static string Yuan(long fen) => (fen / 100m).ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>The settlement of <see cref="DeskFixture.Visit"/> or, with a sign of -1, what undid it.</summary>
    private static SettlementRef Named(string settlementId, string requestId, string date = "2025-03-05", int sign = 1) => new()
    {
        SettlementId = settlementId,
        RequestId = requestId,
        FacilityCode = Hospital,
        VisitDate = date,
        VisitType = VisitType.Ordinary,
        SettledAt = "2026-01-01T01:00:00.000+08:00",
        TotalFen = sign * 12_345,
        DeductibleFen = sign * 4_000,
        FundPayFen = sign * 3_850,
        SelfPayFen = sign * 8_495,
    };

    private static SettleReply RefusedCancel(string requestId, string insured, string original, string code, string text)
    {
        SettleReply refused = Refused(requestId, insured, code, text);
        refused.OriginalRequestId = original;
        return refused;
    }

    private static CancelRequest Cancellation(string requestId, string insured, string original) =>
        new() { RequestId = requestId, FacilityCode = Hospital, InsuredId = insured, OriginalRequestId = original };

    private static ReverseRequest Reversal(string requestId, string insured, string original) =>
        new() { RequestId = requestId, FacilityCode = Hospital, InsuredId = insured, OriginalRequestId = original };
}
