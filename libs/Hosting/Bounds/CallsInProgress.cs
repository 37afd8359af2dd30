using System.Diagnostics.Metrics;

namespace Claims.Hosting;

/// <summary>The calls that a service has in progress, at most <see cref="HostSettings.MaxConcurrentRequests"/> at once.</summary>
public sealed class CallsInProgress(HostSettings settings)
{
    private static readonly Meter Meter = new("Claims.Hosting");
    private static readonly UpDownCounter<int> InProgress =
        Meter.CreateUpDownCounter<int>("claims_calls_in_progress", description: "Calls being served, streams included.");
    private static readonly Counter<long> Failed =
        Meter.CreateCounter<long>("claims_calls_failed_total", description: "Calls that ended with an exception nothing had foreseen.");

    private int _inProgress;

    /// <returns>False where the bound is reached: the call is turned away. Where true, <see cref="End"/> follows once.</returns>
    /// <param name="takesPlace">False: it is shown among the others, and not bounded.</param>
    public bool TryBegin(bool takesPlace = true)
    {
        if (takesPlace && Interlocked.Increment(ref _inProgress) > settings.MaxConcurrentRequests)
        {
            Interlocked.Decrement(ref _inProgress);
            TurnedAway.Call();
            return false;
        }

        InProgress.Add(1);
        return true;
    }

    /// <param name="takesPlace">As it was begun.</param>
    public void End(bool takesPlace = true)
    {
        InProgress.Add(-1);
        if (takesPlace) Interlocked.Decrement(ref _inProgress);
    }

    /// <summary>Shows what is rare as 0: an alert does not see the increase of a series that was not there.</summary>
    internal static void ShowRare()
    {
        TurnedAway.ShowRare();
        Failed.Add(0);
    }

    /// <summary>A call ended with an exception that nothing had foreseen.</summary>
    public static void CountFailure() => Failed.Add(1);
}
