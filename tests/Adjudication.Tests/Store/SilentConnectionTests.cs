using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>A connection over which nothing comes back any more, though neither end was told: a cut line, a full table of a
/// firewall.</summary>
public sealed class SilentConnectionTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly ModelVisit Visit = new("P01", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);

    [Fact]
    public async Task Store_whose_connection_fell_silent_is_reached_again_over_a_new_one()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        await using Line line = new(fixture.Server.Port);
        ConfigurationOptions options = StoreConnection.OptionsOf(fixture.Server.Configuration);
        options.EndPoints.Clear();
        options.EndPoints.Add(IPAddress.Loopback, line.Port);
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options);
        await using SettlementStore store = new(connection.GetDatabase(), fixture.Store.Shards.Count, longestOutbox: 1_000);
        ShardQueue shard = store.ShardOf(Visit.Insured);
        shard.Open(StoreFixture.Epoch, 0);
        Assert.Equal(StepOutcome.New, (await shard.RunAsync(StoreFixture.StepOf(StepMode.Settle, Visit, 0))).Outcome);

        line.Silence();

        StepReply again = default;
        int refused = 0;
        await Eventually.HoldsAsync(Bound, async () =>
        {
            try
            {
                again = await shard.RunAsync(StoreFixture.StepOf(StepMode.Settle, Visit, 0));
                return true;
            }
            catch (StoreUnavailableException)
            {
                refused++;
                return false;
            }
        });
        Assert.Equal(StepOutcome.Replay, again.Outcome);
        Assert.InRange(refused, 1, int.MaxValue);
    }

    /// <summary>Between a client and a server of this machine. A connection that it has silenced stays open and carries nothing.</summary>
    private sealed class Line : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentBag<Socket> _sockets = [];
        private readonly int _serverPort;
        private readonly Task _accepting;
        private CancellationTokenSource _carrying = new();

        public Line(int serverPort)
        {
            _serverPort = serverPort;
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Silence() => Interlocked.Exchange(ref _carrying, new CancellationTokenSource()).Cancel();

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _accepting;
            foreach (Socket socket in _sockets) socket.Dispose();
            Silence();
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    Socket client = await _listener.AcceptSocketAsync();
                    Socket server = new(SocketType.Stream, ProtocolType.Tcp);
                    _sockets.Add(client);
                    _sockets.Add(server);
                    await server.ConnectAsync(IPAddress.Loopback, _serverPort);
                    CancellationToken carrying = Volatile.Read(ref _carrying).Token;
                    _ = CarryAsync(client, server, carrying);
                    _ = CarryAsync(server, client, carrying);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Stopped listening.
            }
        }

        private static async Task CarryAsync(Socket from, Socket to, CancellationToken carrying)
        {
            byte[] buffer = new byte[64 * 1024];
            try
            {
                while (await from.ReceiveAsync(buffer, carrying) is > 0 and int length)
                    await to.SendAsync(buffer.AsMemory(0, length), carrying);
                to.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Silenced, or one end is gone.
            }
        }
    }
}
