using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Claims.Adjudication.Store;

/// <summary>Ready while any shard would settle a visit, which each is asked to show; degraded, with the reason, while some would
/// not.</summary>
internal sealed class ShardHealth(SettlementStore store) : IHealthCheck
{
    /// <summary>Below what a probe of Kubernetes waits, 3 s in deploy/k8s, so that the reason arrives.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        string?[] asked = await Task.WhenAll(store.Shards.Select(shard => shard.FindFaultAsync(Limit)));
        string[] faults = [.. asked.OfType<string>()];
        if (faults.Length == 0) return HealthCheckResult.Healthy();
        string reason = $"{faults.Length} of {asked.Length} shards are closed or cannot be written: {faults[0]}";
        return faults.Length < asked.Length ? HealthCheckResult.Degraded(reason) : HealthCheckResult.Unhealthy(reason);
    }
}
