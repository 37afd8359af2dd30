using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.Extensions.Hosting;

namespace Claims.Hosting;

/// <summary>
/// The streams of requests that a service has open. When it stops they end before their connections are closed: a client that learns of
/// both at once may see a broken connection in place of the status that says what to do (.NET's own does).
/// </summary>
internal sealed class OpenStreams(HostSettings settings, IHostApplicationLifetime lifetime, TurnedAway turnedAway, TimeProvider time)
    : IHostedLifecycleService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    /// <summary>For a status to be read that has been sent.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<OpenStream, byte> _open = new();

    public void Begin(OpenStream stream) => _open.TryAdd(stream, 0);

    public void End(OpenStream stream) => _open.TryRemove(stream, out _);

    /// <summary>Ends those on which no message came in time, and those of a certificate that is trusted no longer.</summary>
    public void Sweep()
    {
        foreach (OpenStream stream in _open.Keys)
        {
            if (!stream.IsTrusted)
            {
                if (stream.Cut(new Status(StatusCode.Unauthenticated, "接入证书已被吊销或不再受信任，流已结束，请联系医保经办机构。")))
                    turnedAway.Stream("certificate", stream.Caller);
                continue;
            }

            int seconds = stream.HasMessage ? settings.StreamIdleSeconds : Math.Min(settings.SilentSeconds, settings.StreamIdleSeconds);
            if (stream.WaitingSinceTicks is not { } since || time.GetElapsedTime(since) <= TimeSpan.FromSeconds(seconds)) continue;
            if (!stream.Cut(new Status(StatusCode.Unavailable, $"流上 {seconds} 秒内没有收到消息，已结束；需要时请重新打开。"))) continue;
            turnedAway.Stream("silent", stream.Caller);
        }
    }

    /// <param name="cancellationToken">The bound on draining.</param>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_open.IsEmpty) return;
        lifetime.StopApplication();
        while (!_open.IsEmpty && !cancellationToken.IsCancellationRequested)
            await Task.Delay(Poll, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(Grace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
