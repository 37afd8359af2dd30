using System.Collections.Frozen;
using System.Threading.Channels;
using Claims.Kafka;
using Google.Protobuf;

namespace Claims.Ledger.Posting;

/// <summary>
/// Reads this instance's partitions from the broker's present end on. Where it starts does not matter for what is booked: the
/// watermarks say to whoever publishes what is still missing.
/// </summary>
internal sealed class RecordFeed(KafkaSettings settings, OwnShards own, Peers peers, LedgerMetrics metrics, ILogger<RecordFeed> logger)
{
    // Messages of at most 250 records: some 10 MB where many are published, and beyond it they wait in the broker.
    private const int Capacity = 64;

    private static readonly TimeSpan PollTime = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ShortestBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private const long QuietMilliseconds = 1_000;

    private long _unauthenticToldAt = Environment.TickCount64 - QuietMilliseconds;

    private readonly Channel<FeedRecord[]> _messages =
        Channel.CreateBounded<FeedRecord[]>(new BoundedChannelOptions(Capacity) { SingleReader = true, SingleWriter = true });

    /// <summary>The records of each message that has come.</summary>
    public ChannelReader<FeedRecord[]> Messages => _messages.Reader;

    /// <summary>Why nothing is being read, or null while it is.</summary>
    public string? Problem { get; private set; } = "waiting for adjudication to open the store";

    /// <summary>Partitions that are being read.</summary>
    public int Partitions { get; private set; }

    /// <summary>Reads until cancelled, through every failure of the broker, on a thread of its own.</summary>
    public Task RunAsync(int shards, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(shards, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

    private void Run(int shards, CancellationToken cancellationToken)
    {
        TimeSpan backOff = ShortestBackOff;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using KafkaReader reader = new(settings, PostingWorker.IsTraced, logger);
                if (reader.CountPartitions() is int partitions && partitions != shards)
                    throw new TopicMismatchException(partitions, shards);
                Problem = null;
                backOff = ShortestBackOff;
                Read(reader, cancellationToken);
            }
            catch (Exception exception) when (exception is KafkaReadException or TopicMismatchException)
            {
                Problem = exception.Message;
                Partitions = 0;
                logger.LogWarning("Kafka at {BootstrapServers} cannot be read: {Reason} Trying again in {Seconds:0.0} s.",
                    settings.BootstrapServers, exception.Message, backOff.TotalSeconds);
                cancellationToken.WaitHandle.WaitOne(backOff);
                backOff = backOff * 2 < LongestBackOff ? backOff * 2 : LongestBackOff;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private void Read(KafkaReader reader, CancellationToken cancellationToken)
    {
        FrozenSet<int> assigned = FrozenSet<int>.Empty;
        Dictionary<int, long> positions = [];
        long lagMeasuredAt = Environment.TickCount64;
        while (!cancellationToken.IsCancellationRequested)
        {
            if (own.Shards != assigned) Reassign(reader, positions, assigned = own.Shards);
            if (reader.Next(PollTime) is { } message)
            {
                positions[message.Partition] = message.Offset + 1;
                if (message.Value is not { } value)
                {
                    TellUnauthentic(message);
                    continue;
                }

                FeedRecord[] records = Parsed(message, value);
                if (!_messages.Writer.TryWrite(records))
                    _messages.Writer.WriteAsync(records, cancellationToken).AsTask().GetAwaiter().GetResult();
            }

            if (Environment.TickCount64 - lagMeasuredAt < 1_000) continue;
            lagMeasuredAt = Environment.TickCount64;
            metrics.LagRecords = positions.ToDictionary(
                position => position.Key, position => Math.Max(reader.KnownEndOf(position.Key) - position.Value, 0));
        }
    }

    /// <summary>Partitions that stay are read on from where they are, new ones from the end, and what was published of those before is
    /// asked for again.</summary>
    private void Reassign(KafkaReader reader, Dictionary<int, long> positions, FrozenSet<int> shards)
    {
        foreach (int left in positions.Keys.Where(shard => !shards.Contains(shard)).ToArray()) positions.Remove(left);
        int[] taken = [.. shards.Where(shard => !positions.ContainsKey(shard)).Order()];

        // Resolved here rather than by assigning "the end", which would skip what is published until the first fetch.
        foreach (int shard in taken) positions.Add(shard, reader.EndOf(shard));
        reader.Assign(positions.Select(position => (position.Key, position.Value)));
        Partitions = positions.Count;
        logger.LogInformation("Reading {Partitions} partitions of {Topic}, {Taken} of them newly from the broker's end.", positions.Count,
            ClaimsTopic.Name, taken.Length);
        if (taken.Length > 0) peers.AskAgain(taken);
    }

    /// <summary>Skipped: whoever can write to the broker would stop a shard with it otherwise. Each is counted; a flood of them is told
    /// once a second.</summary>
    private void TellUnauthentic(ReadMessage message)
    {
        metrics.Unauthentic();
        long now = Environment.TickCount64;
        if (now - _unauthenticToldAt < QuietMilliseconds) return;
        _unauthenticToldAt = now;
        logger.LogError(new EventId(1, "message_not_authentic"),
            "The message at offset {Offset} of partition {Partition} was not signed by Adjudication and is skipped.", message.Offset,
            message.Partition);
    }

    private static FeedRecord[] Parsed(ReadMessage message, byte[] value)
    {
        (int partition, long offset, _, string? trace) = message;
        try
        {
            return Array.ConvertAll(SettledMessage.Read(value), claim => new FeedRecord(partition, offset, value, claim, null, trace));
        }
        catch (UnknownFormatException exception)
        {
            return [new FeedRecord(partition, offset, value, null, exception.Message, trace)];
        }
        catch (InvalidProtocolBufferException exception)
        {
            return [new FeedRecord(partition, offset, value, null, $"is not a SettledClaim: {exception.Message}", trace)];
        }
    }
}

internal sealed class TopicMismatchException(int partitions, int shards)
    : Exception($"Topic {ClaimsTopic.Name} has {partitions} partitions, and the store has {shards} shards: create the topic "
        + $"with {shards} partitions.");
