using System.Text;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Gateway.Tests;

/// <summary>A clinic's books against the ledger's, over HTTP.</summary>
[Collection(nameof(RunningGateway))]
public sealed class HospitalBooksTests
{
    private const string Totals = """
        {"facilityCode":"H1","period":{"from":"2025-06-18","to":"2025-06-18"},
         "figures":[{"visitType":"ORDINARY","totals":{"count":"-1","totalFen":-12000,"fundPayFen":"-3300"}}]}
        """;

    private const string Scope = """ "scope":{"facilityCode":"H1","period":{"from":"2025-06-18","to":"2025-06-18"}} """;
    private const string Line = """{"kind":"SETTLE","requestId":"R1","insuredId":"P1","totalFen":12000,"fundPayFen":3300}""";

    [Fact]
    public async Task Totals_and_lines_are_calls_of_the_contract()
    {
        ReconcileTotalsReply totals = new() { Outcome = TotalsOutcome.Balanced, Notice = "对账期尚未结束" };
        FacilityBooksReply lines = new()
        {
            Summary = new() { Lines = 2, Differences = 1 },
            Differences = { new LineDifference { Cause = DifferenceCause.SettledTwice, TwinSettlementId = "S7" } },
        };
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((asked, _) =>
            Task.FromResult<IMessage>(asked is FacilityBooks ? lines : totals));
        await using RunningGateway gateway =
            await RunningGateway.StartAsync("http://127.0.0.1:1", $"--Claims:LedgerAddress={ledger.Address}");

        ClinicAnswer answered = await gateway.PostAsync("reconcile-totals", Totals);
        ClinicAnswer compared = await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}},"lines":[{{Line}},{{Line}}]}""");

        Assert.Equal((200, 200), (answered.Status, compared.Status));
        Assert.Equal(totals, JsonParser.Default.Parse<ReconcileTotalsReply>(answered.Body));
        Assert.Equal(lines, JsonParser.Default.Parse<FacilityBooksReply>(compared.Body));
        Assert.Equal(JsonParser.Default.Parse<ReconcileTotalsRequest>(Totals), ledger.Requests.First());
        // Lines without numbers are numbered as they stand.
        Assert.Equal([1L, 2L], ((FacilityBooks)ledger.Requests.Last()).Lines.Select(line => line.LineNumber));
        Assert.Equal("H1", ((FacilityBooks)ledger.Requests.Last()).Scope.FacilityCode);
    }

    [Fact]
    public async Task Lines_that_have_numbers_keep_them()
    {
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((_, _) =>
            Task.FromResult<IMessage>(new FacilityBooksReply { Summary = new() }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);

        await gateway.PostAsync("reconcile-lines", $$"""
            {{{Scope}},"lines":[{"lineNumber":"7",{{Line[1..]}},{{Line}},{"lineNumber":"2",{{Line[1..]}}]}
            """);

        Assert.Equal([7L, 0L, 2L], ((FacilityBooks)Assert.Single(ledger.Requests)).Lines.Select(line => line.LineNumber));
    }

    [Theory]
    [InlineData("\"50.00\"")]
    [InlineData("50.00")]
    [InlineData("5e3")]
    public async Task Amount_that_is_no_whole_number_is_refused_by_its_line_and_nothing_is_compared(string amount)
    {
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync(FakeAdjudication.Failing(StatusCode.Internal));
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);

        ClinicAnswer answer = await gateway.PostAsync("reconcile-lines",
            $$"""{{{Scope}},"lines":[{{Line}},{{Line.Replace("3300", amount, StringComparison.Ordinal)}}]}""");

        Assert.Equal((400, "请求字段 lines[1].fundPayFen 的值有误，应为整数，单位为分，不带小数。"), (answer.Status, answer.Text));
        Assert.Empty(ledger.Requests);
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument, 400, "INVALID_ARGUMENT", "第 1 行：编号（insuredId）有误。")]
    [InlineData(StatusCode.NotFound, 404, "NOT_FOUND", "第 1 行：编号（insuredId）有误。")]
    [InlineData(StatusCode.ResourceExhausted, 429, "RESOURCE_EXHAUSTED", "正在对账的机构较多，未对账，请稍后重新对账。")]
    [InlineData(StatusCode.Unavailable, 503, "UNAVAILABLE", "系统暂时无法答复，请稍后重试。")]
    public async Task Refusal_of_the_ledger_is_told_in_Chinese_with_the_fields_as_they_were_written(
        StatusCode status, int expected, string code, string text)
    {
        string reason = status == StatusCode.NotFound ? "第 1 行：编号（insuredId）有误。" : "第 1 行：编号（insured_id）有误。";
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((_, _) => throw new RpcException(
            new Status(status, "line 1: insured_id is no id"), new Metadata { { "reason-text-bin", Encoding.UTF8.GetBytes(reason) } }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);

        ClinicAnswer answer = await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}},"lines":[{{Line}}]}""");

        Assert.Equal((expected, code, text), (answer.Status, answer.Code, answer.Text));
    }

    [Fact]
    public async Task Answer_has_so_many_differences_and_counts_all()
    {
        FacilityBooksReply lines = new() { Summary = new() { Differences = 5_001 } };
        for (int i = 0; i < 5_001; i++) lines.Differences.Add(new LineDifference { Cause = DifferenceCause.MissingThere });
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((_, _) => Task.FromResult<IMessage>(lines));
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);

        ClinicAnswer answer = await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}}}""");

        Assert.Equal(5_000, answer.Json.GetProperty("differences").GetArrayLength());
        Assert.Equal("5001", answer.Json.GetProperty("summary").GetProperty("differences").GetString());
    }

    [Fact]
    public async Task Books_of_several_messages_are_compared_to_the_last_line()
    {
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((_, _) =>
            Task.FromResult<IMessage>(new FacilityBooksReply { Summary = new() }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);
        string[] requests = [.. Enumerable.Range(1, 1_001).Select(number => $"R{number}")];
        IEnumerable<string> lines = requests.Select(request => Line.Replace("\"R1\"", $"\"{request}\"", StringComparison.Ordinal));

        ClinicAnswer answer = await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}},"lines":[{{string.Join(',', lines)}}]}""");

        Assert.Equal(200, answer.Status);
        Assert.Equal(requests, ((FacilityBooks)Assert.Single(ledger.Requests)).Lines.Select(line => line.RequestId));
    }

    [Fact]
    public async Task Books_may_be_longer_than_another_request_and_have_a_bound_of_their_own()
    {
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync((_, _) =>
            Task.FromResult<IMessage>(new FacilityBooksReply { Summary = new() }));
        await using RunningGateway gateway =
            await RunningGateway.StartAsync(ledger.Address, "--Claims:BodyBytes=1000", "--Claims:BooksBytes=4000");

        ClinicAnswer longer = await gateway.PostAsync("reconcile-lines", Books(20));
        ClinicAnswer tooLong = await gateway.PostAsync("reconcile-lines", Books(60));

        Assert.Equal(200, longer.Status);
        Assert.Equal((413, "对账明细超过 4000 字节，未对账，请缩短对账期分次对账。"), (tooLong.Status, tooLong.Text));

        static string Books(int lines) => $$"""{{{Scope}},"lines":[{{string.Join(',', Enumerable.Repeat(Line, lines))}}]}""";
    }

    [Fact]
    public async Task Fifth_file_at_once_is_turned_away_while_visits_are_settled()
    {
        TaskCompletionSource compare = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource four = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int files = 0;
        await using FakeAdjudication ledger = await FakeAdjudication.StartAsync(async (asked, _) =>
        {
            if (asked is SettleRequest) return new SettleReply { Decision = Decision.Settled };
            if (Interlocked.Increment(ref files) == 4) four.SetResult();
            await compare.Task;
            return new FacilityBooksReply { Summary = new() };
        });
        await using RunningGateway gateway = await RunningGateway.StartAsync(ledger.Address);
        Task<ClinicAnswer>[] compared = [.. Enumerable.Range(0, 4).Select(_ => gateway.PostAsync("reconcile-lines", $$"""{{{Scope}}}"""))];
        await four.Task.WaitAsync(RunningGateway.Bound);

        ClinicAnswer fifth = await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}}}""");
        ClinicAnswer settled = await gateway.PostAsync("settle", """{"requestId":"R1"}""");
        compare.SetResult();

        Assert.Equal((429, 200), (fifth.Status, settled.Status));
        Assert.All(await Task.WhenAll(compared), answer => Assert.Equal(200, answer.Status));
        Assert.Equal(200, (await gateway.PostAsync("reconcile-lines", $$"""{{{Scope}}}""")).Status);
    }

    [Fact]
    public async Task Gateway_is_ready_without_the_ledger()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway =
            await RunningGateway.StartAsync(adjudication.Address, "--Claims:LedgerAddress=http://127.0.0.1:1");

        Assert.NotEmpty(await gateway.OperationsAsync("/healthz/ready"));
        ClinicAnswer away = await gateway.PostAsync("reconcile-totals", Totals);
        Assert.Equal((503, "系统暂时无法答复，请稍后重试。"), (away.Status, away.Text));
    }
}
