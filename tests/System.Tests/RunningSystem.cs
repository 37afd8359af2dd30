using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;

// Whole systems wait more than they compute; a third at once would keep two processors from answering in time.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

namespace Claims.SystemTests;

/// <summary>What one run of the command said and how it ended.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Errors}";
}

/// <summary>A process of a service; it ends with its disposal at the latest.</summary>
public sealed record ServiceInstance(ServerProcess Process, CallInvoker Calls, int Port) : IDisposable
{
    public void Dispose() => Process.Dispose();
}

/// <summary>A system of its own on free ports and in a temporary directory, used through the built command as its user would.</summary>
public sealed class RunningSystem : IAsyncLifetime
{
    private const int PortCount = 38;
    private static readonly TimeSpan CommandBound = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims system ");
    private readonly int _portBase = FreePort.Take(PortCount);
    private readonly List<GrpcChannel> _channels = [];

    /// <summary>More words for <c>claims up</c>.</summary>
    public string[] UpWith { get; init; } = [];

    /// <summary>Variables that the command finds.</summary>
    public (string Name, string Value)[] Variables { get; init; } = [];

    public async Task InitializeAsync() => AssertDone(await RunAsync(["up", "--fresh", "--detach", .. UpWith]));

    public async Task DisposeAsync()
    {
        _channels.ForEach(channel => channel.Dispose());
        await EndAsync();
        _directory.Delete(recursive: true);
    }

    /// <summary>Ends every process at once: what <c>down</c> does is looked at where it is run, and takes three seconds.</summary>
    private async Task EndAsync()
    {
        string file = Path.Combine(FilePath("data"), "state.json");
        if (!File.Exists(file)) return;
        using JsonDocument state = JsonDocument.Parse(await File.ReadAllBytesAsync(file));
        foreach (JsonProperty process in state.RootElement.GetProperty("processes").EnumerateObject())
        {
            ProcessIdentity identity =
                new(process.Value.GetProperty("pid").GetInt32(), process.Value.GetProperty("startTicks").GetInt64());
            // One that is killed leaves its shared memory behind.
            identity.Signal(process.Name == "postgres" ? ProcessSignal.Interrupt : ProcessSignal.Kill);
            Assert.True(await identity.WaitForExitAsync(TimeSpan.FromSeconds(30)), $"{process.Name} did not end");
        }
    }

    public static void AssertDone(CommandResult result) => Assert.True(result.ExitCode == 0, result.ToString());

    public static string Root => RepositoryRoot();

    public static string VectorFile(string set, string name) => Path.Combine(RepositoryRoot(), "tests", "vectors", set, name);

    /// <summary>Policy of an invented city, shizhou: other counties, the same rules.</summary>
    public static string OtherCities => Path.Combine(RepositoryRoot(), "tests", "cities");

    /// <summary>The contract as hospitals get it.</summary>
    public static string ContractFile => Path.Combine(RepositoryRoot(), "protos", "claims", "v1", "adjudication.proto");

    public string Write(string name, string text)
    {
        string path = FilePath(name);
        File.WriteAllText(path, text);
        return path;
    }

    public string FilePath(string name) => Path.Combine(_directory.FullName, name);

    public async Task<CommandResult> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        using CancellationTokenSource bound = new(CommandBound);
        Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(bound.Token);
        try
        {
            await process.WaitForExitAsync(bound.Token);
            return new CommandResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException e)
        {
            process.Kill();
            throw new TimeoutException($"claims {string.Join(' ', arguments)} did not end within {CommandBound.TotalSeconds} s.", e);
        }
    }

    /// <summary>The command as it runs, with its output to be read.</summary>
    public Process Start(params string[] arguments)
    {
        string command = Path.Combine(RepositoryRoot(), "artifacts", "bin", "Claims.Cli", "release", "claims.dll");
        return StartIn(_directory.FullName, "dotnet", [command, .. arguments]);
    }

    /// <summary>Any program, with the variables that the command finds.</summary>
    public Process StartIn(string folder, string program, params string[] arguments)
    {
        // What a shell starts in its background ignores Ctrl-C, and so would whatever the tests start there.
        ProcessStartInfo start = new("env", ["--default-signal=INT", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
            Environment =
            {
                ["CLAIMS_DATA"] = FilePath("data"),
                ["CLAIMS_PORT_BASE"] = _portBase.ToString(CultureInfo.InvariantCulture),
                ["CLAIMS_KAFKA"] = "",
                // Tests look for rows, not for how they are broken.
                ["COLUMNS"] = "400",
            },
        };
        foreach ((string name, string value) in Variables) start.Environment[name] = value;
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>SIGKILL to one process of the system, found as an operator would find it.</summary>
    public async Task KillAsync(string process)
    {
        ProcessIdentity identity = ProcessIdentity.Of(await PidOfAsync(process))!.Value;
        identity.Signal(ProcessSignal.Kill);
        Assert.True(await identity.WaitForExitAsync(TimeSpan.FromSeconds(10)));
    }

    public async Task<int> PidOfAsync(string process)
    {
        CommandResult status = await RunAsync("status", "--json");
        return status.Json.GetProperty("processes").EnumerateArray()
            .Single(entry => entry.GetProperty("name").GetString() == process)
            .GetProperty("pid").GetInt32();
    }

    /// <summary>How many records adjudication has numbered so far.</summary>
    public async Task<long> RecordsAsync()
    {
        Outbox outbox = await new AdjudicationOperations.AdjudicationOperationsClient(Connect(_portBase + 6))
            .GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow.AddSeconds(10));
        return outbox.Shards.Sum(shard => shard.Sequence);
    }

    /// <summary>Every row of the sub-ledger, once all that was settled is in the books, they balance, and they verify.</summary>
    public async Task<List<SubLedgerEntry>> BooksAsync()
    {
        AssertDone(await RunAsync("ledger", "trial-balance", "--json", "--wait", "60"));
        AssertDone(await RunAsync("ledger", "verify", "--json", "--wait", "60"));
        using AsyncServerStreamingCall<SubLedgerEntry> call = new Ledger.LedgerClient(Connect(_portBase + 3))
            .ListEntries(new ListEntriesRequest(), null, DateTime.UtcNow.AddSeconds(60));
        List<SubLedgerEntry> entries = [];
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
            entries.Add(call.ResponseStream.Current);
        return entries;
    }

    public int PortBase => _portBase;

    /// <summary>A second process of a service next to the system's own, on free ports, over the same stores.</summary>
    /// <param name="project">Claims.Ledger, Claims.Adjudication or Claims.Gateway.</param>
    /// <param name="more">Settings that the system's own does not have.</param>
    public async Task<ServiceInstance> StartSecondAsync(string project, params (string Name, string Value)[] more)
    {
        string data = FilePath("data");
        int port = FreePort.Take(2);
        Dictionary<string, string> settings = new()
        {
            ["Claims__Port"] = Text(port),
            ["Claims__MetricsPort"] = Text(port + 1),
            ["Claims__PolicyDirectory"] = Path.Combine(RepositoryRoot(), "policy"),
            ["Claims__KafkaKeyFile"] = Path.Combine(data, "kafka.key"),
            ["Claims__Kafka__bootstrap_servers"] = await File.ReadAllTextAsync(Path.Combine(data, "broker.address")),
        };
        if (project == "Claims.Ledger")
        {
            settings["Claims__Postgres"] = PrivatePostgres.Attach(Path.Combine(data, "postgres"), _portBase + 22)
                .ConnectionString("ledger");
        }
        else
        {
            settings["Claims__Redis"] = PrivateRedis.Attach(Path.Combine(data, "redis"), _portBase + 21).Configuration;
            settings["Claims__EligibilityAddress"] = $"http://127.0.0.1:{Text(_portBase + 2)}";
            settings["Claims__LedgerAddress"] = $"http://127.0.0.1:{Text(_portBase + 3)}";
        }

        foreach ((string name, string value) in more) settings.Add(name, value);
        string assembly = Path.Combine(RepositoryRoot(), "artifacts", "bin", project, "release", $"{project}.dll");
        ServerCommand command = new("dotnet", [assembly],
            FilePath($"{project}.log"))
        { WorkingDirectory = Path.GetDirectoryName(assembly)!, Environment = settings };
        ServiceInstance instance = new(await ServerProcess.StartOwnedAsync(command), Connect(port), port);
        using HttpClient http = new();
        await Eventually.HoldsAsync(async () => await IsReadyAsync(http, port + 1));
        return instance;
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, int metricsPort)
    {
        try
        {
            using HttpResponseMessage reply = await http.GetAsync(new Uri($"http://127.0.0.1:{Text(metricsPort)}/healthz/ready"));
            return reply.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    public CallInvoker Connect(int port)
    {
        GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        _channels.Add(channel);
        return channel.CreateCallInvoker();
    }

    public static string RepositoryRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Claims.sln")))
            directory = directory.Parent;
        return directory!.FullName;
    }
}
