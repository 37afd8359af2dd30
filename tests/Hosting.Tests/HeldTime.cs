namespace Hosting.Tests;

/// <summary>Time that stands still until it is let go: what a test prepares is never too late for a bound, however busy the machine is.
/// Timers run as ever.</summary>
internal sealed class HeldTime : TimeProvider
{
    private readonly long _heldTicks = System.GetTimestamp();
    private long _standingTicks;

    public override long GetTimestamp() =>
        Volatile.Read(ref _standingTicks) is var standing and not 0 ? base.GetTimestamp() - standing : _heldTicks;

    public void LetGo() => Volatile.Write(ref _standingTicks, Math.Max(1, base.GetTimestamp() - _heldTicks));
}
