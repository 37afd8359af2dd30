using System.CommandLine;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Limit;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Peer;
using Claims.LoadTests.Posting;
using Claims.LoadTests.Registry;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests;

/// <summary>Every measurement in one run, round by round in turn, so that whatever else the machine does meets all of them alike.</summary>
public static class BenchCommand
{
    private const int DefaultRounds = 5;
    private const int PostingRecords = 320_000;
    private const int PostingWarmUp = 160_000;
    private const int PeerSeconds = 10;
    private const int DefaultInsured = 100_000;
    private const int SettleVisits = 200_000;
    private const int UnaryVisits = 40_000;
    private const int UnaryConnections = 8;
    private const int UnaryCallers = 64;
    private const int LimitVisits = 200_000;
    private const int LatencyStreams = 8;
    private const double LatencyPerSecond = 1_000;
    private const int LatencyVisits = 20_000;

    // Before the service has said how large its batches are.
    private const int AssumedBatch = 32;

    private static readonly string[] InRounds = ["settle", "unary", "latency", "tls", "limit", "peer", "posting"];

    // Measured once: it does not depend on what else the machine does.
    private const string Memory = "memory";

    // In a system of its own, whose registry is empty before.
    private const string Import = "import";

    private static readonly string[] Parts = [.. InRounds, Memory, Import];

    public static Command Create()
    {
        Option<int> rounds = CommonOptions.AtLeastOne<int>("--rounds", "Of each measurement; the median counts.", DefaultRounds);
        Option<string[]> only =
            new("--only") { Description = $"Only these of {string.Join(", ", Parts)}.", AllowMultipleArgumentsPerToken = true };
        only.AcceptOnlyFromAmong(Parts);
        Option<int> insured = CommonOptions.AtLeastOne<int>(
            "--insured", "People in the system, each as likely to come as another.", DefaultInsured);
        Option<bool> json = CommonOptions.Json();
        Command command = new("bench",
            "Measure the system against the peer and against the limit; medians and ratios.") { rounds, only, insured, json };
        command.SetAction(async (result, cancel) =>
        {
            string[] parts = result.GetValue(only) is { Length: > 0 } some ? some : Parts;
            BenchResults results = await RunAsync(result.GetValue(rounds), parts, result.GetValue(insured), cancel);
            if (result.GetValue(json)) results.WriteJson();
            else results.Print();
            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<BenchResults> RunAsync(int rounds, string[] parts, int insured, CancellationToken cancellationToken)
    {
        BenchResults results = new() { Insured = insured };
        Workload workload = new(insured);
        if (parts.Contains(Memory))
        {
            Output.Progress("memory of a settled year …");
            results.StoreBytesPerInsuredYear = await StoreMemory.MeasureAsync(workload, cancellationToken);
        }

        if (parts.Contains(Import)) results.Import = await ImportBench.MeasureAsync(cancellationToken);

        string[] inRounds = [.. InRounds.Intersect(parts)];
        if (inRounds.Length == 0) return results;

        await using TemporarySystem system = await TemporarySystem.StartAsync("bench", CityPolicy.Shipped, _ => { }, cancellationToken);
        using (Services services = new(system.Layout)) await workload.ImportAsync(services, cancellationToken);
        if (parts.Contains("settle"))
        {
            // Just-in-time compilation and the first look at every insured belong to no round.
            await SettleBench.MeasureAsync(system, workload, SettleVisits, cancellationToken);
        }

        if (parts.Contains("latency")) await LatencyAsync(system.Layout, workload, cancellationToken);

        await using TlsSystem? secured =
            parts.Contains("tls") ? await TlsSystem.StartAsync(system.Layout, LatencyStreams, cancellationToken) : null;
        if (secured is not null) await TlsLatencyAsync(secured, workload, cancellationToken);

        (long Stolen, long Total) before = MachineNoise.ProcessorTicksNow();
        for (int round = 1; round <= rounds; round++)
        {
            foreach (string part in inRounds)
            {
                Output.Progress(string.Create(CultureInfo.InvariantCulture, $"round {round} of {rounds}, {part} …"));
                await MeasureAsync(part, system, secured, workload, results, cancellationToken);
            }
        }

        results.StolenPercent = MachineNoise.StolenPercent(before, MachineNoise.ProcessorTicksNow());
        foreach (string process in ProcessDefinitions.StartOrder)
            results.PeakResidentBytes[process] = ProcessUse.Of(system.PidOf(process)).PeakResidentBytes;
        return results;
    }

    private static async Task MeasureAsync(
        string part, TemporarySystem system, TlsSystem? secured, Workload workload, BenchResults results,
        CancellationToken cancellationToken)
    {
        switch (part)
        {
            case "settle":
                results.Settle.Add(await SettleBench.MeasureAsync(system, workload, SettleVisits, cancellationToken));
                break;
            case "unary":
                results.UnaryPerSecond.Add(await UnaryBench.MeasureAsync(
                    system.Layout, workload, UnaryVisits, UnaryConnections, UnaryCallers, cancellationToken));
                break;
            case "latency":
                using (MachineNoise noise = MachineNoise.Listen())
                {
                    results.Latencies.Add(await LatencyAsync(system.Layout, workload, cancellationToken));
                    results.Late.Add(noise.End().Late);
                }

                break;
            case "tls":
                // As many connections, callers and visits as without; each hospital is one facility here, and its certificate says which.
                CallInvoker[] hospitals = [.. Enumerable.Range(1, UnaryConnections).Select(secured!.Connect)];
                results.TlsUnaryPerSecond.Add(await UnaryBench.MeasureAsync(
                    hospitals, (hospital, _) => workload.NextOf(hospital + 1), UnaryVisits, UnaryCallers, cancellationToken));
                results.TlsLatencies.Add(await TlsLatencyAsync(secured!, workload, cancellationToken));
                break;
            case "limit":
                int batch = results.Settle.Count > 0
                    ? (int)Math.Round(Median.Of(results.Settle.Select(round => round.BatchSize)))
                    : AssumedBatch;
                results.RedisLimitPerSecond.Add(
                    await RedisLimit.MeasureAsync(workload, LimitVisits, Math.Max(batch, 1), cancellationToken));
                break;
            case "peer":
                await using (PlPgSqlPeer peer = await PlPgSqlPeer.StartAsync(cancellationToken))
                    results.PeerPerSecond.Add(await peer.MeasureAsync(PeerSeconds, cancellationToken));
                break;
            default:
                results.Posting.Add(await PostingBench.MeasureAsync(PostingRecords, PostingWarmUp, _ => { }, cancellationToken));
                break;
        }
    }

    private static async Task<LatencyHistogram> LatencyAsync(SystemLayout layout, Workload workload, CancellationToken cancellationToken)
    {
        using Services services = new(layout);
        CallInvoker[] hospitals = [.. Enumerable.Range(0, LatencyStreams).Select(_ => services.Connect(layout.AdjudicationAddress))];
        return await LatencyAsync(hospitals, _ => workload.Next(), cancellationToken);
    }

    private static Task<LatencyHistogram> TlsLatencyAsync(TlsSystem secured, Workload workload, CancellationToken cancellationToken) =>
        LatencyAsync([.. Enumerable.Range(1, LatencyStreams).Select(secured.Connect)],
            visit => workload.NextOf((visit % LatencyStreams) + 1), cancellationToken);

    /// <param name="visit">By its number; it goes over the next hospital's stream in turn.</param>
    private static async Task<LatencyHistogram> LatencyAsync(
        CallInvoker[] hospitals, Func<int, SettleRequest> visit, CancellationToken cancellationToken)
    {
        LatencyHistogram latencies = new();
        await new OpenLoop(hospitals).SendAsync([.. Enumerable.Range(0, LatencyVisits).Select(visit)], LatencyPerSecond, latencies,
            cancellationToken);
        return latencies;
    }
}
