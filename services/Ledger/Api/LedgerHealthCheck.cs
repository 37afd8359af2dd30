using Claims.Hosting;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>
/// Ready while the books can be asked and written. A broker that is away, or a stopped shard, is reported but does not turn callers
/// away: they need the watermarks, and the other shards go on.
/// </summary>
internal sealed class LedgerHealthCheck(
    ClaimsStore store, PostgresTrust trust, Watermarks watermarks, ShardSharing sharing, RecordFeed feed) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await store.ReadAsync(cancellationToken);
            if (await trust.FindFaultAsync(cancellationToken) is { } fault) return HealthCheckResult.Unhealthy(fault);
        }
        catch (NpgsqlException exception)
        {
            return HealthCheckResult.Unhealthy($"PostgreSQL cannot be read: {exception.Message}");
        }

        if (!watermarks.Opened.IsCompleted) return HealthCheckResult.Healthy("no store has been opened yet");
        if (watermarks.Stopped is [var first, ..] stopped)
            return HealthCheckResult.Degraded($"{stopped.Count} shards have stopped; shard {first.Shard}: {first.Reason}");
        if (sharing.Problem is { } lost)
            return HealthCheckResult.Degraded($"the session that holds this instance's shards is lost: {lost}");
        return feed.Problem is { } problem ? HealthCheckResult.Degraded($"Kafka cannot be read: {problem}") : HealthCheckResult.Healthy();
    }
}
