using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Claims.Hosting;

/// <summary>What a service speaks on its own port.</summary>
public enum MainPort
{
    /// <summary>gRPC, health and reflection with it: HTTP/2, without TLS by prior knowledge.</summary>
    Grpc,

    /// <summary>HTTP/1.1, and HTTP/2 where TLS lets both sides agree on it.</summary>
    Http,
}

/// <summary>The ports of a service: its own, that of metrics and health, and Adjudication's for operators.</summary>
internal static class Ports
{
    /// <param name="operatorsPort">Null: the service has none.</param>
    /// <param name="certificateOptional">At the service's own port: callers may log in instead.</param>
    public static void Configure(
        WebApplicationBuilder builder, HostSettings settings, MainPort mainPort, int? operatorsPort, bool certificateOptional)
    {
        IPAddress address = BindingAddress(settings);
        Tls? tls = null;
        if (settings.Tls.IsConfigured)
        {
            tls = Tls.Load(settings.Tls);
            builder.Services.AddSingleton(tls);
            builder.Services.AddHostedService<TlsReload>();
        }

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Of each port by itself: who fills the service's own leaves that of probes and that for operators free.
            kestrel.Limits.MaxConcurrentConnections = settings.MaxConnections;
            CallerConnections connections = kestrel.ApplicationServices.GetRequiredService<CallerConnections>();
            if (mainPort == MainPort.Grpc)
            {
                // A hospital's stream stays open for days and may be silent for hours: its size and pace are not a request's.
                // Messages are bounded by gRPC, dead peers are found by ping.
                kestrel.Limits.MaxRequestBodySize = null;
                kestrel.Limits.MinRequestBodyDataRate = null;
                // Who does not take his answers is cut off: those of a full window, 64 kB, within a minute. One answer has some 2 kB.
                kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 1_024, gracePeriod: TimeSpan.FromSeconds(10));
            }

            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1_000;
            kestrel.Listen(address, settings.Port, listen =>
            {
                listen.Protocols = (mainPort, tls) switch
                {
                    (MainPort.Grpc, _) => HttpProtocols.Http2,
                    (_, null) => HttpProtocols.Http1,
                    _ => HttpProtocols.Http1AndHttp2,
                };
                Secure(listen, forOperators: false);
            });
            kestrel.Listen(address, settings.MetricsPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection =>
                {
                    connection.Features.Set(OperationsConnection.Instance);
                    return next(connection);
                });
            });
            if (operatorsPort is not { } port) return;
            kestrel.Listen(address, port, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                Secure(listen, forOperators: true);
            });

            void Secure(ListenOptions listen, bool forOperators)
            {
                listen.Use(connections.Counted(secured: tls is not null, forOperators));
                if (tls is null) return;
                bool optional = certificateOptional && !forOperators;
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => new(tls.ServerOptions(optional)) });
                listen.Use(connections.Named(tls));
            }
        });
    }

    /// <summary>Which configured port another program holds, as a clause of a sentence; null when all are free.</summary>
    public static string? Busy(HostSettings settings, int? operatorsPort)
    {
        foreach (
            (string name,
            int port) in new[]
            {
                (nameof(HostSettings.Port), settings.Port), (nameof(HostSettings.MetricsPort), settings.MetricsPort),
                ("OperatorsPort", operatorsPort ?? 0),
            })
        {
            if (port == 0) continue;
            using TcpListener listener = new(BindingAddress(settings), port);
            try
            {
                listener.Start();
            }
            catch (SocketException exception)
            {
                return exception.SocketErrorCode == SocketError.AddressAlreadyInUse
                    ? $"port {port} (Claims__{name}) is in use by another program"
                    : $"port {port} (Claims__{name}) cannot be opened: {exception.Message}";
            }
        }

        return null;
    }

    private static IPAddress BindingAddress(HostSettings settings) => settings.Tls.IsConfigured ? IPAddress.Any : IPAddress.Loopback;
}

/// <summary>Marks a connection that came in through the metrics port.</summary>
internal sealed class OperationsConnection
{
    public static readonly OperationsConnection Instance = new();
}
