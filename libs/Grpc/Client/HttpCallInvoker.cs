using Grpc.Core;
using Grpc.Net.Client;

namespace Grpc.Client;

/// <summary>Makes each call an HTTP/2 request of its channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        using AsyncUnaryCall<TResponse> call = AsyncUnaryCall(method, host, options, request);
        return call.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ClientCall<TRequest, TResponse> call = new(channel, method, options);
        Task<TResponse> response = call.SingleResponseAsync(request, null);
        return new AsyncUnaryCall<TResponse>(response, Headers, Status, Trailers, Dispose, call);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        ClientCall<TRequest, TResponse> call = new(channel, method, options);
        StreamedContent content = call.StreamRequests();
        return new AsyncClientStreamingCall<TRequest, TResponse>(new RequestWriter<TRequest, TResponse>(call), call.SingleResponseAsync(null, content), Headers, Status, Trailers, Dispose, call);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ClientCall<TRequest, TResponse> call = new(channel, method, options);
        call.Start(request, null);
        return new AsyncServerStreamingCall<TResponse>(new ResponseReader<TRequest, TResponse>(call), Headers, Status, Trailers, Dispose, call);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        ClientCall<TRequest, TResponse> call = new(channel, method, options);
        StreamedContent content = call.StreamRequests();
        call.Start(null, content);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(new RequestWriter<TRequest, TResponse>(call), new ResponseReader<TRequest, TResponse>(call), Headers, Status, Trailers, Dispose, call);
    }

    private static Task<Metadata> Headers(object call) => ((ClientCall)call).ResponseHeadersAsync;
    private static Status Status(object call) => ((ClientCall)call).GetStatus();
    private static Metadata Trailers(object call) => ((ClientCall)call).GetTrailers();
    private static void Dispose(object call) => ((ClientCall)call).Dispose();
}
