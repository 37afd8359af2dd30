using Microsoft.Extensions.Hosting;

namespace Claims.Hosting;

/// <summary>Looks once a second at what has been silent for too long.</summary>
internal sealed class Sweep(CallerConnections connections, CallerShares shares, OpenStreams streams, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                connections.Sweep();
                streams.Sweep();
                shares.Sweep();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }
}
