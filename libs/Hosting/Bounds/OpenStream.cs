using Grpc.Core;

namespace Claims.Hosting;

/// <summary>A stream of requests that may be ended from outside.</summary>
/// <param name="connection">Null in tests.</param>
/// <param name="stopping">Ends the reading, where a part of the stream is worth something without the rest; else None.</param>
internal abstract class OpenStream(CallerConnection? connection, TimeProvider time, CancellationToken stopping) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(stopping);
    private bool _isDisposed;
    private long _waitingSinceTicks;

    /// <summary>As logs name it.</summary>
    public object Caller => connection?.Caller ?? "somebody";

    public bool IsTrusted => connection?.IsTrusted ?? true;

    public bool HasMessage { get; protected set; }

    /// <summary>Since when the caller is waited for (<see cref="TimeProvider.GetTimestamp"/>); null while its messages are worked
    /// on.</summary>
    public long? WaitingSinceTicks => Volatile.Read(ref _waitingSinceTicks) is var ticks and not 0 ? ticks : null;

    /// <summary>Why it was ended from outside; null where it was not.</summary>
    public Status? EndedBy { get; private set; }

    /// <summary>Whether it was ended because the service stops.</summary>
    public bool IsStopped { get; protected set; }

    protected bool IsWorthInPart { get; } = stopping.CanBeCanceled;

    /// <summary>Cancelled when nothing more is to be read.</summary>
    protected CancellationToken Ending => _end.Token;

    /// <summary>Reads no more of it, and ends it with the status after the answers that are owed.</summary>
    /// <returns>False where it was ended before.</returns>
    public bool Cut(Status status)
    {
        lock (_gate)
        {
            if (_isDisposed || EndedBy is not null) return false;
            EndedBy = status;
            _ = _end.CancelAsync();
            return true;
        }
    }

    public void Dispose()
    {
        lock (_gate) _isDisposed = true;
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) => _end.Dispose();

    protected TimeProvider Time => time;

    protected void BeginWaiting() => Volatile.Write(ref _waitingSinceTicks, time.GetTimestamp());

    protected void EndWaiting() => Volatile.Write(ref _waitingSinceTicks, 0);
}
