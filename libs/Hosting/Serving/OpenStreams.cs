using Microsoft.Extensions.Hosting;

namespace Claims.Hosting;

/// <summary>
/// The streams of requests that a service has open. When it stops they end before their connections are closed: a client that learns of
/// both at once may see a broken connection in place of the status that says what to do (.NET's own does).
/// </summary>
internal sealed class OpenStreams(IHostApplicationLifetime lifetime, TimeProvider time) : IHostedLifecycleService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    /// <summary>For a status to be read that has been sent.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private int _open;

    public void Begin() => Interlocked.Increment(ref _open);

    public void End() => Interlocked.Decrement(ref _open);

    /// <param name="cancellationToken">The bound on draining.</param>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _open) == 0) return;
        lifetime.StopApplication();
        while (Volatile.Read(ref _open) > 0 && !cancellationToken.IsCancellationRequested)
            await Task.Delay(Poll, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(Grace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
