using System.Collections.Concurrent;
using System.Net;
using Grpc.Core;

namespace Claims.Hosting;

/// <summary>
/// The shares of all callers. A caller is its identity; one that has none, or has not shown it yet, and role local, which any program may
/// say that it is, is the address that its connection comes from. This system's own services have no share: they are bounded by what they
/// serve.
/// </summary>
internal sealed class CallerShares(HostSettings settings, TurnedAway turnedAway, TimeProvider time) : IDisposable
{
    /// <summary>Beyond so many callers at once, new ones have one share together: a share takes 1 kB, and a header may name
    /// anybody.</summary>
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<object, CallerShare> _shares = new();
    private readonly CallerShare _rest = new(settings, time);
    private int _count;

    /// <summary>How many callers have a share of their own.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <returns>The share that the call is of, for its <see cref="CallerShare.End"/>; null where the caller has none.</returns>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED, with what the caller is beyond.</exception>
    public CallerShare? Begin(Identity caller, CallerConnection? connection, bool isStream)
    {
        // Without a connection of Kestrel's, in tests, nobody is bounded.
        if (connection is null || connection.ForOperators || caller.IsService) return null;
        // A machine's own tools all are role local: bench alone makes 10 000 calls a second.
        bool rated = caller.Kind != Callers.Local;
        object key = rated && caller.Kind != Callers.Unnamed ? caller : connection.Address;
        while (true)
        {
            CallerShare share = Of(key);
            Excess excess = share.TryBegin(isStream, rated);
            if (excess == Excess.None) return share;
            if (excess == Excess.Retired) continue;
            turnedAway.Call(excess, key);
            connection.Waste();
            throw new RpcException(new Status(StatusCode.ResourceExhausted, TextOf(excess)));
        }
    }

    /// <returns>Null where the caller may have no more connections.</returns>
    public CallerShare? Connect(object caller)
    {
        while (true)
        {
            CallerShare share = Of(caller);
            if (share.TryConnect() is not { } connected) continue;
            if (connected) return share;
            turnedAway.Connection("share", caller);
            return null;
        }
    }

    /// <summary>Forgets who has nothing open and has not called for a while.</summary>
    public void Sweep()
    {
        foreach (KeyValuePair<object, CallerShare> one in _shares)
        {
            if (!one.Value.TryRetire() || !_shares.TryRemove(one)) continue;
            Interlocked.Decrement(ref _count);
            one.Value.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (CallerShare share in _shares.Values) share.Dispose();
        _rest.Dispose();
    }

    private CallerShare Of(object caller)
    {
        if (_shares.TryGetValue(caller, out CallerShare? share)) return share;
        if (Volatile.Read(ref _count) >= Most) return _rest;
        share = new CallerShare(settings, time);
        if (!_shares.TryAdd(caller, share)) return _shares.GetValueOrDefault(caller) ?? _rest;
        Interlocked.Increment(ref _count);
        return share;
    }

    private string TextOf(Excess excess) => excess switch
    {
        Excess.Streams => $"本机构已打开 {settings.StreamsPerCaller} 条结算流（StreamsPerCaller），未打开新的流，请使用已打开的流。",
        Excess.Rate => $"本机构每秒请求数超过 {settings.CallsPerSecond}（CallsPerSecond），本次请求未受理，请稍后用同一请求编号原样重发。",
        _ => $"本机构同时办理的请求超过 {settings.CallsPerCaller} 个（CallsPerCaller），本次请求未受理，请稍后用同一请求编号原样重发。",
    };
}
