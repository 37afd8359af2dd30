using System.Collections.Concurrent;
using System.Net;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Grpc.Tests;

/// <summary>The test service on Kestrel at a free port of loopback, h2c.</summary>
public sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestServer(WebApplication app, TestServiceImplementation service, ErrorLog errors)
    {
        _app = app;
        Service = service;
        Errors = errors.Entries;
        Address = new Uri(app.Urls.Single());
        Raw = new RawClient(Address);
    }

    public Uri Address { get; }
    public TestServiceImplementation Service { get; }
    internal RawClient Raw { get; }
    public IServiceProvider Services => _app.Services;

    /// <summary>What the server has logged as errors.</summary>
    public IReadOnlyCollection<string> Errors { get; }

    public void AssertNoErrors()
    {
        if (Errors.Count > 0)
            Assert.Fail(string.Join('\n', Errors));
    }

    public static async Task<TestServer> StartAsync(Action<WebApplicationBuilder>? configure = null, Action<GrpcServiceOptions>? grpc = null,
        Action<WebApplication>? map = null, Action<ListenOptions>? listen = null, int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        ErrorLog errors = new();
        builder.Logging.ClearProviders().AddProvider(errors).SetMinimumLevel(LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http2;
            listen?.Invoke(endpoint);
        }));
        TestServiceImplementation service = new();
        builder.Services.AddSingleton(service);
        builder.Services.AddGrpc(options => grpc?.Invoke(options));
        configure?.Invoke(builder);
        WebApplication app = builder.Build();
        app.MapGrpcService<TestServiceImplementation>();
        map?.Invoke(app);
        await app.StartAsync();
        return new TestServer(app, service, errors);
    }

    public GrpcChannel Channel(GrpcChannelOptions? options = null) => GrpcChannel.ForAddress(Address, options);

    /// <summary>Stops gracefully: calls in flight get <paramref name="limit"/> to end.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        using CancellationTokenSource atLast = new(limit);
        await _app.StopAsync(atLast.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Raw.Dispose();
        await StopAsync(TimeSpan.FromSeconds(1));
        await _app.DisposeAsync();
    }

    private sealed class ErrorLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Entries { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose() { }
    }
}
