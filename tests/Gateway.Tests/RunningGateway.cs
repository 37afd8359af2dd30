using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Claims.Gateway;
using Claims.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests;

/// <summary>The gateway in this process, on free ports. Its counters are those of every gateway in the process, so tests that start one are
/// of one collection, named after it, and take turns.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    /// <summary>Longer than anything takes that a test waits for.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    /// <summary>How a request begins that is written by hand.</summary>
    public const string Post = "POST /v1/settle HTTP/1.1\nHost: localhost\nContent-Type: application/json\n";

    private readonly WebApplication _app;
    private readonly HttpClient _http = new();
    private readonly TaskCompletionSource _hungUp;

    private RunningGateway(WebApplication app, TaskCompletionSource hungUp, LogLines log)
    {
        _app = app;
        _hungUp = hungUp;
        Log = log.Lines;
    }

    public Uri Main => _app.Addresses().Main;

    public Uri Metrics => _app.Addresses().Metrics;

    /// <summary>Completes when the gateway has noticed that a clinic is gone.</summary>
    public Task HungUp => _hungUp.Task.WaitAsync(Bound);

    public IReadOnlyCollection<string> Log { get; }

    public static Task<RunningGateway> StartAsync(string adjudication, params string[] settings) =>
        StartAsync(adjudication, _ => { }, settings);

    /// <param name="replace">Puts parts of the test's own in place of the service's.</param>
    public static async Task<RunningGateway> StartAsync(string adjudication, Action<IServiceCollection> replace, params string[] settings)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            ["--Claims:Port=0", "--Claims:MetricsPort=0", $"--Claims:AdjudicationAddress={adjudication}",
                $"--Claims:LedgerAddress={adjudication}", .. settings], "gateway");
        LogLines log = new();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.AddGateway(builder.AddSettings<GatewaySettings>(MainPort.Http));
        replace(builder.Services);
        WebApplication app = builder.Build();
        TaskCompletionSource hungUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        app.Use((context, next) =>
        {
            context.RequestAborted.Register(() => hungUp.TrySetResult());
            return next(context);
        });
        app.MapClinicApi();
        await app.StartAsync();
        return new RunningGateway(app, hungUp, log);
    }

    public Task<ClinicAnswer> PostAsync(string operation, string json, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, $"/v1/{operation}", json, headers);

    public async Task<ClinicAnswer> SendAsync(
        HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, new Uri(_app.Addresses().Main, path));
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        foreach ((string name, string value) in headers) request.Headers.Add(name, value);
        return await SendAsync(request);
    }

    /// <param name="request">Of a path.</param>
    public async Task<ClinicAnswer> SendAsync(HttpRequestMessage request)
    {
        if (!request.RequestUri!.IsAbsoluteUri) request.RequestUri = new Uri(_app.Addresses().Main, request.RequestUri);
        using HttpResponseMessage response = await _http.SendAsync(request);
        Assert.Equal(("application/json", "utf-8"),
            (response.Content.Headers.ContentType!.MediaType, response.Content.Headers.ContentType.CharSet));
        return new ClinicAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.RetryAfter?.Delta);
    }

    /// <summary>A call is counted, and ends, a moment after its answer has arrived.</summary>
    public Task AllEndedAsync() =>
        EventuallyAsync(async () => (await MetricsAsync("claims_calls_in_progress")) is ["claims_calls_in_progress 0"]);

    public static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        long deadline = Environment.TickCount64 + (long)Bound.TotalMilliseconds;
        while (!await condition()) Assert.True(Environment.TickCount64 < deadline, "not in time");
    }

    /// <summary>The lines of /metrics that begin so.</summary>
    public async Task<string[]> MetricsAsync(string prefix) =>
        [.. (await OperationsAsync("/metrics")).Split('\n').Where(line => line.StartsWith(prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    public Task<string> OperationsAsync(string path) => _http.GetStringAsync(new Uri(Metrics, path));

    /// <summary>A connection on which these bytes have been sent and nothing has been read.</summary>
    public async Task<TcpClient> ConnectAsync(string head, string body)
    {
        TcpClient client = new();
        await client.ConnectAsync("127.0.0.1", _app.Addresses().Main.Port);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes($"{head.ReplaceLineEndings("\r\n")}\r\n\r\n{body}"));
        return client;
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) Lines.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>What a clinic gets.</summary>
internal sealed record ClinicAnswer(int Status, string Body, TimeSpan? RetryAfter)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string? Code => Json.GetProperty("code").GetString();

    public string Text => Json.GetProperty("text").GetString()!;
}
