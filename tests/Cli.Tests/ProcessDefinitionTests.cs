using Claims.Cli.LocalSystem;

namespace Claims.Cli.Tests;

/// <summary>What `up` tells each process, and by what it knows that one runs as it should. The environment is the process's own, so these
/// run alone.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ProcessDefinitionTests : IDisposable
{
    private const string Delay = "Claims__YearCloseDelayHours";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-processes-");

    private SystemLayout Layout => new(_directory.FullName, 6100);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Delay, null);
        _directory.Delete(recursive: true);
    }

    [Fact]
    public void Every_service_is_told_where_the_others_and_the_stores_are()
    {
        string key = Path.Combine(_directory.FullName, "kafka.key");
        CityPolicy policy = new(Repository.PolicyDirectory, "zhengzhou");

        Assert.Equal(
            [
                "AdjudicationAddress=http://127.0.0.1:6106", "City=zhengzhou", "EligibilityAddress=http://127.0.0.1:6102",
                $"KafkaKeyFile={key}", "Kafka__bootstrap_servers=b:1", "MetricsPort=6113", $"PolicyDirectory={Repository.PolicyDirectory}",
                "Port=6103", "Postgres=Host=p", "YearCloseDelayHours=0",
            ],
            SettingsOf(ProcessDefinitions.LedgerService(Layout, policy, "Host=p", "b:1")));
        Assert.Equal(
            [
                "City=zhengzhou", "EligibilityAddress=http://127.0.0.1:6102", $"KafkaKeyFile={key}", "Kafka__bootstrap_servers=b:1",
                "LedgerAddress=http://127.0.0.1:6103", "MetricsPort=6111", "OperatorsPort=6106",
                $"PolicyDirectory={Repository.PolicyDirectory}", "Port=6101", "Redis=r:1",
            ],
            SettingsOf(ProcessDefinitions.AdjudicationService(Layout, policy, "r:1", "b:1")));
        Assert.Equal(
            [
                "City=zhengzhou", "LedgerAddress=http://127.0.0.1:6103", "MetricsPort=6112",
                $"PolicyDirectory={Repository.PolicyDirectory}", "Port=6102", "Postgres=Host=p",
            ],
            SettingsOf(ProcessDefinitions.EligibilityService(Layout, policy, "Host=p")));
        Assert.Equal(
            [
                "AdjudicationAddress=http://127.0.0.1:6101", "EligibilityAddress=http://127.0.0.1:6102",
                "LedgerAddress=http://127.0.0.1:6103", "MetricsPort=6114", "Port=6104",
            ],
            SettingsOf(ProcessDefinitions.GatewayService(Layout)));
    }

    /// <summary>Whoever reads it can send the ledger what looks like Adjudication's; another one refuses what is on its way.</summary>
    [Fact]
    public void Key_of_the_messages_is_made_once_and_is_its_owners_alone()
    {
        CityPolicy policy = new(Repository.PolicyDirectory, "zhengzhou");
        _ = ProcessDefinitions.LedgerService(Layout, policy, "Host=p", "b:1");
        string made = File.ReadAllText(Layout.KafkaKeyFile);

        _ = ProcessDefinitions.AdjudicationService(Layout, policy, "r:1", "b:1");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Layout.KafkaKeyFile));
        Assert.Equal(made, File.ReadAllText(Layout.KafkaKeyFile));
        Assert.NotEqual("", made.Trim());
    }

    [Fact]
    public void Variable_that_the_caller_has_set_is_told_and_restarts_the_service()
    {
        CityPolicy policy = new(Repository.PolicyDirectory, "zhengzhou");
        ProcessDefinition before = ProcessDefinitions.LedgerService(Layout, policy, "Host=p", "b:1");
        string gateway = ProcessDefinitions.GatewayService(Layout).Fingerprint;

        Environment.SetEnvironmentVariable(Delay, "24");

        ProcessDefinition after = ProcessDefinitions.LedgerService(Layout, policy, "Host=p", "b:1");
        Assert.Contains("YearCloseDelayHours=24", SettingsOf(after));
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
        Assert.NotEqual(gateway, ProcessDefinitions.GatewayService(Layout).Fingerprint);
    }

    [Fact]
    public void Postgres_that_is_to_keep_its_wal_elsewhere_is_another()
    {
        string[] fingerprints =
        [
            .. new string?[] { null, "/wal", "/other" }.Select(archive => ProcessDefinitions.PostgresServer(Layout, archive).Fingerprint),
            ProcessDefinitions.PostgresServer(Layout with { PortBase = 6200 }, null).Fingerprint,
        ];

        Assert.Equal(4, fingerprints.Distinct().Count());
        Assert.Equal(fingerprints[1], ProcessDefinitions.PostgresServer(Layout, "/wal").Fingerprint);
    }

    private static string[] SettingsOf(ProcessDefinition definition) =>
    [
        .. definition.Command!.Environment.Where(variable => variable.Key.StartsWith("Claims__", StringComparison.Ordinal))
            .Select(variable => $"{variable.Key["Claims__".Length..]}={variable.Value}").Order(StringComparer.Ordinal),
    ];
}
