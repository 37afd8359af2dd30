using System.Text;
using Claims.V1;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Claims.Kafka;

/// <summary>The producer that all shards share; made anew where librdkafka declares it dead.</summary>
public sealed class KafkaPublisher(KafkaSettings settings, ILogger<KafkaPublisher> log) : IDisposable
{
    private static readonly byte[] Schema = Encoding.ASCII.GetBytes(SettledClaim.Descriptor.FullName);

    // The client only reads them.
    private static readonly Headers Untraced = new() { { ClaimsTopic.SchemaHeader, Schema } };
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(5);

    private readonly MessageArrays _arrays = new();
    private readonly Lock _making = new();
    private IProducer<Null, byte[]>? _producer;

    /// <summary>Hands a message of a shard to the producer, whose queue is bounded; <paramref name="delivered"/> hears once whether the
    /// brokers have it.</summary>
    /// <returns>False where the producer did not take it: it is to be handed over again after a pause.</returns>
    /// <param name="traceParent">W3C trace context of the request behind the record, or null.</param>
    public bool TryPublish(int shard, ReadOnlySpan<byte> message, string? traceParent, Action<bool> delivered)
    {
        IProducer<Null, byte[]> producer = Current();
        byte[] value = _arrays.Take(message, settings.Keys.SignatureBytes);
        settings.Keys.SignInPlace(shard, value);
        try
        {
            producer.Produce(
                new TopicPartition(ClaimsTopic.Name, shard),
                new Message<Null, byte[]>
                {
                    Value = value,
                    Headers = traceParent is null ? Untraced : Traced(traceParent),
                },
                report => delivered(report.Error.Code is ErrorCode.NoError));
            return true;
        }
        catch (ProduceException<Null, byte[]> e) when (e.Error.Code is ErrorCode.Local_QueueFull)
        {
            return false;
        }
        catch (KafkaException e)
        {
            log.LogWarning("Kafka does not take records: {Reason}", e.Error.Reason);
            if (e.Error.IsFatal) Abandon(producer);
            return false;
        }
        finally
        {
            _arrays.Return(value);
        }
    }

    public void Dispose()
    {
        IProducer<Null, byte[]>? last;
        lock (_making)
        {
            last = _producer;
            _producer = null;
        }

        // Without the lock: disposal waits for the producer's own thread, which needs it to report a fatal error.
        last?.Flush(FlushLimit);
        last?.Dispose();
    }

    private static Headers Traced(string traceParent) =>
        new() { { ClaimsTopic.SchemaHeader, Schema }, { ClaimsTopic.TraceHeader, Encoding.ASCII.GetBytes(traceParent) } };

    private IProducer<Null, byte[]> Current()
    {
        lock (_making)
        {
            return _producer ??= new ProducerBuilder<Null, byte[]>(settings.Producer())
                .SetErrorHandler((producer, error) =>
                {
                    log.LogWarning("Kafka: {Reason}", error.Reason);
                    if (error.IsFatal) Abandon(producer);
                })
                .SetLogHandler((_, message) => log.LogDebug("librdkafka: {Message}", message.Message))
                .Build();
        }
    }

    /// <summary>A fatal error ends a producer for good; what it had not delivered is published again from the watermark.</summary>
    private void Abandon(IProducer<Null, byte[]> dead)
    {
        lock (_making)
        {
            if (!ReferenceEquals(_producer, dead)) return;
            _producer = null;
        }

        // Disposal waits for the producer's own thread, which may be the one that reports the error.
        _ = Task.Run(dead.Dispose);
    }
}
