using System.Diagnostics.Metrics;
using Claims.Adjudication.Store;
using Claims.Kafka;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Outbox;

/// <summary>The relays of all shards, and the ledger's watermarks that they follow.</summary>
public sealed class OutboxRelay : BackgroundService
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly ShardRelay[] _relays;
    private readonly Ledger.LedgerClient _ledger;
    private readonly TimeProvider _time;
    private readonly ILogger<OutboxRelay> _log;
    private readonly (long Watermark, long Announcement)[] _gapAnswered;

    public OutboxRelay(SettlementStore store, KafkaPublisher kafka, Ledger.LedgerClient ledger, AdjudicationSettings settings,
        TimeProvider time, ILogger<OutboxRelay> log)
    {
        // A name of its own for each start: an instance that comes back does not take its predecessor's lease for its own.
        string name = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():n}";
        _relays = [.. store.Shards.Select(shard => new ShardRelay(
            shard, store, kafka, name, settings.RelayWindow, settings.OutboxKeptPerShard, time, log))];
        _gapAnswered = [.. _relays.Select(_ => (-1L, 0L))];
        _ledger = ledger;
        _time = time;
        _log = log;
        AdjudicationMetrics.ObserveOutbox(
            () => store.Shards.Zip(_relays, (shard, relay) =>
                new Measurement<long>(Math.Max(0, shard.LowestSequence - Math.Max(0, relay.Committed)), Label(shard))),
            () => store.Shards.Zip(_relays, (shard, relay) => new Measurement<double>(relay.OldestUnbookedAge.TotalSeconds, Label(shard))));

        static KeyValuePair<string, object?> Label(ShardQueue shard) => new("shard", shard.Shard);
    }

    public (long Committed, long Published) PositionOf(int shard) => (Math.Max(0, _relays[shard].Committed), _relays[shard].Published);

    public override void Dispose()
    {
        base.Dispose();
        foreach (ShardRelay relay in _relays) relay.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        AdjudicationMetrics.ShowRare();
        return Task.WhenAll([FollowAsync(stoppingToken),
            .. _relays.Select(relay => Task.Run(() => relay.RunAsync(stoppingToken), CancellationToken.None))]);
    }

    private async Task FollowAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using AsyncServerStreamingCall<Watermarks> call =
                    _ledger.WatchWatermarks(new WatchWatermarksRequest(), cancellationToken: cancellation);

                // The ledger reads Kafka from its end when it starts, so what was published before may never reach it.
                string? cause = "connect";
                while (await call.ResponseStream.MoveNext(cancellation))
                {
                    foreach (ShardWatermark mark in call.ResponseStream.Current.Shards) Follow(mark, cause);
                    cause = null;
                }
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                if (!cancellation.IsCancellationRequested) _log.LogWarning("The ledger's watermarks are interrupted: {Cause}", e.Message);
            }

            await Task.Delay(Retry, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Follow(ShardWatermark mark, string? cause)
    {
        if (mark.Shard < 0 || mark.Shard >= _relays.Length) return;
        if (mark.Stopped.Length > 0) _log.LogError("The ledger has stopped shard {Shard}: {Reason}", mark.Shard, mark.Stopped);

        // One answer to a gap, whoever reminds of it; the relay's own stall limit repeats it where that was not enough.
        bool newGap = mark.Gap && _gapAnswered[mark.Shard] != (mark.Sequence, mark.Announcement);
        if (newGap) _gapAnswered[mark.Shard] = (mark.Sequence, mark.Announcement);
        _relays[mark.Shard].Commit(mark.Sequence, cause ?? (newGap ? "gap" : null));
    }
}
