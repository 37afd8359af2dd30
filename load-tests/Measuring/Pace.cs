using System.Diagnostics;

namespace Claims.LoadTests.Measuring;

/// <summary>Visits at the moments at which they are due, whatever has become of earlier ones.</summary>
public static class Pace
{
    /// <param name="send">Takes the number of a visit and the moment, as <see cref="Stopwatch.GetTimestamp"/> counts, at which it was
    /// due.</param>
    public static Task KeepAsync(RateProfile profile, Func<long, long, Task> send, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(send);
        return Task.Factory.StartNew(RunAsync, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

        async Task RunAsync()
        {
            long begun = Stopwatch.GetTimestamp();
            for (long visit = 0; visit < profile.Visits; visit++)
            {
                long due = begun + (long)(profile.DueAt(visit).TotalSeconds * Stopwatch.Frequency);

                // Asleep to the millisecond: what this makes a visit late is part of its latency.
                while (Stopwatch.GetTimestamp() < due)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Thread.Sleep(1);
                }

                await send(visit, due);
            }
        }
    }
}
