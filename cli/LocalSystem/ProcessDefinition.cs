using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Claims.Kafka;
using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>One process of the system and how to start it.</summary>
/// <param name="Fingerprint">Changes when the process has to be restarted to be what is asked for.</param>
/// <param name="Start">Starts it, reports the process, and returns once it is ready.</param>
public sealed record ProcessDefinition(
    string Name,
    string Fingerprint,
    Func<Action<ProcessIdentity>, CancellationToken, Task> Start)
{
    /// <summary>What is run; null of a store, which has a class of its own.</summary>
    public ServerCommand? Command { get; init; }
}

/// <summary>The processes of a local system, in the order in which they start.</summary>
public static class ProcessDefinitions
{
    public const string Redis = "redis";
    public const string Postgres = "postgres";
    public const string Broker = "broker";
    public const string Eligibility = "eligibility";
    public const string Ledger = "ledger";
    public const string Adjudication = "adjudication";
    public const string Gateway = "gateway";

    public static readonly IReadOnlyList<string> StartOrder = [Redis, Postgres, Broker, Eligibility, Ledger, Adjudication, Gateway];

    /// <summary>The ports that a process listens on, each with the words for it in an error message.</summary>
    public static IReadOnlyList<(int Port, string Purpose)> PortsOf(SystemLayout layout, string process) => process switch
    {
        Redis => [(layout.RedisPort, "Redis")],
        Postgres => [(layout.PostgresPort, "PostgreSQL")],
        Eligibility => [(layout.EligibilityPort, "eligibility (gRPC)"), (layout.EligibilityMetricsPort, "eligibility (metrics)")],
        Ledger => [(layout.LedgerPort, "ledger (gRPC)"), (layout.LedgerMetricsPort, "ledger (metrics)")],
        Adjudication =>
        [
            (layout.AdjudicationPort, "adjudication (gRPC)"), (layout.AdjudicationMetricsPort, "adjudication (metrics)"),
            (layout.AdjudicationOperatorsPort, "adjudication (operators)"),
        ],
        Gateway => [(layout.GatewayPort, "gateway (HTTP)"), (layout.GatewayMetricsPort, "gateway (metrics)")],
        TracesDashboard.Name => [(layout.TracesPort, "traces (pages)"), (layout.TracesOtlpPort, "traces (OTLP)")],
        _ => Observers.PortOf(layout, process) is { } port ? [(port, process)] : [],
    };

    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    public static ProcessDefinition RedisServer(SystemLayout layout) => new(
        Redis,
        $"redis {layout.RedisPort}",
        (started, cancel) => PrivateRedis.StartDetachedAsync(
            layout.RedisDirectory, layout.RedisPort, layout.LogFile(Redis), started, cancel));

    /// <param name="archive">Where it keeps its WAL; null for nowhere.</param>
    public static ProcessDefinition PostgresServer(SystemLayout layout, string? archive) => new(
        Postgres,
        $"postgres {layout.PostgresPort}{(archive is null ? "" : $" {archive}")}",
        (started, cancel) => PrivatePostgres.StartDetachedAsync(
            layout.PostgresDirectory, layout.PostgresPort, layout.LogFile(Postgres), started,
            archive is null ? null : new WalArchive(archive), cancel));

    /// <summary>The embedded broker: this command itself, run as `claims broker`.</summary>
    public static ProcessDefinition EmbeddedBroker(SystemLayout layout)
    {
        ServerCommand command = new(
            Environment.ProcessPath!,
            [Repository.Assembly("Claims.Cli", "claims"), "broker", "--address-file", layout.BrokerAddressFile],
            layout.LogFile(Broker))
        {
            Environment = new Dictionary<string, string>([ProcessorShare.Setting]),
        };
        return new ProcessDefinition(
            Broker,
            "embedded",
            async (started, cancel) =>
            {
                File.Delete(layout.BrokerAddressFile);
                await StartAsync(layout, Broker, command, started, cancel);
            })
        { Command = command };
    }

    public static ProcessDefinition EligibilityService(SystemLayout layout, CityPolicy policy, string postgres) => Service(
        layout, Eligibility, "Claims.Eligibility", layout.EligibilityPort, layout.EligibilityMetricsPort, new()
        {
            ["Postgres"] = postgres,
            ["LedgerAddress"] = layout.LedgerAddress,
            ["PolicyDirectory"] = policy.Directory,
            ["City"] = policy.City,
        });

    public static ProcessDefinition LedgerService(SystemLayout layout, CityPolicy policy, string postgres, string kafka) => Service(
        layout, Ledger, "Claims.Ledger", layout.LedgerPort, layout.LedgerMetricsPort, new()
        {
            ["Postgres"] = postgres,
            ["EligibilityAddress"] = layout.EligibilityAddress,
            ["AdjudicationAddress"] = layout.AdjudicationOperatorsAddress,
            ["PolicyDirectory"] = policy.Directory,
            ["City"] = policy.City,
            ["Kafka__bootstrap_servers"] = kafka,
            ["KafkaKeyFile"] = MadeKafkaKey(layout),
            // One person tries it alone, and today; who wants to see the delay says so.
            ["YearCloseDelayHours"] = Environment.GetEnvironmentVariable("Claims__YearCloseDelayHours") ?? "0",
        });

    public static ProcessDefinition AdjudicationService(SystemLayout layout, CityPolicy policy, string redis, string kafka) => Service(
        layout, Adjudication, "Claims.Adjudication", layout.AdjudicationPort, layout.AdjudicationMetricsPort, new()
        {
            ["OperatorsPort"] = layout.AdjudicationOperatorsPort.ToString(CultureInfo.InvariantCulture),
            ["Redis"] = redis,
            ["EligibilityAddress"] = layout.EligibilityAddress,
            ["LedgerAddress"] = layout.LedgerAddress,
            ["PolicyDirectory"] = policy.Directory,
            ["City"] = policy.City,
            ["Kafka__bootstrap_servers"] = kafka,
            ["KafkaKeyFile"] = MadeKafkaKey(layout),
        });

    public static ProcessDefinition GatewayService(SystemLayout layout) => Service(
        layout, Gateway, "Claims.Gateway", layout.GatewayPort, layout.GatewayMetricsPort, new()
        {
            ["AdjudicationAddress"] = layout.AdjudicationAddress,
            ["LedgerAddress"] = layout.LedgerAddress,
            ["EligibilityAddress"] = layout.EligibilityAddress,
        });

    /// <summary>The key by which the ledger knows Adjudication's messages, of this data and readable by its owner alone.</summary>
    private static string MadeKafkaKey(SystemLayout layout)
    {
        if (File.Exists(layout.KafkaKeyFile)) return layout.KafkaKeyFile;
        FileStreamOptions own = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using StreamWriter file = new(layout.KafkaKeyFile, own);
        file.WriteLine(MessageKeys.NewKey());
        return layout.KafkaKeyFile;
    }

    private static ProcessDefinition Service(
        SystemLayout layout, string name, string project, int port, int metricsPort, Dictionary<string, string> settings)
    {
        settings["Port"] = port.ToString(CultureInfo.InvariantCulture);
        settings["MetricsPort"] = metricsPort.ToString(CultureInfo.InvariantCulture);
        string assembly = Repository.Assembly(project);
        if (!File.Exists(assembly))
            throw new CommandException($"{assembly} has not been built; run ./claims, which builds first.", ExitCodes.CannotStart);
        ServerCommand command = new(Environment.ProcessPath!, [assembly], layout.LogFile(name))
        {
            WorkingDirectory = Path.GetDirectoryName(assembly)!,
            Environment = new Dictionary<string, string>(
                [ProcessorShare.Setting, .. settings.Select(setting => KeyValuePair.Create($"Claims__{setting.Key}", setting.Value))]),
        };
        return new ProcessDefinition(
            name,
            FingerprintOf(command),
            (started, cancel) => StartAsync(layout, name, command, started, cancel))
        { Command = command };
    }

    /// <summary>Whether the process of this name answers now.</summary>
    public static Task<bool> IsReadyAsync(SystemLayout layout, string process, CancellationToken cancellationToken) => process switch
    {
        Redis => PrivateRedis.Attach(layout.RedisDirectory, layout.RedisPort).AnswersAsync(cancellationToken),
        Postgres => PrivatePostgres.Attach(layout.PostgresDirectory, layout.PostgresPort).AnswersAsync(cancellationToken),
        Broker => Task.FromResult(File.Exists(layout.BrokerAddressFile)),
        Eligibility => IsHealthyAsync(layout.EligibilityMetricsPort, cancellationToken),
        Ledger => IsHealthyAsync(layout.LedgerMetricsPort, cancellationToken),
        Adjudication => IsHealthyAsync(layout.AdjudicationMetricsPort, cancellationToken),
        Gateway => IsServingAsync(layout.GatewayMetricsPort, cancellationToken),
        _ => Observers.IsReadyAsync(layout, process, cancellationToken),
    };

    /// <summary>Why Adjudication runs and settles nothing until its store has been rebuilt, or null.</summary>
    public static async Task<string?> LostStoreAsync(SystemLayout layout, CancellationToken cancellationToken) =>
        await ReadinessAsync(layout.AdjudicationMetricsPort, cancellationToken) is { IsReady: false } readiness
            ? readiness.Reasons.FirstOrDefault(reason => reason?.Contains("claims rebuild", StringComparison.Ordinal) ?? false)
            : null;

    private static async Task<bool> IsHealthyAsync(int metricsPort, CancellationToken cancellationToken) =>
        await ReadinessAsync(metricsPort, cancellationToken) is { IsReady: true };

    /// <summary>The gateway stays ready while Adjudication is away, and tells clinics so; a system in which it cannot serve them is
    /// not.</summary>
    private static async Task<bool> IsServingAsync(int metricsPort, CancellationToken cancellationToken) =>
        await ReadinessAsync(metricsPort, cancellationToken) is { IsReady: true } readiness
            && readiness.Reasons.All(reason => reason is null);

    /// <summary>What <c>/healthz/ready</c> answers: a check that is well gives no reason. Null while nothing answers.</summary>
    private static async Task<(bool IsReady, string?[] Reasons)?> ReadinessAsync(int metricsPort, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage reply =
                await Http.GetAsync(new Uri($"http://127.0.0.1:{metricsPort}/healthz/ready"), cancellationToken);
            await using Stream body = await reply.Content.ReadAsStreamAsync(cancellationToken);
            using JsonDocument readiness = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
            return (reply.IsSuccessStatusCode, [.. readiness.RootElement.GetProperty("checks").EnumerateObject()
                .Select(check => check.Value.GetProperty("reason").GetString())]);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or TaskCanceledException
            && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    internal static async Task StartAsync(
        SystemLayout layout, string name, ServerCommand command, Action<ProcessIdentity> started, CancellationToken cancellationToken)
    {
        ProcessIdentity process = ServerProcess.StartDetached(command);
        started(process);
        await WaitUntilReadyAsync(layout, name, process, cancellationToken);
    }

    /// <exception cref="CommandException">It ended or did not get ready in time; the message ends with the last lines of its
    /// log.</exception>
    public static async Task WaitUntilReadyAsync(
        SystemLayout layout, string name, ProcessIdentity process, CancellationToken cancellationToken)
    {
        string logFile = layout.LogFile(name);
        long deadline = Environment.TickCount64 + (long)ReadyBound.TotalMilliseconds;
        while (!await IsReadyAsync(layout, name, cancellationToken))
        {
            // A store that has lost its data is rebuilt by a running system.
            if (name is Adjudication or Gateway && await LostStoreAsync(layout, cancellationToken) is not null) return;
            if (!process.IsRunning)
                throw NotReady("ended while starting");
            if (Environment.TickCount64 >= deadline)
                throw NotReady($"was not ready within {ReadyBound.TotalSeconds} s");
            await Task.Delay(PollInterval, cancellationToken);
        }

        CommandException NotReady(string what) =>
            new($"{name} {what}. The end of {logFile}:\n{ServerProcess.LogTail(logFile)}", ExitCodes.CannotStart);
    }

    /// <summary>Covers the settings, the caller's own Claims__ variables among them, the policy's files, which a service reads once, and
    /// the build.</summary>
    private static string FingerprintOf(ServerCommand command)
    {
        SortedDictionary<string, string> settings = new(command.Environment.ToDictionary(), StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            string name = (string)variable.Key;
            if (name.StartsWith("Claims__", StringComparison.OrdinalIgnoreCase))
                settings.TryAdd(name, (string?)variable.Value ?? "");
        }
        StringBuilder text = new();
        foreach ((string name, string value) in settings)
            text.Append(name).Append('=').Append(value).Append('\n');
        string directory = command.WorkingDirectory;
        IEnumerable<string> assemblies = Directory.Exists(directory)
            ? Directory.GetFiles(directory, "*.dll").Order(StringComparer.Ordinal)
            : [];
        foreach (string assembly in assemblies)
            text.Append(CultureInfo.InvariantCulture, $"{assembly} {File.GetLastWriteTimeUtc(assembly):O}\n");
        if (command.Environment.TryGetValue("Claims__PolicyDirectory", out string? policy) && Directory.Exists(policy))
        {
            foreach (string file in Directory.GetFiles(policy, "*.yaml").Order(StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"{file} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
