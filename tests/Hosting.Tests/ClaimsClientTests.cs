using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Hosting.Tests;

public sealed class ClaimsClientTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Idempotent_call_is_sent_again_while_the_callee_is_unavailable()
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            GetAccumulators = (request, _) => Interlocked.Increment(ref calls) < 3
                ? throw new RpcException(new Status(StatusCode.Unavailable, "starting"))
                : Task.FromResult(new Accumulators { InsuredId = request.InsuredId }),
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);

        Accumulators reply = await caller.GetRequiredService<Adjudication.AdjudicationClient>()
            .GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" });

        Assert.Equal("P1", reply.InsuredId);
        Assert.Equal(3, calls);
    }

    /// <summary>Whoever waits behind several services would wait for the tries of each.</summary>
    [Fact]
    public async Task Idempotent_call_is_sent_three_times_at_most()
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            GetAccumulators = (_, _) =>
            {
                Interlocked.Increment(ref calls);
                throw new RpcException(new Status(StatusCode.Unavailable, "starting"));
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);

        RpcException failed = await Assert.ThrowsAsync<RpcException>(async () => await caller
            .GetRequiredService<Adjudication.AdjudicationClient>().GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" }));

        Assert.Equal((StatusCode.Unavailable, "starting", 3), (failed.StatusCode, failed.Status.Detail, calls));
    }

    [Fact]
    public async Task Call_that_is_sent_again_brings_the_headers_of_its_caller_and_one_identity()
    {
        ConcurrentQueue<string[]> seen = [];
        Behaviour behaviour = new()
        {
            GetAccumulators = (_, context) =>
            {
                seen.Enqueue([.. context.RequestHeaders.Where(entry => entry.Key.StartsWith("claims-", StringComparison.Ordinal))
                    .Select(entry => $"{entry.Key} {entry.Value}").Order(StringComparer.Ordinal)]);
                return seen.Count < 3
                    ? throw new RpcException(new Status(StatusCode.Unavailable, "starting"))
                    : Task.FromResult(new Accumulators());
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long, "gateway");
        Metadata headers = new() { { Identity.OnBehalfHeader, "claims://clinic/F1" } };

        await caller.GetRequiredService<Adjudication.AdjudicationClient>()
            .GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" }, headers);

        string[] expected = ["claims-identity claims://service/gateway", "claims-on-behalf-of claims://clinic/F1"];
        Assert.Equal([expected, expected, expected], seen);
        Assert.Single(headers);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.Internal)]
    public async Task Call_that_is_not_idempotent_is_sent_once(StatusCode status)
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            Settle = (_, _) =>
            {
                Interlocked.Increment(ref calls);
                throw new RpcException(new Status(status, "no"));
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);

        RpcException failed = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));

        Assert.Equal(status, failed.StatusCode);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Silent_callee_is_deadline_exceeded_and_sees_the_call_cancelled()
    {
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Behaviour behaviour = new()
        {
            Settle = async (_, context) =>
            {
                await using CancellationTokenRegistration registration = context.CancellationToken.Register(() => cancelled.TrySetResult());
                await cancelled.Task;
                return new SettleReply();
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, TimeSpan.FromSeconds(3));

        RpcException failed = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));

        Assert.Equal(StatusCode.DeadlineExceeded, failed.StatusCode);
        Assert.EndsWith(" did not answer within 3 s.", failed.Status.Detail, StringComparison.Ordinal);
        await cancelled.Task.WaitAsync(Long);
    }

    [Fact]
    public async Task Idempotent_call_whose_first_attempt_hangs_is_answered_by_a_later_one()
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            GetAccumulators = async (request, context) =>
            {
                if (Interlocked.Increment(ref calls) == 1) await new TaskCompletionSource().Task.WaitAsync(context.CancellationToken);
                return new Accumulators { InsuredId = request.InsuredId };
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, TimeSpan.FromSeconds(3));

        Accumulators reply = await caller.GetRequiredService<Adjudication.AdjudicationClient>()
            .GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" });

        Assert.Equal("P1", reply.InsuredId);
    }

    [Fact]
    public async Task Caller_that_gives_up_is_told_cancelled_and_the_callee_sees_it()
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Behaviour behaviour = new()
        {
            Settle = async (_, context) =>
            {
                await using CancellationTokenRegistration registration = context.CancellationToken.Register(() => left.TrySetResult());
                entered.SetResult();
                await left.Task;
                return new SettleReply();
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);
        using CancellationTokenSource gone = new();
        Task call = caller.GetRequiredService<Adjudication.AdjudicationClient>()
            .SettleAsync(new SettleRequest(), cancellationToken: gone.Token).ResponseAsync;
        await entered.Task.WaitAsync(Long);

        await gone.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
        await left.Task.WaitAsync(Long);
    }

    [Fact]
    public void Connection_is_bounded_pinged_and_never_goes_through_a_proxy()
    {
        using SocketsHttpHandler handler = ClaimsChannel.CreateHandler();

        Assert.Equal(
            (true, false, false, false, 10, HttpKeepAlivePingPolicy.WithActiveRequests, 30, 10),
            (handler.EnableMultipleHttp2Connections, handler.UseProxy, handler.UseCookies, handler.AllowAutoRedirect,
                handler.ConnectTimeout.TotalSeconds,
                handler.KeepAlivePingPolicy, handler.KeepAlivePingDelay.TotalSeconds, handler.KeepAlivePingTimeout.TotalSeconds));
    }

    [Fact]
    public async Task Dead_callee_is_unavailable_and_after_ten_calls_is_no_longer_called()
    {
        InProcessService callee = await InProcessService.StartAsync(new Behaviour());
        Uri address = callee.Grpc;
        await callee.DisposeAsync();
        await using ServiceProvider caller = Caller(address, Long);
        Adjudication.AdjudicationClient client = caller.GetRequiredService<Adjudication.AdjudicationClient>();

        RpcException last = null!;
        for (int call = 0; call < 11; call++)
            last = await Assert.ThrowsAsync<RpcException>(async () => await client.SettleAsync(new SettleRequest()));

        Assert.Equal(StatusCode.Unavailable, last.StatusCode);
        Assert.Contains("is not called for a moment", last.Status.Detail, StringComparison.Ordinal);
    }

    /// <summary>As a server does that stops: .NET's client then says INTERNAL.</summary>
    [Fact]
    public async Task Callee_that_closes_the_connection_on_a_call_is_unavailable()
    {
        using TcpListener callee = new(IPAddress.Loopback, 0);
        callee.Start();
        Task closing = CloseOnFirstCallAsync(callee);
        await using ServiceProvider caller = Caller(new Uri($"http://{callee.LocalEndpoint}"), Long);

        RpcException broken = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));

        await closing.WaitAsync(Long);
        Assert.Equal(StatusCode.Unavailable, broken.StatusCode);
        Assert.Contains("NO_ERROR", broken.Status.Detail, StringComparison.Ordinal);
    }

    public static TheoryData<StatusCode, Exception?, bool> Failures => new()
    {
        { StatusCode.Unavailable, null, true },
        { StatusCode.Internal, new HttpRequestException("the response ended", new IOException("the connection was closed")), true },

        // Of a server that closes while HTTP/2 begins, as one that refuses the caller's certificate: .NET gives no reason.
        { StatusCode.Internal, new HttpRequestException("the server did not complete the HTTP/2 handshake"), true },
        {
            StatusCode.Internal,
            new HttpRequestException(HttpRequestError.SecureConnectionError, "TLS", new AuthenticationException("another name")), false
        },
        { StatusCode.Internal, new HttpRequestException(HttpRequestError.VersionNegotiationError, "HTTP/1.1"), false },
        { StatusCode.Internal, null, false },
        { StatusCode.InvalidArgument, null, false },
        { StatusCode.DeadlineExceeded, null, false },
        { StatusCode.ResourceExhausted, null, false },
        { StatusCode.Cancelled, new IOException("the connection was closed"), false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void IsBroken_tells_a_connection_that_broke_from_what_a_server_said_and_what_a_certificate_forbids(
        StatusCode status, Exception? cause, bool broken) =>
        Assert.Equal(broken, ClaimsChannel.IsBroken(new RpcException(new Status(status, "", cause))));

    private static async Task CloseOnFirstCallAsync(TcpListener callee)
    {
        const byte Settings = 4;
        const byte Headers = 1;
        const byte Acknowledges = 1;
        using TcpClient connection = await callee.AcceptTcpClientAsync();
        NetworkStream stream = connection.GetStream();
        byte[] received = new byte[16 * 1024];
        await stream.ReadExactlyAsync(received.AsMemory(0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".Length));
        await stream.WriteAsync(Frame(Settings, flags: 0));
        await stream.WriteAsync(Frame(Settings, Acknowledges));
        byte kind;
        do
        {
            await stream.ReadExactlyAsync(received.AsMemory(0, 9));
            kind = received[3];
            await stream.ReadExactlyAsync(received.AsMemory(0, (received[0] << 16) | (received[1] << 8) | received[2]));
        }
        while (kind != Headers);

        // GOAWAY: stream 1 was seen, no error.
        await stream.WriteAsync(Frame(7, flags: 0, 0, 0, 0, 1, 0, 0, 0, 0));

        // What follows the headers is read: a socket that is closed over unread bytes resets, and the reset may overtake the frame.
        connection.Client.Shutdown(SocketShutdown.Send);
        while (await stream.ReadAsync(received) > 0)
        {
        }
    }

    private static byte[] Frame(byte kind, byte flags, params byte[] payload) =>
        [0, 0, (byte)payload.Length, kind, flags, 0, 0, 0, 0, .. payload];

    private static ServiceProvider Caller(Uri callee, TimeSpan timeout, string name = "caller")
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0"], name);
        builder.ReadSettings<SampleCaller>();
        builder.AddClaimsClient<Adjudication.AdjudicationClient>(Guid.NewGuid().ToString("N"), callee.ToString(), timeout,
            idempotent: [nameof(Adjudication.AdjudicationClient.GetAccumulators)]);
        return builder.Services.BuildServiceProvider();
    }

    private sealed class SampleCaller;
}
