using System.Collections;
using System.Diagnostics;
using System.Globalization;
using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>
/// Starts and stops the processes of one system. One supervisor at a time holds a data directory; the processes outlive it.
/// </summary>
public sealed class Supervisor : IDisposable
{
    private static readonly TimeSpan LockBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PortBound = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly SystemLayout _layout;
    private readonly Action<string> _report;
    private readonly FileStream _lock;
    private readonly Lock _stateGate = new();
    private readonly Dictionary<string, ProcessIdentity> _startedNow = new(StringComparer.Ordinal);
    private SystemState _state;

    private Supervisor(SystemLayout layout, Action<string> report, FileStream fileLock)
    {
        _layout = layout;
        _report = report;
        _lock = fileLock;
        _state = SystemState.Read(layout.StateFile);
    }

    /// <param name="report">Takes one line per step.</param>
    /// <exception cref="CommandException">
    /// The data directory holds something else, or another command has been starting or stopping this system for a minute.
    /// </exception>
    public static async Task<Supervisor> OpenAsync(SystemLayout layout, Action<string> report, CancellationToken cancellationToken)
    {
        layout.RequireOurs();
        Directory.CreateDirectory(layout.DataDirectory);
        long deadline = Environment.TickCount64 + (long)LockBound.TotalMilliseconds;
        while (true)
        {
            try
            {
                return new Supervisor(layout, report,
                    new FileStream(layout.LockFile, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None));
            }
            catch (IOException) when (Environment.TickCount64 < deadline)
            {
                await Task.Delay(PollInterval, cancellationToken);
            }
            catch (IOException)
            {
                throw new CommandException(
                    $"Another claims command is still starting or stopping the system in {layout.DataDirectory}.", ExitCodes.CannotStart);
            }
        }
    }

    /// <summary>Starts what is missing, restarts what is configured differently now, leaves the rest.</summary>
    /// <param name="fresh">Stops everything and removes the data first.</param>
    /// <param name="kafka">Bootstrap servers of a broker to use; null starts the embedded one.</param>
    /// <param name="observe">Starts what watches the system too; what watches it already goes on either way.</param>
    /// <param name="traces">Starts what shows traces, and has every service send them there.</param>
    /// <param name="archive">Where PostgreSQL keeps its WAL; empty for nowhere, null for where it did before.</param>
    /// <exception cref="CommandException">The data is another city's, or something cannot start; what this call had started is stopped
    /// again.</exception>
    /// <exception cref="PrivateServerException">The same, of Redis or PostgreSQL.</exception>
    public async Task UpAsync(
        bool fresh, CityPolicy policy, string? kafka, bool observe, bool traces, string? archive, CancellationToken cancellationToken)
    {
        UpVariables.Require(Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(variable => KeyValuePair.Create((string)variable.Key, (string?)variable.Value ?? "")));
        _layout.Create();
        if (fresh)
        {
            await DownAsync(cancellationToken);
            _layout.RemoveData();
            _layout.Create();
            Update(SystemState.Empty);
        }
        if (RestoredData.Finish(_layout)) _report("A restore that was broken off is ended: its books are in place.");
        if (_state.Policy is { } earlier && earlier.City != policy.City)
        {
            throw new CommandException(
                $"The data in {_layout.DataDirectory} is of {earlier.City}, not of {policy.City}: name another directory in CLAIMS_DATA, "
                    + $"or remove it with `claims up --fresh`.",
                ExitCodes.CannotStart);
        }
        if (archive is null && _state.Archive is { } kept && new WalArchive(kept).Owner is null)
        {
            // Its disk may not be mounted: what would be made there is no archive.
            throw new CommandException(
                $"{kept}, which keeps PostgreSQL's WAL, is not there: mount it, name another with --archive, or say --no-archive.",
                ExitCodes.CannotStart);
        }
        List<string> observers = observe ? [.. Observers.Installed()] : [];
        if (traces) observers.Add(TracesDashboard.Name);
        await RequireFreePortsAsync(observers, cancellationToken);
        // Of this process, since the services inherit them, as they do what its caller has set.
        if (traces)
        {
            foreach ((string name, string value) in TracesDashboard.Variables(_layout)) Environment.SetEnvironmentVariable(name, value);
        }

        try
        {
            if (traces) await EnsureAllAsync([await TracesDashboard.DefineAsync(_layout, cancellationToken)], cancellationToken);
            await StartAllAsync(policy, kafka, archive ?? _state.Archive, cancellationToken);
            if (observe) await EnsureAllAsync(Observers.Definitions(_layout), cancellationToken);
        }
        catch
        {
            // In reverse, and even after Ctrl-C: nothing stays half up.
            foreach (string process in StopOrder.Where(_startedNow.ContainsKey))
                await StopAsync(process);
            throw;
        }
    }

    /// <summary>Stops everything, last started first.</summary>
    public async Task DownAsync(CancellationToken cancellationToken)
    {
        foreach (string process in StopOrder)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await StopAsync(process);
        }
    }

    /// <summary>Names of what runs over this data now.</summary>
    public IReadOnlyList<string> Running => [.. _state.Processes.Keys.Where(process => _state.Running(process) is not null)];

    /// <summary>What is known of data before anything has been started over it.</summary>
    public void Remember(CityPolicy policy) => Update(_state with { Policy = policy });

    public SystemState State => _state;

    /// <summary>What this supervisor has started, by name.</summary>
    public IReadOnlyDictionary<string, ProcessIdentity> StartedNow => _startedNow;

    /// <summary>Stops these very processes, last started first; what runs under their names by another's doing goes on.</summary>
    /// <returns>The names of what goes on.</returns>
    public async Task<IReadOnlyList<string>> DownAsync(IReadOnlyDictionary<string, ProcessIdentity> own)
    {
        foreach (string process in StopOrder)
        {
            if (own.TryGetValue(process, out ProcessIdentity mine) && _state.Running(process)?.Identity == mine) await StopAsync(process);
        }

        return [.. StopOrder.Reverse().Where(process => _state.Running(process) is not null)];
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Who watches stops first, or every stop would be told as an outage.</summary>
    private static IEnumerable<string> StopOrder => Observers.StartOrder.Reverse()
        .Concat(ProcessDefinitions.StartOrder.Reverse()).Append(TracesDashboard.Name);

    private async Task StartAllAsync(CityPolicy policy, string? kafka, string? archive, CancellationToken cancellationToken)
    {
        Update(_state with { PortBase = _layout.PortBase, Policy = policy, Archive = string.IsNullOrEmpty(archive) ? null : archive });
        List<ProcessDefinition> stores =
            [ProcessDefinitions.RedisServer(_layout), ProcessDefinitions.PostgresServer(_layout, _state.Archive)];
        if (kafka is null)
            stores.Add(ProcessDefinitions.EmbeddedBroker(_layout));
        else
            await StopAsync(ProcessDefinitions.Broker);
        await EnsureAllAsync(stores, cancellationToken);

        string brokers = kafka ?? await File.ReadAllTextAsync(_layout.BrokerAddressFile, cancellationToken);
        PrivatePostgres postgres = PrivatePostgres.Attach(_layout.PostgresDirectory, _layout.PostgresPort);
        await EnsureAllAsync(
            [
                ProcessDefinitions.EligibilityService(_layout, policy, postgres.ConnectionString("eligibility")),
                ProcessDefinitions.LedgerService(_layout, policy, postgres.ConnectionString("ledger"), brokers),
            ],
            cancellationToken);

        PrivateRedis redis = PrivateRedis.Attach(_layout.RedisDirectory, _layout.RedisPort);
        await EnsureAllAsync([ProcessDefinitions.AdjudicationService(_layout, policy, redis.Configuration, brokers)], cancellationToken);
        await EnsureAllAsync([ProcessDefinitions.GatewayService(_layout)], cancellationToken);
    }

    private async Task EnsureAllAsync(IEnumerable<ProcessDefinition> definitions, CancellationToken cancellationToken)
    {
        using CancellationTokenSource failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAll(definitions.Select(async definition =>
        {
            try
            {
                await EnsureAsync(definition, failed.Token);
            }
            catch
            {
                await failed.CancelAsync();
                throw;
            }
        }));
    }

    private async Task EnsureAsync(ProcessDefinition definition, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        ProcessRecord? running = _state.Running(definition.Name);
        string did = "started";
        if (running?.Fingerprint == definition.Fingerprint)
        {
            await ProcessDefinitions.WaitUntilReadyAsync(_layout, definition.Name, running.Identity, cancellationToken);
            did = "runs already";
        }
        else
        {
            if (running is not null)
            {
                await StopAsync(definition.Name);
                did = "restarted, its configuration or build has changed";
            }
            await definition.Start(process => Started(definition, process), cancellationToken);
        }
        string seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        string ports = string.Join(", ", ProcessDefinitions.PortsOf(_layout, definition.Name).Select(port => port.Port));
        string state = await ProcessDefinitions.IsReadyAsync(_layout, definition.Name, cancellationToken) ? "ready" : "NOT READY";
        _report($"{definition.Name,-12} {state} after {seconds} s, {did}{(ports.Length > 0 ? $"; port {ports}" : "")}");
    }

    private void Started(ProcessDefinition definition, ProcessIdentity process)
    {
        lock (_stateGate)
        {
            _startedNow[definition.Name] = process;
            Update(_state.With(
                definition.Name, new ProcessRecord(
                    process.Pid, process.StartTicks, definition.Fingerprint, TimeProvider.System.GetUtcNow())));
        }
    }

    /// <summary>SIGTERM, and SIGKILL where that is not enough; nothing where it does not run.</summary>
    public async Task StopAsync(string process)
    {
        if (_state.Running(process) is { } record)
        {
            // To PostgreSQL, SIGTERM means to wait until every client has left of its own.
            record.Identity.Signal(process == ProcessDefinitions.Postgres ? ProcessSignal.Interrupt : ProcessSignal.Terminate);
            bool stopped = await record.Identity.WaitForExitAsync(StopBound);
            if (!stopped)
            {
                record.Identity.Signal(ProcessSignal.Kill);
                await record.Identity.WaitForExitAsync(StopBound);
            }
            _report($"{process,-12} {(stopped ? "stopped" : $"killed: it had not stopped within {StopBound.TotalSeconds} s")}");
        }
        lock (_stateGate)
            Update(_state.With(process, null));
    }

    private void Update(SystemState state)
    {
        lock (_stateGate)
        {
            _state = state;
            if (_layout.IsOurs)
                state.Write(_layout.StateFile);
        }
    }

    /// <remarks>A process that was killed counts as gone before its last threads have let go of its ports.</remarks>
    private async Task RequireFreePortsAsync(IEnumerable<string> observers, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)PortBound.TotalMilliseconds;
        foreach (string process in ProcessDefinitions.StartOrder.Concat(observers).Where(process => _state.Running(process) is null))
        {
            foreach ((int port, string purpose) in ProcessDefinitions.PortsOf(_layout, process))
            {
                while (!FreePort.IsFree(port))
                {
                    if (Environment.TickCount64 >= deadline)
                    {
                        throw new CommandException(
                            $"Port {port}, which {purpose} needs on 127.0.0.1, is in use by another program; "
                            + $"stop that program or set CLAIMS_PORT_BASE to another base than {_layout.PortBase}.",
                            ExitCodes.CannotStart);
                    }
                    await Task.Delay(PollInterval, cancellationToken);
                }
            }
        }
    }
}
