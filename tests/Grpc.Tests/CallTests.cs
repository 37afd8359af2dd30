using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Grpc.Tests.V1;

namespace Grpc.Tests;

/// <summary>What callers and handlers rely on beyond the interoperability cases.</summary>
public sealed class CallTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Cancelled_call_cancels_its_handler()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel();
        using CancellationTokenSource cancel = new();
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = new TestService.TestServiceClient(channel).FullDuplexCall(cancellationToken: cancel.Token);
        await call.RequestStream.WriteAsync(Ask(1));
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        await cancel.CancelAsync();
        await UntilAsync(() => server.Service.CancelledCalls == 1);
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(Ask(1)));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    [Fact]
    public async Task Cancelled_call_never_looks_complete_to_the_server()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel(new GrpcChannelOptions { HttpHandler = new SlowToLetGo() });
        using CancellationTokenSource cancel = new();
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = new TestService.TestServiceClient(channel).FullDuplexCall(cancellationToken: cancel.Token);
        await call.RequestStream.WriteAsync(Ask(1));
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        await Task.Factory.StartNew(cancel.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await UntilAsync(() => server.Service.EndedDuplexCalls == 1);
        Assert.Equal(1, server.Service.CancelledCalls);
    }

    [Fact]
    public async Task Disposed_call_cancels_its_handler()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel();
        AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = new TestService.TestServiceClient(channel).FullDuplexCall();
        await call.RequestStream.WriteAsync(Ask(1));
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        call.Dispose();
        await UntilAsync(() => server.Service.CancelledCalls == 1);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Disposed_channel_cancels_its_calls()
    {
        await using TestServer server = await TestServer.StartAsync();
        GrpcChannel channel = server.Channel();
        Task<SimpleResponse> sleeping = new TestService.TestServiceClient(channel).UnaryCallAsync(new SimpleRequest { SleepMilliseconds = 30_000 }).ResponseAsync;
        channel.Dispose();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => sleeping.WaitAsync(Limit));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    [Fact]
    public async Task Token_that_is_cancelled_before_the_call_cancels_it()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress("http://127.0.0.1:9");
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() =>
            new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty(), cancellationToken: new CancellationToken(canceled: true)).ResponseAsync);
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    [Fact]
    public async Task Cancelled_call_throws_operation_cancelled_where_the_channel_says_so()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel(new GrpcChannelOptions { ThrowOperationCanceledOnCancellation = true });
        using CancellationTokenSource cancel = new();
        AsyncUnaryCall<SimpleResponse> call = new TestService.TestServiceClient(channel).UnaryCallAsync(new SimpleRequest { SleepMilliseconds = 30_000 }, cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.ResponseAsync.WaitAsync(Limit));
    }

    [Fact]
    public async Task Deadline_in_the_past_fails_without_a_connection()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress("http://127.0.0.1:9");
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() =>
            new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty(), deadline: DateTime.UtcNow.AddSeconds(-1)).ResponseAsync);
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    [Fact]
    public async Task Deadline_reaches_the_handler()
    {
        ConcurrentQueue<DateTime> seen = new();
        await using TestServer server = await TestServer.StartAsync(grpc: options => options.Interceptors.Add<Recording>(new Action<ServerCallContext>(context => seen.Enqueue(context.Deadline))));
        using GrpcChannel channel = server.Channel();
        DateTime deadline = DateTime.UtcNow.AddSeconds(60);
        await new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty(), deadline: deadline);
        await new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty());
        Assert.InRange(seen.First(), deadline.AddSeconds(-5), deadline.AddSeconds(5));
        Assert.Equal(DateTime.MaxValue, seen.Last());
    }

    [Fact]
    public async Task Server_that_is_not_there_is_unavailable()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{FreePort()}");
        TestService.TestServiceClient client = new(channel);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => client.EmptyCallAsync(new Empty()).ResponseAsync)).StatusCode);
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None))).StatusCode);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(Ask(1)))).StatusCode);
    }

    [Fact]
    public async Task Server_that_stops_during_a_call_ends_it_and_a_new_one_at_the_same_address_is_found()
    {
        int port = FreePort();
        GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        using GrpcChannel owned = channel;
        TestService.TestServiceClient client = new(channel);
        await using (TestServer first = await TestServer.StartAsync(port: port))
        {
            AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall();
            await call.RequestStream.WriteAsync(Ask(1));
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            await first.DisposeAsync();
            await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Limit));
        }
        await using TestServer second = await TestServer.StartAsync(port: port);
        Assert.Equal(new Empty(), await client.EmptyCallAsync(new Empty(), deadline: DateTime.UtcNow + Limit));
    }

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(500, StatusCode.Unknown)]
    [InlineData(200, StatusCode.Unknown)]
    public async Task Http_response_without_grpc_status_maps_to(int http, StatusCode expected)
    {
        using Canned handler = new(_ => new HttpResponseMessage((HttpStatusCode)http) { Content = new StringContent("not gRPC") });
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(expected, failure.StatusCode);
    }

    [Fact]
    public async Task Http_response_of_grpc_without_a_status_is_unknown()
    {
        using Canned handler = new(_ => GrpcResponse(FrameTests.Frame([])));
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Unknown, failure.StatusCode);
    }

    [Theory]
    [InlineData("17")]
    [InlineData("-1")]
    [InlineData("ok")]
    public async Task Status_that_is_no_status_is_unknown(string status)
    {
        using Canned handler = new(_ => GrpcResponse([], status));
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Unknown, failure.StatusCode);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Unary_reply_of_another_number_of_messages_than_one_is_a_cardinality_violation(int messages)
    {
        using Canned handler = new(_ => GrpcResponse([.. Enumerable.Repeat(FrameTests.Frame([]), messages).SelectMany(frame => frame)], "0"));
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        using AsyncUnaryCall<Empty> call = new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty());
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal((StatusCode.Unimplemented, StatusCode.Unimplemented), (failure.StatusCode, call.GetStatus().StatusCode));
    }

    [Fact]
    public async Task Gzip_reply_is_unpacked()
    {
        SimpleResponse reply = new() { Payload = new Payload { Body = ByteString.CopyFrom(new byte[5000]) } };
        using Canned handler = new(request =>
        {
            Assert.Equal("identity,gzip", request.Headers.GetValues("grpc-accept-encoding").Single());
            HttpResponseMessage response = GrpcResponse(FrameTests.GzipFrame(reply.ToByteArray()), "0");
            response.Headers.Add("grpc-encoding", "gzip");
            return response;
        });
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        Assert.Equal(reply, await new TestService.TestServiceClient(channel).UnaryCallAsync(new SimpleRequest()));
    }

    [Fact]
    public async Task Reply_in_an_unknown_encoding_is_internal()
    {
        using Canned handler = new(_ =>
        {
            HttpResponseMessage response = GrpcResponse(FrameTests.Frame([]), "0");
            response.Headers.Add("grpc-encoding", "snappy");
            return response;
        });
        using GrpcChannel channel = GrpcChannel.ForAddress("http://canned", new GrpcChannelOptions { HttpHandler = handler });
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    [Fact]
    public async Task Message_sizes_are_limited_on_both_sides()
    {
        await using TestServer server = await TestServer.StartAsync(grpc: options => (options.MaxReceiveMessageSize, options.MaxSendMessageSize) = (2000, 3000));
        using GrpcChannel open = server.Channel();
        using GrpcChannel tight = server.Channel(new GrpcChannelOptions { MaxReceiveMessageSize = 500, MaxSendMessageSize = 1000 });

        Assert.Equal(1900, (await Unary(open, 1900, 1900)).Payload.Body.Length);
        await AssertExhaustedAsync(() => Unary(open, requestBytes: 2001, responseBytes: 1));
        await AssertExhaustedAsync(() => Unary(open, requestBytes: 1, responseBytes: 3001));
        await AssertExhaustedAsync(() => Unary(tight, requestBytes: 1001, responseBytes: 1));
        await AssertExhaustedAsync(() => Unary(tight, requestBytes: 1, responseBytes: 501));
        Assert.Equal(1900, (await Unary(open, 1900, 1900)).Payload.Body.Length);

        static async Task<SimpleResponse> Unary(GrpcChannel channel, int requestBytes, int responseBytes) => await new TestService.TestServiceClient(channel)
            .UnaryCallAsync(new SimpleRequest { Payload = new Payload { Body = ByteString.CopyFrom(new byte[requestBytes]) }, ResponseBytes = responseBytes });

        static async Task AssertExhaustedAsync(Func<Task> call) => Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
    }

    [Fact]
    public async Task Exception_of_a_handler_is_unknown_and_tells_the_peer_nothing()
    {
        await using TestServer server = await TestServer.StartAsync(grpc: options =>
            options.Interceptors.Add<Recording>(new Action<ServerCallContext>(_ => throw new InvalidOperationException("secret"))));
        using GrpcChannel channel = server.Channel();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(new Status(StatusCode.Unknown, "Exception was thrown by handler."), failure.Status);
        Assert.Contains("secret", Assert.Single(server.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exception_with_status_carries_its_trailers()
    {
        await using TestServer server = await TestServer.StartAsync(grpc: options => options.Interceptors.Add<Recording>(new Action<ServerCallContext>(context =>
        {
            context.ResponseTrailers.Add("from-handler", "1");
            throw new RpcException(new Status(StatusCode.PermissionDenied, "无权限"), new Metadata { { "from-exception", "2" }, { "data-bin", [1, 2] } });
        })));
        using GrpcChannel channel = server.Channel();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(new Status(StatusCode.PermissionDenied, "无权限"), failure.Status);
        Assert.Equal(("1", "2"), (failure.Trailers.GetValue("from-handler"), failure.Trailers.GetValue("from-exception")));
        Assert.Equal([1, 2], failure.Trailers.GetValueBytes("data-bin"));
    }

    [Fact]
    public async Task Interceptors_of_both_sides_wrap_every_kind_of_call_in_order()
    {
        ConcurrentQueue<string> order = new();
        await using TestServer server = await TestServer.StartAsync(grpc: options =>
        {
            options.Interceptors.Add<Recording>(new Action<ServerCallContext>(context => order.Enqueue($"outer {context.RequestHeaders.GetValue("by")}")));
            options.Interceptors.Add<Recording>(new Action<ServerCallContext>(context => order.Enqueue($"inner {context.Method.Split('/')[2]}")));
        });
        using GrpcChannel channel = server.Channel();
        TestService.TestServiceClient client = new(channel.Intercept(new AddingHeader("first"), new AddingHeader("second")));

        await client.EmptyCallAsync(new Empty());
        client.EmptyCall(new Empty());
        using AsyncServerStreamingCall<StreamingOutputResponse> output = client.StreamingOutputCall(new StreamingOutputRequest());
        Assert.False(await output.ResponseStream.MoveNext());
        using AsyncClientStreamingCall<StreamingInputRequest, StreamingInputResponse> input = client.StreamingInputCall();
        await input.RequestStream.CompleteAsync();
        await input;
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> duplex = client.FullDuplexCall();
        await duplex.RequestStream.CompleteAsync();
        Assert.False(await duplex.ResponseStream.MoveNext());

        string[] methods = ["EmptyCall", "EmptyCall", "StreamingOutputCall", "StreamingInputCall", "FullDuplexCall"];
        Assert.Equal(methods.SelectMany(method => new[] { "outer first, second", $"inner {method}" }), order);
    }

    [Fact]
    public async Task Metadata_of_the_protocol_is_not_the_applications()
    {
        Metadata? seen = null;
        await using TestServer server = await TestServer.StartAsync(grpc: options => options.Interceptors.Add<Recording>(new Action<ServerCallContext>(context => seen = context.RequestHeaders)));
        using GrpcChannel channel = server.Channel();
        await new TestService.TestServiceClient(channel).EmptyCallAsync(new Empty(), new Metadata { { "mine", "a" }, { "mine", "b" } }, DateTime.UtcNow.AddMinutes(1));
        // HTTP allows to join the values of one name, and SocketsHttpHandler does.
        Assert.Equal(["mine", "user-agent"], seen!.Select(entry => entry.Key).Where(key => key != "traceparent").Order());
        Assert.Equal("a, b", seen!.GetValue("mine"));
    }

    [Fact]
    public async Task Calls_beyond_the_streams_of_one_connection_are_all_answered()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel();
        TestService.TestServiceClient client = new(channel);
        SimpleResponse[] responses = await Task.WhenAll(Enumerable.Range(0, 2000).Select(async i => await client.UnaryCallAsync(new SimpleRequest { ResponseBytes = i, SleepMilliseconds = 50 }))).WaitAsync(Limit);
        Assert.Equal(Enumerable.Range(0, 2000), responses.Select(response => response.Payload.Body.Length));
    }

    [Fact]
    public async Task Order_of_a_hundred_thousand_streamed_messages_is_kept_both_ways()
    {
        const int Messages = 100_000;
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel();
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = new TestService.TestServiceClient(channel).FullDuplexCall();
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < Messages; i++)
                await call.RequestStream.WriteAsync(Ask(i % 50));
            await call.RequestStream.CompleteAsync();
        });
        int read = 0;
        await foreach (StreamingOutputResponse response in call.ResponseStream.ReadAllAsync().WithCancellation(new CancellationTokenSource(Limit).Token))
            Assert.Equal(read++ % 50, response.Payload.Body.Length);
        await writing;
        Assert.Equal(Messages, read);
    }

    internal static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource limit = new(Limit);
        using PeriodicTimer tick = new(TimeSpan.FromMilliseconds(5));
        while (!condition())
            Assert.True(await tick.WaitForNextTickAsync(limit.Token));
    }

    /// <summary>Leaves time between a call's end and that of the HTTP request behind it.</summary>
    private sealed class SlowToLetGo() : DelegatingHandler(new SocketsHttpHandler())
    {
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            // The latest registration is called first, before the connection hears of it.
            cancellationToken.Register(() => Thread.Sleep(Pause));
            return new Response { Version = response.Version, Content = response.Content };
        }

        private sealed class Response : HttpResponseMessage
        {
            protected override void Dispose(bool disposing)
            {
                Thread.Sleep(Pause);
                base.Dispose(disposing);
            }
        }
    }

    private static StreamingOutputRequest Ask(int bytes) => new() { ResponseParameters = { new ResponseParameters { Bytes = bytes } } };

    private static int FreePort()
    {
        using System.Net.Sockets.TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static HttpResponseMessage GrpcResponse(byte[] body, string? status = null)
    {
        HttpResponseMessage response = new(HttpStatusCode.OK) { Version = HttpVersion.Version20, Content = new ByteArrayContent(body) };
        response.Content.Headers.ContentType = new("application/grpc");
        if (status is not null)
            response.TrailingHeaders.Add("grpc-status", status);
        return response;
    }

    private sealed class Canned(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(answer(request));
    }

    public sealed class Recording(Action<ServerCallContext> record) : Interceptor
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            record(context);
            return continuation(request, context);
        }

        public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        {
            record(context);
            return continuation(requestStream, context);
        }

        public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        {
            record(context);
            return continuation(request, responseStream, context);
        }

        public override Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        {
            record(context);
            return continuation(requestStream, responseStream, context);
        }
    }

    private sealed class AddingHeader(string value) : Interceptor
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, BlockingUnaryCallContinuation<TRequest, TResponse> continuation) => continuation(request, With(context));
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) => continuation(request, With(context));
        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation) => continuation(request, With(context));
        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context, AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation) => continuation(With(context));
        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation) => continuation(With(context));

        private ClientInterceptorContext<TRequest, TResponse> With<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context) where TRequest : class where TResponse : class =>
            new(context.Method, context.Host, context.Options.WithHeaders([.. context.Options.Headers ?? [], new Metadata.Entry("by", value)]));
    }
}
