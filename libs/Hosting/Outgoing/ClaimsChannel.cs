using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Claims.Hosting;

/// <summary>Connections to the services of this system, for whoever calls them.</summary>
public static class ClaimsChannel
{
    // A server that comes is called within this; one that goes is noticed at its connection.
    private static readonly TimeSpan NamesAskedAgainEvery = TimeSpan.FromSeconds(15);

    /// <summary>Over <see cref="CreateHandler"/>. Nothing is connected yet; keep one channel per server.</summary>
    /// <remarks>The calls to a name go round all addresses that it stands for: in a cluster, all pods of a headless service.</remarks>
    /// <param name="address"><c>http://127.0.0.1:5101</c> speaks HTTP/2 in clear, <c>https://…</c> over TLS.</param>
    public static GrpcChannel To(string address) => To(address, CreateHandler());

    /// <param name="address">As above.</param>
    /// <param name="handler">What <see cref="CreateHandler"/> returned, with TLS settings.</param>
    public static GrpcChannel To(string address, SocketsHttpHandler handler)
    {
        Uri server = new(address);
        return server.HostNameType is UriHostNameType.Dns && !server.IsLoopback
            ? Balanced(server, handler, new DnsResolverFactory(NamesAskedAgainEvery))
            : GrpcChannel.ForAddress(server, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    /// <summary>Whichever of the addresses is called, its certificate must carry the name.</summary>
    internal static GrpcChannel Balanced(Uri server, SocketsHttpHandler handler, ResolverFactory names) =>
        GrpcChannel.ForAddress($"{names.Name}:///{server.Authority}", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            Credentials = server.Scheme == "https" ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure,
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } },
            ServiceProvider = new ServiceCollection().AddSingleton(names).BuildServiceProvider(),
        });

    /// <summary>
    /// Whether no answer came because the connection was not there or broke. Grpc.Net.Client says INTERNAL where a server closed it, as one
    /// that stops does, or one that refuses the caller's certificate; a server's own INTERNAL, or a certificate that the caller refuses, is
    /// something else.
    /// </summary>
    public static bool IsBroken(RpcException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        if (failure.StatusCode is not StatusCode.Internal) return failure.StatusCode is StatusCode.Unavailable;
        Exception? cause = failure.Status.DebugException;

        // Closed while HTTP/2 began, for which .NET gives no reason.
        if (cause is HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: null }) return true;
        while (cause is not null and not IOException) cause = cause.InnerException;
        return cause is not null;
    }

    /// <summary>
    /// No proxy, a second connection when the first has all its streams in use, 10 s to connect, a ping after 30 s of silence on a
    /// connection with calls and 10 s for its answer.
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

    /// <summary>The same with mutual TLS: the certificate identifies the caller, and the server's must be of one of the authorities and
    /// carry the name that it is called by.</summary>
    /// <exception cref="SettingsException">A file cannot be read as what it should be.</exception>
    public static SocketsHttpHandler CreateHandler(TlsSettings settings) => CreateHandler(Tls.Load(settings));

    /// <summary>Each handshake takes what the files hold by then.</summary>
    internal static SocketsHttpHandler CreateHandler(Tls tls)
    {
        SocketsHttpHandler handler = CreateHandler();
        handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => tls.Certificate;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) => tls.TrustsServer(certificate, errors);
        return handler;
    }
}
