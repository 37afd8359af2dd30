using System.Collections.Concurrent;
using System.Net;

namespace Claims.Gateway.Clinic;

/// <summary>How often something may be tried within a time, by whom: a count for each, begun anew when the time is over.</summary>
internal sealed class TryCounts<TKey>(int most, TimeSpan within, TimeProvider time) where TKey : notnull
{
    // Beyond it the oldest are forgotten: whoever has so many addresses is not stopped by counts.
    private const int MostKeys = 20_000;

    private readonly ConcurrentDictionary<TKey, (long BegunTicks, int Count)> _counts = new();

    /// <returns>Seconds until the next try; null where this one may be made.</returns>
    public int? Wait(TKey key) => _counts.TryGetValue(key, out (long BegunTicks, int Count) seen) && seen.Count >= most
        && within - time.GetElapsedTime(seen.BegunTicks) is { Ticks: > 0 } left ? (int)Math.Ceiling(left.TotalSeconds) : null;

    public void Count(TKey key)
    {
        if (_counts.Count >= MostKeys) Sweep();
        long now = time.GetTimestamp();
        _counts.AddOrUpdate(key, (now, 1),
            (_, seen) => time.GetElapsedTime(seen.BegunTicks) >= within ? (now, 1) : (seen.BegunTicks, seen.Count + 1));
    }

    private void Sweep()
    {
        foreach (KeyValuePair<TKey, (long BegunTicks, int Count)> one in _counts)
            if (time.GetElapsedTime(one.Value.BegunTicks) >= within) _counts.TryRemove(one);
        if (_counts.Count >= MostKeys) _counts.Clear();
    }
}

/// <summary>Logins by address. The lock of one name is Eligibility's; this bounds who tries one password under many names.</summary>
internal sealed class LoginTries(GatewaySettings settings, TimeProvider time)
{
    private readonly TryCounts<IPAddress> _counts = new(settings.LoginsPerMinute, TimeSpan.FromMinutes(1), time);

    /// <returns>Seconds until the next try; null where this one may be made, and is counted.</returns>
    public int? Wait(IPAddress? address)
    {
        address ??= IPAddress.None;
        if (_counts.Wait(address) is { } seconds) return seconds;
        _counts.Count(address);
        return null;
    }
}

/// <summary>Insured that a clinic has looked for and not found: who guesses ids is told to wait.</summary>
internal sealed class UnknownInsured(GatewaySettings settings, TimeProvider time)
{
    private readonly TryCounts<string> _counts = new(settings.UnknownInsuredPerHour, TimeSpan.FromHours(1), time);

    public int? Wait(string facilityCode) => _counts.Wait(facilityCode);

    public void Count(string facilityCode) => _counts.Count(facilityCode);
}
