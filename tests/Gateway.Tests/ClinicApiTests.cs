using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Claims.Gateway;
using Claims.Hosting;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Tests;

[Collection(nameof(RunningGateway))]
public sealed class ClinicApiTests
{
    private const string Visit = """{"requestId":"R1","facilityCode":"H1","insuredId":"410105198001011234","visitDate":"2025-06-18","visitType":"ORDINARY","totalFen":12000,"inScopeFen":12000}""";

    [Theory]
    [InlineData("settle", "Settle", """{"requestId":"R1"}""", typeof(SettleRequest))]
    [InlineData("pre-settle", "PreSettle", """{"requestId":"R1"}""", typeof(SettleRequest))]
    [InlineData("cancel", "Cancel", """{"requestId":"R1","settlementId":"S1"}""", typeof(CancelRequest))]
    [InlineData("reverse", "Reverse", """{"requestId":"R2","originalRequestId":"R1"}""", typeof(ReverseRequest))]
    [InlineData("get-settlement", "GetSettlement", """{"facilityCode":"H1","requestId":"R1"}""", typeof(GetSettlementRequest))]
    [InlineData("get-accumulators", "GetAccumulators", """{"insuredId":"P1","year":2025}""", typeof(GetAccumulatorsRequest))]
    public async Task Each_path_is_a_call_of_the_contract(string operation, string method, string json, Type request)
    {
        string? called = null;
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((asked, context) =>
        {
            called = context.Method;
            return Task.FromResult<IMessage>(asked switch
            {
                ReverseRequest => new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo },
                GetAccumulatorsRequest => new Accumulators { InsuredId = "P1" },
                _ => new SettleReply { RequestId = "R1" },
            });
        });
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync(operation, json);

        Assert.Equal(200, answer.Status);
        Assert.Equal($"/claims.v1.Adjudication/{method}", called);
        Assert.Equal(JsonParser.Default.Parse(json, ((IMessage)Activator.CreateInstance(request)!).Descriptor),
            Assert.Single(adjudication.Requests));
    }

    [Fact]
    public async Task Answer_has_integers_as_strings_zeros_and_no_unknown_remainder()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((_, _) =>
            Task.FromResult<IMessage>(
                new SettleReply { RequestId = "R1", Decision = Decision.Settled, FundPayFen = 9_007_199_254_740_993, Trace = "起付线" }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit);

        Assert.Equal("9007199254740993", answer.Json.GetProperty("fundPayFen").GetString());
        Assert.Equal("0", answer.Json.GetProperty("selfPayFen").GetString());
        Assert.Equal("SETTLED", answer.Json.GetProperty("decision").GetString());
        Assert.False(answer.Json.GetProperty("replayed").GetBoolean());
        Assert.False(answer.Json.TryGetProperty("capRemainingFen", out _));
        Assert.Contains("起付线", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusal_is_an_answer()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((_, _) =>
            Task.FromResult<IMessage>(
                new SettleReply { Decision = Decision.Refused, ReasonCode = "INSURED_UNKNOWN", ReasonText = "查无此参保人" }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit);

        Assert.Equal((200, "REFUSED"), (answer.Status, answer.Json.GetProperty("decision").GetString()));
        Assert.Equal("INSURED_UNKNOWN", answer.Json.GetProperty("reasonCode").GetString());
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument, 400, "INVALID_ARGUMENT", false)]
    [InlineData(StatusCode.Unauthenticated, 401, "UNAUTHENTICATED", false)]
    [InlineData(StatusCode.PermissionDenied, 403, "PERMISSION_DENIED", false)]
    [InlineData(StatusCode.ResourceExhausted, 429, "RESOURCE_EXHAUSTED", true)]
    [InlineData(StatusCode.Unavailable, 503, "UNAVAILABLE", true)]
    [InlineData(StatusCode.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", false)]
    [InlineData(StatusCode.Internal, 502, "INTERNAL", false)]
    [InlineData(StatusCode.Unimplemented, 502, "UNIMPLEMENTED", false)]
    [InlineData(StatusCode.FailedPrecondition, 502, "FAILED_PRECONDITION", false)]
    [InlineData(StatusCode.Unknown, 502, "UNKNOWN", false)]
    [InlineData(StatusCode.Cancelled, 502, "CANCELLED", false)]
    public async Task Status_of_a_call_becomes_one_of_http_with_a_sentence_for_the_clerk(
        StatusCode status, int expected, string code, bool retryAfter)
    {
        await using FakeAdjudication adjudication =
            await FakeAdjudication.StartAsync(FakeAdjudication.Failing(status, "请求字段 year 应为四位年份。"));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit);

        Assert.Equal((expected, code, retryAfter ? TimeSpan.FromSeconds(2) : null), (answer.Status, answer.Code, answer.RetryAfter));
        Assert.EndsWith("。", answer.Text, StringComparison.Ordinal);
        Assert.Equal(status == StatusCode.InvalidArgument, answer.Text.Contains("year", StringComparison.Ordinal));
        if (expected is >= 500 or 429) Assert.Contains("同一请求编号", answer.Text, StringComparison.Ordinal);
        if (expected >= 500) Assert.Contains("冲正", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("settle", "系统暂时无法答复，办理结果未知：请稍后用同一请求编号原样重发，或发起冲正，请勿换号重发。")]
    [InlineData("cancel", "系统暂时无法答复，办理结果未知：请稍后用同一请求编号原样重发，或发起冲正，请勿换号重发。")]
    [InlineData("reverse", "系统暂时无法答复，办理结果未知：请稍后用同一请求编号原样重发，或发起冲正，请勿换号重发。")]
    [InlineData("pre-settle", "系统暂时无法答复，请稍后重试。")]
    [InlineData("get-settlement", "系统暂时无法答复，请稍后重试。")]
    [InlineData("get-accumulators", "系统暂时无法答复，请稍后重试。")]
    public async Task Call_without_an_answer_is_repeated_and_only_one_that_may_have_taken_effect_is_to_be_reversed(
        string operation, string text)
    {
        await using FakeAdjudication adjudication =
            await FakeAdjudication.StartAsync(FakeAdjudication.Failing(StatusCode.Unavailable, "away"));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync(operation, """{"insuredId":"P1"}""");

        Assert.Equal((503, text, 3), (answer.Status, answer.Text, adjudication.Requests.Count));
        Assert.StartsWith($"{operation} was answered 503 for insured ", Assert.Single(gateway.Log), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("settle", true)]
    [InlineData("get-settlement", false)]
    public async Task Failure_that_nothing_foresaw_is_told_logged_and_counted(string operation, bool takesEffect)
    {
        await using RunningGateway gateway = await RunningGateway.StartAsync("http://127.0.0.1:1", services =>
            services.AddSingleton(new Adjudication.AdjudicationClient(
                new InProcessCalls(_ => throw new InvalidOperationException("unforeseen")))));

        ClinicAnswer answer = await gateway.PostAsync(
            operation, """{"facilityCode":"H1","insuredId":"410105198001011234","requestId":"R1"}""");

        Assert.Equal((500, "INTERNAL", null), (answer.Status, answer.Code, answer.RetryAfter));
        Assert.Equal(takesEffect, answer.Text.Contains("冲正", StringComparison.Ordinal));
        Assert.Equal([$"{operation} failed for insured ***1234, facility H1, request R1."], gateway.Log);
        await gateway.AllEndedAsync();
        Assert.Equal([$$"""claims_gateway_answers_total{operation="{{operation}}",status="500"} 1"""],
            await gateway.MetricsAsync("claims_gateway_answers_total"));
        Assert.Equal(["claims_calls_failed_total 1"], await gateway.MetricsAsync("claims_calls_failed_total"));
    }

    [Fact]
    public async Task Answers_are_counted_by_operation_and_status()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((request, context) =>
            context.Method.EndsWith("PreSettle", StringComparison.Ordinal)
                ? throw new RpcException(new Status(StatusCode.ResourceExhausted, ""))
                : FakeAdjudication.Settling()(request, context));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        await gateway.PostAsync("settle", Visit);
        await gateway.PostAsync("settle", Visit);
        await gateway.PostAsync("settle", "{");
        await gateway.PostAsync("pre-settle", Visit);
        await gateway.SendAsync(HttpMethod.Get, "/v1/settle");
        await gateway.AllEndedAsync();

        Assert.Equal(
            [
                """claims_gateway_answers_total{operation="pre-settle",status="429"} 1""",
                """claims_gateway_answers_total{operation="settle",status="200"} 2""",
                """claims_gateway_answers_total{operation="settle",status="400"} 1""",
            ],
            await gateway.MetricsAsync("claims_gateway_answers_total"));
        Assert.Equal(
            ["""claims_gateway_duration_seconds_count{operation="pre-settle"} 1""",
                """claims_gateway_duration_seconds_count{operation="settle"} 3"""],
            await gateway.MetricsAsync("claims_gateway_duration_seconds_count"));
        Assert.Empty(await gateway.MetricsAsync("claims_gateway_hung_up"));
        Assert.Empty(await gateway.MetricsAsync("claims_calls_failed"));
        Assert.Equal(["claims_calls_in_progress 0"], await gateway.MetricsAsync("claims_calls_in_progress"));
    }

    [Fact]
    public async Task Every_field_of_a_request_arrives_in_its_own_place()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        await gateway.PostAsync("settle", """
            {"requestId":"R1","facilityCode":"H1","insuredId":"P1","visitDate":"2025-06-18","visitType":"DELIVERY_CAESAREAN","totalFen":"10","fullSelfPayFen":"1","overLimitFen":"2",
            "preSelfPayFen":"3","inScopeFen":"4","lines":[{"lineId":"1","itemCode":"A1","unitPriceMilliFen":"5","quantityE4":"6","amountFen":"7"},{"lineId":"2"}]}
            """);

        SettleRequest expected = new()
        {
            RequestId = "R1",
            FacilityCode = "H1",
            InsuredId = "P1",
            VisitDate = "2025-06-18",
            VisitType = VisitType.DeliveryCaesarean,
            TotalFen = 10,
            FullSelfPayFen = 1,
            OverLimitFen = 2,
            PreSelfPayFen = 3,
            InScopeFen = 4,
            Lines =
            {
                new FeeLine { LineId = "1", ItemCode = "A1", UnitPriceMilliFen = 5, QuantityE4 = 6, AmountFen = 7 },
                new FeeLine { LineId = "2" },
            },
        };
        Assert.Equal(expected, Assert.Single(adjudication.Requests));
    }

    [Fact]
    public async Task Unavailable_call_is_made_again_with_the_same_request_until_it_is_answered()
    {
        int calls = 0;
        Func<IMessage, ServerCallContext, Task<IMessage>> settle = FakeAdjudication.Settling();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((request, context) =>
            Interlocked.Increment(ref calls) < 3
                ? throw new RpcException(new Status(StatusCode.Unavailable, ""))
                : settle(request, context));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit);

        Assert.Equal(200, answer.Status);
        Assert.Equal(Enumerable.Repeat((IMessage)JsonParser.Default.Parse<SettleRequest>(Visit), 3), adjudication.Requests);
    }

    [Fact]
    public async Task Unavailable_call_is_made_three_times_at_most_and_the_log_shows_four_characters_of_the_insured()
    {
        await using FakeAdjudication adjudication =
            await FakeAdjudication.StartAsync(FakeAdjudication.Failing(StatusCode.Unavailable, "shard 7 is closed"));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit);

        Assert.Equal(503, answer.Status);
        Assert.Equal(3, adjudication.Requests.Count);
        Assert.Equal(["settle was answered 503 for insured ***1234, facility H1, request R1: shard 7 is closed"], gateway.Log);
    }

    [Fact]
    public async Task Silent_call_is_given_up_in_time()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            throw new InvalidOperationException("An infinite delay does not end.");
        });
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:AnswerSeconds=1");

        ClinicAnswer answer = await gateway.PostAsync("cancel", """{"requestId":"R1","settlementId":"S1"}""")
            .WaitAsync(RunningGateway.Bound);

        Assert.Equal((504, "DEADLINE_EXCEEDED"), (answer.Status, answer.Code));
        Assert.Contains("同一请求编号", answer.Text, StringComparison.Ordinal);

        // The second that was set, and not the ten that are usual.
        Assert.EndsWith(": adjudication did not answer within 1 s.", Assert.Single(gateway.Log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_adjudication_is_unavailable()
    {
        await using RunningGateway gateway = await RunningGateway.StartAsync($"http://127.0.0.1:{FreePort.Take(1)}");

        Assert.Equal(503, (await gateway.PostAsync("settle", Visit)).Status);
    }

    [Fact]
    public async Task Malformed_request_is_answered_here()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", """{"requestId":"R1","colour":"red"}""");

        Assert.Equal((400, "INVALID_ARGUMENT", "请求字段 colour 不是本接口的字段，请核对字段名。"), (answer.Status, answer.Code, answer.Text));
        Assert.Empty(adjudication.Requests);
        Assert.Empty(gateway.Log);
    }

    [Theory]
    [InlineData("POST", "/v1/settle-all", 404, "NOT_FOUND")]
    [InlineData("GET", "/", 404, "NOT_FOUND")]
    [InlineData("GET", "/metrics", 404, "NOT_FOUND")]
    [InlineData("GET", "/v1/settle", 405, "METHOD_NOT_ALLOWED")]
    public async Task What_is_not_served_is_told_in_the_same_form(string method, string path, int status, string code)
    {
        await using RunningGateway gateway = await RunningGateway.StartAsync("http://127.0.0.1:1");

        ClinicAnswer answer = await gateway.SendAsync(new HttpMethod(method), path);

        Assert.Equal((status, code), (answer.Status, answer.Code));
    }

    [Theory]
    [InlineData("Content-Length: 1000000")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task Body_beyond_the_bound_is_too_large_before_it_has_come_in(string length)
    {
        await using RunningGateway gateway = await RunningGateway.StartAsync("http://127.0.0.1:1", "--Claims:BodyBytes=1000");
        string begun = new(' ', 1_001);

        using TcpClient clinic = await gateway.ConnectAsync($"{RunningGateway.Post}{length}",
            length.EndsWith("chunked", StringComparison.Ordinal) ? $"3E9\r\n{begun}\r\n" : begun);

        Assert.StartsWith("HTTP/1.1 413 ", await FirstLineAsync(clinic), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_at_the_bound_is_read()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:BodyBytes=1000");

        Assert.Equal(200, (await gateway.PostAsync("settle", Visit.PadRight(1_000))).Status);
        Assert.Equal((413, "REQUEST_TOO_LARGE"),
            await gateway.PostAsync("settle", Visit.PadRight(1_001)) is var large ? (large.Status, large.Code) : default);
    }

    [Theory]
    [InlineData(7, "--Claims:BodySeconds=7")]
    [InlineData(30)]
    public async Task Body_that_does_not_come_is_waited_for_only_so_long(int seconds, params string[] settings)
    {
        Timers timers = new(TimeSpan.FromSeconds(seconds));
        await using RunningGateway gateway =
            await RunningGateway.StartAsync("http://127.0.0.1:1", services => services.AddSingleton<TimeProvider>(timers), settings);

        using TcpClient clinic = await gateway.ConnectAsync(RunningGateway.Post + "Content-Length: 100", Visit[..20]);
        await RunningGateway.EventuallyAsync(() => Task.FromResult(timers.Count > 0));
        timers.GoOff();

        Assert.StartsWith("HTTP/1.1 408 ", await FirstLineAsync(clinic), StringComparison.Ordinal);
        Assert.Equal(1, timers.Count);
    }

    [Fact]
    public async Task Body_that_comes_in_pieces_is_read_whole()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);
        using TcpClient clinic = await gateway.ConnectAsync(
            $"{RunningGateway.Post}Content-Length: {Visit.Length}", Visit[..20]);
        await RunningGateway.EventuallyAsync(
            async () => (await gateway.MetricsAsync("claims_calls_in_progress")) is ["claims_calls_in_progress 1"]);

        await clinic.GetStream().WriteAsync(Encoding.UTF8.GetBytes(Visit[20..]));

        Assert.StartsWith("HTTP/1.1 200 ", await FirstLineAsync(clinic), StringComparison.Ordinal);
        Assert.Equal([JsonParser.Default.Parse<SettleRequest>(Visit)], adjudication.Requests);
    }

    [Fact]
    public async Task Request_beyond_the_bound_is_turned_away_until_one_has_ended()
    {
        Gate gate = new();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(gate.Holding(FakeAdjudication.Settling()));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:MaxConcurrentRequests=1");
        Task<ClinicAnswer> first = gateway.PostAsync("settle", Visit);
        await gate.Entered;

        ClinicAnswer turnedAway = await gateway.PostAsync("settle", Visit);
        gate.Open();

        Assert.Equal((429, "RESOURCE_EXHAUSTED", TimeSpan.FromSeconds(2)), (turnedAway.Status, turnedAway.Code, turnedAway.RetryAfter));
        Assert.Equal(200, (await first.WaitAsync(RunningGateway.Bound)).Status);
        await RunningGateway.EventuallyAsync(async () => (await gateway.PostAsync("settle", Visit)).Status == 200);
    }

    [Fact]
    public async Task Clinic_beyond_its_share_is_told_of_what_and_another_one_is_answered()
    {
        Gate gate = new();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(gate.Holding(FakeAdjudication.Settling()));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:CallsPerCaller=1");
        Task<ClinicAnswer> first = gateway.PostAsync("settle", Visit);
        await gate.Entered;

        ClinicAnswer turnedAway = await gateway.PostAsync("settle", Visit);
        ClinicAnswer others = await gateway.PostAsync("settle", "no json", (Identity.Header, "claims://clinic/HW2"));
        gate.Open();

        Assert.Equal((429, "RESOURCE_EXHAUSTED", "本机构同时办理的请求超过 1 个（CallsPerCaller），本次请求未受理，请稍后用同一请求编号原样重发。"),
            (turnedAway.Status, turnedAway.Code, turnedAway.Text));
        Assert.Equal(400, others.Status);
        Assert.Equal(200, (await first.WaitAsync(RunningGateway.Bound)).Status);
        await RunningGateway.EventuallyAsync(async () => (await gateway.PostAsync("settle", Visit)).Status == 200);
    }

    [Fact]
    public async Task Clinic_that_hangs_up_leaves_its_call_to_its_end_and_finds_the_answer_by_the_same_request()
    {
        Gate gate = new();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(gate.Holding(FakeAdjudication.Settling()));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:MaxConcurrentRequests=1");
        await HangUpAsync(gateway, gate);

        // Still in progress: it takes the only place.
        Assert.Equal(429, (await gateway.PostAsync("settle", Visit)).Status);
        gate.Open();
        ClinicAnswer? answer = null;
        await RunningGateway.EventuallyAsync(async () => (answer = await gateway.PostAsync("settle", Visit)).Status == 200);

        Assert.Equal(("S-R1", true), (
            answer!.Json.GetProperty("settlementId").GetString(), answer.Json.GetProperty("replayed").GetBoolean()));
        Assert.Equal(["claims_gateway_hung_up_total{operation=\"settle\"} 1"], await gateway.MetricsAsync("claims_gateway_hung_up_total"));
        Assert.Empty(await gateway.MetricsAsync("claims_calls_failed"));
    }

    [Fact]
    public async Task Stop_waits_for_a_call_whose_clinic_has_hung_up()
    {
        Gate gate = new();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(gate.Holding(FakeAdjudication.Settling()));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, "--Claims:DrainSeconds=300");
        await HangUpAsync(gateway, gate);

        Task stop = gateway.StopAsync();
        Assert.False(stop.IsCompleted);
        gate.Open();

        await stop.WaitAsync(RunningGateway.Bound);
        Assert.Equal(1, gate.Passed);
    }

    [Fact]
    public async Task Ready_once_adjudication_has_been_there_and_from_then_on()
    {
        int port = FreePort.Take(1);
        await using RunningGateway gateway = await RunningGateway.StartAsync($"http://127.0.0.1:{port}");
        using HttpClient probe = new();
        Uri ready = new(gateway.Metrics, "/healthz/ready");

        using HttpResponseMessage before = await probe.GetAsync(ready);
        await using (await FakeAdjudication.StartAsync(FakeAdjudication.Settling(), port))
            await RunningGateway.EventuallyAsync(IsReadyAsync);
        string after = await gateway.OperationsAsync("/healthz/ready");

        Assert.Equal(503, (int)before.StatusCode);
        Assert.Contains("adjudication does not answer", await before.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("adjudication does not answer", after, StringComparison.Ordinal);

        async Task<bool> IsReadyAsync()
        {
            using HttpResponseMessage answer = await probe.GetAsync(ready);
            return answer.IsSuccessStatusCode;
        }
    }

    [Fact]
    public async Task Adjudication_that_does_not_serve_is_not_reached_until_it_does()
    {
        HealthCheckResponse.Types.ServingStatus status = HealthCheckResponse.Types.ServingStatus.NotServing;
        await using RunningGateway gateway = await RunningGateway.StartAsync(
            "http://127.0.0.1:1", services =>
                services.AddSingleton(new Health.HealthClient(new InProcessCalls(_ => new HealthCheckResponse { Status = status }))));
        using HttpClient probe = new();
        Uri ready = new(gateway.Metrics, "/healthz/ready");

        using HttpResponseMessage before = await probe.GetAsync(ready);
        status = HealthCheckResponse.Types.ServingStatus.Serving;
        using HttpResponseMessage serving = await probe.GetAsync(ready);
        status = HealthCheckResponse.Types.ServingStatus.NotServing;
        using HttpResponseMessage after = await probe.GetAsync(ready);

        Assert.Equal((503, 200, 200), ((int)before.StatusCode, (int)serving.StatusCode, (int)after.StatusCode));
        foreach (HttpResponseMessage told in (HttpResponseMessage[])[before, after])
            Assert.Contains("adjudication is not ready", await told.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("not ready", await serving.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_address_ends_the_start_with_the_name_of_the_setting()
    {
        ProcessStartInfo start = new("dotnet", [typeof(GatewaySettings).Assembly.Location])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            Environment = { ["Claims__Port"] = "0", ["Claims__MetricsPort"] = "0" },
        };
        using Process process = Process.Start(start)!;
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(
            (78, "Setting Claims:AdjudicationAddress (environment variable Claims__AdjudicationAddress) is missing.\n"
                + "Setting Claims:LedgerAddress (environment variable Claims__LedgerAddress) is missing.\n"),
            (process.ExitCode, errors));
    }

    private static async Task<string?> FirstLineAsync(TcpClient client)
    {
        using StreamReader reader = new(client.GetStream(), Encoding.UTF8);
        return await reader.ReadLineAsync().WaitAsync(RunningGateway.Bound);
    }

    /// <summary>A clinic asks, and is gone while its call is held.</summary>
    private static async Task HangUpAsync(RunningGateway gateway, Gate gate)
    {
        using (TcpClient clinic = await gateway.ConnectAsync(
            $"{RunningGateway.Post}Content-Length: {Visit.Length}", Visit)) await gate.Entered;
        await gateway.HungUp;
    }

    /// <summary>Holds calls until it is opened; a call that was cancelled meanwhile does not pass.</summary>
    private sealed class Gate
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _passed;

        public Task Entered => _entered.Task.WaitAsync(RunningGateway.Bound);

        public int Passed => Volatile.Read(ref _passed);

        public void Open() => _open.SetResult();

        public Func<IMessage, ServerCallContext, Task<IMessage>> Holding(Func<IMessage, ServerCallContext, Task<IMessage>> answer) =>
            async (request, context) =>
        {
            _entered.TrySetResult();
            await _open.Task.WaitAsync(context.CancellationToken);
            context.CancellationToken.ThrowIfCancellationRequested();
            Interlocked.Increment(ref _passed);
            return await answer(request, context);
        };
    }
}
