using Claims.V1;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Settling;

/// <summary>The same content is the same request, whatever form it has.</summary>
public sealed class SameContentTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    public static TheoryData<string, Action<SettleRequest>> OtherForms => new()
    {
        { "another order", request => (request.Lines[0], request.Lines[2]) = (request.Lines[2], request.Lines[0]) },
        { "the total stated", request => request.TotalFen = 11_500 },
        { "a part stated", request => request.PreSelfPayFen = 333 },
        {
            "every sum stated",
            request =>
                (request.TotalFen, request.FullSelfPayFen, request.OverLimitFen, request.PreSelfPayFen, request.InScopeFen) =
                (11_500, 2_000, 500, 333, 8_667)
        },
        { "a price in micro-yuan", request => (request.Lines[1].UnitPriceMilliFen, request.Lines[1].UnitPriceMicroYuan) = (0, 15_000_000) },
    };

    [Theory]
    [MemberData(nameof(OtherForms))]
    public async Task Settle_of_the_same_lines_in_another_form_is_a_repeat(string form, Action<SettleRequest> change)
    {
        string insured = $"P1 {form}";
        SettleReply expected = await fixture.Desk.SettleAsync(WithLines("R1", insured));
        expected.Replayed = true;
        SettleRequest again = WithLines("R1", insured);
        change(again);

        Assert.Equal((Decision.Settled, 2_567), (expected.Decision, expected.FundPayFen));
        Assert.Equal(expected, await fixture.Desk.SettleAsync(again));

        // And the other way round.
        again.RequestId = "R2";
        expected = await fixture.Desk.SettleAsync(again);
        expected.Replayed = true;
        Assert.Equal(expected, await fixture.Desk.SettleAsync(WithLines("R2", insured)));
    }

    public static TheoryData<string, Action<SettleRequest>> OtherSums => new()
    {
        { "full self-pay", request => request.FullSelfPayFen = 1_999 },
        { "over limit", request => request.OverLimitFen = 501 },
        { "first self-pay", request => request.PreSelfPayFen = 334 },
        { "in scope", request => request.InScopeFen = 8_666 },
        { "quantity", request => (request.Lines[2].QuantityE4, request.Lines[2].AmountFen) = (20_000, 16_000) },
        { "price", request => (request.Lines[1].UnitPriceMilliFen, request.Lines[1].UnitPriceMicroYuan) = (0, 15_000_001) },
        { "item", request => request.Lines[0].ItemCode = "A1" },
        { "a line less", request => request.Lines.RemoveAt(2) },
    };

    [Theory]
    [MemberData(nameof(OtherSums))]
    public async Task Settle_of_other_lines_or_with_a_sum_that_is_not_theirs_is_a_conflict_with_what_stands(
        string difference, Action<SettleRequest> change)
    {
        string insured = $"P2 {difference}";
        SettleReply settled = await fixture.Desk.SettleAsync(WithLines("R1", insured));
        SettleRequest other = WithLines("R1", insured);
        change(other);

        SettleReply expected = new()
        {
            RequestId = "R1",
            FacilityCode = Hospital,
            InsuredId = insured,
            Decision = Decision.Refused,
            ReasonCode = "DUPLICATE_CONFLICT",
            ReasonText = "该请求编号已用于内容不同的请求，原请求仍然有效。请先按请求编号查询原结算；确需更正的，先撤销原结算，再以新编号提交。"
                + $"（结算编号{settled.SettlementId}，请求编号R1，就诊日期2025-03-05，费用总额115.00元，统筹基金支付25.67元）",
            Other = new SettlementRef
            {
                SettlementId = settled.SettlementId,
                RequestId = "R1",
                FacilityCode = Hospital,
                VisitDate = "2025-03-05",
                VisitType = VisitType.Ordinary,
                SettledAt = "2026-01-01T01:00:00.000+08:00",
                TotalFen = 11_500,
                DeductibleFen = 4_000,
                FundPayFen = 2_567,
                SelfPayFen = 8_933,
            },
        };
        Assert.Equal(expected, await fixture.Desk.SettleAsync(other));
    }

    [Fact]
    public async Task Settle_of_a_sum_that_is_not_the_lines_shows_every_line_with_its_parts()
    {
        SettleRequest request = WithLines("R1", "P3");
        request.InScopeFen = 8_666;
        SettleReply expected = new()
        {
            RequestId = "R1",
            FacilityCode = Hospital,
            InsuredId = "P3",
            Decision = Decision.Refused,
            ReasonCode = "AMOUNTS_DO_NOT_ADD_UP",
            ReasonText = "费用明细计算的政策范围内金额为86.67元，与上传的86.66元不一致，请核对后重新上传。",
            LineResults =
            {
                new LineResult { LineId = "x", FullSelfPayFen = 2_000 },
                new LineResult { LineId = "y", OverLimitFen = 500, PreSelfPayFen = 333, InScopeFen = 667 },
                new LineResult { LineId = "z", InScopeFen = 8_000 },
            },
        };

        Assert.Equal(expected, await fixture.Desk.SettleAsync(request));
        Assert.Equal(expected, await fixture.Desk.QuoteAsync(request));
    }

    [Fact]
    public async Task Settle_of_a_total_that_is_not_the_lines_is_refused_before_what_is_stored_is_looked_at()
    {
        await fixture.Desk.SettleAsync(WithLines("R1", "P4"));
        SettleRequest request = WithLines("R1", "P4");
        request.TotalFen = 11_501;

        SettleReply refused = await fixture.Desk.SettleAsync(request);

        Assert.Equal(("AMOUNTS_DO_NOT_ADD_UP", "3 条费用明细之和为115.00元，与费用总额115.01元不一致，请核对费用后重新上传。"), (refused.ReasonCode, refused.ReasonText));
    }

    [Fact]
    public async Task Settle_takes_a_price_to_the_millionth_of_a_yuan_and_not_in_two_units()
    {
        SettleRequest request = VisitOf(0, "R1", "P5", Township);
        request.Lines.Add(
            new FeeLine { LineId = "1", ItemCode = "A1", UnitPriceMicroYuan = 12_346, QuantityE4 = 9_000_000, AmountFen = 1_111 });
        SettleReply settled = await fixture.Desk.SettleAsync(request);
        request.RequestId = "R2";
        request.Lines[0].UnitPriceMilliFen = 1_234;
        SettleReply refused = await fixture.Desk.SettleAsync(request);

        // 11.11 yuan at 65 %: 722.15 fen.
        Assert.Equal((1_111, 1_111, 722), (settled.TotalFen, settled.InScopeFen, settled.FundPayFen));
        Assert.Equal(
            ("INVALID_REQUEST", "请求字段 lines[0].unit_price_micro_yuan 与 unit_price_milli_fen 只能填一个。"),
            (refused.ReasonCode, refused.ReasonText));
    }

    private static SettleRequest WithLines(string requestId, string insured)
    {
        SettleRequest request = VisitOf(0, requestId, insured);
        request.Lines.AddRange(Lines);
        return request;
    }
}
