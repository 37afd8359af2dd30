using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>A service in this process, reached through the generated client; calls that no test makes are not supported.</summary>
internal abstract class InProcessCalls : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    protected static AsyncUnaryCall<TResponse> Answered<TResponse>(Task<TResponse> reply) =>
        new(reply, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

    /// <param name="exchange">Both ends of the stream.</param>
    protected static AsyncDuplexStreamingCall<TRequest, TResponse> Opened<TRequest, TResponse>(object exchange) => new(
        (IClientStreamWriter<TRequest>)exchange, (IAsyncStreamReader<TResponse>)exchange, Task.FromResult(new Metadata()),
        () => Status.DefaultSuccess, () => [], () => { });
}
