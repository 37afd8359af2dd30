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

    public static Option<int> WaitOption() => new("--wait")
    {
        Description = "Seconds to wait at most until all that was settled is in the books.",
        DefaultValueFactory = _ => DefaultWaitSeconds,
    };

    /// <summary>Until the ledger has committed every record that adjudication has numbered.</summary>
    /// <exception cref="CommandException">It has not within the bound, or adjudication does not answer.</exception>
    public static Task WaitAsync(Services services, TimeSpan bound, CancellationToken cancellationToken) =>
        WaitAsync(services.Connect(services.Layout.AdjudicationAddress), services.Layout.AdjudicationAddress, bound, cancellationToken);

    public static async Task WaitAsync(CallInvoker adjudication, string address, TimeSpan bound, CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient client = new(adjudication);
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        try
        {
            while (true)
            {
                Outbox outbox = await client.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
                if (outbox.Shards.All(shard => shard.Ready && shard.Sequence == shard.Committed))
                    return;
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException(SentenceOf(outbox, bound), ExitCodes.Unavailable);
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", address, e);
        }
    }

    private static string SentenceOf(Outbox outbox, TimeSpan bound)
    {
        OutboxShard? unready = outbox.Shards.FirstOrDefault(shard => !shard.Ready);
        long behind = outbox.Shards.Sum(shard => shard.Sequence - shard.Committed);
        return unready is null
            ? string.Create(CultureInfo.InvariantCulture, $"After {bound.TotalSeconds} s the ledger is still {behind} records behind adjudication.")
            : $"Shard {unready.Shard} of adjudication is not ready: {unready.Reason}";
    }
}
