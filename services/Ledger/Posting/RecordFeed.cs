using System.Collections.Frozen;
using System.Text;
using System.Threading.Channels;
using Claims.Kafka;
using Confluent.Kafka;
using Google.Protobuf;

namespace Claims.Ledger.Posting;

/// <summary>
/// Reads this instance's partitions from the broker's present end on. Where it starts does not matter for what is booked: whoever
/// publishes is told by the watermarks what is still missing.
/// </summary>
internal sealed class RecordFeed(KafkaSettings settings, OwnShards own, Peers peers, LedgerMetrics metrics, ILogger<RecordFeed> logger)
{
    // Messages of at most 250 records: some 10 MB where many are published, and beyond it they wait in the broker.
    private const int Capacity = 64;

    private static readonly TimeSpan QueryTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PollTime = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ShortestBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private readonly Channel<FeedRecord[]> _messages = Channel.CreateBounded<FeedRecord[]>(new BoundedChannelOptions(Capacity) { SingleReader = true, SingleWriter = true });

    /// <summary>The records of each message that has come.</summary>
    public ChannelReader<FeedRecord[]> Messages => _messages.Reader;

    /// <summary>Why nothing is being read, or null while it is.</summary>
    public string? Problem { get; private set; } = "waiting for adjudication to open the store";

    /// <summary>Partitions that are being read.</summary>
    public int Partitions { get; private set; }

    /// <summary>Reads until cancelled, through every failure of the broker, on a thread of its own.</summary>
    public Task RunAsync(int shards, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(shards, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(int shards, CancellationToken cancellationToken)
    {
        TimeSpan backOff = ShortestBackOff;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using IConsumer<Ignore, byte[]> consumer = Build();
                RequireTopic(consumer, shards);
                Problem = null;
                backOff = ShortestBackOff;
                Read(consumer, cancellationToken);
            }
            catch (Exception exception) when (exception is KafkaException or TopicMismatchException)
            {
                Problem = exception.Message;
                Partitions = 0;
                logger.LogWarning("Kafka at {BootstrapServers} cannot be read: {Reason} Trying again in {Seconds:0.0} s.", settings.BootstrapServers, exception.Message, backOff.TotalSeconds);
                cancellationToken.WaitHandle.WaitOne(backOff);
                backOff = backOff * 2 < LongestBackOff ? backOff * 2 : LongestBackOff;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private IConsumer<Ignore, byte[]> Build() =>
        new ConsumerBuilder<Ignore, byte[]>(Configuration())
            .SetLogHandler((_, message) => logger.LogDebug("librdkafka: {Message}", message.Message))
            .SetErrorHandler((_, error) => logger.LogWarning("Kafka at {BootstrapServers}: {Reason}", settings.BootstrapServers, error.Reason))
            .Build();

    /// <summary>Headers are read only where traces are; few deployments need what a header costs on each record.</summary>
    private ConsumerConfig Configuration()
    {
        ConsumerConfig configuration = settings.Consumer();
        configuration.ConsumeResultFields = PostingWorker.IsTraced ? "headers" : "none";
        return configuration;
    }

    private static void RequireTopic(IConsumer<Ignore, byte[]> consumer, int shards)
    {
        using IAdminClient admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        TopicMetadata topic = admin.GetMetadata(ClaimsTopic.Name, QueryTimeout).Topics.Single();
        if (topic.Error.IsError) throw new KafkaException(topic.Error);
        if (topic.Partitions.Count != shards) throw new TopicMismatchException(topic.Partitions.Count, shards);
    }

    private void Read(IConsumer<Ignore, byte[]> consumer, CancellationToken cancellationToken)
    {
        FrozenSet<int> assigned = FrozenSet<int>.Empty;
        Dictionary<int, long> positions = [];
        long lagMeasuredAt = Environment.TickCount64;
        while (!cancellationToken.IsCancellationRequested)
        {
            if (own.Shards != assigned) Reassign(consumer, positions, assigned = own.Shards);
            if (consumer.Consume(PollTime) is { } result)
            {
                positions[result.Partition.Value] = result.Offset.Value + 1;
                FeedRecord[] records = Parsed(result);
                if (!_messages.Writer.TryWrite(records)) _messages.Writer.WriteAsync(records, cancellationToken).AsTask().GetAwaiter().GetResult();
            }

            if (Environment.TickCount64 - lagMeasuredAt < 1_000) continue;
            lagMeasuredAt = Environment.TickCount64;
            metrics.LagRecords = positions.ToDictionary(
                position => position.Key, position => Math.Max(consumer.GetWatermarkOffsets(Partition(position.Key)).High.Value - position.Value, 0));
        }
    }

    /// <summary>Partitions that stay are read on from where they are, new ones from the end, and what was published of those before is asked for again.</summary>
    private void Reassign(IConsumer<Ignore, byte[]> consumer, Dictionary<int, long> positions, FrozenSet<int> shards)
    {
        foreach (int left in positions.Keys.Where(shard => !shards.Contains(shard)).ToArray()) positions.Remove(left);
        int[] taken = [.. shards.Where(shard => !positions.ContainsKey(shard)).Order()];

        // Resolved here rather than by assigning Offset.End, which would skip what is published until the first fetch.
        foreach (int shard in taken) positions.Add(shard, consumer.QueryWatermarkOffsets(Partition(shard), QueryTimeout).High.Value);
        consumer.Assign(positions.Select(position => new TopicPartitionOffset(Partition(position.Key), position.Value)));
        Partitions = positions.Count;
        logger.LogInformation("Reading {Partitions} partitions of {Topic}, {Taken} of them newly from the broker's end.", positions.Count, ClaimsTopic.Name, taken.Length);
        if (taken.Length > 0) peers.AskAgain(taken);
    }

    private static FeedRecord[] Parsed(ConsumeResult<Ignore, byte[]> result)
    {
        byte[] value = result.Message.Value ?? [];
        string? trace = TraceOf(result.Message.Headers);
        try
        {
            return Array.ConvertAll(SettledMessage.Read(value), claim => new FeedRecord(result.Partition.Value, result.Offset.Value, value, claim, null, trace));
        }
        catch (UnknownFormatException exception)
        {
            return [new FeedRecord(result.Partition.Value, result.Offset.Value, value, null, exception.Message, trace)];
        }
        catch (InvalidProtocolBufferException exception)
        {
            return [new FeedRecord(result.Partition.Value, result.Offset.Value, value, null, $"is not a SettledClaim: {exception.Message}", trace)];
        }
    }

    private static string? TraceOf(Headers? headers) =>
        headers?.TryGetLastBytes(ClaimsTopic.TraceHeader, out byte[] trace) == true ? Encoding.ASCII.GetString(trace) : null;

    private static TopicPartition Partition(int shard) => new(ClaimsTopic.Name, shard);
}

internal sealed class TopicMismatchException(int partitions, int shards)
    : Exception($"Topic {ClaimsTopic.Name} has {partitions} partitions, and the store has {shards} shards: create the topic with {shards} partitions.");
