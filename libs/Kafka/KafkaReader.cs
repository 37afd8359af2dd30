using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Claims.Kafka;

/// <summary>Reads partitions of the topic from positions that the caller keeps: it commits nothing and joins no group. For one
/// thread.</summary>
public sealed class KafkaReader : IDisposable
{
    private static readonly TimeSpan QueryTimeout = TimeSpan.FromSeconds(5);

    private readonly IConsumer<Ignore, byte[]> _consumer;
    private readonly MessageKeys _keys;

    /// <param name="traced">Whether headers are read: few deployments need what a header costs on each record.</param>
    /// <exception cref="KafkaReadException">The client library refuses to begin.</exception>
    public KafkaReader(KafkaSettings settings, bool traced, ILogger log)
    {
        _keys = settings.Keys;
        ConsumerConfig configuration = settings.Consumer();
        configuration.ConsumeResultFields = traced ? "headers" : "none";
        _consumer = Asked(() => new ConsumerBuilder<Ignore, byte[]>(configuration)
            .SetLogHandler((_, message) => log.LogDebug("librdkafka: {Message}", message.Message))
            .SetErrorHandler((_, error) => log.LogWarning("Kafka at {BootstrapServers}: {Reason}", settings.BootstrapServers, error.Reason))
            .Build());
    }

    /// <summary>How many partitions the topic has, as the broker says.</summary>
    /// <exception cref="KafkaReadException">The broker does not answer, or has no such topic.</exception>
    public int CountPartitions() => Asked(() =>
    {
        using IAdminClient admin = new DependentAdminClientBuilder(_consumer.Handle).Build();
        TopicMetadata topic = admin.GetMetadata(ClaimsTopic.Name, QueryTimeout).Topics.Single();
        return topic.Error.IsError ? throw new KafkaException(topic.Error) : topic.Partitions.Count;
    });

    /// <summary>The offset that the partition's next message will have, as the broker says.</summary>
    /// <exception cref="KafkaReadException">The broker does not answer.</exception>
    public long EndOf(int partition) => Asked(() => _consumer.QueryWatermarkOffsets(Partition(partition), QueryTimeout).High.Value);

    /// <summary>The same as of the last message that came; below 0 before one has.</summary>
    public long KnownEndOf(int partition) => _consumer.GetWatermarkOffsets(Partition(partition)).High.Value;

    /// <summary>Reads these partitions from now on, each from an offset, and no others.</summary>
    /// <exception cref="KafkaReadException">The client library refuses.</exception>
    public void Assign(IEnumerable<(int Partition, long Offset)> positions) => Asked(() =>
    {
        _consumer.Assign(positions.Select(position => new TopicPartitionOffset(Partition(position.Partition), position.Offset)));
        return true;
    });

    /// <summary>The next message, or null where none comes within <paramref name="limit"/>.</summary>
    /// <exception cref="KafkaReadException">The partitions cannot be read on.</exception>
    public ReadMessage? Next(TimeSpan limit)
    {
        try
        {
            if (_consumer.Consume(limit) is not { } result) return null;
            (int partition, byte[] value) = (result.Partition.Value, result.Message.Value ?? []);
            return new ReadMessage(partition, result.Offset.Value, _keys.Open(partition, value), TraceOf(result.Message.Headers));
        }
        catch (KafkaException exception)
        {
            throw new KafkaReadException(exception);
        }
    }

    public void Dispose() => _consumer.Dispose();

    private static T Asked<T>(Func<T> ask)
    {
        try
        {
            return ask();
        }
        catch (KafkaException exception)
        {
            throw new KafkaReadException(exception);
        }
    }

    private static string? TraceOf(Headers? headers) =>
        headers?.TryGetLastBytes(ClaimsTopic.TraceHeader, out byte[] trace) == true ? Encoding.ASCII.GetString(trace) : null;

    private static TopicPartition Partition(int partition) => new(ClaimsTopic.Name, partition);
}

/// <param name="Value">Without its signature; null where the message is not authentic.</param>
/// <param name="TraceParent">Its header <see cref="ClaimsTopic.TraceHeader"/>; null without one, or where headers are not read.</param>
public readonly record struct ReadMessage(int Partition, long Offset, byte[]? Value, string? TraceParent);

/// <summary>Kafka cannot be read; the message is the client library's reason.</summary>
public sealed class KafkaReadException(Exception cause) : Exception(cause.Message, cause);
