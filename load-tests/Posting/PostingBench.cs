using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Measuring;
using Claims.Kafka;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Posting;

/// <summary>One measurement of the ledger alone.</summary>
/// <param name="CpuMicroseconds">Per settlement, by process; the publisher's own among them.</param>
public sealed record PostingRound(double PerSecond, IReadOnlyDictionary<string, double> CpuMicroseconds);

/// <summary>
/// How fast the ledger books what stands in the topic: broker, ledger and PostgreSQL in processes of their own, fsync and
/// synchronous_commit on, from the first record published to the last watermark committed.
/// </summary>
public static class PostingBench
{
    private const int Shards = 32;

    private static readonly string[] Processes = ["ledger", "postgres", "broker"];

    /// <param name="records">How many settlements; rounded down to a multiple of the shards.</param>
    /// <param name="warmUp">How many are posted before, so that just-in-time compilation is not measured.</param>
    public static async Task<PostingRound> MeasureAsync(int records, int warmUp, Action<string> tell, CancellationToken cancellationToken)
    {
        await using TemporarySystem system = await TemporarySystem.StartAsync("posting", CityPolicy.Shipped, tell, cancellationToken);
        using Services services = new(system.Layout);
        CallInvoker ledger = services.Connect(system.Layout.LedgerAddress);
        Store store = await new Ledger.LedgerClient(ledger).OpenStoreAsync(
            new OpenStoreRequest { ProposedEpoch = new string('0', 32), Shards = Shards }, cancellationToken: cancellationToken);
        SettledLog log = SettledLog.Generate(store.Epoch, store.Shards, (records + warmUp) / store.Shards);
        LogPublisher publisher = new(log, await File.ReadAllTextAsync(system.Layout.BrokerAddressFile, cancellationToken),
            MessageKeys.Load(system.Layout.KafkaKeyFile), ledger);
        int warm = warmUp / store.Shards;
        await publisher.PublishAsync(warm, cancellationToken);

        Dictionary<string, double> before = CpuSeconds(system);
        long begun = Stopwatch.GetTimestamp();
        await publisher.PublishAsync(log.PerShard, cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        Dictionary<string, double> after = CpuSeconds(system);

        TrialBalance books = await new Ledger.LedgerClient(ledger)
            .GetTrialBalanceAsync(new GetTrialBalanceRequest(), cancellationToken: cancellationToken);
        if (!books.Balanced || books.StandingSettlements != log.Count)
            throw new CommandException($"After posting {log.Count} settlements the books have {books.StandingSettlements}, "
                + $"balanced: {books.Balanced}.", ExitCodes.Failed);
        long measured = log.Count - ((long)warm * log.Shards);
        return new PostingRound(measured / seconds,
            after.ToDictionary(use => use.Key, use => (use.Value - before[use.Key]) * 1e6 / measured));
    }

    private static Dictionary<string, double> CpuSeconds(TemporarySystem system) => new(
        Processes.Select(process => KeyValuePair.Create(process, ProcessUse.OfTree(system.PidOf(process)).CpuSeconds)))
    {
        ["publisher"] = ProcessUse.Of(Environment.ProcessId).CpuSeconds,
    };
}
