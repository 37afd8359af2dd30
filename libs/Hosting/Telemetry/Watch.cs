using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;

namespace Claims.Hosting;

/// <summary>Asks something once a minute, from the start on, and shows it as metrics in between.</summary>
/// <param name="meter">The meter's name.</param>
public abstract class Watch(string meter, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(60);

    protected Meter Meter { get; } = new(meter);

    /// <summary>Asks once; without an answer nothing is shown rather than what was.</summary>
    public abstract Task RefreshAsync(CancellationToken cancellationToken);

    public override void Dispose()
    {
        Meter.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, clock);
        do await RefreshAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
