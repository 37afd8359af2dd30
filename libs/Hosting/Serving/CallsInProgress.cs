using System.Diagnostics.Metrics;

namespace Claims.Hosting;

/// <summary>The calls that a service has in progress, at most <see cref="HostSettings.MaxConcurrentRequests"/> at once.</summary>
public sealed class CallsInProgress(HostSettings settings)
{
    private static readonly Meter Meter = new("Claims.Hosting");
    private static readonly UpDownCounter<int> InProgress =
        Meter.CreateUpDownCounter<int>("claims_calls_in_progress", description: "Calls being served, streams included.");
    private static readonly Counter<long> TurnedAway =
        Meter.CreateCounter<long>("claims_calls_turned_away_total", description: "Calls turned away because too many were in progress.");
    private static readonly Counter<long> Failed =
        Meter.CreateCounter<long>("claims_calls_failed_total", description: "Calls that ended with an exception nothing had foreseen.");

    private int _inProgress;

    /// <returns>False where the bound is reached: the call is turned away. Where true, <see cref="End"/> follows once.</returns>
    public bool TryBegin()
    {
        if (Interlocked.Increment(ref _inProgress) > settings.MaxConcurrentRequests)
        {
            Interlocked.Decrement(ref _inProgress);
            TurnedAway.Add(1);
            return false;
        }

        InProgress.Add(1);
        return true;
    }

    public void End()
    {
        InProgress.Add(-1);
        Interlocked.Decrement(ref _inProgress);
    }

    /// <summary>Shows what is rare as 0: an alert does not see the increase of a series that was not there.</summary>
    internal static void ShowRare()
    {
        TurnedAway.Add(0);
        Failed.Add(0);
    }

    /// <summary>A call ended with an exception that nothing had foreseen.</summary>
    public static void CountFailure() => Failed.Add(1);
}
