using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Tests.V1;

namespace Grpc.Tests;

public sealed class BackPressureTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Client_that_does_not_read_holds_its_handlers_back()
    {
        const int Streams = 50;
        const int MessageBytes = 8 * 1024;
        int written = 0;
        await using TestServer server = await TestServer.StartAsync(
            grpc: options => options.Interceptors.Add<CountingWrites>(new Action(() => Interlocked.Increment(ref written))));
        using GrpcChannel channel = server.Channel();
        TestService.TestServiceClient client = new(channel);
        // 16 MiB wanted by each stream.
        StreamingOutputRequest request = new() { ResponseParameters = { Enumerable.Repeat(new ResponseParameters { Bytes = MessageBytes }, 2048) } };
        AsyncServerStreamingCall<StreamingOutputResponse>[] calls = [.. Enumerable.Range(0, Streams).Select(_ => client.StreamingOutputCall(request))];

        long stalledBytes = MessageBytes * await StalledAsync(() => Volatile.Read(ref written));

        // The stream's own buffer, what Kestrel and SocketsHttpHandler keep for it, and its share of the connection's window.
        Assert.InRange(stalledBytes, 1, Streams * 512L * 1024);
        Assert.Equal(2048, await CountAsync(calls[0]));
        foreach (AsyncServerStreamingCall<StreamingOutputResponse> call in calls)
            call.Dispose();
    }

    [Fact]
    public async Task Handler_that_does_not_read_holds_its_client_back()
    {
        await using TestServer server = await TestServer.StartAsync();
        using GrpcChannel channel = server.Channel();
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = new TestService.TestServiceClient(channel).FullDuplexCall();
        await call.RequestStream.WriteAsync(new StreamingOutputRequest { ResponseParameters = { new ResponseParameters { Bytes = 1, SleepMilliseconds = 30_000 } } });
        StreamingOutputRequest request = new() { Payload = new Payload { Body = ByteString.CopyFrom(new byte[8 * 1024]) } };
        int written = 0;
        Task writing = Task.Run(async () =>
        {
            while (true)
            {
                await call.RequestStream.WriteAsync(request);
                Interlocked.Increment(ref written);
            }
        });
        long stalledBytes = 8 * 1024 * await StalledAsync(() => Volatile.Read(ref written));
        Assert.InRange(stalledBytes, 1, 4 * 1024 * 1024);
        call.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => writing.WaitAsync(Limit));
    }

    [Fact]
    public async Task Deadline_behind_a_stalled_stream_ends_the_call_for_handler_and_client()
    {
        TaskCompletionSource<Exception?> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = await TestServer.StartAsync(grpc: options => options.Interceptors.Add<HandlerEnd>(ended));
        using GrpcChannel channel = server.Channel();
        StreamingOutputRequest request = new() { ResponseParameters = { Enumerable.Repeat(new ResponseParameters { Bytes = 8 * 1024 }, 4096) } };
        using AsyncServerStreamingCall<StreamingOutputResponse> call = new TestService.TestServiceClient(channel).StreamingOutputCall(request, deadline: DateTime.UtcNow.AddSeconds(3));
        Assert.IsAssignableFrom<OperationCanceledException>(await ended.Task.WaitAsync(Limit));
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => CountAsync(call));
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        server.AssertNoErrors();
    }

    private static async Task<int> CountAsync(AsyncServerStreamingCall<StreamingOutputResponse> call)
    {
        int count = 0;
        using CancellationTokenSource limit = new(Limit);
        await foreach (StreamingOutputResponse _ in call.ResponseStream.ReadAllAsync(limit.Token))
            count++;
        return count;
    }

    /// <summary>The count once it has not moved for half a second.</summary>
    private static async Task<long> StalledAsync(Func<int> count)
    {
        int last = 0, still = 0;
        using CancellationTokenSource limit = new(Limit);
        using PeriodicTimer tick = new(TimeSpan.FromMilliseconds(50));
        while (still < 10)
        {
            await tick.WaitForNextTickAsync(limit.Token);
            int now = count();
            still = now == last && now > 0 ? still + 1 : 0;
            last = now;
        }
        return last;
    }

    public sealed class HandlerEnd(TaskCompletionSource<Exception?> ended) : Core.Interceptors.Interceptor
    {
        public override async Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        {
            try
            {
                await continuation(request, responseStream, context);
                ended.TrySetResult(null);
            }
            catch (Exception failure)
            {
                ended.TrySetResult(failure);
                throw;
            }
        }
    }

    public sealed class CountingWrites(Action written) : Core.Interceptors.Interceptor
    {
        public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
            continuation(request, new Writer<TResponse>(responseStream, written), context);

        private sealed class Writer<T>(IServerStreamWriter<T> inner, Action written) : IServerStreamWriter<T>
        {
            public WriteOptions? WriteOptions { get => inner.WriteOptions; set => inner.WriteOptions = value; }

            public async Task WriteAsync(T message)
            {
                await inner.WriteAsync(message);
                written();
            }
        }
    }
}
