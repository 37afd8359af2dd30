using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;

namespace Claims.Kafka;

/// <summary>The functions of librdkafka that Confluent.Kafka does not offer; names and signatures of rdkafka.h and rdkafka_mock.h.</summary>
internal static partial class Native
{
    [LibraryImport(KafkaNative.Library)]
    internal static partial nint rd_kafka_conf_new();

    [LibraryImport(KafkaNative.Library)]
    internal static partial void rd_kafka_conf_destroy(nint configuration);

    /// <returns>0 when taken, -2 for an unknown name, -1 for a value that does not fit; the reason is then in the buffer.</returns>
    [LibraryImport(KafkaNative.Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int rd_kafka_conf_set(nint configuration, string name, string value, [In, Out] byte[] reason, nuint reasonSize);

    [LibraryImport(KafkaNative.Library)]
    internal static partial nint rd_kafka_new(int type, nint configuration, [In, Out] byte[] reason, nuint reasonSize);

    [LibraryImport(KafkaNative.Library)]
    internal static partial void rd_kafka_destroy(nint client);

    [LibraryImport(KafkaNative.Library)]
    internal static partial nint rd_kafka_mock_cluster_new(nint client, int brokers);

    [LibraryImport(KafkaNative.Library)]
    internal static partial void rd_kafka_mock_cluster_destroy(nint cluster);

    [LibraryImport(KafkaNative.Library)]
    internal static partial nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [LibraryImport(KafkaNative.Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial ErrorCode rd_kafka_mock_topic_create(nint cluster, string topic, int partitions, int replicationFactor);

    [LibraryImport(KafkaNative.Library)]
    internal static partial void rd_kafka_mock_push_request_errors_array(nint cluster, short request, nuint count, ErrorCode[] errors);

    [LibraryImport(KafkaNative.Library)]
    internal static partial ErrorCode rd_kafka_mock_broker_set_down(nint cluster, int broker);

    [LibraryImport(KafkaNative.Library)]
    internal static partial ErrorCode rd_kafka_mock_broker_set_up(nint cluster, int broker);

    internal static string Text(byte[] buffer)
    {
        int end = Array.IndexOf(buffer, (byte)0);
        return Encoding.UTF8.GetString(buffer, 0, end < 0 ? buffer.Length : end);
    }
}
