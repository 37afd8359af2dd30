using System.Collections.Concurrent;
using System.Globalization;
using System.Net.NetworkInformation;
using Claims.Adjudication.Outbox;
using Claims.Kafka;
using Microsoft.Extensions.Logging;

namespace Adjudication.Tests.Outbox;

/// <summary>What the shared producer makes of a full queue, of an error that ends it, and of the end of the service.</summary>
public sealed class KafkaPublisherTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task TryPublish_into_a_full_queue_takes_nothing_and_goes_on_once_there_is_room()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        broker.TakeDown();
        using Published published = new(broker, ("queue.buffering.max.messages", "2"));

        Assert.Equal([true, true, false, false], Enumerable.Range(1, 4).Select(published.Try));
        Assert.Empty(published.Delivered);
        broker.BringUp();

        // The same producer: what it had taken arrives, and then it takes more.
        await published.DeliveredAsync(2);
        await Eventually.HoldsAsync(Limit, () => Task.FromResult(published.Try(3)));
        await published.DeliveredAsync(3);
        Assert.Equal([(1, true), (2, true), (3, true)], published.Delivered);
        Assert.DoesNotContain(published.Log.Lines, line => line.Sentence.Contains("does not take", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TryPublish_after_an_error_that_ends_the_producer_goes_on_with_another_and_gives_the_dead_one_back()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        broker.FailNext(BrokerRequest.InitProducerId, BrokerError.ClusterAuthorizationFailed);
        using (Published published = new(broker))
        {
            // Taken by the one that is about to die or, where it has died already, not taken; it is published again from the watermark.
            _ = published.Try(1);
            await Eventually.HoldsAsync(Limit, () => Task.FromResult(published.Log.Lines.Any(line => line.Level is LogLevel.Warning)));
            await Eventually.HoldsAsync(Limit, () => Task.FromResult(published.Try(2)));
            await Eventually.HoldsAsync(Limit, () => Task.FromResult(published.Delivered.Contains((2, true))),
                () => string.Join(' ', published.Delivered));
            Assert.DoesNotContain((1, true), published.Delivered);

            // Only one is left, and it has one connection to the address it was given and one to the broker found there.
            await Eventually.HoldsAsync(Limit, () => Task.FromResult(ConnectionsTo(broker) is 1 or 2),
                () => $"{ConnectionsTo(broker)} connections");
        }

        await Eventually.HoldsAsync(Limit, () => Task.FromResult(ConnectionsTo(broker) == 0), () => $"{ConnectionsTo(broker)} connections");
    }

    [Fact]
    public async Task Dispose_waits_for_what_was_taken_and_leaves_no_connection()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        using Published published = new(broker, ("linger.ms", "300"));
        Assert.True(published.Try(1));
        Assert.True(published.Try(2));

        published.Dispose();

        Assert.Equal([(1, true), (2, true)], published.Delivered);
        await Eventually.HoldsAsync(Limit, () => Task.FromResult(ConnectionsTo(broker) == 0), () => $"{ConnectionsTo(broker)} connections");
    }

    [Fact]
    public async Task Dispose_while_an_error_ends_the_producer_comes_to_its_end()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        broker.FailNext(BrokerRequest.InitProducerId, BrokerError.ConnectionClosed, BrokerError.ConnectionClosed,
            BrokerError.ClusterAuthorizationFailed);
        Published published = new(broker);
        Assert.True(published.Try(1));

        await Task.Run(published.Dispose).WaitAsync(Limit);
    }

    [Fact]
    public async Task TryPublish_record_that_the_broker_refuses_is_told_as_not_delivered()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        using Published published = new(broker, ("enable.idempotence", "false"));
        broker.FailNext(BrokerRequest.Produce, BrokerError.TopicAuthorizationFailed);

        Assert.True(published.Try(1));

        await published.DeliveredAsync(1);
        Assert.Equal([(1, false)], published.Delivered);
    }

    private static int ConnectionsTo(EmbeddedBroker broker)
    {
        int port = int.Parse(broker.BootstrapServers.Split(':')[^1], CultureInfo.InvariantCulture);
        return IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections()
            .Count(connection => connection.RemoteEndPoint.Port == port && connection.State is TcpState.Established);
    }

    /// <summary>A publisher, and what it told of each record.</summary>
    private sealed class Published : IDisposable
    {
        private readonly KafkaPublisher _kafka;

        public Published(EmbeddedBroker broker, params (string Name, string Value)[] properties)
        {
            Dictionary<string, string> all =
                properties.ToDictionary(property => property.Name, property => property.Value, StringComparer.Ordinal);
            all["bootstrap.servers"] = broker.BootstrapServers;
            _kafka = new KafkaPublisher(new KafkaSettings(all), Log);
        }

        public LogLines<KafkaPublisher> Log { get; } = new();

        public ConcurrentQueue<(int Number, bool Arrived)> Delivered { get; } = new();

        public bool Try(int number) => _kafka.TryPublish(
            0, [(byte)number], null, arrived => Delivered.Enqueue((number, arrived)));

        public Task DeliveredAsync(int count) =>
            Eventually.HoldsAsync(Limit, () => Task.FromResult(Delivered.Count >= count), () => string.Join(' ', Log.Lines));

        public void Dispose() => _kafka.Dispose();
    }
}
