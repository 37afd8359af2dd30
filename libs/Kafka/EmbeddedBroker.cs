using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Claims.Kafka;

/// <summary>
/// A Kafka broker inside this process, on a free loopback port: librdkafka's own, which speaks the protocol to any client.
/// It keeps everything in memory, about 5 MB per partition and then drops the oldest; disposing it loses everything.
/// </summary>
public sealed class EmbeddedBroker : IDisposable
{
    private readonly Lock _gate = new();
    private nint _client;
    private nint _cluster;

    private EmbeddedBroker(nint client, nint cluster, string bootstrapServers)
    {
        _client = client;
        _cluster = cluster;
        BootstrapServers = bootstrapServers;
    }

    /// <summary><c>127.0.0.1:port</c></summary>
    public string BootstrapServers { get; }

    /// <summary>Starts one broker that serves <paramref name="topic"/> with the given number of partitions.</summary>
    /// <exception cref="DllNotFoundException">librdkafka cannot be loaded.</exception>
    /// <exception cref="InvalidOperationException">librdkafka could not start its broker.</exception>
    public static EmbeddedBroker Start(string topic, int partitions)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(partitions);

        nint owner;
        nint started;
        using (new BlockedSignals())
        {
            owner = NewClient();
            started = Native.rd_kafka_mock_cluster_new(owner, 1);
        }

        if (started == 0)
        {
            Native.rd_kafka_destroy(owner);
            throw new InvalidOperationException("librdkafka could not start its embedded broker");
        }

        string bootstrapServers = Marshal.PtrToStringUTF8(Native.rd_kafka_mock_cluster_bootstraps(started))!;
        EmbeddedBroker broker = new(owner, started, bootstrapServers);
        ErrorCode error = Native.rd_kafka_mock_topic_create(started, topic, partitions, 1);
        if (error == ErrorCode.NoError) return broker;

        broker.Dispose();
        throw new InvalidOperationException($"the embedded broker refused topic {topic} with {partitions} partitions: {error}");
    }

    /// <summary>
    /// Closes a connection at its next request, does nothing that it asks for, and so on until <see cref="BringUp"/>: for the next 10 000
    /// requests of each kind. What was stored stays.
    /// </summary>
    public void TakeDown() => Use(cluster =>
    {
        // librdkafka's own way down closes its listener and binds the port anew, and ends the process where it cannot. It cannot while
        // a child process of ours is between fork and exec: that child holds the listener too.
        BrokerError[] closing = Enumerable.Repeat(BrokerError.ConnectionClosed, 10_000).ToArray();
        foreach (BrokerRequest request in Enum.GetValues<BrokerRequest>())
            Native.rd_kafka_mock_push_request_errors_array(cluster, (short)request, (nuint)closing.Length, closing);
    });

    /// <summary>Serves again. Errors of <see cref="FailNext"/> that no request has met are gone.</summary>
    public void BringUp() => Use(cluster =>
    {
        foreach (BrokerRequest request in Enum.GetValues<BrokerRequest>())
            Native.rd_kafka_mock_clear_request_errors(cluster, (short)request);
    });

    /// <summary>Answers the next requests of one kind with these errors, one each, then normally again.</summary>
    public void FailNext(BrokerRequest request, params BrokerError[] errors) => Use(cluster =>
        Native.rd_kafka_mock_push_request_errors_array(cluster, (short)request, (nuint)errors.Length, errors));

    public void Dispose()
    {
        lock (_gate)
        {
            if (_cluster == 0) return;
            Native.rd_kafka_mock_cluster_destroy(_cluster);
            Native.rd_kafka_destroy(_client);
            _cluster = _client = 0;
        }
    }

    private void Use(Action<nint> call)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_cluster == 0, this);
            call(_cluster);
        }
    }

    private static nint NewClient()
    {
        const int Producer = 0;
        byte[] reason = new byte[512];
        nint configuration = Native.rd_kafka_conf_new();
        // The broker reports every connection that a client closes; only what stops it (level 2, critical) matters.
        _ = Native.rd_kafka_conf_set(configuration, "log_level", "2", reason, (nuint)reason.Length);
        nint created = Native.rd_kafka_new(Producer, configuration, reason, (nuint)reason.Length);
        if (created != 0) return created;

        Native.rd_kafka_conf_destroy(configuration);
        throw new InvalidOperationException($"librdkafka could not start its embedded broker: {Native.Text(reason)}");
    }
}

/// <summary>Kafka's numbers of the requests that a client of this broker makes, but for its greeting (ApiVersions).</summary>
public enum BrokerRequest : short
{
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    InitProducerId = 22,
}

/// <summary>Kafka's numbers of the errors that tests make it answer.</summary>
public enum BrokerError
{
    /// <summary>librdkafka's own number: no answer, and the connection is closed.</summary>
    ConnectionClosed = -195,

    Unknown = -1,
    OffsetOutOfRange = 1,
    UnknownTopicOrPartition = 3,
    LeaderNotAvailable = 5,
    NotLeaderForPartition = 6,
    RequestTimedOut = 7,
    BrokerNotAvailable = 8,
    NotEnoughReplicas = 19,
    TopicAuthorizationFailed = 29,
    ClusterAuthorizationFailed = 31,
}
