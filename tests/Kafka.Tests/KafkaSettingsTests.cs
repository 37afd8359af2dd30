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
    public void Producer_without_idempotence_sends_one_request_at_a_time()
    {
        KafkaSettings settings = new(Properties(("bootstrap_servers", "broker:9092"), ("enable_idempotence", "false")));

        Assert.Equal(1, settings.Producer().MaxInFlight);
        Assert.Equal("broker:9092", settings.BootstrapServers);
    }

    [Fact]
    public void Consumer_never_commits_whatever_is_configured()
    {
        KafkaSettings settings = new(Properties(("bootstrap.servers", "broker:9092"), ("enable.auto.commit", "true"), ("security.protocol", "ssl")));

        ConsumerConfig consumer = settings.Consumer();

        Assert.False(consumer.EnableAutoCommit);
        Assert.False(consumer.EnableAutoOffsetStore);
        Assert.Equal(SecurityProtocol.Ssl, consumer.SecurityProtocol);
    }

    [Fact]
    public void Problems_of_good_properties_are_none() =>
        Assert.Empty(KafkaSettings.Problems(Properties(("bootstrap.servers", "broker:9092"), ("linger_ms", "1"))));

    [Theory]
    [InlineData("linger.mss", "1", "Kafka:linger.mss")]
    [InlineData("linger.ms", "soon", "Kafka:linger.ms")]
    [InlineData("bootstrap_servers", "other:9092", "Kafka:bootstrap.servers")]
    public void Problems_name_the_setting(string name, string value, string setting)
    {
        Assert.Equal(setting, Assert.Single(KafkaSettings.Problems(Properties(("bootstrap.servers", "broker:9092"), (name, value)))).Setting);
    }

    [Fact]
    public void Problems_without_a_broker_ask_for_one()
    {
        (string setting, string problem) = Assert.Single(KafkaSettings.Problems(Properties()));

        Assert.Equal("Kafka:bootstrap.servers", setting);
        Assert.StartsWith("is missing", problem, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Properties(params (string Name, string Value)[] properties) =>
        properties.ToDictionary(property => property.Name, property => property.Value, StringComparer.Ordinal);
}
