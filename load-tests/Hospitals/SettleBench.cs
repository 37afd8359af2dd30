using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Measuring;
using Claims.V1;

namespace Claims.LoadTests.Hospitals;

/// <summary>One round of hospital streams at full speed.</summary>
/// <param name="SettlePerSecond">Acknowledged, with an fsync behind every answer.</param>
/// <param name="EndToEndPerSecond">Until the ledger has committed the last of them.</param>
/// <param name="BatchSize">Visits in a call of the settlement script, on average.</param>
/// <param name="AllocatedBytes">By Adjudication, per settlement, the relay's work among it.</param>
/// <param name="CpuMicroseconds">Per settlement, by process; the load generator's own among them.</param>
public sealed record SettleRound(
    double SettlePerSecond, double EndToEndPerSecond, double BatchSize, double AllocatedBytes,
    IReadOnlyDictionary<string, double> CpuMicroseconds);

/// <summary>Hospital streams at full speed against a running system.</summary>
public static class SettleBench
{
    private const int Streams = 8;
    private const int Window = 1_024;
    private static readonly TimeSpan PostedBound = TimeSpan.FromMinutes(2);

    public static async Task<SettleRound> MeasureAsync(
        TemporarySystem system, Workload workload, int visits, CancellationToken cancellationToken)
    {
        using Services services = new(system.Layout);
        byte[][][] hospitals = [.. Enumerable.Range(0, Streams)
            .Select(_ => Enumerable.Range(0, visits / Streams).Select(_ => RawStream.Encode(workload.Next())).ToArray())];
        List<byte[]>[] answers = [.. hospitals.Select(requests => new List<byte[]>(requests.Length))];
        RawStream[] streams = [.. hospitals.Select(_ => new RawStream(new Uri(system.Layout.AdjudicationAddress)))];
        Counters before = await Counters.ReadAsync(system, cancellationToken);

        long begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(streams.Select(
            (stream, hospital) => stream.SendAsync(hospitals[hospital], Window, answers[hospital], cancellationToken)));
        double settled = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        await PostedBooks.WaitAsync(services, PostedBound, cancellationToken);
        double posted = Stopwatch.GetElapsedTime(begun).TotalSeconds;

        Counters after = await Counters.ReadAsync(system, cancellationToken);
        int count = answers.Sum(stream => RawStream.Decode(stream).Count(reply => !reply.Replayed));
        return new SettleRound(
            count / settled,
            count / posted,
            (after.BatchedVisits - before.BatchedVisits) / (after.Batches - before.Batches),
            (after.AllocatedBytes - before.AllocatedBytes) / count,
            after.CpuSeconds.ToDictionary(use => use.Key, use => (use.Value - before.CpuSeconds[use.Key]) * 1e6 / count));
    }

    private sealed record Counters(
        double Batches, double BatchedVisits, double AllocatedBytes, IReadOnlyDictionary<string, double> CpuSeconds)
    {
        public static async Task<Counters> ReadAsync(TemporarySystem system, CancellationToken cancellationToken)
        {
            using ServiceMetrics metrics = new();
            int port = system.Layout.AdjudicationMetricsPort;
            Dictionary<string, double> cpu = ProcessDefinitions.StartOrder.ToDictionary(
                process => process, process => ProcessUse.OfTree(system.PidOf(process)).CpuSeconds);
            cpu["generator"] = ProcessUse.Of(Environment.ProcessId).CpuSeconds;
            return new Counters(
                await metrics.SumAsync(port, "claims_batch_visits_count", cancellationToken),
                await metrics.SumAsync(port, "claims_batch_visits_sum", cancellationToken),
                await metrics.SumAsync(port, "dotnet_gc_heap_total_allocated_bytes_total", cancellationToken),
                cpu);
        }
    }
}
