using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Posting;

/// <summary>
/// How fast the ledger books what stands in the topic: broker, ledger and PostgreSQL in processes of their own, fsync and
/// synchronous_commit on, from the first record published to the last watermark committed.
/// </summary>
public static class PostingBench
{
    private const int Shards = 32;

    /// <param name="records">How many settlements; rounded down to a multiple of the shards.</param>
    /// <returns>Settlements per second.</returns>
    public static async Task<double> MeasureAsync(int records, Action<string> tell, CancellationToken cancellationToken)
    {
        await using TemporarySystem system = await TemporarySystem.StartAsync("posting", tell, cancellationToken);
        using Services services = new(system.Layout);
        CallInvoker ledger = services.Connect(system.Layout.LedgerAddress);
        Store store = await new Ledger.LedgerClient(ledger).OpenStoreAsync(
            new OpenStoreRequest { ProposedEpoch = new string('0', 32), Shards = Shards }, cancellationToken: cancellationToken);
        SettledLog log = SettledLog.Generate(store.Epoch, store.Shards, records / store.Shards);
        string brokers = await File.ReadAllTextAsync(system.Layout.BrokerAddressFile, cancellationToken);

        long begun = Stopwatch.GetTimestamp();
        await new LogPublisher(log, brokers, ledger).PublishAsync(cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;

        TrialBalance books = await new Ledger.LedgerClient(ledger).GetTrialBalanceAsync(new GetTrialBalanceRequest(), cancellationToken: cancellationToken);
        if (!books.Balanced || books.StandingSettlements != log.Count)
            throw new CommandException($"After posting {log.Count} settlements the books have {books.StandingSettlements}, balanced: {books.Balanced}.", ExitCodes.Failed);
        return log.Count / seconds;
    }
}
