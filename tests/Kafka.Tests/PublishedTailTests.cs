using System.Diagnostics;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kafka.Tests;

/// <summary>How far a topic has what a store has numbered.</summary>
public sealed class PublishedTailTests : IDisposable
{
    private const string Epoch = "0123456789abcdef0123456789abcdef";
    private readonly EmbeddedBroker _broker = EmbeddedBroker.Start(ClaimsTopic.Name, 4);
    private readonly MessageKeys _keys = TestKeys.New();

    [Fact]
    public async Task Last_number_of_each_partition_that_has_any_is_found()
    {
        using IProducer<Null, byte[]> producer = Producer();
        for (int sequence = 1; sequence <= 40; sequence++) await PublishAsync(producer, 0, Message(sequence));
        await PublishAsync(producer, 2, Message(3, 4, 5));

        Assert.Equal(new Dictionary<int, long> { [0] = 40, [2] = 5 }, Tail().Read(Epoch, [0, 1, 2, 3]));
        Assert.Equal(new Dictionary<int, long> { [2] = 5 }, Tail().Read(Epoch, [2, 3]));
        Assert.Empty(Tail().Read(Epoch, []));
    }

    [Fact]
    public async Task What_is_forged_unreadable_or_of_another_store_says_nothing()
    {
        using IProducer<Null, byte[]> producer = Producer();
        await PublishAsync(producer, 0, Message(7));
        await PublishAsync(producer, 0, [0xFF, 0xFF]);
        SettledClaim foreign = SettledClaim.Parser.ParseFrom(Message(99));
        foreign.Epoch = new string('f', 32);
        await PublishAsync(producer, 0, foreign.ToByteArray());
        SettledClaim later = SettledClaim.Parser.ParseFrom(Message(98));
        later.Format = 9;
        await PublishAsync(producer, 0, later.ToByteArray());
        await producer.ProduceAsync(new TopicPartition(ClaimsTopic.Name, 0), new Message<Null, byte[]> { Value = Message(97) });
        await PublishAsync(producer, 1, foreign.ToByteArray());
        // Published again after a gap: an earlier number behind a later one.
        await PublishAsync(producer, 0, Message(6));

        Assert.Equal(new Dictionary<int, long> { [0] = 7 }, Tail().Read(Epoch, [0, 1]));
    }

    [Fact]
    public void Broker_that_is_away_is_told_within_seconds()
    {
        _broker.Dispose();
        long began = Stopwatch.GetTimestamp();

        Assert.Throws<KafkaReadException>(() => Tail().Read(Epoch, [0, 1, 2, 3]));

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    public void Dispose() => _broker.Dispose();

    private PublishedTail Tail()
    {
        Dictionary<string, string> client = new(StringComparer.Ordinal) { ["bootstrap.servers"] = _broker.BootstrapServers };
        return new PublishedTail(new KafkaSettings(client, _keys), NullLogger<PublishedTail>.Instance);
    }

    private IProducer<Null, byte[]> Producer() =>
        new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _broker.BootstrapServers }).Build();

    private Task PublishAsync(IProducer<Null, byte[]> producer, int partition, byte[] message) => producer.ProduceAsync(
        new TopicPartition(ClaimsTopic.Name, partition), new Message<Null, byte[]> { Value = _keys.Sign(partition, message) });

    /// <summary>One message of these records.</summary>
    private static byte[] Message(params long[] sequences)
    {
        SettledMessage message = new();
        foreach (long sequence in sequences)
            message.Add(new SettledClaim { Format = SettledMessage.Format, Epoch = Epoch, Sequence = sequence });
        return message.Take();
    }
}
