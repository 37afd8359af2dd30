using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
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

    /// <summary>Gathers records: at 1 000 visits/s, 32 relays that publish every record alone cost more than settling them.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Published records that the ledger has not committed by then are taken for lost.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(5);

    /// <summary>
    /// What is at hand needs no call of Redis but this one, which renews the lease well before it runs out and finds what other
    /// instances have added. Without it each watermark that arrived was a call, and 32 shards made thousands a second.
    /// </summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan FullQueuePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(1);

    private readonly ShardQueue _shard;
    private readonly SettlementStore _store;
    private readonly KafkaPublisher _kafka;
    private readonly TopicPartition _target;
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
        _target = new TopicPartition(ClaimsTopic.Name, new Partition(shard.Shard));
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
        long lookedAt = 0;
        bool leaseHeld = false;
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
            int room = (int)Math.Clamp(committed + _window - position, 0, LargestRead);
            bool atHand = room > 0 && _shard.Recent.Has(position + 1);
            bool behind = room > 0 && !atHand && position < _shard.LowestSequence;
            bool looks = !leaseHeld || _time.GetElapsedTime(lookedAt) >= LookInterval;
            bool trims = committed - trimmed >= TrimAfterRecords || (looks && committed > trimmed);
            try
            {
                RedisValue[] read = [];
                if (behind || looks || trims)
                {
                    lookedAt = _time.GetTimestamp();
                    read = (RedisValue[])(await _shard.Scripts.CallAsync(
                        Read,
                        [_shard.Keys.Shard, _shard.Keys.Outbox, _shard.Keys.Lease],
                        [epoch, _name, (long)Lease.TotalMilliseconds, trims ? committed : 0, position + 1, atHand ? 0 : room]))!;
                    leaseHeld = (string?)read[0] != "LEASED";
                    if (!leaseHeld)
                    {
                        position = committed;
                        await WaitAsync(Idle, cancellation);
                        continue;
                    }

                    if (trims) trimmed = committed;
                }

                long before = position;
                position = atHand ? PublishRecent(epoch, position, room) : await PublishReadAsync(epoch, position, read, cancellation);
                if (position - before == LargestRead) continue;
                await Task.Delay(Pause, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

                // A record of another instance lies between those at hand: the next turn reads it from Redis.
                bool hole = atHand && position > before && position < Math.Min(_shard.LowestSequence, committed + _window);
                if (!hole) await WaitAsync(Idle, cancellation);
            }
            catch (Exception e) when (e is RedisException or TimeoutException or StoreUnavailableException)
            {
                leaseHeld = false;
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

    /// <summary>Publishes what this instance itself has added last, as far as it goes without a hole.</summary>
    /// <returns>The last sequence published.</returns>
    private long PublishRecent(string epoch, long position, int room)
    {
        for (long end = position + room; position < end; position++)
        {
            if (_shard.Recent.Take(position + 1) is not { } recent) break;
            Citations? citations = null;
            OutboxRecord record = recent.Record;
            if (record.Citations is { } key && !_store.Citations.TryRead(_shard, key, out citations)) break;
            SettledClaim claim = SettledClaims.Of(_shard.Shard, epoch, recent.Step.InsuredId, recent.Step.RequestField, record, citations);
            if (!TryPublish(claim, record, isLast: position + 1 == end || !_shard.Recent.Has(position + 2))) break;
        }

        return position;
    }

    /// <param name="read">The script's reply: the shard's sequence, then four values an entry.</param>
    private async Task<long> PublishReadAsync(string epoch, long position, RedisValue[] read, CancellationToken cancellation)
    {
        for (int i = 1; i + 3 < read.Length; i += 4)
        {
            OutboxRecord record = OutboxRecord.Read((byte[])read[i + 3]!);
            long sequence = record.Header.Sequence;
            if (sequence != position + 1)
            {
                // The ledger refuses to book past a hole, and so does the relay: nothing behind it can be known to be whole.
                _log.LogCritical("Shard {Shard}: the outbox goes from {From} to {To}; it has lost records", _shard.Shard, position, sequence);
                return position;
            }

            string insuredId = _shard.Keys.InsuredIdOf((string)read[i + 1]!);
            Citations? citations = record.Citations is { } key ? await _store.Citations.ReadAsync(_shard, key) : null;
            if (!TryPublish(SettledClaims.Of(_shard.Shard, epoch, insuredId, (string)read[i + 2]!, record, citations), record, isLast: i + 7 >= read.Length))
            {
                await Task.Delay(FullQueuePause, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return position;
            }

            position = sequence;
        }

        return position;
    }

    /// <param name="isLast">Of those published in a row: its delivery tells of all. One that was lost among them is a gap to the ledger.</param>
    private bool TryPublish(SettledClaim claim, in OutboxRecord record, bool isLast)
    {
        byte[] bytes = new byte[claim.CalculateSize()];
        claim.WriteTo(bytes);
        return _kafka.TryPublish(_target, bytes, record.TraceParent, isLast ? DeliveredUpTo(claim.Sequence) : null);
    }

    private Action<DeliveryReport<Null, byte[]>> DeliveredUpTo(long sequence) => report => Delivered(sequence, report.Error.Code is ErrorCode.NoError);

    private void Delivered(long sequence, bool delivered)
    {
        if (delivered)
        {
            // Deliveries of one partition are reported in order, by one thread.
            AdjudicationMetrics.RecordsPublished(Math.Max(sequence - Published, 0));
            Volatile.Write(ref _published, sequence);
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
