using Claims.Cli;
using Claims.LoadTests.Hospitals;
using Claims.V1;

namespace Claims.LoadTests.Limit;

/// <summary>What an insured's year takes of Redis' memory: three settlements each, of three days at three hospitals, by the settlement
/// script.</summary>
public static class StoreMemory
{
    private const int Settlements = 3;

    // Visits in a call, as the service makes them at full speed.
    private const int Batch = 63;

    /// <returns>Bytes an insured-year once its records are booked, the tables that find it among them.</returns>
    /// <exception cref="CommandException">The script failed.</exception>
    public static async Task<double> MeasureAsync(Workload workload, CancellationToken cancellationToken)
    {
        await using ScriptStore store = await ScriptStore.StartAsync(cancellationToken);
        long before = await store.UsedBytesAsync();
        await store.PipeAsync(input => store.WriteCallsAsync(input, Visits(workload), Batch, cancellationToken), cancellationToken);
        return (double)(await store.UsedBytesAsync() - before) / workload.Insured;
    }

    private static IEnumerable<SettleRequest> Visits(Workload workload)
    {
        for (int settlement = 0; settlement < Settlements; settlement++)
        {
            for (int insured = 0; insured < workload.Insured; insured++)
            {
                SettleRequest visit = workload.Visit(1 + ((insured + settlement) % Workload.Facilities), insured);
                visit.VisitDate = $"2025-06-1{settlement}";
                yield return visit;
            }
        }
    }
}
