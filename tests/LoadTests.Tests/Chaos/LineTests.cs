using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Tests.Chaos;

/// <summary>A line between a client and a server that says everything back.</summary>
public sealed class LineTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan AWhile = TimeSpan.FromMilliseconds(300);

    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private Line _line = null!;

    public Task InitializeAsync()
    {
        _server.Start();
        _ = ServeAsync();
        _line = new Line("client → server", ((IPEndPoint)_server.LocalEndpoint).Port);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _line.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task Whole_line_carries_both_ways()
    {
        using TcpClient client = await ConnectAsync();
        Assert.Equal(1, await EchoAsync(client, 1));
        Assert.Equal(2, await EchoAsync(client, 2));
    }

    [Fact]
    public async Task Cut_line_breaks_what_is_open_and_takes_nothing_new_until_it_heals()
    {
        using TcpClient client = await ConnectAsync();
        await EchoAsync(client, 1);

        _line.Cut();

        await AssertBrokenAsync(client);
        await AssertTakesNobodyAsync();
        _line.Heal();
        using TcpClient third = await ConnectAsync();
        Assert.Equal(3, await EchoAsync(third, 3));
    }

    [Fact]
    public async Task Silent_line_carries_nothing_and_brings_it_when_it_heals()
    {
        using TcpClient client = await ConnectAsync();
        await EchoAsync(client, 1);

        _line.Silence();

        Task<int> late = EchoAsync(client, 2);
        Assert.NotSame(late, await Task.WhenAny(late, Task.Delay(AWhile)));
        _line.Heal();
        Assert.Equal(2, await late);
    }

    [Fact]
    public async Task Slow_line_takes_its_time_there_and_back()
    {
        using TcpClient client = await ConnectAsync();
        await EchoAsync(client, 1);
        _line.Slow(AWhile);

        long begun = Stopwatch.GetTimestamp();
        Assert.Equal(2, await EchoAsync(client, 2));

        Assert.InRange(Stopwatch.GetElapsedTime(begun), AWhile * 1.9, Bound);
    }

    [Fact]
    public async Task Line_to_a_server_that_is_gone_tells_its_client()
    {
        _server.Stop();
        await AssertTakesNobodyAsync();
    }

    private async Task<TcpClient> ConnectAsync()
    {
        TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, _line.Port);
        return client;
    }

    /// <returns>What came back.</returns>
    private static async Task<int> EchoAsync(TcpClient client, byte said)
    {
        using CancellationTokenSource bound = new(Bound);
        byte[] one = [said];
        await client.GetStream().WriteAsync(one, bound.Token);
        await client.GetStream().ReadExactlyAsync(one, bound.Token);
        return one[0];
    }

    private static Task AssertBrokenAsync(TcpClient client) => Assert.ThrowsAnyAsync<IOException>(() => EchoAsync(client, 9));

    /// <remarks>Who connects may be told at once, or with the first word.</remarks>
    private async Task AssertTakesNobodyAsync()
    {
        Exception told = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using TcpClient client = await ConnectAsync();
            await EchoAsync(client, 9);
        });
        Assert.True(told is IOException or SocketException, told.ToString());
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = EchoAsync(await _server.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        using (socket)
        {
            byte[] buffer = new byte[1_024];
            try
            {
                while (await socket.ReceiveAsync(buffer) is > 0 and int length) await socket.SendAsync(buffer.AsMemory(0, length));
            }
            catch (SocketException)
            {
                // The other end is gone.
            }
        }
    }
}
