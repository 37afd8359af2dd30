using Claims.V1;
using Grpc.Core;

namespace Adjudication.Tests;

/// <summary>The ledger that writes acts down, or refuses to.</summary>
internal sealed class WrittenActs : CallInvoker
{
    public List<RecordActRequest> Acts { get; } = [];

    /// <summary>What it refuses with; null where it does not.</summary>
    public Status? Refusal { get; set; }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        Acts.Add((RecordActRequest)(object)request);
        Task<TResponse> answer = Refusal is { } refused
            ? Task.FromException<TResponse>(new RpcException(refused))
            : Task.FromResult((TResponse)(object)new Act());
        return new AsyncUnaryCall<TResponse>(
            answer, Task.FromResult(Metadata.Empty), () => Status.DefaultSuccess, () => Metadata.Empty, () => { });
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();
}
