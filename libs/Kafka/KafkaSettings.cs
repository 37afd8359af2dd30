using Confluent.Kafka;

namespace Claims.Kafka;

/// <summary>
/// librdkafka's properties as the configuration section <c>Claims:Kafka</c> gives them, over defaults that keep what was
/// acknowledged. Any property may be set, TLS and SASL included; in a name, an underscore stands for a dot.
/// </summary>
public sealed class KafkaSettings
{
    private const string Idempotence = "enable.idempotence";
    private const string InFlight = "max.in.flight";

    private readonly Dictionary<string, string> _properties;

    /// <param name="properties">Name and value, <c>bootstrap.servers</c> or <c>bootstrap_servers</c> among them.</param>
    /// <param name="keys">By which messages are signed and known; null: they are not.</param>
    public KafkaSettings(IReadOnlyDictionary<string, string> properties, MessageKeys? keys = null)
    {
        Keys = keys ?? MessageKeys.None;
        _properties = properties.ToDictionary(property => Dotted(property.Key), property => property.Value, StringComparer.Ordinal);
    }

    public MessageKeys Keys { get; }

    public string BootstrapServers => _properties["bootstrap.servers"];

    /// <summary>What is wrong, each with the setting below section <c>Claims</c> that it concerns; empty when nothing is.</summary>
    public static IReadOnlyList<(string Setting, string Problem)> Problems(IReadOnlyDictionary<string, string> properties)
    {
        List<(string, string)> problems = [];
        if (!properties.Any(property => Dotted(property.Key) == "bootstrap.servers" && !string.IsNullOrWhiteSpace(property.Value)))
            problems.Add(("Kafka:bootstrap.servers", "is missing: host:port of a Kafka broker, several with commas"));

        foreach (IGrouping<string, string> twice in properties.Keys.GroupBy(Dotted, StringComparer.Ordinal)
            .Where(names => names.Count() > 1))
            problems.Add(($"Kafka:{twice.Key}", $"is given more than once: {string.Join(", ", twice)}"));

        byte[] reason = new byte[512];
        nint configuration = Native.rd_kafka_conf_new();
        foreach ((string name, string value) in properties)
        {
            if (Native.rd_kafka_conf_set(configuration, Dotted(name), value, reason, (nuint)reason.Length) != 0)
                problems.Add(($"Kafka:{name}", $"is not accepted by librdkafka: {Native.Text(reason)}"));
        }

        Native.rd_kafka_conf_destroy(configuration);
        return problems;
    }

    /// <summary>
    /// A producer whose acknowledgement means every in-sync replica has the record, in order, within a bounded queue and
    /// a bounded time. A record that was not acknowledged may still be there: the ledger drops repeats by sequence.
    /// </summary>
    internal ProducerConfig Producer()
    {
        Dictionary<string, string> merged = Over(new(StringComparer.Ordinal)
        {
            ["client.id"] = "claims-adjudication",
            ["acks"] = "all",
            [Idempotence] = "true",
            ["linger.ms"] = "3",
            ["compression.type"] = "none",
            ["queue.buffering.max.messages"] = "20000",
            ["queue.buffering.max.kbytes"] = "32768",
            ["message.timeout.ms"] = "30000",
            ["request.timeout.ms"] = "10000",
            // A delivery report is read for its error only.
            ["dotnet.producer.delivery.report.fields"] = "none",
        });
        // Brokers before 0.11 have no idempotence; one request at a time then keeps retried records in order.
        if (merged[Idempotence] == "false") merged.TryAdd(InFlight, "1");
        return new ProducerConfig(merged);
    }

    /// <summary>
    /// A consumer for manual assignment: it never commits and never asks for offsets, since the position is the
    /// ledger's own watermark.
    /// </summary>
    internal ConsumerConfig Consumer()
    {
        Dictionary<string, string> merged = Over(new(StringComparer.Ordinal)
        {
            ["client.id"] = "claims-ledger",
            // Required by the client library; with manual assignment no group is joined.
            ["group.id"] = "claims-ledger",
            // An offset that the broker no longer has: read what is left, and the gap is announced by sequence.
            ["auto.offset.reset"] = "earliest",
            // The embedded broker waits the whole time whenever a partition has nothing new, and this delays the watermark.
            // At 10 ms the ledger of an idle system took a fourteenth of a processor for it.
            ["fetch.wait.max.ms"] = "40",
            ["fetch.error.backoff.ms"] = "100",
            // What lies in memory: 16 MB in the queue of all partitions together, and one answer of 8 MB under way.
            ["queued.max.messages.kbytes"] = "16384",
            // How long a partition rests when that queue is full: in the default, a second, the ledger empties it and waits.
            ["fetch.queue.backoff.ms"] = "20",
            ["fetch.max.bytes"] = "8388608",
            ["fetch.message.max.bytes"] = "262144",
        });
        merged["enable.auto.commit"] = "false";
        merged["enable.auto.offset.store"] = "false";
        return new ConsumerConfig(merged);
    }

    private Dictionary<string, string> Over(Dictionary<string, string> defaults)
    {
        defaults["reconnect.backoff.ms"] = "100";
        defaults["reconnect.backoff.max.ms"] = "2000";
        defaults["socket.keepalive.enable"] = "true";
        foreach ((string name, string value) in _properties) defaults[name] = value;
        return defaults;
    }

    private static string Dotted(string name) => name.Replace('_', '.');
}
