using System.Collections.Concurrent;
using Grpc.Client;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Connections to one address, made when first needed and shared by all calls. Thread-safe; keep one per server.</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly CancellationTokenSource _disposed = new();
    private readonly ConcurrentDictionary<string, Uri> _methods = new(StringComparer.Ordinal);

    private GrpcChannel(Uri address, GrpcChannelOptions options) : base(address.Authority)
    {
        Address = address;
        Options = options;
        _http = new HttpMessageInvoker(options.HttpHandler ?? CreateHandler(), disposeHandler: options.HttpHandler is null || options.DisposeHttpClient);
        Disposed = _disposed.Token;
    }

    internal Uri Address { get; }
    internal GrpcChannelOptions Options { get; }
    internal CancellationToken Disposed { get; }
    internal HttpMessageInvoker Http => _http;
    internal Uri UriOf(string path) => _methods.GetOrAdd(path, static (path, address) => new Uri(address, path), Address);

    /// <summary><c>http://</c> speaks HTTP/2 in clear with prior knowledge, <c>https://</c> over TLS. Nothing is connected yet.</summary>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions? channelOptions = null) => ForAddress(new Uri(address), channelOptions);

    /// <inheritdoc cref="ForAddress(string, GrpcChannelOptions?)"/>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions? channelOptions = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (!address.IsAbsoluteUri || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
            throw new ArgumentException($"The address '{address}' is not an absolute http or https URI.", nameof(address));
        return new GrpcChannel(address, channelOptions ?? new GrpcChannelOptions());
    }

    /// <summary>
    /// The handler that a channel uses when it is given none: no proxy, a second connection when the first has all its streams in
    /// use, 10 s to connect, a ping after 30 s of silence on a connection with calls and 10 s for its answer. For TLS settings,
    /// change what this returns and pass it as <see cref="GrpcChannelOptions.HttpHandler"/>.
    /// </summary>
    public static SocketsHttpHandler CreateHandler() => new()
    {
        EnableMultipleHttp2Connections = true,
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
    };

    public override CallInvoker CreateCallInvoker() => new HttpCallInvoker(this);

    /// <summary>Cancels the calls in flight and closes the connections.</summary>
    public void Dispose()
    {
        if (_disposed.IsCancellationRequested)
            return;
        _disposed.Cancel();
        _http.Dispose();
        _disposed.Dispose();
    }

    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }
}
