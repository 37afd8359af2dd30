namespace Claims.Cli.LocalSystem;

/// <summary>Where one system on this machine keeps its data, and the ports it listens on (127.0.0.1).</summary>
public sealed record SystemLayout(string DataDirectory, int PortBase)
{
    public const int DefaultPortBase = 5100;

    /// <summary>Neighbouring ports from the base that a system may take.</summary>
    public const int PortCount = 38;

    private const string Marker = ".claims-data";

    public int AdjudicationPort => PortBase + 1;
    public int EligibilityPort => PortBase + 2;
    public int LedgerPort => PortBase + 3;
    public int GatewayPort => PortBase + 4;
    public int AdjudicationOperatorsPort => PortBase + 6;
    public int AdjudicationMetricsPort => PortBase + 11;
    public int EligibilityMetricsPort => PortBase + 12;
    public int LedgerMetricsPort => PortBase + 13;
    public int GatewayMetricsPort => PortBase + 14;
    public int RedisPort => PortBase + 21;
    public int PostgresPort => PortBase + 22;
    public int PrometheusPort => PortBase + 30;
    public int AlertmanagerPort => PortBase + 31;
    public int GrafanaPort => PortBase + 32;
    public int TracesPort => PortBase + 33;
    public int TracesOtlpPort => PortBase + 37;
    public int RedisExporterPort => PortBase + 34;
    public int PostgresExporterPort => PortBase + 35;
    public int NodeExporterPort => PortBase + 36;

    // Of a system elsewhere they are given.
    public string AdjudicationAddress { get => field ?? $"http://127.0.0.1:{AdjudicationPort}"; init; }
    public string AdjudicationOperatorsAddress { get => field ?? $"http://127.0.0.1:{AdjudicationOperatorsPort}"; init; }
    public string EligibilityAddress { get => field ?? $"http://127.0.0.1:{EligibilityPort}"; init; }
    public string LedgerAddress { get => field ?? $"http://127.0.0.1:{LedgerPort}"; init; }
    public string GatewayAddress => $"http://127.0.0.1:{GatewayPort}";

    public string RedisDirectory => Path.Combine(DataDirectory, "redis");
    public string PostgresDirectory => Path.Combine(DataDirectory, "postgres");
    public string BrokerAddressFile => Path.Combine(DataDirectory, "broker.address");
    public string KafkaKeyFile => Path.Combine(DataDirectory, "kafka.key");
    public string StateFile => Path.Combine(DataDirectory, "state.json");

    /// <summary>Where a restore puts together what is to take the place of <see cref="PostgresDirectory"/>.</summary>
    public string RestoredDirectory => Path.Combine(DataDirectory, "restored");

    /// <summary>There while what was restored takes its place.</summary>
    public string RestoreFile => Path.Combine(DataDirectory, "restore.json");

    public string LockFile => Path.Combine(DataDirectory, "lock");

    public string LogFile(string process) => Path.Combine(DataDirectory, "logs", $"{process}.log");

    /// <summary>
    /// From CLAIMS_DATA (else .claims in the checkout) and CLAIMS_PORT_BASE (else the base of the system that runs over this data,
    /// else 5100).
    /// </summary>
    public static SystemLayout FromEnvironment()
    {
        string? data = Environment.GetEnvironmentVariable("CLAIMS_DATA");
        SystemLayout layout = new(
            Path.GetFullPath(string.IsNullOrEmpty(data) ? Path.Combine(Repository.Root, ".claims") : data), DefaultPortBase);
        string? portBase = Environment.GetEnvironmentVariable("CLAIMS_PORT_BASE");
        if (string.IsNullOrEmpty(portBase))
            return layout with { PortBase = SystemState.Read(layout.StateFile).PortBase ?? DefaultPortBase };
        if (!int.TryParse(portBase, out int port) || port is < 1024 or > 65_535 - PortCount)
            throw new CommandException($"CLAIMS_PORT_BASE is \"{portBase}\", but must be a number from 1024 to {65_535 - PortCount}.");
        return layout with { PortBase = port };
    }

    /// <summary>Makes the data directory and marks it as ours.</summary>
    /// <exception cref="CommandException">It holds something else.</exception>
    public void Create()
    {
        Directory.CreateDirectory(DataDirectory);
        RequireOurs();
        File.WriteAllText(Path.Combine(DataDirectory, Marker), "The data of one local claims system. `claims up --fresh` removes it.\n");
        Directory.CreateDirectory(Path.Combine(DataDirectory, "logs"));
    }

    /// <summary>Removes everything but the lock, which the caller holds.</summary>
    /// <exception cref="CommandException">The directory holds something else.</exception>
    public void RemoveData()
    {
        RequireOurs();
        foreach (string file in Directory.EnumerateFiles(DataDirectory).Where(file => file != LockFile))
            File.Delete(file);
        foreach (string directory in Directory.EnumerateDirectories(DataDirectory))
            Directory.Delete(directory, recursive: true);
    }

    public bool IsOurs => File.Exists(Path.Combine(DataDirectory, Marker));

    /// <exception cref="CommandException">The data directory holds something else.</exception>
    public void RequireOurs()
    {
        if (!IsOurs && Directory.Exists(DataDirectory)
            && Directory.EnumerateFileSystemEntries(DataDirectory).Any(entry => entry != LockFile))
        {
            throw new CommandException(
                $"{DataDirectory} holds files that are not a claims system's; name an empty directory in CLAIMS_DATA.",
                ExitCodes.CannotStart);
        }
    }
}
