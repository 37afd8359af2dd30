using System.Collections.Concurrent;

namespace Gateway.Tests;

/// <summary>A clock whose timers of one length go off only when the test says so.</summary>
internal sealed class Timers(TimeSpan held) : TimeProvider
{
    private readonly ConcurrentQueue<Action> _held = new();

    /// <summary>Timers of that length so far.</summary>
    public int Count => _held.Count;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime != held) return base.CreateTimer(callback, state, dueTime, period);
        _held.Enqueue(() => callback(state));
        return base.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void GoOff()
    {
        foreach (Action timer in _held) timer();
    }
}
