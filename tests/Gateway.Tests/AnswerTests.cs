using System.Text.Json;
using Claims.Gateway;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.WebUtilities;

namespace Gateway.Tests;

/// <summary>What is said, word for word, and how long a clinic is asked to wait.</summary>
public sealed class AnswerTests
{
    private const string Busy = "系统繁忙，请稍后用同一请求编号原样重发，请勿换号重发。";
    private const string Unknown = "办理结果未知：请稍后用同一请求编号原样重发，或发起冲正，请勿换号重发。";

    public static TheoryData<StatusCode, bool, int, string, string> Statuses => new()
    {
        { StatusCode.InvalidArgument, true, 400, "INVALID_ARGUMENT", "the detail" },
        { StatusCode.Unauthenticated, true, 401, "UNAUTHENTICATED", "身份未通过验证，请联系医保经办机构核对接入证书。" },
        { StatusCode.PermissionDenied, true, 403, "PERMISSION_DENIED", "无权办理此项业务，请联系医保经办机构。" },
        { StatusCode.ResourceExhausted, true, 429, "RESOURCE_EXHAUSTED", Busy },
        { StatusCode.ResourceExhausted, false, 429, "RESOURCE_EXHAUSTED", Busy },
        { StatusCode.Unavailable, true, 503, "UNAVAILABLE", $"系统暂时无法答复，{Unknown}" },
        { StatusCode.Unavailable, false, 503, "UNAVAILABLE", "系统暂时无法答复，请稍后重试。" },
        { StatusCode.DeadlineExceeded, true, 504, "DEADLINE_EXCEEDED", $"系统未能在规定时间内答复，{Unknown}" },
        { StatusCode.DeadlineExceeded, false, 504, "DEADLINE_EXCEEDED", "系统未能在规定时间内答复，请稍后重试。" },
        { StatusCode.Internal, true, 502, "INTERNAL", $"系统出现异常，{Unknown}" },
        { StatusCode.Unknown, false, 502, "UNKNOWN", "系统出现异常，请稍后重试。" },
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void Status_of_a_call_is_told_word_for_word(StatusCode status, bool takesEffect, int expected, string code, string text) =>
        AssertTold(expected, code, text, Answer.Of(new RpcException(new Status(status, "the detail")), takesEffect));

    [Fact]
    public void What_never_reached_adjudication_is_told_word_for_word()
    {
        AssertTold(429, "RESOURCE_EXHAUSTED", Busy, Answer.TooManyInProgress);
        AssertTold(408, "REQUEST_TIMEOUT", "请求正文没有在规定时间内完整到达，本次请求未办理，请检查网络后重发。", Answer.BodyLate);
        AssertTold(413, "REQUEST_TOO_LARGE", "请求正文超过 262144 字节，本次请求未办理，请核对费用明细条数。", Answer.TooLarge(262_144));
        AssertTold(400, "INVALID_ARGUMENT", "what is wrong", Answer.Malformed("what is wrong"));
        AssertTold(405, "METHOD_NOT_ALLOWED", "本接口不接受这种请求方法，请核对后重新发送。", Answer.NotServed(405));
        AssertTold(404, "NOT_FOUND", "没有这个接口，请核对请求地址。", Answer.NotServed(404));
        AssertTold(415, "BAD_REQUEST", "没有这个接口，请核对请求地址。", Answer.NotServed(415));
        AssertTold(500, "INTERNAL", $"系统出现异常，{Unknown}", Answer.Failed(takesEffect: true));
        AssertTold(500, "INTERNAL", "系统出现异常，请稍后重试。", Answer.Failed(takesEffect: false));
    }

    [Fact]
    public void Reply_is_told_with_every_field_under_its_own_name()
    {
        SettleReply reply = new()
        {
            RequestId = "R1",
            FacilityCode = "H1",
            InsuredId = "P1",
            Decision = Decision.Cancelled,
            SettlementId = "S1",
            ReasonCode = "CAP_REACHED",
            ReasonText = "原因",
            TotalFen = -1,
            FullSelfPayFen = -2,
            OverLimitFen = -3,
            PreSelfPayFen = -4,
            InScopeFen = -5,
            DeductibleFen = -6,
            RateBp = 5500,
            FundPayFen = -7,
            SelfPayFen = -8,
            CapFen = 9,
            CapUsedBeforeFen = 10,
            CapUsedAfterFen = 11,
            CapRemainingFen = 0,
            PolicyId = "policy",
            PolicyHash = "hash",
            Trace = "一",
            Replayed = true,
            OriginalRequestId = "R0",
            LineResults =
            {
                new LineResult
                {
                    LineId = "1",
                    FullSelfPayFen = 12,
                    OverLimitFen = 13,
                    PreSelfPayFen = 14,
                    InScopeFen = 15,
                    ReasonCode = "ITEM_UNKNOWN",
                },
            },
            Headroom = { new Headroom { SettlementId = "S2", ShortfallFen = 16, FacilityCode = "H1", VisitDate = "2025-02-01" } },
            VisitDate = "2025-02-03",
            VisitType = VisitType.PrenatalCheck,
            SettledAt = "2025-02-04T05:06:07.008+08:00",
            VisitId = "V1",
            Other = new SettlementRef { SettlementId = "S3", RequestId = "R3" },
            UndoneBy = new SettlementRef
            {
                SettlementId = "S4",
                RequestId = "R4",
                FacilityCode = "H2",
                VisitDate = "2025-02-05",
                VisitType = VisitType.Ordinary,
                SettledAt = "2025-02-06T00:00:00.000+08:00",
                VisitId = "V2",
                TotalFen = 17,
                DeductibleFen = 18,
                FundPayFen = 19,
                SelfPayFen = 20,
            },
            Limits =
                { new Limit { Name = "year", Label = "年", Period = "2025", Limit_ = 21, UsedBefore = 22, UsedAfter = 23, Remaining = 24 } },
        };

        AssertReply(
            """
            {"requestId":"R1","facilityCode":"H1","insuredId":"P1","decision":"CANCELLED","settlementId":"S1","reasonCode":"CAP_REACHED","reasonText":"原因","totalFen":"-1","fullSelfPayFen":"-2",
            "overLimitFen":"-3","preSelfPayFen":"-4","inScopeFen":"-5","deductibleFen":"-6","rateBp":5500,"fundPayFen":"-7","selfPayFen":"-8","capFen":"9","capUsedBeforeFen":"10","capUsedAfterFen":"11",
            "capRemainingFen":"0","policyId":"policy","policyHash":"hash","trace":"一","replayed":true,"originalRequestId":"R0",
            "lineResults":[{"lineId":"1","fullSelfPayFen":"12","overLimitFen":"13","preSelfPayFen":"14","inScopeFen":"15","reasonCode":"ITEM_UNKNOWN"}],"headroom":[{"settlementId":"S2","shortfallFen":"16","facilityCode":"H1","visitDate":"2025-02-01"}],
            "visitDate":"2025-02-03","visitType":"PRENATAL_CHECK","settledAt":"2025-02-04T05:06:07.008+08:00","visitId":"V1",
            "other":{"settlementId":"S3","requestId":"R3","facilityCode":"","visitDate":"","visitType":"VISIT_TYPE_UNSPECIFIED","settledAt":"","visitId":"",
            "totalFen":"0","deductibleFen":"0","fundPayFen":"0","selfPayFen":"0"},
            "undoneBy":{"settlementId":"S4","requestId":"R4","facilityCode":"H2","visitDate":"2025-02-05","visitType":"ORDINARY",
            "settledAt":"2025-02-06T00:00:00.000+08:00","visitId":"V2","totalFen":"17","deductibleFen":"18","fundPayFen":"19","selfPayFen":"20"},
            "limits":[{"name":"year","label":"年","period":"2025","limit":"21","usedBefore":"22","usedAfter":"23","remaining":"24"}]}
            """,
            reply);
    }

    [Fact]
    public void Reversal_and_accumulators_are_told_with_every_field_and_what_is_absent_is_null_or_missing()
    {
        AssertReply(
            """{"outcome":"REVERSE_REFUSED","mirror":null,"reasonCode":"RESTORE_IMPOSSIBLE","reasonText":"原因"}""",
            new ReverseReply { Outcome = ReverseReply.Types.Outcome.ReverseRefused, ReasonCode = "RESTORE_IMPOSSIBLE", ReasonText = "原因" });
        AssertReply(
            """{"insuredId":"P1","year":2025,"fundPaidFen":"1","capFen":"0","facilityDays":[{"facilityCode":"H1","date":"2025-03-05","deductibleBorneFen":"2"}],"settlements":[],"reasonCode":"OUTSIDE_POOLING_AREA","reasonText":"因"}""",
            new Accumulators
            {
                InsuredId = "P1",
                Year = 2025,
                FundPaidFen = 1,
                FacilityDays = { new Accumulators.Types.FacilityDay { FacilityCode = "H1", Date = "2025-03-05", DeductibleBorneFen = 2 } },
                ReasonCode = "OUTSIDE_POOLING_AREA",
                ReasonText = "因",
            });
    }

    private static void AssertReply(string json, IMessage reply)
    {
        Answer answer = Answer.Of(reply);
        Assert.Equal((200, null), (answer.Status, answer.RetryAfterSeconds));

        // A message without a field is told without it or with null.
        using JsonDocument expected = JsonDocument.Parse(json);
        using JsonDocument told = JsonDocument.Parse(answer.Json);
        Assert.Equal(
            expected.RootElement.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null)
                .Select(property => (property.Name, JsonSerializer.Serialize(property.Value))).Order(),
            told.RootElement.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null)
                .Select(property => (property.Name, JsonSerializer.Serialize(property.Value))).Order());
    }

    private static void AssertTold(int status, string code, string text, Answer answer)
    {
        string title = ReasonPhrases.GetReasonPhrase(status);
        Assert.Equal(
            $$"""{"code":"{{code}}","text":"{{text}}","type":"about:blank","title":"{{title}}","status":{{status}},"detail":"{{text}}"}""",
            answer.Json);
        Assert.Equal(status, answer.Status);
        Assert.Equal(status is 429 or 503 ? 2 : null, answer.RetryAfterSeconds);
    }
}
