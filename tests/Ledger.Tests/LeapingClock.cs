namespace Ledger.Tests;

/// <summary>Its timestamp goes on by the same each time it is asked; the time of day and timers are as ever.</summary>
internal sealed class LeapingClock(TimeSpan leap) : TimeProvider
{
    private long _asked;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Increment(ref _asked) * leap.Ticks;
}
