using System.Text;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Tests;

[Collection(nameof(FakeSystem))]
public sealed class SendAndImportTests(FakeSystem system)
{
    private const string Operations = """
        {"settle":{"requestId":"R1","insuredId":"P1"}}
        {"settle":{"requestId":"R2","insuredId":"P2"}}
        {"settle":{"requestId":"R3","insuredId":"P3"}}
        {"settle":{"requestId":"R4","insuredId":"P4"}}
        {"preSettle":{"requestId":"R5","insuredId":"P5"}}
        {"cancel":{"requestId":"R6","insuredId":"P6"}}
        {"cancel":{"requestId":"R7","insuredId":"P7"}}
        {"reverse":{"requestId":"R8","insuredId":"P8"}}
        {"reverse":{"requestId":"R9","insuredId":"P9"}}
        {"reverse":{"requestId":"RA","insuredId":"PA"}}
        {"getSettlement":{"requestId":"R1","insuredId":"P1"}}
        {"getAccumulators":{"insuredId":"P1","year":2025}}
        """;

    [Fact]
    public async Task Summary_counts_answers_by_outcome_and_sums_what_was_newly_paid()
    {
        Adjudicate();
        string file = system.Write("ops.jsonl", Operations);

        Ran ran = await system.RunAsync("send", file, "--json", "--connections", "2");

        System.Text.Json.Nodes.JsonObject summary = System.Text.Json.Nodes.JsonNode.Parse(ran.Output)!.AsObject();
        Assert.True((double)summary["seconds"]! >= 0 && (long)summary["perSecond"]! >= 0);
        summary.Remove("seconds");
        summary.Remove("perSecond");
        // 10000 settled, 2000 replayed, 300 refused, 40000 quoted, -500 cancelled, -600 replayed, -70 reversed, -80 of a replayed mirror.
        (ran with { Output = summary.ToJsonString() }).IsJson(0, """
            {"operations":12,"errors":0,"replayed":3,"repeated":0,"fundPayFen":9430,"outcomes":[
            {"operation":"cancel","outcome":"CANCELLED","reasonCode":"","count":2},
            {"operation":"getAccumulators","outcome":"ANSWERED","reasonCode":"","count":1},
            {"operation":"getSettlement","outcome":"SETTLED","reasonCode":"","count":1},
            {"operation":"preSettle","outcome":"QUOTED","reasonCode":"","count":1},
            {"operation":"reverse","outcome":"NOTHING_TO_UNDO","reasonCode":"","count":1},
            {"operation":"reverse","outcome":"SETTLEMENT_UNDONE","reasonCode":"","count":2},
            {"operation":"settle","outcome":"REFUSED","reasonCode":"INSURED_UNKNOWN","count":1},
            {"operation":"settle","outcome":"SETTLED","reasonCode":"","count":2},
            {"operation":"settle","outcome":"SETTLED","reasonCode":"CAP_REACHED","count":1}]}
            """);
        Ran text = await system.RunAsync("send", file);
        Assert.Matches("^12 answers in [0-9.]+ s \\([0-9,]+/s\\), 3 replayed, 0 errors; the fund pays ¥94\\.30$", text.Lines[^1]);
        Assert.Contains("settle SETTLED CAP_REACHED 1", text.Lines);
    }

    [Fact]
    public async Task Operation_that_found_no_answer_at_first_is_counted_as_sent_again()
    {
        int calls = 0;
        system.Begin().Answer<SettleRequest>("Adjudication/Settle", request =>
            request.RequestId == "R1" && Interlocked.Increment(ref calls) == 1
                ? throw new RpcException(new Status(StatusCode.Unavailable, "not now"))
                : new SettleReply { Decision = Decision.Settled, FundPayFen = 100, Replayed = request.RequestId == "R1" });
        string file = system.Write("ops.jsonl", """
            {"settle":{"requestId":"R1","insuredId":"P1"}}
            {"settle":{"requestId":"R2","insuredId":"P2"}}
            """);

        Ran json = await system.RunAsync("send", file, "--json");
        Interlocked.Exchange(ref calls, 0);
        Ran text = await system.RunAsync("send", file);

        System.Text.Json.Nodes.JsonNode counts = System.Text.Json.Nodes.JsonNode.Parse(json.Output)!;
        Assert.Equal((1, 1, 0), ((int)counts["repeated"]!, (int)counts["replayed"]!, (int)counts["errors"]!));
        Assert.Equal("1 were sent again because no answer came; such an answer may say replayed although it is new.", text.Lines[^1]);
    }

    [Fact]
    public async Task Few_operations_are_told_one_by_one_as_the_cashier_tells_the_patient()
    {
        system.Begin()
            .Answer<SettleRequest>("Adjudication/Settle", request => request.RequestId switch
            {
                "R1" => new SettleReply { Decision = Decision.Settled, TotalFen = 10_000, FundPayFen = 6_500, SelfPayFen = 3_500 },
                "R2" => new SettleReply
                {
                    Decision = Decision.Settled,
                    ReasonCode = "CAP_REACHED",
                    ReasonText = "年度限额已用完",
                    TotalFen = 200,
                    FundPayFen = 50,
                    SelfPayFen = 150,
                },
                "R3" => new SettleReply { Decision = Decision.Refused, ReasonCode = "INSURED_UNKNOWN", ReasonText = "查无此人" },
                _ => throw new RpcException(new Status(StatusCode.Internal, "it failed")),
            })
            .Answer<ReverseRequest>("Adjudication/Reverse", _ => new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.NothingToUndo,
                ReasonText = "未见过该请求",
            })
            .Answer<GetAccumulatorsRequest>("Adjudication/GetAccumulators",
                _ => new Accumulators { Year = 2025, FundPaidFen = 9_900, CapRemainingFen = 20_100 });
        string lines = """
            {"settle":{"requestId":"R1","insuredId":"P1"}}
            {"settle":{"requestId":"R2","insuredId":"P2"}}
            {"settle":{"requestId":"R3","insuredId":"P3"}}
            {"settle":{"requestId":"R4","insuredId":"P4"}}
            {"reverse":{"requestId":"R5","insuredId":"P5"}}
            {"getAccumulators":{"insuredId":"P1","year":2025}}
            """;

        Ran few = await system.RunAsync("send", system.Write("few.jsonl", lines));
        Ran many = await system.RunAsync("send",
            system.Write("many.jsonl", string.Join('\n', Enumerable.Range(0, 21).Select(_ => lines.Split('\n')[0]))));

        Assert.Equal(
            [
                "line 1 settle: SETTLED 总费用 ¥100.00，基金支付 ¥65.00，个人支付 ¥35.00",
                "line 2 settle: SETTLED 总费用 ¥2.00，基金支付 ¥0.50，个人支付 ¥1.50；年度限额已用完",
                "line 3 settle: REFUSED 查无此人",
                "line 4 settle: ERROR INTERNAL: it failed",
                "line 5 reverse: NOTHING_TO_UNDO 未见过该请求",
                "line 6 getAccumulators: ANSWERED 2025年基金已支付 ¥99.00，年度限额尚余 ¥201.00",
            ],
            few.Lines[..6]);
        Assert.DoesNotContain("总费用", many.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operation_that_is_left_without_an_answer_ends_the_command_with_3()
    {
        Adjudicate();
        system.Answer<CancelRequest>("Adjudication/Cancel", request => request.InsuredId == "P7" ? throw new RpcException(
            new Status(StatusCode.Internal, "it failed")) : Reply(Decision.Cancelled, "R6", -500));
        string answers = Path.Combine(system.Directory.FullName, "answers.jsonl");

        Ran ran = await system.RunAsync("send", system.Write("ops.jsonl", Operations), "--out", answers);

        Assert.Equal((3, "claims: 1 of 12 operations were left without an answer; sending the same file again is safe.\n"),
            (ran.ExitCode, ran.Errors));
        Assert.Contains("cancel ERROR INTERNAL 1", ran.Lines);
        Assert.Contains(", 2 replayed, 1 errors; the fund pays ", ran.Lines[^1], StringComparison.Ordinal);
        string[] lines = await File.ReadAllLinesAsync(answers);
        Assert.Equal(
            ["settle", "settle", "settle", "settle", "preSettle", "cancel", "cancel", "reverse", "reverse", "reverse", "getSettlement",
                "getAccumulators"],
            lines.Select(line => line[2..line.IndexOf('"', 2)]));
        Assert.Equal("""{"cancel":{"error":{"status":"INTERNAL","message":"it failed"}}}""", lines[6]);
        Assert.Contains("\"requestId\":\"R4\"", lines[3], StringComparison.Ordinal);
        Assert.False(File.Exists(answers + ".new"));
    }

    /// <summary>One that waits for ever would hold the lane of every insured behind it.</summary>
    [Theory]
    [InlineData("settle")]
    [InlineData("preSettle")]
    [InlineData("cancel")]
    [InlineData("reverse")]
    [InlineData("getSettlement")]
    [InlineData("getAccumulators")]
    public async Task Operation_waits_for_its_answer_no_longer_than_its_bound(string kind)
    {
        Adjudicate();
        string operation = Operations.Split('\n').First(line => line.StartsWith($"{{\"{kind}\"", StringComparison.Ordinal));

        Assert.Equal(0, (await system.RunAsync("send", system.Write("one.jsonl", operation))).ExitCode);

        string bound = Assert.Single(system.Headers["grpc-timeout"])!;
        Assert.Matches("^(5S|[1-5][0-9]{0,3}m)$", bound);
    }

    [Theory]
    [InlineData("--connections", "0")]
    [InlineData("--connections", "65")]
    public async Task Option_beyond_its_bounds_sends_nothing(string option, string value)
    {
        Adjudicate();
        Ran ran = await system.RunAsync("send", system.Write("ops.jsonl", Operations), option, value);
        Assert.Equal(1, ran.ExitCode);
        Assert.Contains("--connections must be from 1 to 64.", ran.Errors, StringComparison.Ordinal);
        Assert.Empty(system.Received);
    }

    [Theory]
    [InlineData("facilities", ImportKind.Facilities)]
    [InlineData("insured", ImportKind.Insured)]
    [InlineData("catalogue", ImportKind.Catalogue)]
    public async Task Import_sends_the_whole_file_under_its_kind(string name, ImportKind kind)
    {
        system.Begin().List<ImportChunk>("Eligibility/Import", chunks => [new ImportReply { Rows = 1_234 + chunks.Count }]);
        string text = string.Concat(Enumerable.Range(0, 60_000).Select(row => $"行{row}\n"));
        string file = system.Write("rows.csv", text);

        Ran ran = await system.RunAsync("import", name, file);

        ImportChunk[] sent = [.. system.Received.Select(call => (ImportChunk)call.Request)];
        Assert.True(sent.Length > 1);
        Assert.All(sent, chunk => Assert.Equal(kind, chunk.Kind));
        Assert.Equal(text, Encoding.UTF8.GetString([.. sent.SelectMany(chunk => chunk.Csv.ToByteArray())]));
        Assert.Equal((0, $"{1_234 + sent.Length:#,##0} rows of rows.csv taken.\n"), (ran.ExitCode, ran.Output));
        (await system.RunAsync("import", name, system.Write("empty.csv", ""), "--json")).IsJson(0, """{"rows":1235}""");
    }

    [Theory]
    [InlineData(3, "county", "'1' is not a county.", "rows.csv line 3, column county: '1' is not a county; nothing of the file was taken.")]
    [InlineData(2, "", "the line is empty", "rows.csv line 2: the line is empty; nothing of the file was taken.")]
    [InlineData(0, "", "nothing was sent", "rows.csv: nothing was sent; nothing of the file was taken.")]
    public async Task Import_that_is_refused_names_line_and_column(long line, string column, string message, string sentence)
    {
        system.Begin().Answer<ImportChunk>(
            "Eligibility/Import", _ => new ImportReply { Error = new ImportError { Line = line, Column = column, Message = message } });
        Ran ran = await system.RunAsync("import", "insured", system.Write("rows.csv", "x\n"));
        Assert.Equal((1, "", sentence), (ran.ExitCode, ran.Output, ran.Errors));
    }

    private void Adjudicate() => system.Begin()
        .Answer<SettleRequest>("Adjudication/Settle", request => request.RequestId switch
        {
            "R1" => Reply(Decision.Settled, "R1", 10_000),
            "R2" => Replayed(Reply(Decision.Settled, "R2", 2_000)),
            "R3" => Reply(Decision.Refused, "R3", 300, "INSURED_UNKNOWN"),
            _ => Reply(Decision.Settled, "R4", 0, "CAP_REACHED"),
        })
        .Answer<SettleRequest>("Adjudication/PreSettle", _ => Reply(Decision.Quoted, "R5", 40_000))
        .Answer<CancelRequest>("Adjudication/Cancel",
            request => request.RequestId == "R6" ? Reply(Decision.Cancelled, "R6", -500) : Replayed(Reply(Decision.Cancelled, "R7", -600)))
        .Answer<ReverseRequest>("Adjudication/Reverse", request => request.RequestId switch
        {
            "R8" =>
                new ReverseReply { Outcome = ReverseReply.Types.Outcome.SettlementUndone, Mirror = Reply(Decision.Cancelled, "R8", -70) },
            "R9" => new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.SettlementUndone,
                Mirror = Replayed(Reply(Decision.Cancelled, "R9", -80)),
            },
            _ => new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo },
        })
        .Answer<GetSettlementRequest>("Adjudication/GetSettlement", _ => Reply(Decision.Settled, "R1", 10_000))
        .Answer<GetAccumulatorsRequest>("Adjudication/GetAccumulators",
            request => new Accumulators { InsuredId = request.InsuredId, Year = request.Year, FundPaidFen = 99 });

    private static SettleReply Reply(Decision decision, string requestId, long fundPayFen, string reason = "") =>
        new() { Decision = decision, RequestId = requestId, FundPayFen = fundPayFen, ReasonCode = reason };

    private static SettleReply Replayed(SettleReply reply)
    {
        reply.Replayed = true;
        return reply;
    }
}
