using System.Threading.RateLimiting;

namespace Claims.Hosting;

/// <summary>What of its share a call is beyond; the label of the metric is its name in lower case.</summary>
internal enum Excess
{
    None,

    /// <summary><see cref="HostSettings.CallsPerCaller"/>.</summary>
    Calls,

    /// <summary><see cref="HostSettings.StreamsPerCaller"/>.</summary>
    Streams,

    /// <summary><see cref="HostSettings.CallsPerSecond"/>.</summary>
    Rate,

    /// <summary>The share is not in use any more: another one stands for the caller.</summary>
    Retired,
}

/// <summary>What one caller has open, and how much more it may begin.</summary>
internal sealed class CallerShare : IDisposable
{
    /// <summary>A caller may begin the calls of so many seconds at once, after a pause.</summary>
    private const int BurstSeconds = 2;

    /// <summary>A hospital that gives up as many calls as it may have in progress has had an outage. Who goes on at more than this a second
    /// sends calls to be given up: 500 of them take some 2 % of a processor.</summary>
    private const int ResetsPerSecond = 500;

    /// <summary>How long who has reset too many gets no new connection. Before one is closed, what is in its buffers has been read: some
    /// thousand calls.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly HostSettings _settings;
    private readonly TimeProvider _time;
    private readonly TokenBucketRateLimiter _rate;
    private readonly TokenBucketRateLimiter _resets;
    private readonly long _began;
    private double _messageDueSeconds;
    private int _connections;
    private int _calls;
    private int _streams;
    private long? _wastedTicks;
    private bool _retired;

    public CallerShare(HostSettings settings, TimeProvider time)
    {
        _settings = settings;
        _time = time;
        _began = time.GetTimestamp();
        _rate = Bucket(settings.CallsPerSecond, BurstSeconds * settings.CallsPerSecond);
        _resets = Bucket(Math.Min(ResetsPerSecond, settings.CallsPerCaller), settings.CallsPerCaller);
    }

    /// <param name="rated">Whether calls a second are bounded too.</param>
    /// <returns>None: the call may begin, and <see cref="End"/> follows once.</returns>
    public Excess TryBegin(bool isStream, bool rated)
    {
        lock (_gate)
        {
            if (_retired) return Excess.Retired;
            if (_calls >= _settings.CallsPerCaller) return Excess.Calls;
            if (isStream && _streams >= _settings.StreamsPerCaller) return Excess.Streams;
            if (rated && !Take(_rate)) return Excess.Rate;
            _calls++;
            if (isStream) _streams++;
            return Excess.None;
        }
    }

    public void End(bool isStream)
    {
        lock (_gate)
        {
            _calls--;
            if (isStream) _streams--;
        }
    }

    /// <summary>A message of one of the caller's streams has come.</summary>
    /// <returns>How long it waits until it is its turn: all streams of a caller take turns in one line.</returns>
    public TimeSpan TakeMessage()
    {
        lock (_gate)
        {
            double now = _time.GetElapsedTime(_began).TotalSeconds;
            double due = Math.Max(_messageDueSeconds, now - BurstSeconds);
            _messageDueSeconds = due + (1.0 / _settings.MessagesPerSecond);
            return due > now ? TimeSpan.FromSeconds(due - now) : TimeSpan.Zero;
        }
    }

    /// <returns>False: the caller has as many connections as it may have, or has just reset too many calls. Where true,
    /// <see cref="Disconnect"/> follows once. Null: the share is not in use any more.</returns>
    public bool? TryConnect()
    {
        lock (_gate)
        {
            if (_retired) return null;
            if (_connections >= _settings.ConnectionsPerCaller || IsPaused) return false;
            _connections++;
            return true;
        }
    }

    public void Disconnect()
    {
        lock (_gate) _connections--;
    }

    /// <summary>A call was given up by its caller, or turned away.</summary>
    /// <returns>False: there were too many of them, and the connection is to be closed.</returns>
    public bool TryWaste()
    {
        lock (_gate)
        {
            if (Take(_resets)) return true;
            _wastedTicks = _time.GetTimestamp();
            return false;
        }
    }

    /// <returns>True: nothing is open, and a new share would allow no more than this one. It is out of use from now on.</returns>
    public bool TryRetire()
    {
        lock (_gate)
        {
            if (_retired) return true;
            _retired = _connections == 0 && _calls == 0 && !IsPaused
                && _messageDueSeconds <= _time.GetElapsedTime(_began).TotalSeconds - BurstSeconds
                && Left(_rate) == BurstSeconds * _settings.CallsPerSecond && Left(_resets) == _settings.CallsPerCaller;
            return _retired;
        }
    }

    private bool IsPaused => _wastedTicks is { } wasted && _time.GetElapsedTime(wasted) < Pause;

    public void Dispose()
    {
        _rate.Dispose();
        _resets.Dispose();
    }

    // Without a timer of its own: it is filled up by the time that has passed, whenever it is asked.
    private static TokenBucketRateLimiter Bucket(int perSecond, int most) => new(new TokenBucketRateLimiterOptions
    {
        TokenLimit = most,
        TokensPerPeriod = perSecond,
        ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        QueueLimit = 0,
        AutoReplenishment = false,
    });

    private static bool Take(TokenBucketRateLimiter bucket)
    {
        bucket.TryReplenish();
        using RateLimitLease lease = bucket.AttemptAcquire();
        return lease.IsAcquired;
    }

    private static long Left(TokenBucketRateLimiter bucket)
    {
        bucket.TryReplenish();
        return bucket.GetStatistics()!.CurrentAvailablePermits;
    }
}
