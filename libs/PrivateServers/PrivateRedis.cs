using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Claims.PrivateServers;

/// <summary>
/// A redis-server on 127.0.0.1 that has every write on disk before it answers (appendonly, appendfsync always).
/// Needs Debian's redis-server package.
/// </summary>
public sealed class PrivateRedis : IAsyncDisposable
{
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    private readonly ServerDirectory _directory;
    private readonly IReadOnlyList<string> _settings;
    private ServerProcess? _owned;

    private PrivateRedis(ServerDirectory directory, int port, IReadOnlyList<string> settings)
    {
        _directory = directory;
        Port = port;
        _settings = settings;
    }

    public int Port { get; }

    public ProcessIdentity Process { get; private set; }

    /// <summary>For StackExchange.Redis: address and password.</summary>
    public string Configuration => $"127.0.0.1:{Port},password={_directory.Password()}";

    /// <summary>A server that ends with this process or on disposal.</summary>
    /// <param name="directory">Where the data stays; null for a temporary place that disposal removes.</param>
    /// <param name="port">0 for any free port.</param>
    /// <param name="settings">Further lines of redis.conf, over those of this class.</param>
    /// <exception cref="PrivateServerException">The port is busy, the package is missing, or the server does not get ready.</exception>
    public static async Task<PrivateRedis> StartAsync(
        string? directory = null, int port = 0, IReadOnlyList<string>? settings = null, CancellationToken cancellationToken = default)
    {
        PrivateRedis redis = new(ServerDirectory.Open(directory, "redis"), port == 0 ? FreePort.Take() : port, settings ?? []);
        try
        {
            await redis.StartOwnedAsync(cancellationToken);
            return redis;
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    /// <summary>A server that survives this process. Returns once it answers.</summary>
    /// <param name="started">Called as soon as the process exists, before it is ready.</param>
    /// <exception cref="PrivateServerException">The port is busy, the package is missing, or the server does not get ready.</exception>
    public static async Task<PrivateRedis> StartDetachedAsync(
        string directory, int port, string logFile, Action<ProcessIdentity> started, CancellationToken cancellationToken = default)
    {
        PrivateRedis redis = new(ServerDirectory.Open(directory, "redis"), port, []);
        redis.Process = ServerProcess.StartDetached(redis.Command(logFile));
        started(redis.Process);
        try
        {
            await redis.WaitUntilReadyAsync(logFile, cancellationToken);
            return redis;
        }
        catch
        {
            redis.Process.Signal(ProcessSignal.Kill);
            throw;
        }
    }

    /// <summary>The server that <see cref="StartDetachedAsync"/> started over this directory, running or not.</summary>
    public static PrivateRedis Attach(string directory, int port, ProcessIdentity process = default) =>
        new(ServerDirectory.Open(directory, "redis"), port, []) { Process = process };

    /// <summary>SIGKILL, as a crash would be; the data stays.</summary>
    public async Task KillAsync()
    {
        Process.Signal(ProcessSignal.Kill);
        await Process.WaitForExitAsync(StopBound);
    }

    /// <summary>Kills the server if it still runs and starts it again over the same data on the same port.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await KillAsync();
        _owned?.Dispose();
        _owned = null;
        await StartOwnedAsync(cancellationToken);
    }

    /// <summary>Whether the server answers PING with this directory's password, its data loaded.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"AUTH {_directory.Password()}\r\nPING\r\nQUIT\r\n"), cancellationToken);
            using StreamReader reader = new(stream, Encoding.ASCII);
            return await reader.ReadLineAsync(cancellationToken) == "+OK" && await reader.ReadLineAsync(cancellationToken) == "+PONG";
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync()
    {
        _owned?.Dispose();
        _owned = null;
        _directory.DeleteIfTemporary();
        return ValueTask.CompletedTask;
    }

    private async Task StartOwnedAsync(CancellationToken cancellationToken)
    {
        string logFile = _directory.File("redis.log");
        _owned = await ServerProcess.StartOwnedAsync(Command(logFile), cancellationToken);
        Process = _owned.Identity;
        await WaitUntilReadyAsync(logFile, cancellationToken);
    }

    private ServerCommand Command(string logFile)
    {
        string program = Programs.Find("redis-server", "redis-server");
        FreePort.Require(Port, "Redis");
        // Without RDB snapshots: the append-only file is the one copy that is complete at every reply.
        // Listpacks up to 512 fields hold an insured's year in about a fifth of a hash table's memory.
        _directory.WriteSecret("redis.conf", $"""
            bind 127.0.0.1
            port {Port}
            dir "{_directory.Path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}"
            requirepass {_directory.Password()}
            save ""
            appendonly yes
            appendfsync always
            auto-aof-rewrite-percentage 100
            auto-aof-rewrite-min-size 256mb
            maxmemory-policy noeviction
            hash-max-listpack-entries 512
            hash-max-listpack-value 512
            {string.Join('\n', _settings)}

            """);
        return new ServerCommand(program, [_directory.File("redis.conf")], logFile) { WorkingDirectory = _directory.Path };
    }

    private async Task WaitUntilReadyAsync(string logFile, CancellationToken cancellationToken)
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(StartBound);
        try
        {
            while (!await AnswersAsync(bound.Token))
            {
                if (!Process.IsRunning)
                    throw new PrivateServerException($"Redis on port {Port} ended while starting: {ServerProcess.LogTail(logFile, 3)}");
                await Task.Delay(PollInterval, bound.Token);
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PrivateServerException(
                $"Redis on port {Port} did not answer within {StartBound.TotalSeconds} s: {ServerProcess.LogTail(logFile, 3)}", e);
        }
    }
}
