namespace Grpc.Core;

/// <summary>One call, as its handler sees it.</summary>
public abstract class ServerCallContext
{
    /// <summary>The path: <c>/service/method</c>.</summary>
    public string Method => MethodCore;
    public string Host => HostCore;

    /// <summary>Address and port of the client, such as <c>ipv4:127.0.0.1:50000</c>.</summary>
    public string Peer => PeerCore;

    /// <summary>UTC; <see cref="DateTime.MaxValue"/> when the client gave none.</summary>
    public DateTime Deadline => DeadlineCore;
    public Metadata RequestHeaders => RequestHeadersCore;

    /// <summary>Signalled when the client goes away or cancels, and when the deadline passes.</summary>
    public CancellationToken CancellationToken => CancellationTokenCore;
    public Metadata ResponseTrailers => ResponseTrailersCore;

    /// <summary>What the call ends with when the handler returns.</summary>
    public Status Status { get => StatusCore; set => StatusCore = value; }
    public WriteOptions? WriteOptions { get => WriteOptionsCore; set => WriteOptionsCore = value; }
    public IDictionary<object, object> UserState => UserStateCore;

    /// <summary>Sends response headers before the first message. Throws <see cref="InvalidOperationException"/> once they are sent.</summary>
    public Task WriteResponseHeadersAsync(Metadata responseHeaders) => WriteResponseHeadersAsyncCore(responseHeaders);

    protected abstract string MethodCore { get; }
    protected abstract string HostCore { get; }
    protected abstract string PeerCore { get; }
    protected abstract DateTime DeadlineCore { get; }
    protected abstract Metadata RequestHeadersCore { get; }
    protected abstract CancellationToken CancellationTokenCore { get; }
    protected abstract Metadata ResponseTrailersCore { get; }
    protected abstract Status StatusCore { get; set; }
    protected abstract WriteOptions? WriteOptionsCore { get; set; }
    protected abstract IDictionary<object, object> UserStateCore { get; }
    protected abstract Task WriteResponseHeadersAsyncCore(Metadata responseHeaders);
}
