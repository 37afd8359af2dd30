using System.Collections.Concurrent;
using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kafka.Tests;

/// <summary>What is handed to Kafka's client, and used again.</summary>
public sealed class MessageArraysTests
{
    [Theory]
    [InlineData(0, 35, 35)]
    [InlineData(8_156, 35, 8_191)]
    [InlineData(8_157, 35, 9_216)]
    [InlineData(9_177, 35, 9_216)]
    [InlineData(9_178, 35, 10_240)]
    [InlineData(9_212, 0, 9_216)]
    [InlineData(9_213, 0, 10_240)]
    [InlineData(73_724, 0, 73_728)]
    [InlineData(73_725, 0, 73_725)]
    [InlineData(200_000, 35, 200_035)]
    public void Array_of_a_large_message_has_one_of_few_lengths(int message, int signature, int expected) =>
        Assert.Equal(expected, new MessageArrays().Take(new byte[message], signature).Length);

    [Fact]
    public void Array_that_is_used_again_says_nothing_of_the_message_before()
    {
        MessageArrays arrays = new();
        byte[] first = arrays.Take([.. Enumerable.Repeat((byte)0xFF, 10_000)], 35);
        arrays.Return(first);
        byte[] second = arrays.Take([.. Enumerable.Repeat((byte)0x11, 9_300)], 35);

        Assert.Same(first, second);
        // Field 99, 901 bytes of it.
        Assert.Equal([0x9A, 0x06, 0x85, 0x07, .. new byte[901]], second[9_300..^35]);
    }

    [Fact]
    public void Array_that_has_not_come_back_is_given_to_nobody_else()
    {
        MessageArrays arrays = new();
        byte[] one = arrays.Take(new byte[10_000], 0);

        Assert.NotSame(one, arrays.Take(new byte[10_000], 0));
        arrays.Return(one);
        Assert.Same(one, arrays.Take(new byte[10_000], 0));
        Assert.NotSame(one, arrays.Take(new byte[10_000], 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(25)]
    [InlineData(250)]
    public void Filled_message_is_read_as_what_was_added(int count)
    {
        SettledClaim[] records = [.. Enumerable.Range(1, count).Select(Record)];

        Assert.Equal(records, SettledMessage.Read(new MessageArrays().Take(MessageOf(records), 0)));
    }

    [Fact]
    public void Messages_handed_over_in_one_array_come_as_they_were()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        Dictionary<string, string> client = new(StringComparer.Ordinal) { ["bootstrap.servers"] = broker.BootstrapServers };
        KafkaSettings settings = new(client, TestKeys.New());
        SettledClaim[][] messages =
            [.. Enumerable.Range(0, 20).Select(number => Enumerable.Range(1, 50).Select(at => Record((1_000 * number) + at)).ToArray())];
        ConcurrentQueue<bool> deliveries = [];
        using (KafkaPublisher publisher = new(settings, NullLogger<KafkaPublisher>.Instance))
        {
            foreach (SettledClaim[] message in messages)
                Assert.True(publisher.TryPublish(0, MessageOf(message), traceParent: null, deliveries.Enqueue));
        }

        Assert.Equal(Enumerable.Repeat(true, messages.Length), deliveries);
        using KafkaReader reader = new(settings, traced: false, NullLogger.Instance);
        reader.Assign([(0, 0)]);
        Assert.All(messages, message => Assert.Equal(message, SettledMessage.Read(reader.Next(TimeSpan.FromSeconds(30))!.Value.Value)));
    }

    private static byte[] MessageOf(IEnumerable<SettledClaim> records)
    {
        SettledMessage message = new();
        foreach (SettledClaim record in records) message.Add(record.Clone());
        return message.Take();
    }

    private static SettledClaim Record(int sequence) => new()
    {
        Format = SettledMessage.Format,
        Epoch = new string('e', 32),
        Sequence = sequence,
        StoredRecord = ByteString.CopyFrom([.. Enumerable.Repeat((byte)(sequence % 251), 350)]),
    };
}
