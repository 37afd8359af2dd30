using Claims.Kafka;
using Confluent.Kafka;

namespace Kafka.Tests;

public sealed class KafkaSettingsTests
{
    [Fact]
    public void Producer_by_default_waits_for_all_replicas_and_is_idempotent()
    {
        ProducerConfig producer = new KafkaSettings(Properties(("bootstrap.servers", "broker:9092"))).Producer();

        Assert.Equal("broker:9092", producer.BootstrapServers);
        Assert.Equal(Acks.All, producer.Acks);
        Assert.True(producer.EnableIdempotence);
        Assert.NotNull(producer.QueueBufferingMaxMessages);
        Assert.NotNull(producer.MessageTimeoutMs);
    }

    [Fact]
    public void Every_property_of_a_producer_is_the_documented_one_unless_it_is_given()
    {
        Dictionary<string, string> expected = new(StringComparer.Ordinal)
        {
            ["bootstrap.servers"] = "broker:9092",
            ["client.id"] = "claims-adjudication",
            ["acks"] = "all",
            ["enable.idempotence"] = "true",
            ["linger.ms"] = "3",
            ["compression.type"] = "none",
            ["queue.buffering.max.messages"] = "20000",
            ["queue.buffering.max.kbytes"] = "32768",
            ["message.timeout.ms"] = "30000",
            ["request.timeout.ms"] = "10000",
            ["dotnet.producer.delivery.report.fields"] = "none",
            ["reconnect.backoff.ms"] = "100",
            ["reconnect.backoff.max.ms"] = "2000",
            ["socket.keepalive.enable"] = "true",
        };
        AssertSame(expected, new KafkaSettings(Properties(("bootstrap.servers", "broker:9092"))).Producer());

        (expected["linger.ms"], expected["reconnect.backoff.ms"]) = ("7", "8");
        AssertSame(expected, new KafkaSettings(
            Properties(("bootstrap_servers", "broker:9092"), ("linger_ms", "7"), ("reconnect.backoff.ms", "8"))).Producer());
    }

    [Fact]
    public void Every_property_of_a_consumer_is_the_documented_one_unless_it_is_given()
    {
        Dictionary<string, string> expected = new(StringComparer.Ordinal)
        {
            ["bootstrap.servers"] = "broker:9092",
            ["client.id"] = "claims-ledger",
            ["group.id"] = "claims-ledger",
            ["auto.offset.reset"] = "earliest",
            ["fetch.wait.max.ms"] = "40",
            ["fetch.error.backoff.ms"] = "100",
            ["queued.max.messages.kbytes"] = "16384",
            ["fetch.queue.backoff.ms"] = "20",
            ["fetch.max.bytes"] = "8388608",
            ["fetch.message.max.bytes"] = "262144",
            ["enable.auto.commit"] = "false",
            ["enable.auto.offset.store"] = "false",
            ["reconnect.backoff.ms"] = "100",
            ["reconnect.backoff.max.ms"] = "2000",
            ["socket.keepalive.enable"] = "true",
        };
        AssertSame(expected, new KafkaSettings(Properties(("bootstrap.servers", "broker:9092"))).Consumer());

        expected["group.id"] = "other";
        AssertSame(expected, new KafkaSettings(
            Properties(("bootstrap.servers", "broker:9092"), ("group.id", "other"), ("enable_auto_offset_store", "true"))).Consumer());
    }

    [Fact]
    public void Topic_and_headers_are_those_that_running_services_know() =>
        Assert.Equal(("claims.settled.v1", "schema", "traceparent"), (ClaimsTopic.Name, ClaimsTopic.SchemaHeader, ClaimsTopic.TraceHeader));

    [Fact]
    public void Producer_without_idempotence_sends_one_request_at_a_time()
    {
        KafkaSettings settings = new(Properties(("bootstrap_servers", "broker:9092"), ("enable_idempotence", "false")));

        Assert.Equal(1, settings.Producer().MaxInFlight);
        Assert.Equal(5, new KafkaSettings(
            Properties(("bootstrap.servers", "b:1"), ("enable.idempotence", "false"), ("max.in.flight", "5"))).Producer().MaxInFlight);
        Assert.Equal("broker:9092", settings.BootstrapServers);
    }

    [Fact]
    public void Consumer_never_commits_whatever_is_configured()
    {
        KafkaSettings settings = new(Properties(
            ("bootstrap.servers", "broker:9092"), ("enable.auto.commit", "true"), ("security.protocol", "ssl")));

        ConsumerConfig consumer = settings.Consumer();

        Assert.False(consumer.EnableAutoCommit);
        Assert.False(consumer.EnableAutoOffsetStore);
        Assert.Equal(SecurityProtocol.Ssl, consumer.SecurityProtocol);
    }

    [Fact]
    public void Problems_of_good_properties_are_none() =>
        Assert.Empty(KafkaSettings.Problems(Properties(("bootstrap.servers", "broker:9092"), ("linger_ms", "1"))));

    [Theory]
    [InlineData("linger.mss", "1", "Kafka:linger.mss", "is not accepted by librdkafka: No such configuration property: \"linger.mss\"")]
    [InlineData("linger.ms", "soon", "Kafka:linger.ms", "is not accepted by librdkafka: ")]
    [InlineData("bootstrap_servers", "other:9092", "Kafka:bootstrap.servers",
        "is given more than once: bootstrap.servers, bootstrap_servers")]
    public void Problems_name_the_setting(string name, string value, string setting, string sentence)
    {
        (string named, string problem) =
            Assert.Single(KafkaSettings.Problems(Properties(("bootstrap.servers", "broker:9092"), (name, value))));
        Assert.Equal(setting, named);
        Assert.StartsWith(sentence, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_without_a_broker_ask_for_one()
    {
        (string setting, string problem) = Assert.Single(KafkaSettings.Problems(Properties()));

        Assert.Equal("Kafka:bootstrap.servers", setting);
        Assert.StartsWith("is missing", problem, StringComparison.Ordinal);
    }

    private static void AssertSame(Dictionary<string, string> expected, ClientConfig actual) =>
        Assert.Equal(expected.OrderBy(property => property.Key, StringComparer.Ordinal),
            actual.OrderBy(property => property.Key, StringComparer.Ordinal));

    private static Dictionary<string, string> Properties(params (string Name, string Value)[] properties) =>
        properties.ToDictionary(property => property.Name, property => property.Value, StringComparer.Ordinal);
}
