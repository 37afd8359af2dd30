using System.Collections.Concurrent;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hosting.Tests;

/// <summary>The host in this process, serving what the test gives it.</summary>
internal sealed class InProcessService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private InProcessService(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public Uri Grpc => _app.Addresses().Main;

    public Uri Metrics => _app.Addresses().Metrics;

    public List<string> Log { get; } = [];

    public static async Task<InProcessService> StartAsync(
        Behaviour behaviour, Action<WebApplicationBuilder>? configure = null, params string[] settings)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0", .. settings], "sample");
        builder.ReadSettings<NoSettings>();
        builder.Logging.ClearProviders();
        LogLines lines = new();
        builder.Logging.AddProvider(lines);
        builder.Services.AddSingleton(behaviour);
        configure?.Invoke(builder);
        WebApplication app = builder.Build();
        app.MapGrpcService<FakeAdjudication>();
        app.MapGrpcService<FakeLedger>();
        app.MapGrpcService<FakeRegistry>();
        InProcessService service = new(app);
        lines.Target = service.Log;
        await app.StartAsync();
        return service;
    }

    public Task StopAsync() => _app.StopAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed class NoSettings;

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public List<string> Target { get; set; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            lock (Target) Target.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>What the served methods do.</summary>
internal sealed class Behaviour
{
    public Func<SettleRequest, ServerCallContext, Task<SettleReply>> Settle { get; init; } = (request, _) =>
        Task.FromResult(new SettleReply { RequestId = request.RequestId });

    public Func<GetAccumulatorsRequest, ServerCallContext, Task<Accumulators>> GetAccumulators { get; init; } = (request, _) =>
        Task.FromResult(new Accumulators { InsuredId = request.InsuredId });

    public Func<IAsyncStreamReader<ImportChunk>, Task<ImportReply>> Import { get; init; } = _ => Task.FromResult(new ImportReply());
}

internal sealed class FakeAdjudication(Behaviour behaviour) : Adjudication.AdjudicationBase
{
    public override Task<SettleReply> Settle(SettleRequest request, ServerCallContext context) => behaviour.Settle(request, context);

    public override Task<Accumulators> GetAccumulators(GetAccumulatorsRequest request, ServerCallContext context) =>
        behaviour.GetAccumulators(request, context);

    public override async Task SettleStream(
        IAsyncStreamReader<SettleRequest> requestStream, IServerStreamWriter<SettleReply> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await responseStream.WriteAsync(await behaviour.Settle(requestStream.Current, context));
        }
    }
}

internal sealed class FakeRegistry(Behaviour behaviour) : Eligibility.EligibilityBase
{
    public override Task<ImportReply> Import(IAsyncStreamReader<ImportChunk> requestStream, ServerCallContext context) =>
        behaviour.Import(requestStream);
}

internal sealed class FakeOperations : AdjudicationOperations.AdjudicationOperationsBase
{
    public override Task<Outbox> GetOutbox(GetOutboxRequest request, ServerCallContext context) => Task.FromResult(new Outbox());
}

internal sealed class FakeLedger : Ledger.LedgerBase
{
    public override async Task WatchWatermarks(
        WatchWatermarksRequest request, IServerStreamWriter<Watermarks> responseStream, ServerCallContext context)
    {
        await responseStream.WriteAsync(new Watermarks());
        await new TaskCompletionSource().Task.WaitAsync(context.CancellationToken);
    }
}
