using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Claims.LoadTests.Posting;

/// <summary>Publishes a log as adjudication's relay does: at most a window ahead of the ledger, and again from the watermark where it
/// asks.</summary>
public sealed class LogPublisher(SettledLog log, string brokers, MessageKeys keys, CallInvoker ledger)
{
    // As RelayWindow of adjudication.
    private const int Window = 5_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan StallBound = TimeSpan.FromSeconds(30);

    private readonly long[] _committed = new long[log.Shards];
    private readonly long[] _positions = new long[log.Shards];
    private long _progressAt = Environment.TickCount64;

    private long Committed => _committed.Sum();

    /// <summary>Publishes each shard's first <paramref name="perShard"/> records; returns once the ledger has committed them.</summary>
    /// <exception cref="TimeoutException">The ledger has committed nothing for 30 s.</exception>
    public async Task PublishAsync(int perShard, CancellationToken cancellationToken)
    {
        KafkaSettings settings = new(new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = brokers }, keys);
        using KafkaPublisher kafka = new(settings, NullLogger<KafkaPublisher>.Instance);
        using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task following = FollowAsync(done.Token);
        while (Committed < (long)perShard * log.Shards)
        {
            if (following.IsCompleted) await following;
            if (Environment.TickCount64 - Volatile.Read(ref _progressAt) > StallBound.TotalMilliseconds)
                throw new TimeoutException($"The ledger has stood at {Committed} of {(long)perShard * log.Shards} records "
                    + $"for {StallBound.TotalSeconds} s.");
            bool published = false;
            for (int shard = 0; shard < log.Shards; shard++) published |= PublishNext(kafka, shard, perShard);
            if (!published) await Task.Delay(Pause, cancellationToken);
        }

        await done.CancelAsync();
        await following;
    }

    private bool PublishNext(KafkaPublisher kafka, int shard, int last)
    {
        long position = Volatile.Read(ref _positions[shard]);
        if (position >= last) return false;
        (byte[] message, long end) = log.MessageOf(shard, position + 1);
        if (end > Volatile.Read(ref _committed[shard]) + Window) return false;
        // What is not delivered the ledger misses, and asks for again.
        if (!kafka.TryPublish(shard, message, traceParent: null, delivered: _ => { })) return false;

        // The ledger may have asked for another position meanwhile.
        Interlocked.CompareExchange(ref _positions[shard], end, position);
        return true;
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            using AsyncServerStreamingCall<Watermarks> call =
                new Ledger.LedgerClient(ledger).WatchWatermarks(new WatchWatermarksRequest(), cancellationToken: cancellationToken);
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                foreach (ShardWatermark mark in call.ResponseStream.Current.Shards)
                {
                    if (mark.Stopped.Length > 0)
                        throw new InvalidOperationException($"The ledger has stopped shard {mark.Shard}: {mark.Stopped}");
                    if (mark.Sequence > _committed[mark.Shard]) Volatile.Write(ref _progressAt, Environment.TickCount64);
                    Volatile.Write(ref _committed[mark.Shard], mark.Sequence);
                    if (mark.Gap) Volatile.Write(ref _positions[mark.Shard], mark.Sequence);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled }
            && cancellationToken.IsCancellationRequested)
        {
            // Everything is committed.
        }
    }
}
