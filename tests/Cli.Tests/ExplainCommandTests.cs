using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims explain</c> asks for, and what it says.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ExplainCommandTests(FakeSystem system)
{
    private static readonly RefusedRequest Closed = new()
    {
        RefusedAtUnixMs = new DateTimeOffset(2025, 6, 18, 23, 59, 58, 123, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds(),
        Operation = "settle_stream",
        FacilityCode = "H1",
        RequestId = "R1",
        InsuredMasked = "***1234",
        ReasonCode = "YEAR_CLOSED",
        ReasonText = "就诊年度已年终结账。",
        Instance = "host-a:17",
    };

    [Fact]
    public async Task Refusal_is_told_with_its_time_its_words_and_what_to_do()
    {
        Answering(new FindRefusalsReply { KeptDays = 90, Refusals = { Closed } });

        Ran ran = await system.RunAsync("explain", "--facility", "H1", "--request", "R1");

        Assert.Equal(0, ran.ExitCode);
        Assert.Equal(
            """
            2025-06-18 23:59:58 结算被拒：就诊年度已年终结账。
              原因代码 YEAR_CLOSED，参保人 ***1234，由 host-a:17 答复
              下一步：到此为止；可协助：医保经办机构

            """, ran.Output);
        Assert.Equal(
            [("RefusalLog/Find", new FindRefusalsRequest { FacilityCode = "H1", RequestId = "R1" })], system.Received);
    }

    [Fact]
    public async Task Refusal_is_told_in_json_with_what_was_settled_afterwards()
    {
        Answering(new FindRefusalsReply { KeptDays = 7, Refusals = { Closed } });
        system.Answer<GetSettlementRequest>("Adjudication/GetSettlement", request => new SettleReply
        {
            Decision = Decision.Settled,
            SettlementId = "S1",
            SettledAt = "2025-06-19T08:00:00+08:00",
            FundPayFen = 3_850,
            Trace = "计算过程",
        });

        Ran ran = await system.RunAsync("explain", "--facility", "H1", "--request", "R1", "--insured", "P1", "--json");

        ran.IsJson(0, """
            {
              "refusals": [{
                "refusedAt": "2025-06-18T15:59:58.123+00:00", "operation": "settle_stream", "reasonCode": "YEAR_CLOSED",
                "reasonText": "就诊年度已年终结账。", "insuredMasked": "***1234", "instance": "host-a:17", "next": "Final"
              }],
              "keptDays": 7,
              "standing": {
                "decision": "SETTLED", "settlementId": "S1", "reasonCode": "", "reasonText": "",
                "settledAt": "2025-06-19T08:00:00+08:00", "fundPayFen": 3850, "trace": "计算过程"
              }
            }
            """);
        Assert.Equal(
            ("Adjudication/GetSettlement", new GetSettlementRequest { FacilityCode = "H1", InsuredId = "P1", RequestId = "R1" }),
            system.Received[1]);
    }

    [Fact]
    public async Task Nothing_that_is_known_is_said_and_is_an_exit_code()
    {
        Answering(new FindRefusalsReply { KeptDays = 90 });
        system.Answer<GetSettlementRequest>("Adjudication/GetSettlement", _ => new SettleReply
        {
            Decision = Decision.Refused,
            ReasonCode = "SETTLEMENT_UNKNOWN",
        });

        Ran ran = await system.RunAsync("explain", "--facility", "H1", "--request", "R1");
        Ran named = await system.RunAsync("explain", "--facility", "H1", "--request", "R1", "--insured", "P1");

        Assert.Equal(
            (1, "没有查到机构 H1 请求编号 R1 被拒绝的记录（保留 90 天）；是否已结算，请加 --insured 参保人编号再查。\n"), (ran.ExitCode, ran.Output));
        Assert.Equal(
            (1, "没有查到机构 H1 请求编号 R1 被拒绝的记录（保留 90 天），该参保人也没有以此编号办理的结算。\n"), (named.ExitCode, named.Output));
    }

    [Fact]
    public async Task Refusal_that_is_on_its_way_to_the_ledger_is_waited_for()
    {
        int asked = 0;
        system.Begin().Answer<FindRefusalsRequest>("RefusalLog/Find",
            _ => ++asked < 3 ? new FindRefusalsReply { KeptDays = 90 } : new FindRefusalsReply { KeptDays = 90, Refusals = { Closed } });

        Ran ran = await system.RunAsync("explain", "--facility", "H1", "--request", "R1");

        Assert.Equal((0, 3), (ran.ExitCode, asked));
        Assert.Contains("YEAR_CLOSED", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ledger_that_cannot_look_is_an_error_and_not_an_answer()
    {
        system.Begin().Answer<FindRefusalsRequest>("RefusalLog/Find",
            _ => throw new RpcException(new Status(StatusCode.Unavailable, "refusals cannot be read or kept at the moment")));

        Ran ran = await system.RunAsync("explain", "--facility", "H1", "--request", "R1");

        Assert.Equal((3, ""), (ran.ExitCode, ran.Output));
        Assert.Contains("refusals cannot be read or kept at the moment", ran.Errors, StringComparison.Ordinal);
    }

    private void Answering(FindRefusalsReply reply) => system.Begin().Answer<FindRefusalsRequest>("RefusalLog/Find", _ => reply);
}
