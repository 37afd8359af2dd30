using System.Collections.Immutable;
using Claims.Rules;
using Claims.V1;
using FsCheck;
using FsCheck.Fluent;

namespace Adjudication.Tests.Rules;

public sealed class FeeLinesTests
{
    private static readonly DateOnly Day = new(2024, 3, 5);

    private static readonly ImmutableArray<CatalogueTerms> Catalogue =
    [
        new("A1", ItemClass.ClassA, 0, null, new DateOnly(2024, 1, 1), null),
        new("A2", ItemClass.ClassA, 0, 12_345, new DateOnly(2024, 1, 1), null),
        new("B1", ItemClass.ClassB, 1_000, null, new DateOnly(2024, 1, 1), null),
        new("B2", ItemClass.ClassB, 3_333, 1_000_000, new DateOnly(2024, 1, 1), null),
        new("C1", ItemClass.ClassC, 0, 1, new DateOnly(2024, 1, 1), null),
        new("OLD", ItemClass.ClassA, 0, null, new DateOnly(2023, 1, 1), new DateOnly(2024, 3, 4)),
        new("NEW", ItemClass.ClassA, 0, null, new DateOnly(2024, 3, 6), null),
        new("A3", ItemClass.ClassA, 5_000, null, new DateOnly(2024, 1, 1), null),
        new("LAST", ItemClass.ClassA, 0, null, new DateOnly(2023, 1, 1), new DateOnly(2024, 3, 5)),
        new("TURN", ItemClass.ClassC, 0, null, new DateOnly(2023, 1, 1), new DateOnly(2024, 3, 4)),
        new("TURN", ItemClass.ClassA, 0, null, new DateOnly(2024, 3, 5), null),
    ];

    public static TheoryData<string, long, long, long, long, long, long, long> Golden => new()
    {
        // item, price in milli-fen, quantity x 10 000, amount; full self-pay, over limit, first self-pay, in scope
        { "A1", 1_000_000, 20_000, 2_000, 0, 0, 0, 2_000 },
        { "C1", 1_000_000, 20_000, 2_000, 2_000, 0, 0, 0 },
        { "B1", 1_000_000, 20_000, 2_000, 0, 0, 200, 1_800 },
        // 12.345 fen limit at 100 fen: (100 - 12.345) x 3 = 262.965, half up 263
        { "A2", 100_000, 30_000, 300, 0, 263, 0, 37 },
        { "A2", 12_345, 30_000, 37, 0, 0, 0, 37 },
        // 33.33% of 15.00 after 5.00 over the limit: 499.95 fen, half up 500... of 1 000 fen: 333.3
        { "B2", 1_500_000, 10_000, 1_500, 0, 500, 333, 667 },
        { "B1", 5_000, 10_000, 5, 0, 0, 1, 4 },
        { "A1", 333, 15_000, 0, 0, 0, 0, 0 },
        { "A1", 333, 15_016, 1, 0, 0, 0, 1 },
        { "TURN", 1_000_000, 10_000, 1_000, 0, 0, 0, 1_000 },
        // The first self-pay is class B's alone.
        { "A3", 1_000_000, 10_000, 1_000, 0, 0, 0, 1_000 },
        { "LAST", 1_000_000, 10_000, 1_000, 0, 0, 0, 1_000 },
        { "A1", 0, 10_000, 0, 0, 0, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void Split_golden_line_gives_the_fen(
        string item, long priceMilliFen, long quantityE4, long amountFen, long full, long over, long pre, long inScope)
    {
        FeeLine line =
            new() { LineId = "1", ItemCode = item, UnitPriceMilliFen = priceMilliFen, QuantityE4 = quantityE4, AmountFen = amountFen };

        Assert.Null(FeeLines.Check([line]));
        (Refusal? refusal, ImmutableArray<LineOutcome> lines, FeeParts sum) = Split(line);

        Assert.Null(refusal);
        Assert.Equal(new FeeParts(full, over, pre, inScope), sum);
        Assert.Equal(sum, Assert.Single(lines).Parts);
    }

    [Theory]
    // 0.012346 yuan x 900 = 11.1114 yuan; price in micro-yuan, quantity x 10 000, amount; over limit, in scope
    [InlineData("A1", 12_346, 9_000_000, 1_111, 0, 1_111)]
    [InlineData("A1", 1, 49_999_999, 0, 0, 0)]
    [InlineData("A1", 1, 50_000_000, 1, 0, 1)]
    // The limit is 0.12345 yuan: 0.000004 yuan above it, 5 000 times, is 0.02 yuan.
    [InlineData("A2", 123_450, 50_000_000, 61_725, 0, 61_725)]
    [InlineData("A2", 123_454, 50_000_000, 61_727, 2, 61_725)]
    [InlineData("A2", 1, 50_000_000, 1, 0, 1)]
    public void Split_line_with_a_price_to_the_millionth_of_a_yuan_gives_the_fen(
        string item, long priceMicroYuan, long quantityE4, long amountFen, long over, long inScope)
    {
        FeeLine line = WithMicroYuan(Line("1", item, 0, quantityE4, amountFen), priceMicroYuan);
        FeeLine more = WithMicroYuan(Line("1", item, 0, quantityE4, amountFen + 1), priceMicroYuan);

        Assert.Null(FeeLines.Check([line]));
        Assert.Equal("LINE_AMOUNT_MISMATCH", Assert.Single(FeeLines.Check([more])!.Value.Lines).ReasonCode);
        Assert.Equal(new FeeParts(0, over, 0, inScope), Split(line).Item3);
    }

    [Fact]
    public void Split_any_line_has_parts_that_are_its_amount()
    {
        Gen<FeeLine> anyLine =
            from item in Gen.Elements("A1", "A2", "B1", "B2", "C1")
            from price in Gen.Choose(0, 5_000_000)
            from quantity in Gen.Choose(1, 1_000_000)
            select new FeeLine
            {
                LineId = "1",
                ItemCode = item,
                UnitPriceMilliFen = price,
                QuantityE4 = quantity,
                AmountFen = (long)Math.Round(price * (decimal)quantity / 10_000_000m, MidpointRounding.AwayFromZero),
            };
        Prop.ForAll(anyLine.ToArbitrary(), line =>
        {
            (Refusal? refusal, _, FeeParts sum) = Split(line);
            return FeeLines.Check([line]) is null && refusal is null && sum.TotalFen == line.AmountFen
                && sum.FullSelfPayFen >= 0 && sum.OverLimitFen >= 0 && sum.PreSelfPayFen >= 0 && sum.InScopeFen >= 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));
    }

    public static TheoryData<string, FeeLine[], string, string> Faults => new()
    {
        {
            "price times quantity is a fen less", [Line("1", "A1", 1_000_000, 20_000, 2_001)], "AMOUNTS_DO_NOT_ADD_UP",
            "LINE_AMOUNT_MISMATCH"
        },
        { "same line id twice", [Line("1", "A1"), Line("1", "B1")], "INVALID_REQUEST", "DUPLICATE_LINE_ID" },
        { "item in no catalogue", [Line("1", "A1"), Line("2", "NONE")], "INVALID_REQUEST", "ITEM_UNKNOWN" },
        { "item that ended the day before", [Line("1", "OLD")], "INVALID_REQUEST", "ITEM_NOT_IN_FORCE" },
        { "item that begins the day after", [Line("1", "NEW")], "INVALID_REQUEST", "ITEM_NOT_IN_FORCE" },
        { "no line id", [Line("", "A1")], "INVALID_REQUEST", "" },
        { "control character in the item", [Line("1", "A\u0001")], "INVALID_REQUEST", "" },
        { "nothing of it", [Line("1", "A1", 1_000_000, 0, 0)], "INVALID_REQUEST", "" },
        { "negative price", [Line("1", "A1", -1_000_000, 10_000, -1_000)], "INVALID_REQUEST", "" },
        {
            "largest numbers", [Line("1", "A1", long.MaxValue, long.MaxValue, long.MaxValue)], "AMOUNTS_DO_NOT_ADD_UP",
            "LINE_AMOUNT_MISMATCH"
        },
        { "too many lines", [.. Enumerable.Range(0, 501).Select(i => Line($"{i}", "A1"))], "INVALID_REQUEST", "" },
        {
            "sum beyond int64",
            [.. Enumerable.Range(0, 3).Select(i => Line($"{i}", "A1", 4_000_000_000_000_000_000, 10_000_000, 4_000_000_000_000_000_000))],
            "INVALID_REQUEST", ""
        },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Split_fault_is_refused_and_the_line_named(string fault, FeeLine[] lines, string code, string lineReason)
    {
        (Refusal? refusal, ImmutableArray<LineOutcome> outcomes) = FeeLines.Check(lines) is { } structural
            ? (structural.Refusal, structural.Lines)
            : (null, []);
        if (refusal is null) (refusal, outcomes, _) = Split(lines);

        Assert.True(refusal is not null, fault);
        Assert.Equal(code, refusal.Code);
        Assert.EndsWith("。", refusal.Text, StringComparison.Ordinal);
        if (lineReason.Length > 0) Assert.Equal(lineReason, outcomes.Last().ReasonCode);
    }

    [Theory]
    [InlineData(0, 0, 0, 0, 0, "")]
    [InlineData(3_800, 2_000, 0, 0, 1_800, "")]
    [InlineData(0, 0, 0, 0, 1_800, "")]
    [InlineData(3_801, 0, 0, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 1, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(3_800, 2_000, 0, 0, 1_799, "AMOUNTS_DO_NOT_ADD_UP")]
    public void CheckAgainstLines_what_is_stated_must_be_what_is_computed(
        long total, long full, long over, long pre, long inScope, string code)
    {
        SettleRequest request =
            new() { TotalFen = total, FullSelfPayFen = full, OverLimitFen = over, PreSelfPayFen = pre, InScopeFen = inScope };

        Assert.Equal(code, RequestChecks.CheckAgainstLines(request, new FeeParts(2_000, 0, 0, 1_800))?.Code ?? "");
    }

    [Theory]
    [InlineData(10, 1, 2, 3, 4, "")]
    [InlineData(11, 0, 0, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 2, 0, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 1, 0, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 0, 4, 0, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 0, 0, 0, 3, "AMOUNTS_DO_NOT_ADD_UP")]
    [InlineData(0, 1, 0, 0, 0, "")]
    [InlineData(0, 0, 2, 0, 0, "")]
    [InlineData(0, 0, 0, 3, 0, "")]
    public void CheckAgainstLines_compares_each_part_with_its_own(long total, long full, long over, long pre, long inScope, string code)
    {
        SettleRequest request =
            new() { TotalFen = total, FullSelfPayFen = full, OverLimitFen = over, PreSelfPayFen = pre, InScopeFen = inScope };

        Assert.Equal(code, RequestChecks.CheckAgainstLines(request, new FeeParts(1, 2, 3, 4))?.Code ?? "");
    }

    [Theory]
    [InlineData(1_011, 0, 0, 0, 0, "费用明细计算的费用总额为10.10元，与上传的10.11元不一致，请核对后重新上传。")]
    [InlineData(0, 2, 0, 0, 0, "费用明细计算的全自费为0.01元，与上传的0.02元不一致，请核对后重新上传。")]
    [InlineData(0, 0, 1, 0, 0, "费用明细计算的超限价为0.02元，与上传的0.01元不一致，请核对后重新上传。")]
    [InlineData(0, 0, 0, 4, 0, "费用明细计算的先行自付为0.03元，与上传的0.04元不一致，请核对后重新上传。")]
    [InlineData(0, 0, 0, 0, 1_003, "费用明细计算的政策范围内金额为10.04元，与上传的10.03元不一致，请核对后重新上传。")]
    [InlineData(0, 0, 1, 4, 0, "费用明细计算的超限价为0.02元，与上传的0.01元不一致，请核对后重新上传。")]
    public void CheckAgainstLines_names_both_sums(long total, long full, long over, long pre, long inScope, string text)
    {
        SettleRequest request =
            new() { TotalFen = total, FullSelfPayFen = full, OverLimitFen = over, PreSelfPayFen = pre, InScopeFen = inScope };

        Assert.Equal(new Refusal("AMOUNTS_DO_NOT_ADD_UP", text), RequestChecks.CheckAgainstLines(request, new FeeParts(1, 2, 3, 1_004)));
    }

    [Fact]
    public void CheckAgainstLines_of_nothing_to_pay_is_invalid() =>
        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines 金额合计必须大于 0。"),
            RequestChecks.CheckAgainstLines(new SettleRequest(), default));

    public static TheoryData<FeeLine, string> Malformed => new()
    {
        { Line("", "A1"), "请求字段 lines[1].line_id 缺失。" },
        { Line("2", ""), "请求字段 lines[1].item_code 缺失。" },
        { Line("", "", -1, 0, -1), "请求字段 lines[1].line_id 缺失。" },
        { Line("2", "", -1, 0, -1), "请求字段 lines[1].item_code 缺失。" },
        { Line("2", "A1", -1, 0, -1), "请求字段 lines[1].unit_price_milli_fen 不能为负数。" },
        { WithMicroYuan(Line("2", "A1", 0, 0, -1), -1), "请求字段 lines[1].unit_price_micro_yuan 不能为负数。" },
        { WithMicroYuan(Line("2", "A1", 1, 0, -1), 10), "请求字段 lines[1].unit_price_micro_yuan 与 unit_price_milli_fen 只能填一个。" },
        { Line("2", "A1", 1, 0, -1), "请求字段 lines[1].quantity_e4 必须大于 0。" },
        { Line("2", "A1", 1, -1, 0), "请求字段 lines[1].quantity_e4 必须大于 0。" },
        { Line("2", "A1", 1, 1, -1), "请求字段 lines[1].amount_fen 不能为负数。" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Check_malformed_line_is_named_by_place_and_field(FeeLine line, string text)
    {
        (Refusal refusal, ImmutableArray<LineOutcome> lines) = FeeLines.Check([Line("1", "A1"), line])!.Value;

        Assert.Equal(new Refusal("INVALID_REQUEST", text), refusal);
        Assert.Empty(lines);
    }

    [Fact]
    public void Check_takes_500_lines_and_not_one_more()
    {
        FeeLine[] lines = [.. Enumerable.Range(0, 501).Select(i => Line($"{i}", "A1"))];

        Assert.Null(FeeLines.Check(lines[..500]));
        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines 超过 500 条。"), FeeLines.Check(lines)!.Value.Refusal);
        Assert.Null(FeeLines.Check([]));
    }

    [Fact]
    public void Check_tells_every_line_that_is_at_fault_and_the_sentence_is_the_first_ones()
    {
        FeeLine repeated = Line("1", "A1", 1_000_000, 10_000, 999);
        FeeLine wrongProduct = Line("3", "B1", 1_000_000, 10_000, 1_001);

        (Refusal refusal, ImmutableArray<LineOutcome> lines) =
            FeeLines.Check([Line("1", "A1"), Line("2", "C1"), repeated, wrongProduct])!.Value;
        Refusal product = FeeLines.Check([Line("1", "A1"), wrongProduct])!.Value.Refusal;

        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines[2].line_id 重复：第 3 条费用明细（line_id 1，项目 A1）的明细编号在本次请求中已出现。"), refusal);
        Assert.Equal<LineOutcome>([new LineOutcome("1", default, "DUPLICATE_LINE_ID"),
            new LineOutcome("3", default, "LINE_AMOUNT_MISMATCH")], lines);
        Assert.Equal(new Refusal("AMOUNTS_DO_NOT_ADD_UP", "第 2 条费用明细（line_id 3，项目 B1）单价与数量之积不等于金额，请核对后重新上传。"), product);
    }

    [Fact]
    public void Split_tells_every_line_that_is_in_no_catalogue_or_not_in_force()
    {
        (Refusal? refusal, ImmutableArray<LineOutcome> lines, FeeParts sum) = Split(Line("1", "A1"), Line("2", "NONE"), Line("3", "OLD"));
        (Refusal? notInForce, _, _) = Split(Line("1", "A1"), Line("3", "NEW"));

        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines[1].item_code 不在医保目录中：第 2 条费用明细（line_id 2，项目 NONE），请核对项目编码。"), refusal);
        Assert.Equal<LineOutcome>([new LineOutcome("2", default, "ITEM_UNKNOWN"), new LineOutcome("3", default, "ITEM_NOT_IN_FORCE")],
            lines);
        Assert.Equal(default, sum);
        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines[1].item_code 在就诊日期不在有效期内：第 2 条费用明细（line_id 3，项目 NEW），请核对项目编码与就诊日期。"),
            notInForce);
    }

    [Fact]
    public void Split_of_several_lines_gives_each_its_parts_and_their_sum()
    {
        (Refusal? refusal, ImmutableArray<LineOutcome> lines, FeeParts sum) =
            Split(Line("x", "C1", 1_000_000, 20_000, 2_000), Line("y", "B2", 1_500_000, 10_000, 1_500),
                Line("z", "B1", 7_000_000, 10_000, 7_000));

        Assert.Null(refusal);
        Assert.Equal<LineOutcome>(
            [new LineOutcome("x", new FeeParts(2_000, 0, 0, 0), ""), new LineOutcome("y", new FeeParts(0, 500, 333, 667), ""),
                new LineOutcome("z", new FeeParts(0, 0, 700, 6_300), "")],
            lines);
        Assert.Equal(new FeeParts(2_000, 500, 1_033, 6_967), sum);
        Assert.Equal(10_500, sum.TotalFen);
    }

    [Fact]
    public void Split_of_a_sum_that_is_the_largest_amount_is_taken_and_one_fen_more_is_not()
    {
        FeeLine half = Line("1", "C1", 0, 1, long.MaxValue / 2);
        FeeLine rest = Line("2", "C1", 0, 1, (long.MaxValue / 2) + 1);
        FeeLine more = Line("2", "C1", 0, 1, (long.MaxValue / 2) + 2);

        Assert.Equal(long.MaxValue, Split(half, rest).Item3.TotalFen);
        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 lines 金额合计超出范围。"), Split(half, more).Item1);
    }

    private static FeeLine Line(string id, string item, long priceMilliFen = 1_000_000, long quantityE4 = 10_000, long amountFen = 1_000) =>
        new() { LineId = id, ItemCode = item, UnitPriceMilliFen = priceMilliFen, QuantityE4 = quantityE4, AmountFen = amountFen };

    private static FeeLine WithMicroYuan(FeeLine line, long price) => new(line) { UnitPriceMicroYuan = price };

    private static (Refusal?, ImmutableArray<LineOutcome>, FeeParts) Split(params FeeLine[] lines) =>
        FeeLines.Split(lines, Day, code => [.. Catalogue.Where(item => item.ItemCode == code)]);
}
