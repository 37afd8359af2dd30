using Claims.Kafka;
using Confluent.Kafka;

namespace Kafka.Tests;

public sealed class NativeLibraryTests
{
    [Fact]
    public void Client_and_broker_use_one_library_which_the_package_brings()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start("t", 1);
        Assert.NotEmpty(Library.VersionString);
        string[] loaded =
        [
            .. File.ReadLines("/proc/self/maps").Where(line => line.Contains("librdkafka", StringComparison.Ordinal))
                .Select(line => line[line.IndexOf('/', StringComparison.Ordinal)..]).Distinct(StringComparer.Ordinal),
        ];

        Assert.StartsWith(AppContext.BaseDirectory, Assert.Single(loaded), StringComparison.Ordinal);
    }

    [Fact]
    public void Library_that_cannot_be_loaded_is_named()
    {
        DllNotFoundException error = Assert.Throws<DllNotFoundException>(
            () => Native.Load(["librdkafka-absent", "librdkafka-gone"], typeof(EmbeddedBroker).Assembly, null));

        Assert.Contains("neither librdkafka-absent nor librdkafka-gone", error.Message, StringComparison.Ordinal);
    }
}
