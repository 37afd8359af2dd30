using Grpc.Core;

namespace Grpc.Client;

internal sealed class RequestWriter<TRequest, TResponse>(ClientCall<TRequest, TResponse> call) : IClientStreamWriter<TRequest>
    where TRequest : class where TResponse : class
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(TRequest message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return call.WriteAsync(message, WriteOptions);
    }

    public Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        Task written = WriteAsync(message);
        // The message is in the buffer: cancelling gives up the wait for room, not the message.
        return written.IsCompleted || !cancellationToken.CanBeCanceled ? written : written.WaitAsync(cancellationToken);
    }

    public Task CompleteAsync() => call.CompleteRequestsAsync();
}

internal sealed class ResponseReader<TRequest, TResponse>(ClientCall<TRequest, TResponse> call) : IAsyncStreamReader<TResponse>
    where TRequest : class where TResponse : class
{
    private TResponse? _current;

    public TResponse Current => _current ?? throw new InvalidOperationException("No element is available.");

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            call.Cancel();
        return call.TryReadBuffered(out _current) ? Task.FromResult(true) : WaitForNextAsync(cancellationToken);
    }

    private async Task<bool> WaitForNextAsync(CancellationToken cancellationToken)
    {
        _current = await call.MoveNextAsync(cancellationToken);
        return _current is not null;
    }
}
