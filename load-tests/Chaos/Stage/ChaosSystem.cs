using System.Globalization;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;
using StackExchange.Redis;

namespace Claims.LoadTests.Chaos.Stage;

/// <summary>
/// A system of its own that can be mistreated: two Adjudications, two ledgers, Eligibility, a gateway and their stores, each called over
/// a line that can be cut. Only the broker is called directly, since it tells its clients its own address. In pairs, Eligibility and the
/// gateway are two as well.
/// </summary>
public sealed class ChaosSystem : IAsyncDisposable
{
    public const string Redis = "redis";
    public const string Postgres = "postgres";
    public const string Broker = "broker";
    public const string Eligibility = "eligibility";
    public const string Gateway = "gateway";
    public const string SecondEligibility = "eligibility-2";
    public const string SecondGateway = "gateway-2";
    public const int Instances = 2;

    // What stands before the port in a store's address.
    private const string RedisAt = "127.0.0.1:";
    private const string PostgresAt = "Port=";

    private static readonly CityPolicy Policy = CityPolicy.Shipped;
    private static readonly TimeSpan BrokerBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<string, SystemProcess> _processes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SmallDisk> _disks = new(StringComparer.Ordinal);
    private readonly SystemLayout[] _layouts;
    private readonly DirectoryInfo _directory;
    private readonly bool _pairs;
    private PrivateRedis? _redis;
    private PrivatePostgres? _postgres;

    private ChaosSystem(DirectoryInfo directory, SystemLayout[] layouts, bool pairs)
    {
        _directory = directory;
        _pairs = pairs;
        _layouts = layouts;
    }

    /// <summary>Called directly, for import and for the final reading.</summary>
    public SystemLayout Layout => _layouts[0];

    /// <summary>Where each Adjudication is reached by operators, directly.</summary>
    public IReadOnlyList<string> OperatorsAddresses => [.. _layouts.Select(layout => layout.AdjudicationOperatorsAddress)];

    public IReadOnlyDictionary<string, SystemProcess> Processes => _processes;

    /// <summary>The names of what is no store, in the order in which they start, and in which they are updated.</summary>
    public IReadOnlyList<string> Services =>
        _pairs ? InPairs : [.. InPairs.Where(name => name is not (SecondEligibility or SecondGateway))];

    /// <summary><see cref="Services"/> of a system in pairs.</summary>
    public static IReadOnlyList<string> InPairs { get; } =
    [
        Eligibility, SecondEligibility, Ledger(1), Ledger(2), Adjudication(1), Adjudication(2), Gateway, SecondGateway,
    ];

    public IReadOnlyDictionary<string, Line> Lines => _lines;

    /// <summary>Stores that have a disk of their own; none where this user may not mount one.</summary>
    public IReadOnlyDictionary<string, SmallDisk> Disks => _disks;

    /// <summary>Left behind on disposal, for whoever wants to know what happened.</summary>
    public bool KeepData { get; set; }

    public string RedisDirectory => Layout.RedisDirectory;

    public string PostgresDirectory => Layout.PostgresDirectory;

    public string LedgerDatabase => _postgres!.ConnectionString("ledger");

    public static string Adjudication(int instance) => string.Create(CultureInfo.InvariantCulture, $"adjudication-{instance}");

    public static string Ledger(int instance) => string.Create(CultureInfo.InvariantCulture, $"ledger-{instance}");

    /// <summary>Where hospitals reach an Adjudication.</summary>
    public string HospitalAddress(int instance) => _lines[$"hospitals → {Adjudication(instance)}"].Address;

    /// <summary>Where clinics reach each gateway.</summary>
    public IReadOnlyList<string> ClinicAddresses =>
        [.. _lines.Values.Where(line => line.Name.StartsWith("clinics → ", StringComparison.Ordinal)).Select(line => line.Address)];

    /// <param name="disks">Whether the stores get disks that can be made small, where that may be done.</param>
    /// <param name="pairs">Whether Eligibility and the gateway are two as well.</param>
    /// <exception cref="CommandException">Something does not start; nothing is left behind.</exception>
    public static async Task<ChaosSystem> StartAsync(
        bool disks, bool pairs, Action<string> tell, CancellationToken cancellationToken)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-chaos-");
        SystemLayout[] layouts = [.. Enumerable.Range(0, Instances)
            .Select(_ => new SystemLayout(directory.FullName, FreePort.Take(SystemLayout.PortCount)))];
        ChaosSystem system = new(directory, layouts, pairs);
        tell($"Starting a system of its own in {directory.FullName} …");
        try
        {
            await system.StartAllAsync(disks, cancellationToken);
            return system;
        }
        catch
        {
            await system.DisposeAsync();
            throw;
        }
    }

    /// <summary>A connection to Redis past every line, for faults.</summary>
    public async Task<ConnectionMultiplexer> ConnectRedisAsync() =>
        await ConnectionMultiplexer.ConnectAsync(_redis!.Configuration + ",allowAdmin=true,abortConnect=true");

    /// <summary>The embedded broker has another address after each start, so whoever calls it is started again, as `claims up`
    /// does.</summary>
    public async Task RestartBrokerAsync(CancellationToken cancellationToken)
    {
        await _processes[Broker].StartAsync(cancellationToken);
        SystemProcess[] callers = [.. CallersOfTheBroker()];
        await Task.WhenAll(callers.Select(caller => caller.StopAsync()));
        foreach (SystemProcess caller in callers) await caller.StartAsync(cancellationToken);
    }

    /// <summary>Lines healed, what stands still goes on, what is gone started, all of it ready.</summary>
    public async Task HealAsync(CancellationToken cancellationToken)
    {
        foreach (Line line in _lines.Values) line.Heal();
        foreach (SystemProcess process in _processes.Values) process.Resume();
        foreach (SystemProcess process in _processes.Values.Where(process => !process.IsRunning))
        {
            if (process.Name == Broker) await RestartBrokerAsync(cancellationToken);
            else await process.StartAsync(cancellationToken);
        }

        foreach (SystemProcess process in _processes.Values) await process.WaitUntilReadyAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (SystemProcess process in _processes.Values.Reverse())
            {
                process.Resume();
                await process.DisposeAsync();
            }

            foreach (Line line in _lines.Values) await line.DisposeAsync();
            if (KeepData)
            {
                foreach (string store in _disks.Keys) await Files.CopyAsync(DirectoryOf(store), KeptOf(store), CancellationToken.None);
            }
        }
        finally
        {
            foreach (SmallDisk disk in _disks.Values) disk.Dispose();
        }

        // Where they would lie without disks of their own.
        foreach (string store in _disks.Keys.Where(store => Directory.Exists(KeptOf(store))))
        {
            Directory.Delete(DirectoryOf(store), recursive: true);
            Directory.Move(KeptOf(store), DirectoryOf(store));
        }

        if (!KeepData) _directory.Delete(recursive: true);
    }

    private async Task StartAllAsync(bool disks, CancellationToken cancellationToken)
    {
        Layout.Create();
        if (disks)
        {
            foreach (string store in new[] { Redis, Postgres })
            {
                if (SmallDisk.TryMount(DirectoryOf(store)) is { } disk) _disks.Add(store, disk);
            }
        }

        _redis = await PrivateRedis.StartAsync(RedisDirectory, Layout.RedisPort, cancellationToken: cancellationToken);
        Add(new RedisProcess(_redis));
        _postgres = await PrivatePostgres.StartAsync(
            PostgresDirectory, Layout.PostgresPort, fsync: true, cancellationToken: cancellationToken);
        Add(new PostgresProcess(_postgres));
        Add(new CommandProcess(Broker, BrokerAsync, _ => Task.FromResult(File.Exists(Layout.BrokerAddressFile))));
        await _processes[Broker].StartAsync(cancellationToken);
        AddLines();

        string eligibilityStore = Over("eligibility → postgres", PostgresAt, _postgres.ConnectionString("eligibility"));
        AddService(Eligibility, 0, ProcessDefinitions.Eligibility,
            (layout, _) => ProcessDefinitions.EligibilityService(layout, Policy, eligibilityStore));
        if (_pairs)
        {
            AddService(SecondEligibility, 1, ProcessDefinitions.Eligibility,
                (layout, _) => ProcessDefinitions.EligibilityService(layout, Policy, eligibilityStore));
        }

        string ledgerStore = _postgres.ConnectionString("ledger");
        for (int instance = 1; instance <= Instances; instance++)
        {
            string store = Over($"{Ledger(instance)} → postgres", PostgresAt, ledgerStore);
            AddService(Ledger(instance), instance - 1, ProcessDefinitions.Ledger,
                (layout, kafka) => ProcessDefinitions.LedgerService(layout, Policy, store, kafka));
        }

        for (int instance = 1; instance <= Instances; instance++)
        {
            string name = Adjudication(instance);
            string store = Over($"{name} → redis", RedisAt, _redis.Configuration);
            SystemLayout calls = _layouts[instance - 1] with
            {
                EligibilityAddress = _lines[$"{name} → eligibility"].Address,
                LedgerAddress = _lines[$"{name} → {Ledger(instance)}"].Address,
            };
            AddService(name, instance - 1, ProcessDefinitions.Adjudication,
                (_, kafka) => ProcessDefinitions.AdjudicationService(calls, Policy, store, kafka));
        }

        SystemLayout gateway = Layout with { AdjudicationAddress = _lines["gateway → adjudication-1"].Address };
        AddService(Gateway, 0, ProcessDefinitions.Gateway, (_, _) => ProcessDefinitions.GatewayService(gateway));
        if (_pairs)
        {
            SystemLayout second = _layouts[1] with { AdjudicationAddress = _lines["gateway-2 → adjudication-2"].Address };
            AddService(SecondGateway, 1, ProcessDefinitions.Gateway, (_, _) => ProcessDefinitions.GatewayService(second));
        }

        foreach (string name in Services)
        {
            await _processes[name].StartAsync(cancellationToken);
            await _processes[name].WaitUntilReadyAsync(cancellationToken);
        }
    }

    private void AddLines()
    {
        for (int instance = 1; instance <= Instances; instance++)
        {
            SystemLayout own = _layouts[instance - 1];
            AddLine($"hospitals → {Adjudication(instance)}", own.AdjudicationPort);
            AddLine($"{Adjudication(instance)} → redis", Layout.RedisPort);
            AddLine($"{Adjudication(instance)} → eligibility", _pairs ? own.EligibilityPort : Layout.EligibilityPort);
            AddLine($"{Adjudication(instance)} → {Ledger(instance)}", own.LedgerPort);
            AddLine($"{Ledger(instance)} → postgres", Layout.PostgresPort);
        }

        AddLine("eligibility → postgres", Layout.PostgresPort);
        AddLine("gateway → adjudication-1", Layout.AdjudicationPort);
        AddLine("clinics → gateway", Layout.GatewayPort);
        if (!_pairs) return;
        AddLine("gateway-2 → adjudication-2", _layouts[1].AdjudicationPort);
        AddLine("clinics → gateway-2", _layouts[1].GatewayPort);
    }

    private void AddLine(string name, int port) => _lines.Add(name, new Line(name, port));

    private void Add(SystemProcess process) => _processes.Add(process.Name, process);

    private void AddService(string name, int layout, string kind, Func<SystemLayout, string, ProcessDefinition> definition) =>
        Add(new CommandProcess(
            name,
            async cancel => definition(_layouts[layout], await BrokerAddressAsync(cancel)).Command! with { LogFile = Layout.LogFile(name) },
            cancel => ProcessDefinitions.IsReadyAsync(_layouts[layout], kind, cancel)));

    private Task<ServerCommand> BrokerAsync(CancellationToken cancellationToken)
    {
        File.Delete(Layout.BrokerAddressFile);
        return Task.FromResult(ProcessDefinitions.EmbeddedBroker(Layout).Command!);
    }

    private async Task<string> BrokerAddressAsync(CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)BrokerBound.TotalMilliseconds;
        while (!File.Exists(Layout.BrokerAddressFile))
        {
            if (Environment.TickCount64 >= deadline) throw new CommandException("The broker does not start.", ExitCodes.CannotStart);
            await Task.Delay(PollInterval, cancellationToken);
        }

        return await File.ReadAllTextAsync(Layout.BrokerAddressFile, cancellationToken);
    }

    private IEnumerable<SystemProcess> CallersOfTheBroker() =>
        _processes.Values.Where(process => process.Name.StartsWith("adjudication-", StringComparison.Ordinal)
            || process.Name.StartsWith("ledger-", StringComparison.Ordinal));

    /// <summary>A store's address, over a line.</summary>
    private string Over(string line, string address, string configuration) => configuration.Replace(
        string.Create(CultureInfo.InvariantCulture, $"{address}{PortOf(address)}"),
        string.Create(CultureInfo.InvariantCulture, $"{address}{_lines[line].Port}"), StringComparison.Ordinal);

    private int PortOf(string address) => address == RedisAt ? Layout.RedisPort : Layout.PostgresPort;

    private string DirectoryOf(string store) => store == Redis ? RedisDirectory : PostgresDirectory;

    private string KeptOf(string store) => DirectoryOf(store) + "-kept";
}
