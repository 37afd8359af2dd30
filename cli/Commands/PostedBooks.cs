using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>Waiting until the books have everything that was settled.</summary>
public static class PostedBooks
{
    private const int DefaultWaitSeconds = 30;
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public static Option<int> WaitOption(string description = "Seconds to wait at most until all that was settled is in the books.")
    {
        Option<int> wait = new("--wait") { Description = description, DefaultValueFactory = _ => DefaultWaitSeconds };
        wait.Must(seconds => seconds >= 0, "at least 0");
        return wait;
    }

    /// <summary>Until the ledger has committed every record that adjudication had numbered when this was called; what comes later is not
    /// waited for.</summary>
    /// <returns>How far that was.</returns>
    /// <exception cref="CommandException">It has not within the bound, or adjudication does not answer.</exception>
    public static Task<BooksReached> WaitAsync(Services services, TimeSpan bound, CancellationToken cancellationToken) =>
        WaitAsync(services.Connect(services.Layout.AdjudicationOperatorsAddress), services.Layout.AdjudicationOperatorsAddress, bound,
            cancellationToken);

    /// <inheritdoc cref="WaitAsync(Services, TimeSpan, CancellationToken)"/>
    public static async Task<BooksReached> WaitAsync(
        CallInvoker adjudication, string address, TimeSpan bound, CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient client = new(adjudication);
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        SortedDictionary<int, long> wanted = [];
        try
        {
            while (true)
            {
                Outbox outbox = await client.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
                // A shard that is not ready has told no number yet.
                foreach (OutboxShard shard in outbox.Shards.Where(shard => shard.Ready)) wanted.TryAdd(shard.Shard, shard.Sequence);
                if (outbox.Shards.All(shard => shard.Ready && shard.Committed >= wanted[shard.Shard]))
                    return new BooksReached
                    {
                        Epoch = outbox.Epoch,
                        Shards = { wanted.Select(shard => new ReachedShard { Shard = shard.Key, Sequence = shard.Value }) },
                    };
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException(SentenceOf(outbox, wanted, bound), ExitCodes.Unavailable);
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", address, e);
        }
    }

    private static string SentenceOf(Outbox outbox, SortedDictionary<int, long> wanted, TimeSpan bound)
    {
        OutboxShard? unready = outbox.Shards.FirstOrDefault(shard => !shard.Ready);
        return unready is null
            ? string.Create(CultureInfo.InvariantCulture,
                $"After {bound.TotalSeconds} s the ledger is "
                + $"still {outbox.Shards.Sum(shard => Math.Max(0, wanted[shard.Shard] - shard.Committed))} records behind adjudication.")
            : $"Shard {unready.Shard} of adjudication is not ready: {unready.Reason}";
    }
}
