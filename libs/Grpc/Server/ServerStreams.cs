using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Server;

/// <summary>Requests of one call, as the handler reads them.</summary>
internal sealed class RequestStream<T>(ServerCall call, Marshaller<T> marshaller) : IAsyncStreamReader<T> where T : class
{
    private T? _current;

    public T Current => _current ?? throw new InvalidOperationException("No element is available.");

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<bool>(cancellationToken);
        try
        {
            return call.Requests.TryRead(marshaller, out _current) ? Task.FromResult(true) : WaitForNextAsync(cancellationToken);
        }
        catch (RpcException failure)
        {
            return Task.FromException<bool>(failure);
        }
    }

    private async Task<bool> WaitForNextAsync(CancellationToken cancellationToken)
    {
        while (await call.Requests.FillAsync(cancellationToken))
            if (call.Requests.TryRead(marshaller, out _current))
                return true;
        return false;
    }
}

/// <summary>Responses of one call, as the handler writes them.</summary>
internal sealed class ResponseStream<T>(ServerCall call, Marshaller<T> marshaller) : IServerStreamWriter<T> where T : class
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message)
    {
        ArgumentNullException.ThrowIfNull(message);
        CancellationToken cancelled = call.CancellationToken;
        return cancelled.IsCancellationRequested
            ? Task.FromCanceled(cancelled)
            : call.Responses.WriteAsync(message, marshaller, WriteOptions ?? call.WriteOptions);
    }

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        Task written = WriteAsync(message);
        // The message is in the buffer: cancelling gives up the wait for room, not the message.
        return written.IsCompleted || !cancellationToken.CanBeCanceled ? written : written.WaitAsync(cancellationToken);
    }
}
