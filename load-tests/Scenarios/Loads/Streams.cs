using System.Diagnostics;
using System.Globalization;
using Claims.LoadTests.Hospitals;

namespace Claims.LoadTests.Scenarios.Loads;

/// <summary>Closed loop: hospital streams as fast as the answers come, each at most a window ahead of them.</summary>
public sealed record Streams(int Count, int Window) : Load
{
    public override string Shape =>
        string.Create(CultureInfo.InvariantCulture, $"{Count} streams, each at most {Window:#,##0} visits ahead of its answers");

    public override Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken) =>
        SendAsync(run, duration, long.MaxValue, cancellationToken);

    public override Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        run.Recorder.Begin("streams", counts: true);
        return SendAsync(run, duration, long.MaxValue, cancellationToken);
    }

    /// <summary>Until the time is over or that many visits have been sent, and then to the last answer.</summary>
    public Task SendAsync(LoadRun run, TimeSpan duration, long visits, CancellationToken cancellationToken)
    {
        long deadline = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        long left = visits;
        return Task.WhenAll(Enumerable.Range(0, Count).Select(_ => Task.Run(StreamAsync, cancellationToken)));

        async Task StreamAsync()
        {
            await using LoadStream stream = new(run.Hospitals, run.Connect(), Window);
            while (Stopwatch.GetTimestamp() < deadline && Interlocked.Decrement(ref left) >= 0)
            {
                await stream.WaitForRoomAsync(cancellationToken);
                await stream.SendAsync(run.Hospitals.Next(Stopwatch.GetTimestamp()).Settle!, cancellationToken);
            }
        }
    }
}
