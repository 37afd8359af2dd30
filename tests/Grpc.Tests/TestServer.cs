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

    private TestServer(WebApplication app, TestServiceImplementation service)
    {
        _app = app;
        Service = service;
        Address = new Uri(app.Urls.Single());
    }

    public Uri Address { get; }
    public TestServiceImplementation Service { get; }
    public IServiceProvider Services => _app.Services;

    public static async Task<TestServer> StartAsync(Action<WebApplicationBuilder>? configure = null, Action<GrpcServiceOptions>? grpc = null,
        Action<WebApplication>? map = null, Action<ListenOptions>? listen = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
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
        return new TestServer(app, service);
    }

    public GrpcChannel Channel(GrpcChannelOptions? options = null) => GrpcChannel.ForAddress(Address, options);

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource atOnce = new(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }
}
