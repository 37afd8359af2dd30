using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>
/// Outgoing messages of one stream. A write lands in a buffer; a pump that runs while there is anything to send takes all that
/// has gathered since the last send. So a lone message leaves at once, a burst leaves in few flushes, and the order holds.
/// A write completes once no more than <see cref="MaxBufferedBytes"/> wait: a slow reader holds its writer back.
/// </summary>
/// <param name="send">Hands bytes to the transport and flushes; completes when the transport takes more.</param>
internal sealed class StreamedMessages(int? maxMessageBytes, Func<ReadOnlyMemory<byte>, ValueTask> send)
{
    /// <summary>Four times what Kestrel and SocketsHttpHandler put in one frame: large enough for a burst, small enough for thousands of streams.</summary>
    public const int MaxBufferedBytes = 64 * 1024;

    /// <summary>What <see cref="WriteFlags.BufferHint"/> may hold back: one HTTP/2 frame of the default size.</summary>
    private const int MaxHintedBytes = 16 * 1024;

    private readonly Lock _gate = new();
    private readonly FrameSerializer _serializer = new(maxMessageBytes);
    private PooledBuffer _filling = new();
    private PooledBuffer _sending = new();
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _drained;
    private Exception? _failure;
    private bool _pumping;
    private bool _closed;

    /// <summary>
    /// Throws what the transport failed with, or <see cref="InvalidOperationException"/> when the stream is closed or the
    /// previous write has not completed.
    /// </summary>
    public Task WriteAsync<T>(T message, Marshaller<T> marshaller, WriteOptions? options)
    {
        Task written = Task.CompletedTask;
        lock (_gate)
        {
            if (_failure is not null)
                return Task.FromException(_failure);
            if (_closed)
                return Task.FromException(new InvalidOperationException("Can't write the message because the stream is complete."));
            if (_room is not null)
                return Task.FromException(new InvalidOperationException("Can't write the message because the previous write is in progress."));
            int before = _filling.Length;
            try
            {
                _serializer.Write(_filling, message, marshaller.ContextualSerializer);
            }
            catch (Exception failure)
            {
                _filling.Truncate(before);
                return Task.FromException(failure);
            }
            if (_filling.Length + _sending.Length > MaxBufferedBytes)
            {
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                written = _room.Task;
            }
            bool hold = options?.Flags.HasFlag(WriteFlags.BufferHint) == true && _filling.Length < MaxHintedBytes;
            if (_pumping || hold)
                return written;
            _pumping = true;
        }
        _ = PumpAsync();
        return written;
    }

    /// <summary>Takes no more writes and completes when everything written has been sent. Throws what the transport failed with.</summary>
    public Task CompleteAsync()
    {
        Task drained;
        lock (_gate)
        {
            _closed = true;
            if (_failure is not null)
                return Task.FromException(_failure);
            if (!_pumping && _filling.Length == 0)
                return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drained = _drained.Task;
            if (_pumping)
                return drained;
            _pumping = true;
        }
        _ = PumpAsync();
        return drained;
    }

    /// <summary>Fails this and every later write, and drops what has not been sent.</summary>
    public void Fail(Exception failure)
    {
        TaskCompletionSource? room, drained;
        lock (_gate)
        {
            if (_failure is not null)
                return;
            _failure = failure;
            (room, drained) = (_room, _drained);
            (_room, _drained) = (null, null);
            _filling.Release();
        }
        room?.TrySetException(failure);
        drained?.TrySetException(failure);
    }

    private async Task PumpAsync()
    {
        while (TakeBatch() is { } batch)
        {
            try
            {
                await send(batch.Written);
            }
            catch (Exception failure)
            {
                Fail(failure);
            }
            if (!ReturnBatch())
                return;
        }
    }

    /// <summary>What has gathered since the last batch; null, and the pump ends, when that is nothing.</summary>
    private PooledBuffer? TakeBatch()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            if (_filling.Length > 0)
            {
                (_filling, _sending) = (_sending, _filling);
                return _sending;
            }
            _pumping = false;
            (drained, _drained) = (_drained, null);
        }
        drained?.TrySetResult();
        return null;
    }

    private bool ReturnBatch()
    {
        TaskCompletionSource? room = null;
        lock (_gate)
        {
            _sending.Release();
            if (_failure is not null)
            {
                _pumping = false;
                return false;
            }
            if (_filling.Length <= MaxBufferedBytes)
                (room, _room) = (_room, null);
        }
        room?.TrySetResult();
        return true;
    }
}
