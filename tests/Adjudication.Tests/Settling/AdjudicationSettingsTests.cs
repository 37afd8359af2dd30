using System.ComponentModel.DataAnnotations;
using Claims.Adjudication;
using Claims.Adjudication.Store;
using Claims.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Adjudication.Tests.Settling;

public sealed class AdjudicationSettingsTests
{
    [Fact]
    public void Settings_that_are_complete_have_no_fault_and_these_defaults()
    {
        AdjudicationSettings settings = Complete();

        Assert.Empty(Faults(settings));
        Assert.Equal(("zhengzhou", 32, 50_000, 5_000), (settings.City, settings.Shards, settings.OutboxMaxPerShard, settings.RelayWindow));
        Assert.Equal((10_000, 0), (settings.OutboxKeptPerShard, settings.RedisReplicas));
        Assert.Equal((60, 100_000, 1_024), (settings.EligibilityCacheSeconds, settings.EligibilityCacheEntries, settings.StreamInFlight));
    }

    public static TheoryData<string, Action<AdjudicationSettings, int>, int, int> Bounds => new()
    {
        { nameof(AdjudicationSettings.Shards), (settings, value) => settings.Shards = value, 1, 1_024 },
        { nameof(AdjudicationSettings.OutboxMaxPerShard), (settings, value) => settings.OutboxMaxPerShard = value, 1_000, 10_000_000 },
        { nameof(AdjudicationSettings.RedisReplicas), (settings, value) => settings.RedisReplicas = value, 0, 5 },
        { nameof(AdjudicationSettings.OutboxKeptPerShard), (settings, value) => settings.OutboxKeptPerShard = value, 0, 1_000_000 },
        { nameof(AdjudicationSettings.RelayWindow), (settings, value) => settings.RelayWindow = value, 1, 100_000 },
        { nameof(AdjudicationSettings.EligibilityCacheSeconds), (settings, value) => settings.EligibilityCacheSeconds = value, 1, 3_600 },
        {
            nameof(AdjudicationSettings.EligibilityCacheEntries), (settings, value) => settings.EligibilityCacheEntries = value, 1_000,
            10_000_000
        },
        { nameof(AdjudicationSettings.StreamInFlight), (settings, value) => settings.StreamInFlight = value, 1, 100_000 },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Number_is_taken_up_to_its_bounds_and_not_beyond(string name, Action<AdjudicationSettings, int> set, int least, int most)
    {
        foreach ((int value, string[] faults) in ((int, string[])[])[(least - 1, [name]), (least, []), (most, []), (most + 1, [name])])
        {
            AdjudicationSettings settings = Complete();
            set(settings, value);
            Assert.Equal(faults, Faults(settings));
        }
    }

    public static TheoryData<string, Action<AdjudicationSettings>> Missing => new()
    {
        { nameof(AdjudicationSettings.Redis), settings => settings.Redis = "" },
        { nameof(AdjudicationSettings.EligibilityAddress), settings => settings.EligibilityAddress = "" },
        { nameof(AdjudicationSettings.EligibilityAddress), settings => settings.EligibilityAddress = "127.0.0.1" },
        { nameof(AdjudicationSettings.LedgerAddress), settings => settings.LedgerAddress = "" },
        { nameof(AdjudicationSettings.LedgerAddress), settings => settings.LedgerAddress = "ledger" },
        { nameof(AdjudicationSettings.City), settings => settings.City = "" },
        { nameof(AdjudicationSettings.KafkaKeyFile), settings => settings.Tls = new TlsSettings { ClientCa = "ca.pem" } },
    };

    [Theory]
    [MemberData(nameof(Missing))]
    public void Setting_that_is_missing_or_no_address_is_named(string name, Action<AdjudicationSettings> spoil)
    {
        AdjudicationSettings settings = Complete();
        spoil(settings);

        Assert.Equal([name], Faults(settings));
    }

    [Theory]
    [InlineData("password=secret", "is wrong: it names no host; it must be of the form HOST:PORT,password=…")]
    [InlineData("redis:6379,password=secret,pasword=other",
        "is wrong: 'pasword' or its value is not known to StackExchange.Redis; it must be of the form HOST:PORT,password=…")]
    [InlineData("redis:6379,password=secret,ssl=perhaps",
        "is wrong: 'ssl' or its value is not known to StackExchange.Redis; it must be of the form HOST:PORT,password=…")]
    public void Redis_that_cannot_be_read_is_told_without_its_password(string redis, string said)
    {
        AdjudicationSettings settings = Complete();
        settings.Redis = redis;

        Assert.Equal([said], Found(settings).Select(fault => fault.ErrorMessage));
    }

    [Fact]
    public void File_of_keys_that_cannot_be_read_is_named()
    {
        AdjudicationSettings settings = Complete();
        settings.KafkaKeyFile = Path.Combine(Repository.Root, "no such file");

        Assert.Equal([nameof(AdjudicationSettings.KafkaKeyFile)], Faults(settings));
    }

    [Fact]
    public void Policy_that_cannot_be_read_and_a_kafka_without_servers_are_named()
    {
        AdjudicationSettings settings = Complete();
        settings.City = "nowhere";
        Assert.Equal([nameof(AdjudicationSettings.City)], Faults(settings));

        settings = Complete();
        settings.Kafka.Clear();
        Assert.NotEmpty(Faults(settings));
    }

    [Fact]
    public async Task Store_of_the_service_is_the_one_of_the_settings()
    {
        AdjudicationSettings settings = Complete();
        (settings.Shards, settings.OutboxMaxPerShard, settings.RedisReplicas) = (3, 2_000, 2);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.AddAdjudication(settings);
        await using WebApplication service = builder.Build();

        SettlementStore store = service.Services.GetRequiredService<SettlementStore>();

        Assert.Equal((3, 2_000, 2), (store.Shards.Count, store.Shards[2].LongestOutbox, store.Replicas));
    }

    private static AdjudicationSettings Complete() => new()
    {
        Redis = "127.0.0.1:1",
        EligibilityAddress = "http://127.0.0.1:2",
        LedgerAddress = "http://127.0.0.1:3",
        PolicyDirectory = Path.Combine(Repository.Root, "policy"),
        Kafka = new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = "127.0.0.1:4" },
    };

    /// <summary>Names of the settings at fault.</summary>
    private static IEnumerable<string> Faults(AdjudicationSettings settings) => Found(settings).SelectMany(fault => fault.MemberNames);

    private static List<ValidationResult> Found(AdjudicationSettings settings)
    {
        List<ValidationResult> faults = [];
        Validator.TryValidateObject(settings, new ValidationContext(settings), faults, validateAllProperties: true);
        return faults;
    }
}
