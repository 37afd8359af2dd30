using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.V1;

namespace Grpc.Tests;

/// <summary>Does what the requests ask for, and echoes two metadata keys as gRPC's interoperability servers do.</summary>
public sealed class TestServiceImplementation : TestService.TestServiceBase
{
    public const string EchoInitialKey = "x-grpc-test-echo-initial";
    public const string EchoTrailingKey = "x-grpc-test-echo-trailing-bin";

    private int _cancelled;
    private int _endedDuplex;

    /// <summary>How many handlers have seen their call cancelled.</summary>
    public int CancelledCalls => Volatile.Read(ref _cancelled);

    /// <summary>How many handlers of <see cref="FullDuplexCall"/> are done, whichever way.</summary>
    public int EndedDuplexCalls => Volatile.Read(ref _endedDuplex);

    public override async Task<Empty> EmptyCall(Empty request, ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        return new Empty();
    }

    public override async Task<SimpleResponse> UnaryCall(SimpleRequest request, ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        await SleepAsync(request.SleepMilliseconds, context);
        ThrowIfAsked(request.ResponseStatus);
        return new SimpleResponse { Payload = PayloadOf(request.ResponseBytes) };
    }

    public override async Task<StreamingInputResponse> StreamingInputCall(IAsyncStreamReader<StreamingInputRequest> requestStream, ServerCallContext context)
    {
        long bytes = 0;
        try
        {
            await foreach (StreamingInputRequest request in requestStream.ReadAllAsync(context.CancellationToken))
                bytes += request.Payload.Body.Length;
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException)
        {
            Interlocked.Increment(ref _cancelled);
            throw;
        }
        return new StreamingInputResponse { AggregatedPayloadBytes = bytes };
    }

    public override Task StreamingOutputCall(StreamingOutputRequest request, IServerStreamWriter<StreamingOutputResponse> responseStream, ServerCallContext context) =>
        RespondAsync(request, responseStream, context);

    public override async Task FullDuplexCall(IAsyncStreamReader<StreamingOutputRequest> requestStream, IServerStreamWriter<StreamingOutputResponse> responseStream, ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        try
        {
            await foreach (StreamingOutputRequest request in requestStream.ReadAllAsync(context.CancellationToken))
                await RespondAsync(request, responseStream, context);
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException)
        {
            Interlocked.Increment(ref _cancelled);
            throw;
        }
        finally
        {
            Interlocked.Increment(ref _endedDuplex);
        }
    }

    private static async Task RespondAsync(StreamingOutputRequest request, IServerStreamWriter<StreamingOutputResponse> responseStream, ServerCallContext context)
    {
        ThrowIfAsked(request.ResponseStatus);
        foreach (ResponseParameters parameters in request.ResponseParameters)
        {
            await SleepAsync(parameters.SleepMilliseconds, context);
            await responseStream.WriteAsync(new StreamingOutputResponse { Payload = PayloadOf(parameters.Bytes) });
        }
    }

    private static async Task SleepAsync(int milliseconds, ServerCallContext context)
    {
        if (milliseconds > 0)
            await Task.Delay(milliseconds, context.CancellationToken);
    }

    private static async Task EchoMetadataAsync(ServerCallContext context)
    {
        if (context.RequestHeaders.GetValue(EchoInitialKey) is { } initial)
            await context.WriteResponseHeadersAsync(new Metadata { { EchoInitialKey, initial } });
        if (context.RequestHeaders.GetValueBytes(EchoTrailingKey) is { } trailing)
            context.ResponseTrailers.Add(EchoTrailingKey, trailing);
    }

    private static void ThrowIfAsked(EchoStatus? status)
    {
        if (status is { Code: not 0 })
            throw new RpcException(new Status((StatusCode)status.Code, status.Message));
    }

    private static Payload PayloadOf(int bytes) => new() { Body = ByteString.CopyFrom(new byte[bytes]) };
}
