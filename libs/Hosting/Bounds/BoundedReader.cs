using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;

namespace Claims.Hosting;

/// <summary>A stream's messages. It ends as if the caller had said its last once the service stops, or the stream is cut.</summary>
/// <param name="check">Throws for a message that is not the caller's; null where nothing is checked.</param>
/// <param name="share">Whose messages a second are bounded; null where nobody's are.</param>
internal sealed class BoundedReader<T>(
    IAsyncStreamReader<T> inner, Action<T>? check, CallerShare? share, CallerConnection? connection, TimeProvider time,
    CancellationToken stopping)
    : OpenStream(connection, time, stopping), IAsyncStreamReader<T>
{
    // One for all reads with the same token, which is usual: a visit of a stream costs no registration.
    private CancellationTokenSource? _either;
    private CancellationToken _of;

    public T Current => inner.Current;

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Ending.IsCancellationRequested) return EndAsync();
        Task<bool> next = inner.MoveNext(Either(cancellationToken));
        // Under load the next message is usually there already, and costs nothing more.
        if (!next.IsCompletedSuccessfully) return WaitAsync(next, cancellationToken);
        if (!next.Result) return next;
        Take();
        return share?.TakeMessage() is { Ticks: > 0 } delay ? LaterAsync(delay, cancellationToken) : next;
    }

    protected override void Dispose(bool disposing)
    {
        _either?.Dispose();
        base.Dispose(disposing);
    }

    private CancellationToken Either(CancellationToken cancellationToken)
    {
        if (_either is null || _of != cancellationToken)
        {
            _either?.Dispose();
            _either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Ending);
            _of = cancellationToken;
        }

        return _either.Token;
    }

    private async Task<bool> WaitAsync(Task<bool> next, CancellationToken cancellationToken)
    {
        BeginWaiting();
        try
        {
            if (!await next) return false;
            Take();
        }
        catch (OperationCanceledException) when (Ending.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return await EndAsync();
        }
        catch (Exception gone) when (gone is ConnectionAbortedException or (IOException and not InvalidProtocolBufferException))
        {
            // Kestrel tells the reader of it before it cancels the call.
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller is gone."));
        }
        finally
        {
            EndWaiting();
        }

        return share?.TakeMessage() is { Ticks: > 0 } delay ? await LaterAsync(delay, cancellationToken) : true;
    }

    /// <summary>What has been read is answered, sooner where the stream ends.</summary>
    private async Task<bool> LaterAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        TurnedAway.Delayed();
        await Task.Delay(delay, Time, Either(cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return true;
    }

    private void Take()
    {
        HasMessage = true;
        check?.Invoke(inner.Current);
    }

    // A part of an upload must not look like the whole: where one that stops is read to its end, one that is cut fails.
    private Task<bool> EndAsync()
    {
        if (EndedBy is { } status && !IsWorthInPart) throw new RpcException(status);
        IsStopped = EndedBy is null;
        return Task.FromResult(false);
    }
}
