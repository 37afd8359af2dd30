using Npgsql;

namespace Claims.Ledger.Refusals;

/// <summary>Once an hour takes away refusals that are older than they are kept.</summary>
internal sealed class RefusalRemoval(RefusalStore store, TimeProvider clock, ILogger<RefusalRemoval> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, clock);
        do
        {
            try
            {
                int removed = await store.RemoveOldAsync(stoppingToken);
                if (removed > 0) log.LogInformation("Removed {Refusals} refusals that were old enough", removed);
            }
            catch (NpgsqlException e)
            {
                log.LogWarning("Old refusals could not be removed: {Reason}", e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
