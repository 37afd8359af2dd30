using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;

namespace Claims.Kafka;

/// <summary>The functions of librdkafka that Confluent.Kafka does not offer; names and signatures of rdkafka.h and
/// rdkafka_mock.h.</summary>
internal static partial class Native
{
    private const string Library = "librdkafka";

    // The order in which Confluent.Kafka tries what its package carries. Debian 12 lacks the first's libsasl2.so.3; the second needs glibc
    // alone.
    private static readonly string[] Builds = [Library, "centos8-librdkafka"];

    static Native() =>
        NativeLibrary.SetDllImportResolver(
        typeof(Native).Assembly, (name, assembly, path) => name == Library ? Load(Builds, assembly, path) : 0);

    [LibraryImport(Library)]
    internal static partial nint rd_kafka_conf_new();

    [LibraryImport(Library)]
    internal static partial void rd_kafka_conf_destroy(nint configuration);

    /// <returns>0 when taken, -2 for an unknown name, -1 for a value that does not fit; the reason is then in the buffer.</returns>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int rd_kafka_conf_set(nint configuration, string name, string value, [In, Out] byte[] reason, nuint reasonSize);

    [LibraryImport(Library)]
    internal static partial nint rd_kafka_new(int type, nint configuration, [In, Out] byte[] reason, nuint reasonSize);

    [LibraryImport(Library)]
    internal static partial void rd_kafka_destroy(nint client);

    [LibraryImport(Library)]
    internal static partial nint rd_kafka_mock_cluster_new(nint client, int brokers);

    [LibraryImport(Library)]
    internal static partial void rd_kafka_mock_cluster_destroy(nint cluster);

    [LibraryImport(Library)]
    internal static partial nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial ErrorCode rd_kafka_mock_topic_create(nint cluster, string topic, int partitions, int replicationFactor);

    [LibraryImport(Library)]
    internal static partial void rd_kafka_mock_push_request_errors_array(nint cluster, short request, nuint count, BrokerError[] errors);

    [LibraryImport(Library)]
    internal static partial void rd_kafka_mock_clear_request_errors(nint cluster, short request);

    /// <exception cref="DllNotFoundException">None of the builds can be loaded.</exception>
    internal static nint Load(IEnumerable<string> builds, Assembly assembly, DllImportSearchPath? path)
    {
        foreach (string build in builds)
        {
            if (NativeLibrary.TryLoad(build, assembly, path, out nint handle)) return handle;
        }

        throw new DllNotFoundException(
            $"Apache Kafka's client library cannot be loaded: neither {string.Join(" nor ", builds)}, which the package librdkafka.redist "
                + $"brings for glibc on x64 and arm64.");
    }

    internal static string Text(byte[] buffer)
    {
        int end = Array.IndexOf(buffer, (byte)0);
        return Encoding.UTF8.GetString(buffer, 0, end < 0 ? buffer.Length : end);
    }
}
