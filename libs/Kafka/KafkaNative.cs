using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Claims.Kafka;

/// <summary>Binds Confluent.Kafka, and the embedded broker, to the system's librdkafka.</summary>
public static class KafkaNative
{
    internal const string Library = "librdkafka";

    private static readonly Lazy<nint> Handle = new(Load);

    /// <summary>
    /// Must have run before the first use of Confluent.Kafka. May be called any number of times, from any thread.
    /// </summary>
    /// <exception cref="DllNotFoundException">librdkafka is not installed; the message names the package to install.</exception>
    public static void Register() => _ = Handle.Value;

    private static nint Load()
    {
        nint handle = LoadLibrary("librdkafka.so.1");
        NativeLibrary.SetDllImportResolver(typeof(Confluent.Kafka.Library).Assembly, Resolve);
        NativeLibrary.SetDllImportResolver(typeof(KafkaNative).Assembly, Resolve);
        return handle;

        nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
            name.StartsWith(Library, StringComparison.Ordinal) ? handle : 0;
    }

    internal static nint LoadLibrary(string fileName)
    {
        if (NativeLibrary.TryLoad(fileName, out nint handle)) return handle;
        throw new DllNotFoundException(
            $"{fileName} (Apache Kafka's client library) is not installed. Install Debian's package librdkafka1: apt-get install librdkafka1");
    }
}
