using Claims.Kafka;
using Confluent.Kafka;

namespace Kafka.Tests;

public sealed class KafkaNativeTests
{
    [Fact]
    public async Task Register_from_many_threads_binds_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(KafkaNative.Register)));

        Assert.True(Library.Version >= 0x02000000, Library.VersionString);
    }

    [Fact]
    public void Missing_library_names_the_package_to_install()
    {
        DllNotFoundException error = Assert.Throws<DllNotFoundException>(() => KafkaNative.LoadLibrary("librdkafka-absent.so.1"));

        Assert.Contains("apt-get install librdkafka1", error.Message, StringComparison.Ordinal);
    }
}
