using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Claims.Hosting;

/// <summary>What is known of a connection to a service's own port or that for operators, once for all of its calls.</summary>
/// <param name="connection">Kestrel's, below TLS.</param>
/// <param name="begunTicks">When it was opened, <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="forOperators">It came in through the port for operators, where nobody is bounded.</param>
internal sealed class CallerConnection(ConnectionContext connection, bool forOperators, long begunTicks, TurnedAway turnedAway)
{
    private readonly Lock _gate = new();
    private CallerShare? _share;
    private Tls? _tls;
    private X509Certificate2? _certificate;
    private int _lookedAtVersion;
    private bool _isTrusted = true;
    private volatile bool _isClosed;
    private int _calls;
    private long _quietSinceTicks = begunTicks;

    /// <summary>With mutual TLS: who calls is what the certificate says, and no header.</summary>
    public bool Secured { get; init; }

    public bool ForOperators { get; } = forOperators;

    public IPAddress Address { get; } = AddressOf(connection);

    /// <summary>Of the certificate; null without TLS, or where the certificate does not say.</summary>
    public Identity? Identity { get; private set; }

    /// <summary>Whether the certificate is still trusted: it is looked at again once the files of TLS have been read again. Always true
    /// without TLS.</summary>
    public bool IsTrusted => _tls is null || _lookedAtVersion == _tls.Version ? _isTrusted : LookAgain(_tls);

    /// <summary>Whether any call was begun on it.</summary>
    public bool HasCalled { get; private set; }

    /// <summary>Since when no call is open on it (<see cref="TimeProvider.GetTimestamp"/>); null while one is.</summary>
    public long? QuietSinceTicks => Volatile.Read(ref _calls) == 0 ? Volatile.Read(ref _quietSinceTicks) : null;

    /// <summary>What is still read of it is not worth a look.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>As logs name it.</summary>
    public object Caller => Identity is { } identity ? identity : Address;

    public void BeginCall()
    {
        HasCalled = true;
        Interlocked.Increment(ref _calls);
    }

    /// <param name="nowTicks"><see cref="TimeProvider.GetTimestamp"/>.</param>
    public void EndCall(long nowTicks)
    {
        Volatile.Write(ref _quietSinceTicks, nowTicks);
        Interlocked.Decrement(ref _calls);
    }

    /// <param name="certificate">That the handshake has trusted.</param>
    public void Show(Tls tls, X509Certificate2 certificate)
    {
        _certificate = certificate;
        Identity = tls.IdentityOf(certificate);
        // The files may have changed since the handshake: the first call looks again.
        _tls = tls;
    }

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

    /// <summary>Takes no new call on it, ends those that are open, and closes it; the caller makes another one.</summary>
    public void CloseInOrder() => connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();

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

    private bool LookAgain(Tls tls)
    {
        lock (_gate)
        {
            int version = tls.Version;
            if (_lookedAtVersion == version) return _isTrusted;
            try
            {
                _isTrusted = tls.Trusts(_certificate!, TlsRole.Client);
                Identity = tls.IdentityOf(_certificate!);
            }
            catch (CryptographicException)
            {
                // Its connection has ended.
                _isTrusted = false;
            }

            Volatile.Write(ref _lookedAtVersion, version);
            return _isTrusted;
        }
    }

    private static IPAddress AddressOf(ConnectionContext connection) =>
        connection.RemoteEndPoint is not IPEndPoint { Address: var address } ? IPAddress.None
        : address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address;
}
