using System.Net;
using System.Net.Sockets;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Hosting.Tests;

/// <summary>A caller with an address of its own, of which loopback has 16 million: 127.0.0.2 and so on.</summary>
internal sealed class Caller : IDisposable
{
    public const string Good = "127.0.0.1";
    public const string Bad = "127.0.0.2";

    private readonly GrpcChannel _channel;

    /// <param name="identity">What its header says; null: it says nothing of itself.</param>
    public Caller(Uri service, string address = Good, string? identity = null)
    {
        SocketsHttpHandler handler = ClaimsChannel.CreateHandler();
        handler.ConnectCallback = async (context, cancellationToken) =>
        {
            Socket socket = Bound(address);
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        };
        _channel = ClaimsChannel.To(service.ToString(), handler);
        Headers = identity is null ? [] : new Metadata { { Identity.Header, identity } };
        Client = new Adjudication.AdjudicationClient(_channel);
    }

    public Metadata Headers { get; }

    public Adjudication.AdjudicationClient Client { get; }

    /// <summary>A connection that says nothing.</summary>
    public static async Task<Socket> ConnectAsync(Uri service, string address)
    {
        Socket socket = Bound(address);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, service.Port);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed as soon as it was there: whoever reads from it learns the same.
        }

        return socket;
    }

    /// <summary>A message of this caller's own facility.</summary>
    public static SettleRequest Visit(string facility = "H1") => new() { RequestId = "R1", FacilityCode = facility };

    public async Task<StatusCode> SettleAsync(string facility = "H1")
    {
        try
        {
            await Client.SettleAsync(Visit(facility), Headers);
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }

    public AsyncDuplexStreamingCall<SettleRequest, SettleReply> Open() => Client.SettleStream(Headers);

    public void Dispose() => _channel.Dispose();

    private static Socket Bound(string address)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        return socket;
    }
}
