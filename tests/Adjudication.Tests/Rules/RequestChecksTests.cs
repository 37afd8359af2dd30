using Claims.Rules;
using Claims.V1;

namespace Adjudication.Tests.Rules;

public sealed class RequestChecksTests
{
    private static readonly DateOnly Today = new(2024, 3, 5);

    [Fact]
    public void Check_sound_request_gives_the_visit()
    {
        (Visit? visit, Refusal? refusal) = RequestChecks.Check(Sound(), Today);

        Assert.Null(refusal);
        Assert.Equal(new DateOnly(2024, 3, 5), visit?.Date);
    }

    public static TheoryData<string, Action<SettleRequest>, string, string> Faults => new()
    {
        { "no request id", r => r.RequestId = "", "INVALID_REQUEST", "request_id" },
        { "request id of 31 characters", r => r.RequestId = new string('x', 31), "INVALID_REQUEST", "request_id" },
        { "request id with a line feed", r => r.RequestId = "a\nb", "INVALID_REQUEST", "request_id" },
        { "request id with NUL", r => r.RequestId = "a\0b", "INVALID_REQUEST", "request_id" },
        { "request id with a C1 control", r => r.RequestId = "a\u0085b", "INVALID_REQUEST", "request_id" },
        { "no facility", r => r.FacilityCode = "", "INVALID_REQUEST", "facility_code" },
        { "no insured", r => r.InsuredId = "", "INVALID_REQUEST", "insured_id" },
        { "insured id of 10 MB", r => r.InsuredId = new string('9', 10_000_000), "INVALID_REQUEST", "insured_id" },
        { "day that does not exist", r => r.VisitDate = "2024-02-30", "INVALID_REQUEST", "visit_date" },
        { "leap day of a common year", r => r.VisitDate = "2023-02-29", "INVALID_REQUEST", "visit_date" },
        { "date without zeros", r => r.VisitDate = "2024-3-5", "INVALID_REQUEST", "visit_date" },
        { "date with time", r => r.VisitDate = "2024-03-05T00:00:00", "INVALID_REQUEST", "visit_date" },
        { "date in full-width digits", r => r.VisitDate = "２０２４-03-05", "INVALID_REQUEST", "visit_date" },
        { "no visit type", r => r.VisitType = VisitType.Unspecified, "INVALID_REQUEST", "visit_type" },
        { "unknown visit type", r => r.VisitType = (VisitType)99, "INVALID_REQUEST", "visit_type" },
        { "visit id of 31 characters", r => r.VisitId = new string('x', 31), "INVALID_REQUEST", "visit_id" },
        { "visit id with a line feed", r => r.VisitId = "a\nb", "INVALID_REQUEST", "visit_id" },
        { "visit id with a C1 control", r => r.VisitId = "a\u0085b", "INVALID_REQUEST", "visit_id" },
        { "tomorrow", r => r.VisitDate = "2024-03-06", "VISIT_IN_FUTURE", "" },
        { "tomorrow and negative", r => { r.VisitDate = "2024-03-06"; r.TotalFen = -1; }, "VISIT_IN_FUTURE", "" },
        { "nothing to pay", r => { r.TotalFen = 0; r.InScopeFen = 0; }, "INVALID_REQUEST", "total_fen" },
        { "least int64", r => r.TotalFen = long.MinValue, "INVALID_REQUEST", "total_fen" },
        { "negative part", r => r.OverLimitFen = -1, "INVALID_REQUEST", "over_limit_fen" },
        { "negative part that adds up", r => { r.PreSelfPayFen = -1; r.InScopeFen = 10_001; }, "INVALID_REQUEST", "pre_self_pay_fen" },
        { "one fen short", r => r.InScopeFen = 9_999, "AMOUNTS_DO_NOT_ADD_UP", "" },
        {
            "parts that would overflow to the total",
            r => { r.TotalFen = 2; r.FullSelfPayFen = long.MaxValue; r.OverLimitFen = long.MaxValue; r.InScopeFen = 4; },
            "AMOUNTS_DO_NOT_ADD_UP", ""
        },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Check_fault_gives_its_reason_and_names_the_field(string fault, Action<SettleRequest> spoil, string code, string field)
    {
        SettleRequest request = Sound();
        spoil(request);

        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, Today);

        Assert.True(visit is null, fault);
        Assert.Equal(code, refusal!.Code);
        if (field.Length > 0) Assert.StartsWith($"请求字段 {field} ", refusal.Text, StringComparison.Ordinal);
        Assert.EndsWith("。", refusal.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十")]
    [InlineData("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀")]
    public void Check_request_id_or_visit_id_of_30_characters_of_any_script_is_sound(string id)
    {
        SettleRequest request = Sound();
        (request.RequestId, request.VisitId) = (id, id);

        Assert.Null(RequestChecks.Check(request, Today).Refusal);
    }

    [Fact]
    public void Check_largest_amount_is_sound()
    {
        SettleRequest request = Sound();
        request.TotalFen = long.MaxValue;
        request.InScopeFen = long.MaxValue;

        Assert.Null(RequestChecks.Check(request, Today).Refusal);
    }

    [Theory]
    [InlineData("P\u202e1")]
    [InlineData("\u200bP1")]
    [InlineData("P1\u2028")]
    public void Check_id_that_shows_another_one_is_refused(string id)
    {
        SettleRequest request = Sound();
        request.InsuredId = id;

        Refusal? refused = RequestChecks.Check(request, Today).Refusal;

        Assert.Equal(("INVALID_REQUEST", "请求字段 insured_id 含有不可见的字符。"), (refused?.Code, refused?.Text));
    }

    /// <summary>In the order in which they are looked for.</summary>
    private static readonly (Action<SettleRequest> Spoil, string Code, string Text)[] InOrder =
    [
        (r => r.RequestId = "", "INVALID_REQUEST", "请求字段 request_id 缺失。"),
        (r => r.FacilityCode = new string('H', 31), "INVALID_REQUEST", "请求字段 facility_code 超过 30 个字符。"),
        (r => r.InsuredId = "P\u0001", "INVALID_REQUEST", "请求字段 insured_id 含有控制字符。"),
        (r => r.VisitDate = "2024-02-30", "INVALID_REQUEST", "请求字段 visit_date 不是有效日期，应为 yyyy-MM-dd。"),
        (r => r.VisitType = VisitType.Unspecified, "INVALID_REQUEST", "请求字段 visit_type 缺失或不是已知的就诊类型。"),
        (r => r.VisitId = new string('M', 31), "INVALID_REQUEST", "请求字段 visit_id 超过 30 个字符。"),
        (r => r.VisitDate = "2024-03-06", "VISIT_IN_FUTURE", "就诊日期晚于今天，请核对就诊日期。"),
        (r => r.TotalFen = 0, "INVALID_REQUEST", "请求字段 total_fen 必须大于 0。"),
        (r => r.FullSelfPayFen = -1, "INVALID_REQUEST", "请求字段 full_self_pay_fen 不能为负数。"),
        (r => r.OverLimitFen = -1, "INVALID_REQUEST", "请求字段 over_limit_fen 不能为负数。"),
        (r => r.PreSelfPayFen = -1, "INVALID_REQUEST", "请求字段 pre_self_pay_fen 不能为负数。"),
        (r => r.InScopeFen = -1, "INVALID_REQUEST", "请求字段 in_scope_fen 不能为负数。"),
        (r => r.TotalFen = 10_001, "AMOUNTS_DO_NOT_ADD_UP", "四部分费用之和为100.00元，与费用总额100.01元不一致，请核对费用后重新上传。"),
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    public void Check_of_several_faults_gives_the_first_in_order(int first)
    {
        Assert.Equal(13, InOrder.Length);
        SettleRequest request = Sound();
        foreach ((Action<SettleRequest> spoil, _, _) in InOrder[first..].Reverse()) spoil(request);

        Assert.Equal(new Refusal(InOrder[first].Code, InOrder[first].Text), RequestChecks.Check(request, Today).Refusal);
    }

    [Fact]
    public void Check_gives_each_part_in_its_place()
    {
        SettleRequest request = Sound();
        (request.TotalFen, request.FullSelfPayFen, request.OverLimitFen, request.PreSelfPayFen, request.InScopeFen) =
            (1_111, 1, 10, 100, 1_000);

        Visit visit = RequestChecks.Check(request, Today).Visit!.Value;

        Assert.Equal((request, Today, new FeeParts(1, 10, 100, 1_000), 1_111), (visit.Request, visit.Date, visit.Fees, visit.TotalFen));
        Assert.Empty(visit.Lines);
    }

    [Theory]
    [InlineData(0, 0, "")]
    [InlineData(5_000, 1, "")]
    [InlineData(-1, 0, "请求字段 total_fen 必须大于 0。")]
    [InlineData(0, -1, "请求字段 in_scope_fen 不能为负数。")]
    [InlineData(4_999, 0, "2 条费用明细之和为50.00元，与费用总额49.99元不一致，请核对费用后重新上传。")]
    [InlineData(5_001, 0, "2 条费用明细之和为50.00元，与费用总额50.01元不一致，请核对费用后重新上传。")]
    public void Check_with_lines_leaves_the_parts_to_the_catalogue_but_not_the_total_and_takes_no_negative_part(
        long totalFen, long inScopeFen, string text)
    {
        SettleRequest request = Sound();
        (request.TotalFen, request.InScopeFen) = (totalFen, inScopeFen);
        request.Lines.AddRange([new FeeLine { AmountFen = 4_996 }, new FeeLine { AmountFen = 4 }]);

        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, Today);

        Assert.Equal((text, text.Length == 0), (refusal?.Text ?? "", visit is not null));
        Assert.Equal(0, visit?.TotalFen ?? 0);
    }

    [Fact]
    public void Check_of_parts_that_pass_int64_names_their_true_sum()
    {
        SettleRequest request = Sound();
        (request.TotalFen, request.FullSelfPayFen, request.OverLimitFen, request.InScopeFen) = (7, long.MaxValue, long.MaxValue, 9);

        Assert.Equal(
            new Refusal("AMOUNTS_DO_NOT_ADD_UP", "四部分费用之和为184467440737095516.23元，与费用总额0.07元不一致，请核对费用后重新上传。"),
            RequestChecks.Check(request, Today).Refusal);
    }

    [Fact]
    public void Check_today_is_the_last_day()
    {
        SettleRequest request = Sound();

        Assert.Null(RequestChecks.Check(request, Today).Refusal);
        Assert.Equal("VISIT_IN_FUTURE", RequestChecks.Check(request, Today.AddDays(-1)).Refusal!.Code);
    }

    private static SettleRequest Sound() => new()
    {
        RequestId = "R1",
        FacilityCode = "H41010000003",
        InsuredId = "P01",
        VisitDate = "2024-03-05",
        VisitType = VisitType.Ordinary,
        TotalFen = 10_000,
        InScopeFen = 10_000,
    };
}
