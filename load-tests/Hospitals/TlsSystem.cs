using System.Globalization;
using Claims.Cli;
using Claims.Cli.Certificates;
using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Claims.PrivateServers;
using Grpc.Core;
using Grpc.Net.Client;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// A second Adjudication over a system's stores, with mutual TLS: hospitals come with a certificate each, and are served for themselves
/// alone. Beside it the first one goes on without, so that both are measured in one run.
/// </summary>
public sealed class TlsSystem : IAsyncDisposable
{
    private const int CertificateDays = 2;
    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly string _directory;
    private readonly string _address;
    private readonly ServerProcess _process;
    private readonly List<GrpcChannel> _channels = [];

    private TlsSystem(string directory, string address, ServerProcess process)
    {
        _directory = directory;
        _address = address;
        _process = process;
    }

    /// <param name="hospitals">The first so many facilities of the workload get a certificate.</param>
    /// <exception cref="CommandException">It does not start.</exception>
    public static async Task<TlsSystem> StartAsync(SystemLayout beside, int hospitals, CancellationToken cancellationToken)
    {
        string directory = Path.Combine(beside.DataDirectory, "tls");
        using (TestAuthority authority = TestAuthority.Make(directory, CertificateDays, TimeProvider.System))
        {
            authority.Issue(new Identity(Callers.Adjudication, "adjudication"));
            for (int hospital = 1; hospital <= hospitals; hospital++)
                authority.Issue(new Identity(Callers.Facility, Workload.FacilityCode(hospital)));
        }

        int port = FreePort.Take(SystemLayout.PortCount);
        SystemLayout own = beside with { PortBase = port };
        SystemLayout calls = own with { EligibilityAddress = beside.EligibilityAddress, LedgerAddress = beside.LedgerAddress };
        string brokers = await File.ReadAllTextAsync(beside.BrokerAddressFile, cancellationToken);
        PrivateRedis redis = PrivateRedis.Attach(beside.RedisDirectory, beside.RedisPort);
        ServerCommand command = ProcessDefinitions.AdjudicationService(calls, CityPolicy.Shipped, redis.Configuration, brokers).Command!;
        Dictionary<string, string> environment = new(command.Environment)
        {
            ["Claims__Tls__Certificate"] = Path.Combine(directory, "adjudication.crt"),
            ["Claims__Tls__Key"] = Path.Combine(directory, "adjudication.key"),
            ["Claims__Tls__ClientCa"] = Path.Combine(directory, "ca.crt"),
            // What is measured is what TLS costs, and not where a share ends.
            ["Claims__CallsPerSecond"] = "1000000",
            ["Claims__MessagesPerSecond"] = "1000000",
        };
        ServerProcess process = await ServerProcess.StartOwnedAsync(
            command with { Environment = environment, LogFile = beside.LogFile("adjudication-tls") }, cancellationToken);
        TlsSystem system =
            new(directory, string.Create(CultureInfo.InvariantCulture, $"https://localhost:{own.AdjudicationPort}"), process);
        long deadline = Environment.TickCount64 + (long)ReadyBound.TotalMilliseconds;
        while (!await ProcessDefinitions.IsReadyAsync(own, ProcessDefinitions.Adjudication, cancellationToken))
        {
            if (Environment.TickCount64 >= deadline)
            {
                await system.DisposeAsync();
                throw new CommandException(
                    $"The service with mutual TLS does not start:\n{ServerProcess.LogTail(beside.LogFile("adjudication-tls"))}",
                    ExitCodes.CannotStart);
            }

            await Task.Delay(PollInterval, cancellationToken);
        }

        return system;
    }

    /// <summary>A connection of the workload's facility of this number, from 1 on.</summary>
    public CallInvoker Connect(int hospital)
    {
        string own = Path.Combine(_directory, Workload.FacilityCode(hospital));
        GrpcChannel channel = ClaimsChannel.To(_address, ClaimsChannel.CreateHandler(new TlsSettings
        {
            Certificate = $"{own}.crt",
            Key = $"{own}.key",
            ClientCa = Path.Combine(_directory, "ca.crt"),
        }));
        _channels.Add(channel);
        return channel.CreateCallInvoker();
    }

    public ValueTask DisposeAsync()
    {
        foreach (GrpcChannel channel in _channels) channel.Dispose();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
