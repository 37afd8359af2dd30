using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Claims.Hosting;

/// <summary>What is known of a connection to a service's own port or that for operators, once for all of its calls.</summary>
/// <param name="connection">Kestrel's, below TLS.</param>
/// <param name="forOperators">It came in through the port for operators, where nobody is bounded.</param>
internal sealed class CallerConnection(ConnectionContext connection, bool forOperators, long begunTicks, TurnedAway turnedAway)
{
    private readonly Lock _gate = new();
    private CallerShare? _share;
    private volatile bool _isClosed;

    /// <summary>With mutual TLS: who calls is what the certificate says, and no header.</summary>
    public bool Secured { get; init; }

    public bool ForOperators { get; } = forOperators;

    public IPAddress Address { get; } = AddressOf(connection);

    /// <summary>When it was opened, <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long BegunTicks { get; } = begunTicks;

    /// <summary>Of the certificate; null without TLS, or where the certificate does not say.</summary>
    public Identity? Identity { get; set; }

    /// <summary>Whether any call was begun on it.</summary>
    public bool HasCalled { get; set; }

    /// <summary>What is still read of it is not worth a look.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>As logs name it.</summary>
    public object Caller => Identity is { } identity ? identity : Address;

    /// <summary>Whose share it counts for, from now on.</summary>
    /// <param name="share">In which it has been counted; null: of nobody's.</param>
    public void MoveTo(CallerShare? share)
    {
        lock (_gate)
        {
            _share?.Disconnect();
            _share = share;
        }
    }

    /// <summary>One of its calls was given up by the caller, or turned away. Beyond a rate the connection is closed.</summary>
    public void Waste()
    {
        lock (_gate)
        {
            if (_isClosed || _share is null || _share.TryWaste()) return;
        }

        Close("resets", "Too many calls were reset, or repeated after they had been turned away.");
    }

    /// <param name="reason">The metric's label.</param>
    public void Close(string reason, string sentence)
    {
        lock (_gate)
        {
            if (_isClosed) return;
            _isClosed = true;
        }

        turnedAway.Connection(reason, Caller);
        connection.Abort(new ConnectionAbortedException(sentence));
    }

    private static IPAddress AddressOf(ConnectionContext connection) =>
        connection.RemoteEndPoint is not IPEndPoint { Address: var address } ? IPAddress.None
        : address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address;
}
