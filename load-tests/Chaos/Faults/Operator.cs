using System.Collections.Concurrent;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.LoadTests.Chaos.Calls;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>Whoever runs the system: waits for the books, and rebuilds the store where it has lost something.</summary>
/// <param name="adjudications">Addresses for operators, of every instance.</param>
public sealed class Operator(Services services, IReadOnlyList<string> adjudications, HospitalGroup hospitals)
{
    private const int Shards = 32;
    private const int ShardsAtATime = 8;
    private static readonly TimeSpan BooksBound = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RebuildBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan ShardBound = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ClosedBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentBag<string> _lost = [];
    private readonly ConcurrentQueue<string> _notes = [];

    /// <summary>Numbers that a rebuild found nowhere.</summary>
    public IReadOnlyCollection<string> Lost => _lost;

    /// <summary>What was seen on the way.</summary>
    public IReadOnlyCollection<string> Notes => _notes;

    public void Note(string note) => _notes.Enqueue(note);

    /// <summary>Hospitals wait, and the books have everything: what a store loses now, the books have.</summary>
    public async Task BringToRestAsync(CancellationToken cancellationToken)
    {
        await hospitals.PauseAsync(cancellationToken);
        await WaitForBooksAsync(cancellationToken);
    }

    /// <summary>What has been answered until now is booked.</summary>
    public Task WaitForBooksAsync(CancellationToken cancellationToken) =>
        PostedBooks.WaitAsync(services, BooksBound, cancellationToken);

    /// <summary>Both instances have noticed that the store cannot be trusted.</summary>
    /// <exception cref="CommandException">They have not within the bound.</exception>
    public async Task WaitUntilClosedAsync(CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient[] instances =
            [.. adjudications.Select(address => new AdjudicationOperations.AdjudicationOperationsClient(services.Connect(address)))];
        long deadline = Environment.TickCount64 + (long)ClosedBound.TotalMilliseconds;
        foreach (AdjudicationOperations.AdjudicationOperationsClient instance in instances)
        {
            while (true)
            {
                Outbox outbox = await instance.GetOutboxAsync(
                    new GetOutboxRequest(), null, DateTime.UtcNow + ShardBound, cancellationToken);
                if (outbox.Shards.All(shard => !shard.Ready)) break;
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException($"Shards were still open {ClosedBound.TotalSeconds} s after their store had become unsafe.");
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
    }

    /// <summary>Every shard, until each is whole.</summary>
    /// <exception cref="CommandException">One is not within the bound.</exception>
    public async Task RebuildAsync(CancellationToken cancellationToken)
    {
        foreach (RebuildReport report in await EachShardAsync(dryRun: false, cancellationToken))
        {
            foreach (LostNumbers lost in report.LostNumbers)
                _lost.Add($"shard {report.Shard}: {lost.FirstSequence} to {lost.LastSequence}");
        }
    }

    /// <returns>What differs between the store and the books, a line a shard.</returns>
    public async Task<IReadOnlyList<string>> CompareAsync(CancellationToken cancellationToken) =>
        Apart(await EachShardAsync(dryRun: true, cancellationToken));

    internal static IReadOnlyList<string> Apart(IEnumerable<RebuildReport> reports) =>
    [
        .. reports
            .Where(report => report.Closed.Length > 0 || report.LostRecords.Count > 0 || report.RestDiffers
                || report.MissingInsured + report.DifferingInsured + report.UnknownInsured > 0)
            .Select(report => $"shard {report.Shard}: {report.MissingInsured} gone, {report.DifferingInsured} differ, "
                + $"{report.UnknownInsured} unknown{(report.RestDiffers ? ", the rest differs" : "")}"
                + $"{(report.LostRecords.Count > 0 ? $", {report.LostRecords.Count} records lost" : "")}"
                + $"{(report.Closed.Length > 0 ? $", closed: {report.Closed}" : "")}"),
    ];

    private async Task<IReadOnlyList<RebuildReport>> EachShardAsync(bool dryRun, CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient client =
            new(services.Connect(services.Layout.AdjudicationOperatorsAddress));
        ConcurrentBag<RebuildReport> reports = [];
        await Parallel.ForAsync(0, Shards,
            new ParallelOptions { MaxDegreeOfParallelism = ShardsAtATime, CancellationToken = cancellationToken },
            async (shard, cancel) => reports.Add(await OneShardAsync(client, shard, dryRun, cancel)));
        return [.. reports.OrderBy(report => report.Shard)];
    }

    /// <remarks>A service that is just starting, or books that move, are met with another try.</remarks>
    private static async Task<RebuildReport> OneShardAsync(
        AdjudicationOperations.AdjudicationOperationsClient client, int shard, bool dryRun, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)RebuildBound.TotalMilliseconds;
        while (true)
        {
            try
            {
                RebuildReport? report = null;
                using AsyncServerStreamingCall<RebuildNews> call = client.RebuildShard(
                    new RebuildShardRequest { Shard = shard, DryRun = dryRun }, null, DateTime.UtcNow + ShardBound, cancellationToken);
                await foreach (RebuildNews news in call.ResponseStream.ReadAllAsync(cancellationToken)) report = news.Report ?? report;
                if (report is not null) return report;
            }
            catch (RpcException e) when (Environment.TickCount64 < deadline && !cancellationToken.IsCancellationRequested)
            {
                _ = e;
            }
            catch (RpcException e)
            {
                throw new CommandException($"Shard {shard} cannot be rebuilt: {Services.Reason(e)}.", e);
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }
}
