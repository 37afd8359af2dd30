using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Claims.PrivateServers;

/// <summary>TCP ports on 127.0.0.1.</summary>
public static class FreePort
{
    // Below Linux's ephemeral range, so that no outgoing connection takes the port between the choice and the server's bind.
    private const int First = 20_000;
    private const int End = 32_000;

    private static readonly Lock Taking = new();
    private static int _next = RandomNumberGenerator.GetInt32(First, End);

    /// <summary>
    /// The first of <paramref name="count"/> neighbouring ports, all free now. Each process goes through the range from a place of its own:
    /// a port that was taken and is not bound yet is not given out a second time.
    /// </summary>
    public static int Take(int count = 1)
    {
        lock (Taking)
        {
            for (int attempt = 0; attempt < 1000; attempt++)
            {
                int port = _next + count <= End ? _next : First;
                _next = port + count;
                if (Enumerable.Range(port, count).All(IsFree))
                    return port;
            }
        }
        throw new PrivateServerException($"No {count} neighbouring free ports were found between {First} and {End}.");
    }

    public static bool IsFree(int port)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // Servers set it too: a port whose old connections are still winding down counts as free.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            socket.Listen();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <exception cref="PrivateServerException">The port is in use.</exception>
    public static void Require(int port, string server)
    {
        if (!IsFree(port))
            throw new PrivateServerException($"Port {port}, which {server} needs on 127.0.0.1, is in use by another program.");
    }
}
