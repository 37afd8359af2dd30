using System.Diagnostics;

namespace Adjudication.Tests;

/// <summary>Time that passes where the test says so, for what is measured; delays take as long as they take.</summary>
internal sealed class StoppedTime : TimeProvider
{
    private long _timestamp = Stopwatch.GetTimestamp();

    public override long GetTimestamp() => Volatile.Read(ref _timestamp);

    public void Pass(TimeSpan time) => Interlocked.Add(ref _timestamp, (long)(time.TotalSeconds * Stopwatch.Frequency));
}
