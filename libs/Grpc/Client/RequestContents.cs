using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Client;

/// <summary>The one request message of a call. The handler may send it again when a connection refused the stream.</summary>
internal sealed class MessageContent : HttpContent
{
    private readonly PooledBuffer _frame;
    private readonly int _frameBytes;
    private int _users = 1;
    private bool _disposed;

    public MessageContent(PooledBuffer frame)
    {
        _frame = frame;
        _frameBytes = frame.Length;
        Headers.ContentType = RequestHeaders.Grpc;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (!TryUse())
            throw new OperationCanceledException("The call is over.");
        try
        {
            await stream.WriteAsync(_frame.Written, cancellationToken);
        }
        finally
        {
            Release();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _frameBytes;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            _disposed = true;
            Release();
        }
        base.Dispose(disposing);
    }

    private bool TryUse()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0)
                return false;
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return true;
    }

    // An answer may come while the request is still being sent: the array goes back when both are done with it.
    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            _frame.Release();
    }
}

/// <summary>A request that stays open: hands its stream to the call's writer and ends when told to.</summary>
internal sealed class StreamedContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StreamedContent() => Headers.ContentType = RequestHeaders.Grpc;

    /// <summary>The request's stream, once there is a connection.</summary>
    public Task<Stream> Stream => _stream.Task;

    /// <summary>Ends the client's side of the call, or gives it up when it never got a connection.</summary>
    public void End()
    {
        _ended.TrySetResult();
        _stream.TrySetCanceled();
    }

    /// <summary>Gives the call up: its stream is reset, never ended, so the server does not take what it has for all there is.</summary>
    public void Abandon()
    {
        _ended.TrySetCanceled();
        _stream.TrySetCanceled();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The headers leave now: the server may speak first.
        await stream.FlushAsync(cancellationToken);
        if (!_stream.TrySetResult(stream) && !_stream.Task.IsCanceled)
            throw new IOException("The connection went away and streamed requests cannot be sent again.");
        await _ended.Task.WaitAsync(cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

/// <summary>Headers that every request carries.</summary>
internal static class RequestHeaders
{
    public static readonly MediaTypeHeaderValue Grpc = new("application/grpc");

    private static readonly string UserAgent = $"claims-grpc (.NET {Environment.Version})";

    public static void Apply(HttpRequestMessage message, Metadata? metadata, TimeSpan? timeout)
    {
        HttpRequestHeaders headers = message.Headers;
        headers.TryAddWithoutValidation("te", "trailers");
        headers.TryAddWithoutValidation("user-agent", UserAgent);
        headers.TryAddWithoutValidation("grpc-accept-encoding", Compression.AcceptEncoding);
        if (timeout is { } left)
            headers.TryAddWithoutValidation("grpc-timeout", GrpcTimeout.Format(left));
        if (metadata is null)
            return;
        foreach (Metadata.Entry entry in metadata)
            if (!MetadataHeaders.IsReserved(entry.Key))
                headers.TryAddWithoutValidation(entry.Key, MetadataHeaders.HeaderValue(entry));
    }
}
