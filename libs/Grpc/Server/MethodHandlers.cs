using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.Server;

/// <summary>From an HTTP/2 request to a handler and from its outcome to a status. One per method; knows nothing of the kind of call.</summary>
internal abstract class MethodHandler(IMethod method, GrpcServiceOptions options, TimeProvider time, ILogger logger)
{
    private const int Http2InternalError = 2;

    public Task HandleAsync(HttpContext http)
    {
        if (!GrpcRequest.IsAcceptable(http))
            return Task.CompletedTask;
        if (method.Type is MethodType.ClientStreaming or MethodType.DuplexStreaming)
            GrpcRequest.LiftBodyLimits(http);
        HttpResponse response = http.Response;
        response.ContentType = GrpcRequest.ContentType;
        response.Headers.GrpcAcceptEncoding = Compression.AcceptEncoding;

        string? encodingName = http.Request.Headers.GrpcEncoding;
        bool known = Compression.TryParse(encodingName, out MessageEncoding encoding);
        ServerCall call = new(http, options, method.FullName, encoding);
        if (!known)
        {
            call.WriteStatus(new Status(StatusCode.Unimplemented, $"Unsupported grpc-encoding value '{encodingName}'. Supported encodings: {Compression.AcceptEncoding}"));
            return Task.CompletedTask;
        }
        string? timeoutText = http.Request.Headers.GrpcTimeout;
        if (timeoutText is not null)
        {
            if (!GrpcTimeout.TryParse(timeoutText, out TimeSpan timeout))
            {
                call.WriteStatus(new Status(StatusCode.Internal, $"The grpc-timeout '{timeoutText}' is malformed."));
                return Task.CompletedTask;
            }
            call.StartDeadline(timeout, time);
        }
        return RunAsync(call);
    }

    /// <summary>Runs the handler. A unary kind of reply is written here, a streamed one has been sent when this completes.</summary>
    protected abstract Task InvokeAsync(ServerCall call);

    private async Task RunAsync(ServerCall call)
    {
        try
        {
            await InvokeAsync(call);
            if (call.TryClaimEnd())
                call.WriteStatus(call.Status);
        }
        catch (Exception failure)
        {
            await FailAsync(call, failure);
        }
        finally
        {
            await call.CloseAsync();
            call.Requests.Release();
        }
    }

    private async Task FailAsync(ServerCall call, Exception failure)
    {
        Status status = StatusOf(call, failure);
        if (call.Http.RequestAborted.IsCancellationRequested)
            return;
        try
        {
            // What the handler has written goes out before the status that ends it.
            await call.DrainResponsesAsync();
        }
        catch (Exception unsent) when (unsent is OperationCanceledException or IOException or InvalidOperationException)
        {
            logger.LogDebug(unsent, "{Method}: replies could not be sent before the status {Status}", method.FullName, status.StatusCode);
        }
        if (!call.TryClaimEnd())
            return;
        if (call.HasPartialReply)
        {
            call.Reset(Http2InternalError);
            return;
        }
        if (failure is RpcException rpc)
            call.AddTrailers(rpc.Trailers);
        call.WriteStatus(status);
    }

    private Status StatusOf(ServerCall call, Exception failure)
    {
        switch (failure)
        {
            case RpcException rpc:
                logger.LogDebug(rpc, "{Method} ended with {Status}", method.FullName, rpc.StatusCode);
                return rpc.Status;
            // A read that failed means a client that reset the stream; the call's token may learn of it a moment later.
            case OperationCanceledException or IOException when call.CancellationToken.IsCancellationRequested ||
                (ReferenceEquals(failure, call.Requests.PipeFailure) && failure is not BadHttpRequestException):
                return call.DeadlinePassed ? new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded") : Status.DefaultCancelled;
            case BadHttpRequestException bad:
                logger.LogDebug(bad, "{Method}: the request's body is refused", method.FullName);
                return new Status(bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? StatusCode.ResourceExhausted : StatusCode.Internal, bad.Message);
            default:
                logger.LogError(failure, "{Method}: exception thrown by the handler", method.FullName);
                return new Status(StatusCode.Unknown, options.EnableDetailedErrors
                    ? $"Exception was thrown by handler. {failure.GetType().Name}: {failure.Message}"
                    : "Exception was thrown by handler.");
        }
    }
}

internal sealed class UnaryHandler<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> invoke,
    GrpcServiceOptions options, TimeProvider time, ILogger logger) : MethodHandler(method, options, time, logger)
    where TRequest : class where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call)
    {
        TRequest request = await call.Requests.ReadSingleAsync(method.RequestMarshaller, CancellationToken.None) ?? throw FrameReader.Cardinality("none");
        TResponse response = await invoke(request, call);
        call.WriteReply(response, method.ResponseMarshaller);
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> invoke,
    GrpcServiceOptions options, TimeProvider time, ILogger logger) : MethodHandler(method, options, time, logger)
    where TRequest : class where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call)
    {
        TResponse response = await invoke(new RequestStream<TRequest>(call, method.RequestMarshaller), call);
        call.WriteReply(response, method.ResponseMarshaller);
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> invoke,
    GrpcServiceOptions options, TimeProvider time, ILogger logger) : MethodHandler(method, options, time, logger)
    where TRequest : class where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call)
    {
        TRequest request = await call.Requests.ReadSingleAsync(method.RequestMarshaller, CancellationToken.None) ?? throw FrameReader.Cardinality("none");
        await invoke(request, new ResponseStream<TResponse>(call, method.ResponseMarshaller), call);
        await call.DrainResponsesAsync();
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> invoke,
    GrpcServiceOptions options, TimeProvider time, ILogger logger) : MethodHandler(method, options, time, logger)
    where TRequest : class where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call)
    {
        await invoke(new RequestStream<TRequest>(call, method.RequestMarshaller), new ResponseStream<TResponse>(call, method.ResponseMarshaller), call);
        await call.DrainResponsesAsync();
    }
}
