using System.Net;
using System.Net.Sockets;

namespace Claims.PageTests;

/// <summary>A line between browser and gateway that can be cut, after so many bytes or at once, and be put together again.</summary>
public sealed class CuttingLine : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _lock = new();
    private readonly HashSet<TcpClient> _open = [];
    private readonly int _gatewayPort;
    private readonly Task _accepting;
    private long _upBytes = long.MaxValue;
    private long _downBytes = long.MaxValue;
    private bool _isCut;
    private TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public CuttingLine(Uri gateway)
    {
        _gatewayPort = gateway.Port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Address => PageSystem.Address(((IPEndPoint)_listener.LocalEndpoint).Port);

    /// <summary>Completes when the line is cut; at once while it is.</summary>
    public Task WhenCut
    {
        get { lock (_lock) return _cut.Task; }
    }

    /// <summary>Lets so many more bytes through, of all connections together, and then nothing.</summary>
    public void CutAfter(long? upBytes, long? downBytes)
    {
        lock (_lock)
        {
            _upBytes = upBytes ?? long.MaxValue;
            _downBytes = downBytes ?? long.MaxValue;
        }
    }

    public void Cut()
    {
        lock (_lock)
        {
            _isCut = true;
            _cut.TrySetResult();
            foreach (TcpClient client in _open) client.Client.Close(0);
            _open.Clear();
        }
    }

    public void Mend()
    {
        lock (_lock)
        {
            (_isCut, _upBytes, _downBytes) = (false, long.MaxValue, long.MaxValue);
            if (_cut.Task.IsCompleted) _cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = CarryAsync(await _listener.AcceptTcpClientAsync(_end.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The line has been taken down.
        }
    }

    private async Task CarryAsync(TcpClient browser)
    {
        using TcpClient gateway = new();
        using (browser)
        {
            try
            {
                lock (_lock)
                {
                    if (_isCut) return;
                    _open.Add(browser);
                    _open.Add(gateway);
                }

                await gateway.ConnectAsync(IPAddress.Loopback, _gatewayPort, _end.Token);
                await Task.WhenAny(
                    PumpAsync(browser.GetStream(), gateway.GetStream(), up: true),
                    PumpAsync(gateway.GetStream(), browser.GetStream(), up: false));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException
                or InvalidOperationException)
            {
                // Cut, or ended by either side.
            }
            finally
            {
                lock (_lock)
                {
                    _open.Remove(browser);
                    _open.Remove(gateway);
                }
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, bool up)
    {
        byte[] buffer = new byte[16_384];
        try
        {
            while (true)
            {
                int read = await from.ReadAsync(buffer, _end.Token);
                if (read == 0) return;
                (int pass, bool cut) = Allowed(read, up);
                if (pass > 0) await to.WriteAsync(buffer.AsMemory(0, pass), _end.Token);
                if (!cut) continue;
                Cut();
                return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut, or ended by either side.
        }
    }

    private (int Pass, bool Cut) Allowed(int bytes, bool up)
    {
        lock (_lock)
        {
            ref long left = ref up ? ref _upBytes : ref _downBytes;
            if (left == long.MaxValue) return (bytes, false);
            int pass = (int)Math.Min(left, bytes);
            left -= pass;
            return (pass, left == 0);
        }
    }
}
