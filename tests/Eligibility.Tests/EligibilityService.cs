using System.Text;
using System.Text.Json;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Claims.Eligibility.Tests;

/// <summary>The service as a process of its own over a database, and a channel to it.</summary>
internal sealed class EligibilityService : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _directory;
    private readonly ServerProcess _process;
    private readonly GrpcChannel _channel;

    private readonly Uri _metrics;

    private EligibilityService(DirectoryInfo directory, ServerProcess process, string address, string metrics)
    {
        _metrics = new Uri(metrics);
        _directory = directory;
        _process = process;
        _channel = GrpcChannel.ForAddress(address);
        Client = new(_channel);
        Access = new(_channel);
        Clinic = new(_channel);
        Office = new(_channel);
    }

    public V1.Eligibility.EligibilityClient Client { get; }

    public ClinicAccess.ClinicAccessClient Access { get; }

    public ClinicRegistry.ClinicRegistryClient Clinic { get; }

    public RegistryOffice.RegistryOfficeClient Office { get; }

    public async Task<string> MetricsAsync()
    {
        using HttpClient client = new();
        return await client.GetStringAsync(new Uri(_metrics, "/metrics"));
    }

    public async Task<string> StatusAsync(string path)
    {
        using HttpClient client = new();
        using HttpResponseMessage response = await client.GetAsync(new Uri(_metrics, path));
        return ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public string Log => File.ReadAllText(LogFile(_directory));

    public static async Task<EligibilityService> StartAsync(
        string connectionString, string? policyDirectory = null, bool acceptUnsafe = true, string ledgerAddress = "")
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-eligibility-");
        ServerProcess process = await LaunchAsync(directory, connectionString, policyDirectory, acceptUnsafe, ledgerAddress);
        string? address = null;
        string? metrics = null;
        await Poll.UntilAsync(Bound, () =>
        {
            if (!process.Identity.IsRunning)
                throw new InvalidOperationException($"The service ended: {ServerProcess.LogTail(LogFile(directory))}");
            string? started = File.ReadLines(LogFile(directory))
                .FirstOrDefault(line => line.Contains("\"event\":\"started\"", StringComparison.Ordinal));
            address = started is null ? null : JsonDocument.Parse(started).RootElement.GetProperty("GrpcAddress").GetString();
            metrics = started is null ? null : JsonDocument.Parse(started).RootElement.GetProperty("MetricsAddress").GetString();
            return address is not null;
        });
        return new(directory, process, address!, metrics!);
    }

    /// <summary>What it writes when it does not start.</summary>
    public static async Task<string> RefusalAsync(string connectionString, string policyDirectory)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-eligibility-");
        using ServerProcess process = await LaunchAsync(directory, connectionString, policyDirectory, acceptUnsafe: true);
        Assert.True(await process.Identity.WaitForExitAsync(Bound));
        string log = await File.ReadAllTextAsync(LogFile(directory));
        directory.Delete(recursive: true);
        return log;
    }

    public async Task<ImportReply> ImportAsync(ImportKind kind, string csv, int chunkBytes = 7, string reason = "")
    {
        using AsyncClientStreamingCall<ImportChunk, ImportReply> call = Client.Import(deadline: DateTime.UtcNow + Bound);
        byte[] bytes = Encoding.UTF8.GetBytes(csv);
        foreach (byte[] chunk in bytes.Chunk(chunkBytes))
            await call.RequestStream.WriteAsync(new ImportChunk { Kind = kind, Csv = ByteString.CopyFrom(chunk), Reason = reason });
        await call.RequestStream.CompleteAsync();
        return await call;
    }

    public void Terminate() => _process.Identity.Signal(ProcessSignal.Terminate);

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        Terminate();
        Assert.True(await _process.Identity.WaitForExitAsync(Bound), "The service did not stop.");
        _process.Dispose();
        _directory.Delete(recursive: true);
    }

    private static async Task<ServerProcess> LaunchAsync(
        DirectoryInfo directory, string connectionString, string? policyDirectory, bool acceptUnsafe, string ledgerAddress = "")
    {
        // Made here, so that it can be read before the service has written anything.
        await File.WriteAllTextAsync(LogFile(directory), "");
        return await ServerProcess.StartOwnedAsync(
            new ServerCommand("dotnet", ["exec", typeof(EligibilitySettings).Assembly.Location], LogFile(directory))
            {
                Environment = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["Claims__Port"] = "0",
                    ["Claims__MetricsPort"] = "0",
                    ["Claims__Postgres"] = connectionString,
                    ["Claims__LedgerAddress"] = ledgerAddress,
                    ["Claims__AcceptUnsafePostgres"] = acceptUnsafe ? "true" : "false",
                    ["Claims__PolicyDirectory"] = policyDirectory ?? Path.Combine(AppContext.BaseDirectory, "policy"),
                },
            });
    }

    private static string LogFile(DirectoryInfo directory) => Path.Combine(directory.FullName, "log");
}

/// <summary>One service for a class; tests that are answered by it have codes and ids of their own.</summary>
public sealed class SharedService(PostgresServer postgres) : IAsyncLifetime
{
    private EligibilityService? service;

    internal EligibilityService Service => service!;

    public async Task InitializeAsync() => service = await EligibilityService.StartAsync(await postgres.NewDatabaseAsync());

    public async Task DisposeAsync() => await service!.DisposeAsync();
}

internal static class Poll
{
    public static async Task UntilAsync(TimeSpan bound, Func<bool> condition)
    {
        using CancellationTokenSource deadline = new(bound);
        while (!condition()) await Task.Delay(TimeSpan.FromMilliseconds(20), deadline.Token);
    }
}
