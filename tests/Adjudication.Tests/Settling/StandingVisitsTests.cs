using Claims.V1;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Settling;

/// <summary>What stands in the way of a settlement: one for the same visit, or an allowance that was paid too near.</summary>
public sealed class StandingVisitsTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private const string AlreadySettled = "本次就诊已有有效结算，不能重复结算；确需更正的，请先撤销原结算。";
    private const string AlreadyPaid = "该参保人在规定期限内已享受该项定额补助，本次不予支付。";
    private const string CannotBeRestored = "撤销之后限额、起付标准、本次就诊或定额补助已被其他结算占用，原结算不能恢复；确需结算的，请重新提交。";

    [Fact]
    public async Task Visit_that_has_a_settlement_is_refused_with_it_and_so_is_its_quote()
    {
        SettleReply first = await fixture.Desk.SettleAsync(Numbered("R1", "P1"));
        SettleReply refused = Refused("R2", "P1", "VISIT_ALREADY_SETTLED", AlreadySettled, ExpectedRef(first.SettlementId, "R1"));

        Assert.Equal(refused, await fixture.Desk.SettleAsync(Numbered("R2", "P1")));
        Assert.Equal(refused, await fixture.Desk.QuoteAsync(Numbered("R2", "P1")));
        SettleRequest another = Numbered("R2", "P1");
        (another.VisitDate, another.TotalFen, another.FullSelfPayFen) = ("2025-06-01", 12_346, 1_001);
        Assert.Equal(refused, await fixture.Desk.SettleAsync(another));

        // The request that was settled is a repeat, and leaves its number with the visit; a quote of it is not.
        first.Replayed = true;
        Assert.Equal(first, await fixture.Desk.SettleAsync(Numbered("R1", "P1")));
        refused.RequestId = "R1";
        Assert.Equal(refused, await fixture.Desk.QuoteAsync(Numbered("R1", "P1")));
        Assert.Equal("DUPLICATE_CONFLICT",
            (await fixture.Desk.SettleAsync(new SettleRequest(Numbered("R1", "P1")) { VisitId = "M2" })).ReasonCode);
        Assert.Equal("DUPLICATE_CONFLICT", (await fixture.Desk.SettleAsync(Visit("R1", "P1"))).ReasonCode);
    }

    [Fact]
    public async Task Visit_id_is_the_facilitys_and_the_insureds_own()
    {
        SettleReply[] settled =
        [
            await fixture.Desk.SettleAsync(Numbered("R1", "P2")),
            await fixture.Desk.SettleAsync(Numbered("R1", "P2", Township)),
            await fixture.Desk.SettleAsync(Numbered("R1", "P2 other")),
            await fixture.Desk.SettleAsync(new SettleRequest(Numbered("R2", "P2")) { VisitId = "M10" }),
            await fixture.Desk.SettleAsync(Visit("R3", "P2")),
            await fixture.Desk.SettleAsync(Visit("R4", "P2")),
        ];

        Assert.All(settled, reply => Assert.Equal((Decision.Settled, false), (reply.Decision, reply.Replayed)));
        Assert.Equal(["M1", "M1", "M1", "M10", "", ""], settled.Select(reply => reply.VisitId));
        Assert.Equal("VISIT_ALREADY_SETTLED", (await fixture.Desk.SettleAsync(Numbered("R9", "P2", Township))).ReasonCode);
    }

    [Theory]
    [InlineData("一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十")]
    [InlineData("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀")]
    public async Task Visit_id_of_30_characters_of_any_script_is_kept(string visitId)
    {
        string insured = $"P3 {visitId[..2]}";
        SettleReply settled = await fixture.Desk.SettleAsync(new SettleRequest(Visit("R1", insured)) { VisitId = visitId });
        SettleReply refused = await fixture.Desk.SettleAsync(new SettleRequest(Visit("R2", insured)) { VisitId = visitId });
        SettleReply cancelled = await fixture.Desk.CancelAsync(Cancellation("C1", insured, "R1"));

        Assert.Equal((visitId, Decision.Settled), (settled.VisitId, settled.Decision));
        Assert.Equal(("VISIT_ALREADY_SETTLED", visitId), (refused.ReasonCode, refused.Other?.VisitId));
        Assert.Equal((visitId, Decision.Cancelled), (cancelled.VisitId, cancelled.Decision));
    }

    [Fact]
    public async Task Visit_is_settled_anew_after_its_cancellation_which_then_cannot_be_undone()
    {
        await fixture.Desk.SettleAsync(Numbered("R1", "P4", Township));
        await fixture.Desk.CancelAsync(Cancellation("C1", "P4", "R1", Township));

        // At a township hospital no deductible is borne, and the cap has room: nothing but the visit stands in the way.
        SettleReply second = await fixture.Desk.SettleAsync(Numbered("R2", "P4", Township));
        Assert.Equal((Decision.Settled, 7_150), (second.Decision, second.FundPayFen));
        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.ReverseRefused,
                ReasonCode = "RESTORE_IMPOSSIBLE",
                ReasonText = $"{CannotBeRestored}（结算编号{second.SettlementId}，请求编号R2，就诊日期2025-03-05，费用总额123.45元，统筹基金支付71.50元）",
            },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P4", "C1", Township)));

        // A reversal frees the visit as a cancellation does.
        await fixture.Desk.ReverseAsync(Reversal("V2", "P4", "R2", Township));
        Assert.Equal(ReverseReply.Types.Outcome.CancellationUndone,
            (await fixture.Desk.ReverseAsync(Reversal("V1", "P4", "C1", Township))).Outcome);
        SettleReply third = await fixture.Desk.SettleAsync(Numbered("R3", "P4", Township));
        Assert.Equal(("VISIT_ALREADY_SETTLED", "R1"), (third.ReasonCode, third.Other?.RequestId));
    }

    [Fact]
    public async Task Visit_cancelled_twice_is_restored_where_nothing_else_stands()
    {
        SettleReply first = await fixture.Desk.SettleAsync(Numbered("R1", "P5"));
        await fixture.Desk.CancelAsync(Cancellation("C1", "P5", "R1"));
        await fixture.Desk.ReverseAsync(Reversal("V1", "P5", "C1"));
        await fixture.Desk.CancelAsync(Cancellation("C2", "P5", "R1"));

        ReverseReply again = await fixture.Desk.ReverseAsync(Reversal("V2", "P5", "C2"));

        Assert.Equal(ReverseReply.Types.Outcome.CancellationUndone, again.Outcome);
        Assert.Equal((first.SettlementId, "M1", 3_850), (again.Mirror.SettlementId, again.Mirror.VisitId, again.Mirror.FundPayFen));
        Assert.Equal(first, await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P5", RequestId = "R1" }));
        Assert.Equal("VISIT_ALREADY_SETTLED", (await fixture.Desk.SettleAsync(Numbered("R2", "P5"))).ReasonCode);
    }

    [Fact]
    public async Task GetSettlement_of_one_that_was_undone_again_names_what_undid_it_last()
    {
        await fixture.Desk.SettleAsync(Numbered("R1", "P6"));
        await fixture.Desk.CancelAsync(Cancellation("C1", "P6", "R1"));
        await fixture.Desk.ReverseAsync(Reversal("V1", "P6", "C1"));
        ReverseReply reversed = await fixture.Desk.ReverseAsync(Reversal("V2", "P6", "R1"));

        SettleReply found = await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P6", RequestId = "R1" });

        Assert.Equal(("REQUEST_REVERSED", "V2", reversed.Mirror.SettlementId),
            (found.ReasonCode, found.UndoneBy?.RequestId, found.UndoneBy?.SettlementId));
    }

    [Theory]
    [InlineData("2025-03-05", "ALLOWANCE_ALREADY_PAID")]
    [InlineData("2025-08-31", "ALLOWANCE_ALREADY_PAID")]
    [InlineData("2025-09-01", "")]
    [InlineData("2024-09-07", "ALLOWANCE_ALREADY_PAID")]
    [InlineData("2024-09-06", "")]
    public async Task Allowance_less_than_180_days_before_or_after_another_is_refused_with_it_and_so_is_its_quote(string date, string code)
    {
        string insured = $"P7 {date}";
        SettleReply paid = await fixture.Desk.SettleAsync(Delivery("R1", insured, "2025-03-05"));
        SettleRequest second = new(Delivery("R2", insured, date)) { VisitType = VisitType.DeliveryNatural };

        SettleReply quote = await fixture.Desk.QuoteAsync(second);
        SettleReply reply = await fixture.Desk.SettleAsync(second);

        if (code.Length == 0)
        {
            Assert.Equal((Decision.Quoted, Decision.Settled, 12_345), (quote.Decision, reply.Decision, reply.FundPayFen));
            return;
        }

        SettlementRef other = ExpectedRef(paid.SettlementId, "R1");
        (other.VisitType, other.VisitId, other.DeductibleFen, other.FundPayFen, other.SelfPayFen) =
            (VisitType.DeliveryCaesarean, "", 0, 12_345, 0);
        SettleReply refused = Refused("R2", insured, code, AlreadyPaid, other);
        Assert.EndsWith("就诊日期2025-03-05，费用总额123.45元，统筹基金支付123.45元）", refused.ReasonText, StringComparison.Ordinal);
        Assert.Equal([refused, refused], [quote, reply]);
    }

    [Fact]
    public async Task Allowance_that_another_facility_paid_is_named_by_its_numbers_alone()
    {
        SettleReply paid = await fixture.Desk.SettleAsync(Delivery("R1", "P8", "2025-03-05", Township));

        SettleReply expected = new()
        {
            RequestId = "R2",
            FacilityCode = Hospital,
            InsuredId = "P8",
            Decision = Decision.Refused,
            ReasonCode = "ALLOWANCE_ALREADY_PAID",
            ReasonText = AlreadyPaid,
            Other = new SettlementRef { SettlementId = paid.SettlementId, RequestId = "R1" },
        };
        Assert.Equal(expected, await fixture.Desk.SettleAsync(Delivery("R2", "P8", "2025-03-06")));
    }

    [Fact]
    public async Task Allowance_that_is_cancelled_frees_the_days_about_it_and_cannot_be_restored_once_another_is_paid()
    {
        await fixture.Desk.SettleAsync(Delivery("R1", "P9", "2025-03-05"));
        await fixture.Desk.CancelAsync(Cancellation("C1", "P9", "R1"));

        SettleReply second = await fixture.Desk.SettleAsync(Delivery("R2", "P9", "2025-03-06"));
        Assert.Equal(Decision.Settled, second.Decision);
        Assert.Equal(
            new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.ReverseRefused,
                ReasonCode = "RESTORE_IMPOSSIBLE",
                ReasonText = $"{CannotBeRestored}（结算编号{second.SettlementId}，请求编号R2，就诊日期2025-03-06，费用总额123.45元，统筹基金支付123.45元）",
            },
            await fixture.Desk.ReverseAsync(Reversal("V1", "P9", "C1")));

        await fixture.Desk.CancelAsync(Cancellation("C2", "P9", "R2"));
        Assert.Equal(ReverseReply.Types.Outcome.CancellationUndone, (await fixture.Desk.ReverseAsync(Reversal("V1", "P9", "C1"))).Outcome);
        Assert.Equal("ALLOWANCE_ALREADY_PAID", (await fixture.Desk.SettleAsync(Delivery("R3", "P9", "2025-03-06"))).ReasonCode);
    }

    [Fact]
    public async Task Allowance_is_hindered_by_no_visit_by_rate_and_hinders_none()
    {
        await fixture.Desk.SettleAsync(Visit("R1", "P10"));
        Assert.Equal(Decision.Settled, (await fixture.Desk.SettleAsync(Delivery("R2", "P10", "2025-03-05"))).Decision);
        Assert.Equal(Decision.Settled, (await fixture.Desk.SettleAsync(VisitOf(1_000, "R3", "P10", date: "2025-03-06"))).Decision);

        // It touched no deductible: what the first visit of its day bore may be given back.
        SettleReply cancelled = await fixture.Desk.CancelAsync(Cancellation("C1", "P10", "R1"));
        Assert.Equal((Decision.Cancelled, -4_000, "R1"), (cancelled.Decision, cancelled.DeductibleFen, cancelled.OriginalRequestId));
    }

    private static SettleRequest Numbered(string requestId, string insured, string facility = Hospital) =>
        new(Visit(requestId, insured, facility)) { VisitId = "M1" };

    private static SettleRequest Delivery(string requestId, string insured, string date, string facility = Hospital) =>
        Visit(requestId, insured, facility, date, VisitType.DeliveryCaesarean);

    private static CancelRequest Cancellation(string requestId, string insured, string original, string facility = Hospital) =>
        new() { RequestId = requestId, FacilityCode = facility, InsuredId = insured, OriginalRequestId = original };

    private static ReverseRequest Reversal(string requestId, string insured, string original, string facility = Hospital) =>
        new() { RequestId = requestId, FacilityCode = facility, InsuredId = insured, OriginalRequestId = original };

    /// <summary>Of <see cref="Numbered"/>: 110 yuan less 40 at 55 %.</summary>
    private static SettlementRef ExpectedRef(string settlementId, string requestId) => new()
    {
        SettlementId = settlementId,
        RequestId = requestId,
        FacilityCode = Hospital,
        VisitDate = "2025-03-05",
        VisitType = VisitType.Ordinary,
        SettledAt = "2026-01-01T01:00:00.000+08:00",
        VisitId = "M1",
        TotalFen = 12_345,
        DeductibleFen = 4_000,
        FundPayFen = 3_850,
        SelfPayFen = 8_495,
    };

    /// <summary>Of a visit of 123.45 yuan, of which the fund pays either 38.50 or all.</summary>
    private static SettleReply Refused(string requestId, string insured, string code, string text, SettlementRef other) => new()
    {
        RequestId = requestId,
        FacilityCode = Hospital,
        InsuredId = insured,
        Decision = Decision.Refused,
        ReasonCode = code,
        ReasonText = $"{text}（结算编号{other.SettlementId}，请求编号{other.RequestId}，就诊日期2025-03-05，费用总额123.45元，"
            + $"统筹基金支付{(other.FundPayFen == 3_850 ? "38.50" : "123.45")}元）",
        Other = other,
    };
}
