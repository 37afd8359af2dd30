using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.V1;

namespace Grpc.Tests;

/// <summary>The cases of gRPC's interoperability list that apply, as our client runs them against any server of the test service.</summary>
internal static class InteropCases
{
    public const string UnicodeMessage = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈, 处方\t\n";

    private static readonly int[] StreamedRequestBytes = [27182, 8, 1828, 45904];
    private static readonly int[] StreamedResponseBytes = [31415, 9, 2653, 58979];

    public static readonly string[] Names =
    [
        "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "cancel_after_begin",
        "cancel_after_first_response", "timeout_on_sleeping_server", "status_code_and_message", "special_status_message",
        "unimplemented_method", "unimplemented_service", "custom_metadata",
    ];

    public static Task RunAsync(string name, ChannelBase channel) => name switch
    {
        "empty_unary" => EmptyUnaryAsync(new(channel)),
        "large_unary" => LargeUnaryAsync(new(channel)),
        "client_streaming" => ClientStreamingAsync(new(channel)),
        "server_streaming" => ServerStreamingAsync(new(channel)),
        "ping_pong" => PingPongAsync(new(channel)),
        "empty_stream" => EmptyStreamAsync(new(channel)),
        "cancel_after_begin" => CancelAfterBeginAsync(new(channel)),
        "cancel_after_first_response" => CancelAfterFirstResponseAsync(new(channel)),
        "timeout_on_sleeping_server" => TimeoutOnSleepingServerAsync(new(channel)),
        "status_code_and_message" => StatusAsync(new(channel), "test status message"),
        "special_status_message" => StatusAsync(new(channel), UnicodeMessage),
        "unimplemented_method" => UnimplementedMethodAsync(new(channel)),
        "unimplemented_service" => UnimplementedServiceAsync(new(channel)),
        "custom_metadata" => CustomMetadataAsync(new(channel)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such case."),
    };

    private static async Task EmptyUnaryAsync(TestService.TestServiceClient client) =>
        Assert.Equal(new Empty(), await client.EmptyCallAsync(new Empty()));

    private static async Task LargeUnaryAsync(TestService.TestServiceClient client)
    {
        SimpleResponse response = await client.UnaryCallAsync(new SimpleRequest { ResponseBytes = 314159, Payload = PayloadOf(271828) });
        Assert.Equal(new byte[314159], response.Payload.Body.ToByteArray());
    }

    private static async Task ClientStreamingAsync(TestService.TestServiceClient client)
    {
        using AsyncClientStreamingCall<StreamingInputRequest, StreamingInputResponse> call = client.StreamingInputCall();
        foreach (int bytes in StreamedRequestBytes)
            await call.RequestStream.WriteAsync(new StreamingInputRequest { Payload = PayloadOf(bytes) });
        await call.RequestStream.CompleteAsync();
        Assert.Equal(StreamedRequestBytes.Sum(), (await call).AggregatedPayloadBytes);
    }

    private static async Task ServerStreamingAsync(TestService.TestServiceClient client)
    {
        StreamingOutputRequest request = new() { ResponseParameters = { StreamedResponseBytes.Select(bytes => new ResponseParameters { Bytes = bytes }) } };
        using AsyncServerStreamingCall<StreamingOutputResponse> call = client.StreamingOutputCall(request);
        List<int> sizes = [];
        await foreach (StreamingOutputResponse response in call.ResponseStream.ReadAllAsync())
            sizes.Add(response.Payload.Body.Length);
        Assert.Equal(StreamedResponseBytes, sizes);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    private static async Task PingPongAsync(TestService.TestServiceClient client)
    {
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall();
        for (int i = 0; i < StreamedRequestBytes.Length; i++)
        {
            await call.RequestStream.WriteAsync(Ping(StreamedResponseBytes[i], StreamedRequestBytes[i]));
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(StreamedResponseBytes[i], call.ResponseStream.Current.Payload.Body.Length);
        }
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    private static async Task EmptyStreamAsync(TestService.TestServiceClient client)
    {
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall();
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    private static async Task CancelAfterBeginAsync(TestService.TestServiceClient client)
    {
        using CancellationTokenSource cancel = new();
        using AsyncClientStreamingCall<StreamingInputRequest, StreamingInputResponse> call = client.StreamingInputCall(cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    private static async Task CancelAfterFirstResponseAsync(TestService.TestServiceClient client)
    {
        using CancellationTokenSource cancel = new();
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall(cancellationToken: cancel.Token);
        await call.RequestStream.WriteAsync(Ping(31415, 27182));
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        await cancel.CancelAsync();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    private static async Task TimeoutOnSleepingServerAsync(TestService.TestServiceClient client)
    {
        StreamingOutputRequest sleepy = new() { ResponseParameters = { new ResponseParameters { Bytes = 1, SleepMilliseconds = 30_000 } } };
        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall(deadline: DateTime.UtcNow.AddMilliseconds(50));
        RpcException failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await call.RequestStream.WriteAsync(sleepy);
            await call.ResponseStream.MoveNext(CancellationToken.None);
        });
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    private static async Task StatusAsync(TestService.TestServiceClient client, string message)
    {
        EchoStatus status = new() { Code = (int)StatusCode.Unknown, Message = message };
        RpcException unary = await Assert.ThrowsAsync<RpcException>(() => client.UnaryCallAsync(new SimpleRequest { ResponseStatus = status }).ResponseAsync);
        Assert.Equal(new Status(StatusCode.Unknown, message), unary.Status);

        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> call = client.FullDuplexCall();
        await call.RequestStream.WriteAsync(new StreamingOutputRequest { ResponseStatus = status });
        RpcException streamed = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(new Status(StatusCode.Unknown, message), streamed.Status);
    }

    private static async Task UnimplementedMethodAsync(TestService.TestServiceClient client)
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => client.UnimplementedCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    private static async Task UnimplementedServiceAsync(UnimplementedService.UnimplementedServiceClient client)
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => client.UnimplementedCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    private static async Task CustomMetadataAsync(TestService.TestServiceClient client)
    {
        byte[] trailing = [0xab, 0xab, 0xab, 0x00, 0xff];
        Metadata headers = new()
        {
            { TestServiceImplementation.EchoInitialKey, "test_initial_metadata_value" },
            { TestServiceImplementation.EchoTrailingKey, trailing },
        };
        using AsyncUnaryCall<SimpleResponse> unary = client.UnaryCallAsync(new SimpleRequest { ResponseBytes = 1 }, headers);
        Assert.Equal("test_initial_metadata_value", (await unary.ResponseHeadersAsync).GetValue(TestServiceImplementation.EchoInitialKey));
        await unary;
        Assert.Equal(trailing, unary.GetTrailers().GetValueBytes(TestServiceImplementation.EchoTrailingKey));

        using AsyncDuplexStreamingCall<StreamingOutputRequest, StreamingOutputResponse> duplex = client.FullDuplexCall(headers);
        await duplex.RequestStream.WriteAsync(Ping(1, 1));
        await duplex.RequestStream.CompleteAsync();
        Assert.Equal("test_initial_metadata_value", (await duplex.ResponseHeadersAsync).GetValue(TestServiceImplementation.EchoInitialKey));
        Assert.True(await duplex.ResponseStream.MoveNext(CancellationToken.None));
        Assert.False(await duplex.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(trailing, duplex.GetTrailers().GetValueBytes(TestServiceImplementation.EchoTrailingKey));
    }

    private static StreamingOutputRequest Ping(int responseBytes, int requestBytes) =>
        new() { ResponseParameters = { new ResponseParameters { Bytes = responseBytes } }, Payload = PayloadOf(requestBytes) };

    private static Payload PayloadOf(int bytes) => new() { Body = ByteString.CopyFrom(new byte[bytes]) };
}
