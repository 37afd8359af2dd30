using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims insured merge</c> asks for, and what it says came of it.</summary>
[Collection(nameof(FakeSystem))]
public sealed class InsuredMergeTests(FakeSystem system)
{
    private const string Old = "410101202401019999";
    private const string New = "410101202401011234";

    [Fact]
    public async Task Merge_is_asked_for_with_who_and_why_and_what_is_overdrawn_is_told()
    {
        Answering(_ => new MergeInsuredReply
        {
            Merge = "0123456789abcdef",
            Overdrawn =
            {
                new OverdrawnLimit { Accumulator = "fordinary.year:2025", Limit = 30_000, Used = 41_250 },
                new OverdrawnLimit { Accumulator = "nvisits.year:2025", Limit = 5, Used = 7 },
            },
            SettledTwice = { "H1 V7" },
        });

        Ran table = await system.RunAsync("insured", "merge", Old, New, "--reason", "落户", "--actor", "甲", "--yes");
        Ran json = await system.RunAsync("insured", "merge", Old, New, "--reason", "落户", "--actor", "甲", "--yes", "--json");

        Assert.Equal(0, table.ExitCode);
        Assert.Equal(
            [
                "***9999 is one with 已合并入 ***1234; merge 0123456789abcdef.",
                "Together they have used more than these limits allow, and nothing is taken back 两个编号合计已超限额，系统不追回:",
                "limit 限额项目 limit 限额 used 合计已用 beyond 超出",
                "fordinary.year:2025 ¥300.00 ¥412.50 ¥112.50",
                "nvisits.year:2025 5 7 2",
                "A settlement stands under either id for visit H1 V7: cancel one 同一就诊在两个编号下均已结算，请撤销其一.",
            ],
            table.Lines);
        json.IsJson(0, """
            {
              "merged": "***9999", "into": "***1234", "undo": false, "merge": "0123456789abcdef", "doneBefore": false,
              "overdrawn": [{ "accumulator": "fordinary.year:2025", "limit": 30000, "used": 41250 },
                            { "accumulator": "nvisits.year:2025", "limit": 5, "used": 7 }], "settledTwice": ["H1 V7"]
            }
            """);
        Assert.Equal(new MergeInsuredRequest { MergedId = Old, IntoId = New, Reason = "落户", Actor = "甲" }, system.Received[0].Request);
    }

    [Fact]
    public async Task Undoing_says_so_and_a_refusal_is_told_in_the_services_words()
    {
        Answering(request => request.Reason == "有误"
            ? new MergeInsuredReply { Merge = "0123456789abcdef", DoneBefore = true }
            : throw new RpcException(new Status(StatusCode.FailedPrecondition, "they stay one")));

        Ran undone = await system.RunAsync("insured", "merge", Old, New, "--undo", "--reason", "有误", "--yes");
        Ran refused = await system.RunAsync("insured", "merge", Old, New, "--undo", "--reason", "其他", "--yes");

        Assert.Equal(["***9999 is parted from 已拆分自 ***1234, as it was before 此前已完成; merge 0123456789abcdef."], undone.Lines);
        Assert.True(((MergeInsuredRequest)system.Received[0].Request).Undo);
        Assert.Equal((1, "The adjudication service says: they stay one."), (refused.ExitCode, refused.Errors));
    }

    [Theory]
    [InlineData("insured", "merge", Old, New, "--yes")]
    [InlineData("insured", "merge", Old, New, "--reason", "落户")]
    public async Task Merge_without_a_reason_or_without_anybody_to_ask_asks_for_nothing(params string[] arguments)
    {
        Answering(_ => new MergeInsuredReply());

        Ran ran = await system.RunAsync(arguments);

        Assert.NotEqual(0, ran.ExitCode);
        Assert.Empty(system.Received);
    }

    private void Answering(Func<MergeInsuredRequest, MergeInsuredReply> answer) =>
        system.Begin().Answer<MergeInsuredRequest>("AdjudicationOperations/MergeInsured", answer);
}
