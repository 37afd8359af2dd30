using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Hosting.Tests;

public sealed class ServiceHostTests
{
    private static readonly Marshaller<byte[]> Raw = Marshallers.Create(bytes => bytes, bytes => bytes);

    private static HttpRequestMessage Http2(Uri address, string path) => new(HttpMethod.Get, new Uri(address, path))
    {
        Version = HttpVersion.Version20,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    [Fact]
    public async Task Settings_missing_or_wrong_are_each_named_with_exit_code_78()
    {
        await using ServiceProcess service =
            ServiceProcess.Launch(("Claims__MetricsPort", "metrics"), ("Claims__Copies", "11"), ("Claims__Loud", "perhaps"));

        Assert.Equal(78, await service.ExitCodeAsync());
        Assert.Equal(
            [
                "Setting Claims:Port (environment variable Claims__Port) is missing.",
                "Setting Claims:MetricsPort (environment variable Claims__MetricsPort) is 'metrics', which is not a whole number in range.",
                "Setting Claims:Greeting (environment variable Claims__Greeting) is missing.",
                "Setting Claims:Copies (environment variable Claims__Copies) is wrong: The field Copies must be between 1 and 10.",
                "Setting Claims:Loud (environment variable Claims__Loud) is 'perhaps', which is not true or false.",
            ],
            service.Errors);
    }

    [Theory]
    [InlineData("Claims__Port")]
    [InlineData("Claims__MetricsPort")]
    [InlineData("Claims__OperatorsPort")]
    public async Task Busy_port_is_one_sentence_naming_the_port(string busy)
    {
        using TcpListener holder = new(IPAddress.Loopback, 0);
        holder.Start();
        string port = ((IPEndPoint)holder.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        await using ServiceProcess service = ServiceProcess.Launch(
            ("Claims__Port", "0"), ("Claims__MetricsPort", "0"), ("Claims__Greeting", "hello"), (busy, port));

        Assert.Equal(69, await service.ExitCodeAsync());
        Assert.Equal([$"sample cannot start: port {port} ({busy}) is in use by another program."], service.Errors);
    }

    [Fact]
    public async Task Ports_serve_http2_on_one_and_operations_on_the_other()
    {
        await using ServiceProcess service = await ServiceProcess.StartAsync();
        using HttpClient client = new();

        using HttpResponseMessage greeting = await client.SendAsync(Http2(service.Grpc, "/greet"));
        Assert.Equal("hello", await greeting.Content.ReadAsStringAsync());
        Assert.Equal("live\n", await client.GetStringAsync(new Uri(service.Metrics, "/healthz/live")));

        using HttpResponseMessage metricsOnGrpc = await client.SendAsync(Http2(service.Grpc, "/metrics"));
        Assert.Equal(HttpStatusCode.NotFound, metricsOnGrpc.StatusCode);
        using HttpResponseMessage greetingOnMetrics = await client.GetAsync(new Uri(service.Metrics, "/greet"));
        Assert.Equal(HttpStatusCode.NotFound, greetingOnMetrics.StatusCode);
        using HttpResponseMessage post = await client.PostAsync(new Uri(service.Metrics, "/metrics"), content: null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    /// <summary>A hospital's stream stays open for days; with a bound on its size or pace it would break in the middle.</summary>
    [Fact]
    public async Task Stream_has_no_bound_in_size_or_pace_and_a_dead_peer_is_found_by_ping()
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());

        KestrelServerLimits limits = service.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.Equal((null, null), (limits.MaxRequestBodySize, limits.MinRequestBodyDataRate));
        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(20)),
            (limits.Http2.KeepAlivePingDelay, limits.Http2.KeepAlivePingTimeout));
    }

    [Fact]
    public async Task Without_mutual_tls_service_listens_on_loopback_and_says_so()
    {
        await using ServiceProcess service = await ServiceProcess.StartAsync();

        Assert.Equal("127.0.0.1", service.Grpc.Host);
        Assert.Equal("127.0.0.1", service.Metrics.Host);
        service.Terminate();
        Assert.Equal(0, await service.ExitCodeAsync());
        Assert.Contains(service.Log, entry => entry.GetProperty("event").GetString() == "loopback_only");
    }

    [Fact]
    public async Task Readiness_follows_the_checks_and_names_the_failing_one()
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await using ServiceProcess service = await ServiceProcess.StartAsync(("Claims__ReadyFile", file));
        using HttpClient client = new();
        Uri ready = new(service.Metrics, "/healthz/ready");

        using HttpResponseMessage before = await client.GetAsync(ready);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, before.StatusCode);
        JsonElement report = JsonDocument.Parse(await before.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("the file is not there", report.GetProperty("checks").GetProperty("file").GetProperty("reason").GetString());

        await File.WriteAllTextAsync(file, "");
        try
        {
            using HttpResponseMessage after = await client.GetAsync(ready);
            Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Grpc_health_follows_the_same_checks()
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await using ServiceProcess service = await ServiceProcess.StartAsync(("Claims__ReadyFile", file));
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Method<byte[], byte[]> check = new(MethodType.Unary, "grpc.health.v1.Health", "Check", Raw, Raw);

        // HealthCheckResponse { status = 2 } is NOT_SERVING, 1 is SERVING.
        Assert.Equal([0x08, 0x02], await channel.CreateCallInvoker().AsyncUnaryCall(check, host: null, new CallOptions(), []));
        await File.WriteAllTextAsync(file, "");
        try
        {
            Assert.Equal([0x08, 0x01], await channel.CreateCallInvoker().AsyncUnaryCall(check, host: null, new CallOptions(), []));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Sigterm_lets_a_call_in_progress_finish_and_exits_0()
    {
        await using ServiceProcess service = await ServiceProcess.StartAsync();
        using HttpClient client = new();
        using HttpResponseMessage slow = await client.SendAsync(Http2(service.Grpc, "/slow"), HttpCompletionOption.ResponseHeadersRead);

        service.Terminate();

        Assert.Equal("begun ended", await slow.Content.ReadAsStringAsync());
        Assert.Equal(0, await service.ExitCodeAsync());
        Assert.Equal("stopped", service.Log.Last().GetProperty("event").GetString());
        Assert.Empty(service.Errors);
    }

    [Fact]
    public async Task Calls_have_the_seconds_of_the_setting_to_end_in()
    {
        await using InProcessService service =
            await InProcessService.StartAsync(new Behaviour(), configure: null, "--Claims:DrainSeconds=7");

        Assert.Equal(TimeSpan.FromSeconds(7), service.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout);
    }

    [Fact]
    public async Task Failure_while_the_program_is_put_together_is_one_sentence()
    {
        await using ServiceProcess service =
            ServiceProcess.Launch(("Claims__Port", "0"), ("Claims__MetricsPort", "0"), ("Claims__Greeting", "hello"),
            ("Claims__FailBeforeRun", "true"));

        Assert.Equal(70, await service.ExitCodeAsync());
        Assert.Equal(["sample cannot start: The policy is not there, line 3."], service.Errors);
    }

    [Fact]
    public async Task Failed_background_service_ends_the_process_with_an_exit_code()
    {
        // Whether it fails before or after the rest has started is up to the machine.
        await using ServiceProcess service =
            ServiceProcess.Launch(("Claims__Port", "0"), ("Claims__MetricsPort", "0"), ("Claims__Greeting", "hello"),
            ("Claims__FailInBackground", "true"));

        Assert.Equal(70, await service.ExitCodeAsync());
        Assert.Equal(["sample stopped because FailingWorker failed: The worker lost its way."], service.Errors);
    }

    [Fact]
    public async Task Log_line_is_json_with_trace_id_and_without_personal_data()
    {
        await using ServiceProcess service = await ServiceProcess.StartAsync();
        using HttpClient client = new();
        using HttpResponseMessage greeting = await client.SendAsync(Http2(service.Grpc, "/greet"));
        service.Terminate();
        Assert.Equal(0, await service.ExitCodeAsync());

        JsonElement entry = Assert.Single(service.Log, entry => entry.GetProperty("event").GetString() == "greeted");
        Assert.Equal("Greeted ***1234, called ***.", entry.GetProperty("message").GetString());
        Assert.Equal("***1234", entry.GetProperty("InsuredId").GetString());
        Assert.Equal("info", entry.GetProperty("level").GetString());
        Assert.Equal("sample", entry.GetProperty("service").GetString());
        Assert.Equal(32, entry.GetProperty("trace_id").GetString()!.Length);
        Assert.False(entry.TryGetProperty("Name", out _));
    }

    [Fact]
    public async Task Metrics_count_what_the_service_did_and_hold_to_the_format()
    {
        await using ServiceProcess service = await ServiceProcess.StartAsync(("Claims__Greeting", "a \"quoted\\ one\nand more"));
        using HttpClient client = new();
        for (int call = 0; call < 3; call++) (await client.SendAsync(Http2(service.Grpc, "/greet"))).Dispose();

        using HttpResponseMessage response = await client.GetAsync(new Uri(service.Metrics, "/metrics"));
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Exposition metrics = Exposition.Parse(await response.Content.ReadAsStringAsync());

        Assert.Equal(3, metrics.Value("claims_sample_greetings_total", ("greeting", "a \"quoted\\ one\nand more")));
        Assert.Equal("counter", metrics.Families["claims_sample_greetings_total"].Type);
        // An alert sees no increase of what was not there: what is rare is there from the start.
        foreach (string reason in (string[])["all", "calls", "streams", "rate"])
            Assert.Equal(0, metrics.Value("claims_calls_turned_away_total", ("reason", reason)));
        foreach (string reason in (string[])["share", "resets", "silent"])
            Assert.Equal(0, metrics.Value("claims_connections_turned_away_total", ("reason", reason)));
        foreach (string reason in (string[])["silent", "certificate"])
            Assert.Equal(0, metrics.Value("claims_streams_cut_total", ("reason", reason)));
        Assert.Contains("kestrel_active_connections", metrics.Families.Keys);
        Assert.Contains("dotnet_process_memory_working_set_bytes", metrics.Families.Keys);
    }
}
