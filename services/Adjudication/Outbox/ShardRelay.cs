using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.V1;
using Google.Protobuf;
using StackExchange.Redis;

namespace Claims.Adjudication.Outbox;

/// <summary>
/// Publishes one shard's outbox in order, at most a window ahead of what the ledger has committed. Whatever goes wrong with
/// Kafka, it goes back to the ledger's watermark + 1; the outbox loses a record only once the ledger has it.
/// </summary>
public sealed class ShardRelay : IDisposable
{
    private const int LargestRead = 500;

    /// <summary>Trimming writes to Redis, so it waits until it is worth a write.</summary>
    private const int TrimAfterRecords = 500;

    private static readonly Script Read = Script.FromResource("outbox.lua");
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);

    /// <summary>Gathers records: 32 shards ask Redis at most 50 times a second each.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Published records that the ledger has not committed by then are taken for lost.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(1);

    private readonly ShardQueue _shard;
    private readonly SettlementStore _store;
    private readonly KafkaPublisher _kafka;
    private readonly string _name;
    private readonly int _window;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private long _committed = -1;
    private long _published;
    private volatile string? _rewindCause;

    public ShardRelay(ShardQueue shard, SettlementStore store, KafkaPublisher kafka, string name, int window, TimeProvider time, ILogger log)
    {
        _shard = shard;
        _store = store;
        _kafka = kafka;
        _name = name;
        _window = window;
        _time = time;
        _log = log;
        shard.Appended = Wake;
    }

    /// <summary>The ledger's watermark as last heard, -1 before it was heard.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>The last number that Kafka acknowledged.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <param name="rewindCause">Why to publish again from the watermark, or null.</param>
    public void Commit(long watermark, string? rewindCause)
    {
        Volatile.Write(ref _committed, watermark);
        _shard.RaiseLowestSequence(watermark);
        if (rewindCause is not null) _rewindCause = rewindCause;
        Wake();
    }

    public void Dispose()
    {
        _shard.Appended = null;
        _wake.Dispose();
    }

    /// <summary>Publishes until cancelled; then the lease is free for another relay.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await PublishUntilAsync(cancellation);
        }
        finally
        {
            await ReleaseAsync();
        }
    }

    private async Task PublishUntilAsync(CancellationToken cancellation)
    {
        long position = 0;
        long trimmed = 0;
        long progressMark = -1;
        long progressAt = _time.GetTimestamp();
        while (!cancellation.IsCancellationRequested)
        {
            long committed = Committed;
            if (committed < 0 || _shard.Status.Epoch is not { } epoch)
            {
                await WaitAsync(Idle, cancellation);
                continue;
            }

            if (committed != progressMark || position <= committed)
            {
                progressMark = committed;
                progressAt = _time.GetTimestamp();
            }
            else if (_time.GetElapsedTime(progressAt) > StallLimit)
            {
                _rewindCause = "stall";
            }

            if (Interlocked.Exchange(ref _rewindCause, null) is { } cause)
            {
                if (position > committed) AdjudicationMetrics.Rewound(cause);
                position = committed;
                progressAt = _time.GetTimestamp();
            }

            position = Math.Max(position, committed);
            bool trims = committed - trimmed >= TrimAfterRecords || (committed > trimmed && position == committed);
            int count = (int)Math.Clamp(committed + _window - position, 0, LargestRead);
            try
            {
                RedisValue[] entries = (RedisValue[])(await _store.Scripts.CallAsync(
                    Read,
                    [_shard.Keys.Shard, _shard.Keys.Outbox, _shard.Keys.Lease],
                    [epoch, _name, (long)Lease.TotalMilliseconds, trims ? committed : 0, position + 1, count]))!;
                if ((string?)entries[0] == "LEASED")
                {
                    position = committed;
                    await WaitAsync(Idle, cancellation);
                    continue;
                }

                if (trims) trimmed = committed;
                position = await PublishAsync(epoch, position, entries, cancellation);
                bool more = (entries.Length - 1) / 4 == LargestRead;
                if (more) continue;
                await Task.Delay(Pause, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await WaitAsync(Idle, cancellation);
            }
            catch (Exception e) when (e is RedisException or TimeoutException or StoreUnavailableException)
            {
                _log.LogWarning("Shard {Shard}: the outbox cannot be read: {Cause}", _shard.Shard, e.Message);
                await WaitAsync(Idle, cancellation);
            }
        }
    }

    /// <summary>Another relay need not wait for the lease to run out. Where Redis is away, it does.</summary>
    private async Task ReleaseAsync()
    {
        try
        {
            await _store.Redis.LockReleaseAsync(_shard.Keys.Lease, _name).WaitAsync(ReleaseLimit, _time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            _log.LogInformation("Shard {Shard}: the lease is left to run out: {Cause}", _shard.Shard, e.Message);
        }
    }

    private async Task<long> PublishAsync(string epoch, long position, RedisValue[] entries, CancellationToken cancellation)
    {
        for (int i = 1; i + 3 < entries.Length; i += 4)
        {
            OutboxRecord record = OutboxRecord.Read((byte[])entries[i + 3]!);
            long sequence = record.Header.Sequence;
            if (sequence != position + 1)
            {
                // The ledger refuses to book past a hole, and so does the relay: nothing behind it can be known to be whole.
                _log.LogCritical("Shard {Shard}: the outbox goes from {From} to {To}; it has lost records", _shard.Shard, position, sequence);
                return position;
            }

            string insuredId = _shard.Keys.InsuredIdOf((string)entries[i + 1]!);
            Citations? citations = record.Citations is { } key ? await _store.Citations.ReadAsync(_shard, key) : null;
            SettledClaim claim = SettledClaims.Of(_shard.Shard, epoch, insuredId, (string)entries[i + 2]!, record, citations);
            if (!await _kafka.TryPublishAsync(_shard.Shard, claim.ToByteArray(), record.TraceParent, delivered => Delivered(sequence, delivered), cancellation)) return position;
            position = sequence;
        }

        return position;
    }

    private void Delivered(long sequence, bool delivered)
    {
        if (delivered)
        {
            // Deliveries of one partition are reported in order, by one thread.
            Volatile.Write(ref _published, sequence);
            AdjudicationMetrics.RecordsPublished(1);
        }
        else
        {
            _rewindCause = "delivery";
            Wake();
        }
    }

    private void Wake()
    {
        // Full already means that the relay will look again.
        try
        {
            if (_wake.CurrentCount == 0) _wake.Release();
        }
        catch (SemaphoreFullException)
        {
        }
    }

    private async Task WaitAsync(TimeSpan limit, CancellationToken cancellation)
    {
        try
        {
            await _wake.WaitAsync(limit, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }
}
