using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Claims.LoadTests.Chaos.Stage;

/// <summary>A TCP line of this machine that can be cut, silenced and slowed while it is in use.</summary>
/// <param name="name">Who calls whom.</param>
/// <param name="serverPort">On 127.0.0.1; nobody need listen there yet.</param>
public sealed class Line : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _sockets = [];
    private readonly int _serverPort;
    private readonly Task _accepting;
    private volatile TaskCompletionSource? _silent;
    private volatile int _delayMilliseconds;
    private volatile bool _cut;

    public Line(string name, int serverPort)
    {
        Name = name;
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Name { get; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Address => $"http://127.0.0.1:{Port}";

    /// <summary>Both ends are told: connections are reset, and new ones likewise.</summary>
    public void Cut()
    {
        _cut = true;
        foreach (Socket socket in _sockets.Keys) Reset(socket);
    }

    /// <summary>Nobody is told: connections stay open and carry nothing until the line heals, which then brings what was sent.</summary>
    public void Silence() => _silent ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What is sent arrives so much later, a piece after the other.</summary>
    public void Slow(TimeSpan delay) => _delayMilliseconds = (int)delay.TotalMilliseconds;

    public void Heal()
    {
        _cut = false;
        _delayMilliseconds = 0;
        TaskCompletionSource? silent = _silent;
        _silent = null;
        silent?.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        Heal();
        foreach (Socket socket in _sockets.Keys) socket.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = CarryAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped listening.
        }
    }

    private async Task CarryAsync(Socket client)
    {
        using Socket server = new(SocketType.Stream, ProtocolType.Tcp);
        _sockets[client] = true;
        _sockets[server] = true;
        try
        {
            if (_cut) return;
            client.NoDelay = server.NoDelay = true;
            await server.ConnectAsync(IPAddress.Loopback, _serverPort);
            await Task.WhenAll(CarryAsync(client, server), CarryAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Nobody listens, or one end is gone: the other is told.
        }
        finally
        {
            Reset(client);
            Reset(server);
            _sockets.TryRemove(client, out _);
            _sockets.TryRemove(server, out _);
        }
    }

    private async Task CarryAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and int length)
            {
                if (_delayMilliseconds is > 0 and int delay) await Task.Delay(delay);
                if (_silent is { } silent) await silent.Task;
                for (int sent = 0; sent < length;) sent += await to.SendAsync(buffer.AsMemory(sent, length - sent));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other direction must not wait for an end that is gone.
            Reset(from);
            Reset(to);
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }

        socket.Dispose();
    }
}
