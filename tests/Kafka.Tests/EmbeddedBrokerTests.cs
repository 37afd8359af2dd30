using System.Diagnostics;
using System.Text;
using Claims.Kafka;
using Confluent.Kafka;

namespace Kafka.Tests;

public sealed class EmbeddedBrokerTests
{
    private const string Topic = "t";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Records_of_every_partition_arrive_in_order()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 4);
        using IProducer<Null, byte[]> producer = Producer(broker);
        using IConsumer<Ignore, byte[]> consumer = Consumer(broker, partitions: 4);

        string[] sent = [.. Enumerable.Range(0, 400).Select(i => $"{i % 4}:{i}")];
        await Task.WhenAll(sent.Select((text, i) => Produce(producer, i % 4, text)));

        string[] received = Receive(consumer, sent.Length);
        foreach (IGrouping<char, string> partition in received.GroupBy(text => text[0]))
            Assert.Equal(sent.Where(text => text[0] == partition.Key), partition);
        Assert.Equal(sent.Length, received.Length);
    }

    [Fact]
    public async Task Topic_has_exactly_the_partitions_asked_for()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 32);
        using IProducer<Null, byte[]> producer = Producer(broker);
        using IAdminClient admin = new DependentAdminClientBuilder(producer.Handle).Build();
        await Produce(producer, 31, "last partition");

        TopicMetadata topic = Assert.Single(admin.GetMetadata(Topic, Deadline).Topics);

        Assert.Equal(32, topic.Partitions.Count);
    }

    [Fact]
    public async Task Broker_goes_down_and_up_while_processes_are_started()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 1);
        using CancellationTokenSource enough = new();
        using SemaphoreSlim ended = new(0);
        // A child holds every socket of its parent between fork and exec.
        Task starting = Task.Run(() =>
        {
            while (!enough.IsCancellationRequested)
            {
                using Process child = Process.Start("/bin/true");
                child.WaitForExit();
                ended.Release();
            }
        });
        for (int times = 0; times < 20; times++)
        {
            broker.TakeDown();
            while (await ended.WaitAsync(TimeSpan.Zero))
            {
                // Those that ended before count for nothing.
            }

            Assert.True(await ended.WaitAsync(Deadline), "no process was started while the broker was down");
            broker.BringUp();
        }
        await enough.CancelAsync();
        await starting.WaitAsync(Deadline);

        using IProducer<Null, byte[]> producer = Producer(broker);
        await Produce(producer, 0, "still there").WaitAsync(Deadline);
    }

    [Fact]
    public async Task Broker_down_then_up_delivers_what_waited()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 1);
        using IProducer<Null, byte[]> producer = Producer(broker);
        using IConsumer<Ignore, byte[]> consumer = Consumer(broker, partitions: 1);
        await Produce(producer, 0, "before");
        Assert.Equal(["before"], Receive(consumer, 1));

        broker.TakeDown();
        Task waiting = Produce(producer, 0, "while down");
        Assert.Null(consumer.Consume(TimeSpan.FromMilliseconds(500)));
        Assert.False(waiting.IsCompleted);
        broker.BringUp();

        await waiting.WaitAsync(Deadline);
        Assert.Equal(["while down"], Receive(consumer, 1));
    }

    [Fact]
    public async Task Produce_requests_that_fail_are_retried_without_loss_or_repeat()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 1);
        using IProducer<Null, byte[]> producer = Producer(broker);
        using IConsumer<Ignore, byte[]> consumer = Consumer(broker, partitions: 1);

        broker.FailNext(BrokerRequest.Produce, BrokerError.NotEnoughReplicas, BrokerError.NotLeaderForPartition,
            BrokerError.RequestTimedOut);
        string[] sent = [.. Enumerable.Range(0, 100).Select(i => $"{i}")];
        await Task.WhenAll(sent.Select(text => Produce(producer, 0, text)));

        Assert.Equal(sent, Receive(consumer, sent.Length));
    }

    [Fact]
    public async Task Replaced_broker_has_lost_everything()
    {
        using (EmbeddedBroker first = EmbeddedBroker.Start(Topic, 1))
        {
            using IProducer<Null, byte[]> producer = Producer(first);
            await Produce(producer, 0, "lost");
        }

        using EmbeddedBroker second = EmbeddedBroker.Start(Topic, 1);
        using IProducer<Null, byte[]> again = Producer(second);
        using IConsumer<Ignore, byte[]> consumer = Consumer(second, partitions: 1);
        await Produce(again, 0, "kept");

        Assert.Equal(["kept"], Receive(consumer, 1));
    }

    [Fact]
    public void Disposed_broker_refuses_faults_and_disposes_twice()
    {
        EmbeddedBroker broker = EmbeddedBroker.Start(Topic, 1);
        broker.Dispose();
        broker.Dispose();

        Assert.Throws<ObjectDisposedException>(broker.TakeDown);
    }

    private static IProducer<Null, byte[]> Producer(EmbeddedBroker broker) =>
        new ProducerBuilder<Null, byte[]>(Settings(broker).Producer()).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

    private static IConsumer<Ignore, byte[]> Consumer(EmbeddedBroker broker, int partitions)
    {
        IConsumer<Ignore, byte[]> consumer =
            new ConsumerBuilder<Ignore, byte[]>(Settings(broker).Consumer()).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { })
                .Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(Topic, partition, Offset.Beginning)));
        return consumer;
    }

    private static KafkaSettings Settings(EmbeddedBroker broker) =>
        new(new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = broker.BootstrapServers });

    private static Task Produce(IProducer<Null, byte[]> producer, int partition, string text) =>
        producer.ProduceAsync(new TopicPartition(Topic, partition), new() { Value = Encoding.UTF8.GetBytes(text) });

    private static string[] Receive(IConsumer<Ignore, byte[]> consumer, int count)
    {
        List<string> received = [];
        using CancellationTokenSource deadline = new(Deadline);
        while (received.Count < count) received.Add(Encoding.UTF8.GetString(consumer.Consume(deadline.Token).Message.Value));
        return [.. received];
    }
}
