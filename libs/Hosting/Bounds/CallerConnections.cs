using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Claims.Hosting;

/// <summary>The open connections. One counts for the address that it comes from, and once a certificate says whose it is, for that
/// caller: behind one address there may be many.</summary>
internal sealed class CallerConnections(CallerShares shares, TurnedAway turnedAway, HostSettings settings, TimeProvider time)
{
    // Kestrel keeps one of HTTP/2 for as long as its peer answers pings.
    private const int MostIdleSeconds = 300;

    private readonly ConcurrentDictionary<CallerConnection, byte> _open = new();

    public int Count => _open.Count;

    /// <summary>Kestrel's connection middleware, to stand before that of TLS.</summary>
    public Func<ConnectionDelegate, ConnectionDelegate> Counted(bool secured, bool forOperators) => next => async connection =>
    {
        CallerConnection caller = new(connection, forOperators, time.GetTimestamp(), turnedAway) { Secured = secured };
        if (!forOperators)
        {
            if (shares.Connect(caller.Address) is not { } share)
            {
                connection.Abort();
                return;
            }

            caller.MoveTo(share);
            _open.TryAdd(caller, 0);
        }

        connection.Features.Set(caller);
        try
        {
            await next(connection);
        }
        finally
        {
            _open.TryRemove(caller, out _);
            caller.MoveTo(null);
        }
    };

    /// <summary>Likewise, to stand after that of TLS.</summary>
    public Func<ConnectionDelegate, ConnectionDelegate> Named(Tls tls) => next => connection =>
    {
        CallerConnection caller = connection.Features.Get<CallerConnection>()!;
        if (connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate) caller.Show(tls, certificate);
        if (caller is not { ForOperators: false, Identity: { } identity }) return next(connection);
        CallerShare? share = identity.IsService ? null : shares.Connect(identity);
        if (share is null && !identity.IsService)
        {
            connection.Abort();
            return Task.CompletedTask;
        }

        caller.MoveTo(share);
        return next(connection);
    };

    /// <summary>Closes those on which no call was made in time, or none for long.</summary>
    public void Sweep()
    {
        TimeSpan idle = TimeSpan.FromSeconds(Math.Min(MostIdleSeconds, settings.StreamIdleSeconds));
        TimeSpan silent = TimeSpan.FromSeconds(settings.SilentSeconds);
        foreach (CallerConnection connection in _open.Keys)
        {
            if (connection.QuietSinceTicks is not { } since) continue;
            TimeSpan quiet = time.GetElapsedTime(since);
            if (connection.HasCalled && quiet > idle) connection.CloseInOrder();
            else if (!connection.HasCalled && quiet > silent)
                connection.Close("silent", $"No call was made within {silent.TotalSeconds:0} s.");
        }
    }
}
