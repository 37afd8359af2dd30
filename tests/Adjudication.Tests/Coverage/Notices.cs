using System.Threading.Channels;
using Grpc.Core;

namespace Adjudication.Tests.Coverage;

/// <summary>A callee of which only a stream of notices is asked: each subscription reads the next of the channels given, and then none is
/// there.</summary>
internal sealed class Notices<T>(params Channel<T>[] subscriptions) : CallInvoker
{
    private int _subscribed;
    private int _taken;

    /// <summary>Subscriptions that were asked for.</summary>
    public int Subscribed => Volatile.Read(ref _subscribed);

    /// <summary>Notices that have been dealt with: the reader has asked for the next.</summary>
    public int Taken => Volatile.Read(ref _taken);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        int subscription = Interlocked.Increment(ref _subscribed) - 1;
        if (subscription >= subscriptions.Length) throw new RpcException(new Status(StatusCode.Unavailable, "no more notices"));
        Reader reader = new(this, subscriptions[subscription].Reader);
        return new AsyncServerStreamingCall<TResponse>((IAsyncStreamReader<TResponse>)(object)reader, Task.FromResult(new Metadata()),
            () => Status.DefaultSuccess, () => [], () => { });
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options,
        TRequest request) => throw new NotSupportedException("Only notices are given.");

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException("Only notices are given.");

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException("Only notices are given.");

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException("Only notices are given.");

    private sealed class Reader(Notices<T> all, ChannelReader<T> notices) : IAsyncStreamReader<T>
    {
        private bool _hasRead;

        public T Current { get; private set; } = default!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (_hasRead) Interlocked.Increment(ref all._taken);
            _hasRead = false;
            if (!await notices.WaitToReadAsync(cancellationToken)) return false;
            Current = await notices.ReadAsync(cancellationToken);
            _hasRead = true;
            return true;
        }
    }
}
