using System.Threading.Channels;
using Grpc.AspNetCore.HealthChecks;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.Health;

/// <summary>The application's health checks as grpc.health.v1. Check runs them; Watch follows their periodic reports.</summary>
internal sealed class HealthService(
    HealthCheckService checks, HealthReports reports, IOptions<GrpcHealthChecksOptions> options, IHostApplicationLifetime lifetime) : V1.Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        if (!options.Value.Services.TryGet(request.Service, out Func<HealthCheckRegistration, bool>? concerns))
            throw new RpcException(new Status(StatusCode.NotFound, "Unknown service."));
        return new HealthCheckResponse { Status = await CurrentAsync(concerns, context.CancellationToken) };
    }

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        bool known = options.Value.Services.TryGet(request.Service, out Func<HealthCheckRegistration, bool>? concerns);
        ServingStatus last = known ? await CurrentAsync(concerns!, context.CancellationToken) : ServingStatus.ServiceUnknown;
        await responseStream.WriteAsync(new HealthCheckResponse { Status = last });
        try
        {
            await foreach (HealthReport report in reports.FollowAsync(ends.Token))
            {
                ServingStatus now = known ? StatusOf(report, concerns!) : ServingStatus.ServiceUnknown;
                if (now == last)
                    continue;
                last = now;
                await responseStream.WriteAsync(new HealthCheckResponse { Status = now });
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            if (last == ServingStatus.Serving)
                await responseStream.WriteAsync(new HealthCheckResponse { Status = ServingStatus.NotServing });
        }
    }

    private async Task<ServingStatus> CurrentAsync(Func<HealthCheckRegistration, bool> concerns, CancellationToken cancellationToken)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            return ServingStatus.NotServing;
        HealthReport report = await checks.CheckHealthAsync(concerns, cancellationToken);
        return report.Status == HealthStatus.Unhealthy ? ServingStatus.NotServing : ServingStatus.Serving;
    }

    // A report covers all checks; a service's part of it is picked by name and tags, as the registration had them.
    private static ServingStatus StatusOf(HealthReport report, Func<HealthCheckRegistration, bool> concerns) =>
        report.Entries.Any(entry => entry.Value.Status == HealthStatus.Unhealthy && concerns(Registration(entry.Key, entry.Value)))
            ? ServingStatus.NotServing
            : ServingStatus.Serving;

    private static HealthCheckRegistration Registration(string name, HealthReportEntry entry) =>
        new(name, static _ => throw new NotSupportedException("Only carries a name and tags."), null, entry.Tags);
}

/// <summary>Passes each periodic health report on to whoever watches. A watcher that lags sees the newest only.</summary>
internal sealed class HealthReports : IHealthCheckPublisher
{
    private readonly Lock _gate = new();
    private readonly HashSet<Channel<HealthReport>> _watchers = [];

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        lock (_gate)
            foreach (Channel<HealthReport> watcher in _watchers)
                watcher.Writer.TryWrite(report);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<HealthReport> FollowAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Channel<HealthReport> mine = Channel.CreateBounded<HealthReport>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_gate)
            _watchers.Add(mine);
        try
        {
            await foreach (HealthReport report in mine.Reader.ReadAllAsync(cancellationToken))
                yield return report;
        }
        finally
        {
            lock (_gate)
                _watchers.Remove(mine);
        }
    }
}
