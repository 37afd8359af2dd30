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
        { "tomorrow", r => r.VisitDate = "2024-03-06", "VISIT_IN_FUTURE", "" },
        { "tomorrow and negative", r => { r.VisitDate = "2024-03-06"; r.TotalFen = -1; }, "VISIT_IN_FUTURE", "" },
        { "nothing to pay", r => { r.TotalFen = 0; r.InScopeFen = 0; }, "INVALID_REQUEST", "total_fen" },
        { "least int64", r => r.TotalFen = long.MinValue, "INVALID_REQUEST", "total_fen" },
        { "negative part", r => r.OverLimitFen = -1, "INVALID_REQUEST", "over_limit_fen" },
        { "negative part that adds up", r => { r.PreSelfPayFen = -1; r.InScopeFen = 10_001; }, "INVALID_REQUEST", "pre_self_pay_fen" },
        { "one fen short", r => r.InScopeFen = 9_999, "AMOUNTS_DO_NOT_ADD_UP", "" },
        { "parts that would overflow to the total", r => { r.TotalFen = 2; r.FullSelfPayFen = long.MaxValue; r.OverLimitFen = long.MaxValue; r.InScopeFen = 4; }, "AMOUNTS_DO_NOT_ADD_UP", "" },
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
        Assert.Contains(field, refusal.Text, StringComparison.Ordinal);
        Assert.EndsWith("。", refusal.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十")]
    [InlineData("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀")]
    public void Check_request_id_of_30_characters_of_any_script_is_sound(string requestId)
    {
        SettleRequest request = Sound();
        request.RequestId = requestId;

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
