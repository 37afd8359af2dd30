using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Claims.Gateway;

/// <summary>
/// Not ready until Adjudication has been there once: a wrong address shows before a clinic is sent here. From then on ready whatever
/// becomes of Adjudication: a clinic that cannot be served gets a sentence and not a refused connection.
/// </summary>
internal sealed class AdjudicationReached(Health.HealthClient adjudication) : IHealthCheck
{
    private volatile bool _reached;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        string reason = "adjudication is not ready";
        try
        {
            HealthCheckResponse health = await adjudication.CheckAsync(new HealthCheckRequest(), cancellationToken: cancellationToken);
            if (health.Status == HealthCheckResponse.Types.ServingStatus.Serving)
            {
                _reached = true;
                return HealthCheckResult.Healthy();
            }
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            reason = $"adjudication does not answer: {e.Status.Detail}";
        }

        return _reached ? HealthCheckResult.Degraded(reason) : HealthCheckResult.Unhealthy(reason);
    }
}
