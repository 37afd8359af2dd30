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

    /// <summary>
    /// Gathers records: at 1 000 visits/s, 32 relays that publish every record alone cost more than settling them. All relays keep the
    /// same beat, so that Kafka and the ledger are woken once for all of them.
    /// </summary>
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(250);

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

    // Of the publishing loop alone: the last number handed to Kafka, the last trimmed, and when what was last seen or done.
    private long _position;
    private long _trimmed;
    private long _progressMark = -1;
    private long _progressAt;
    private long _lookedAt;
    private bool _leaseHeld;

    public ShardRelay(ShardQueue shard, SettlementStore store, KafkaPublisher kafka, string name, int window, TimeProvider time, ILogger log)
    {
        _shard = shard;
        _store = store;
        _kafka = kafka;
        _target = new TopicPartition(ClaimsTopic.Name, new Partition(shard.Shard));
        _name = name;
        _window = window;
        _time = time;
        _progressAt = time.GetTimestamp();
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
        while (!cancellation.IsCancellationRequested)
        {
            long committed = Committed;
            if (committed < 0 || _shard.Status.Epoch is not { } epoch)
            {
                await WaitAsync(Idle, cancellation);
                continue;
            }

            GoBackWhereDue(committed);
            try
            {
                await TakeTurnAsync(epoch, committed, cancellation);
            }
            catch (Exception e) when (e is RedisException or TimeoutException or StoreUnavailableException)
            {
                _leaseHeld = false;
                _log.LogWarning("Shard {Shard}: the outbox cannot be read: {Cause}", _shard.Shard, e.Message);
                await WaitAsync(Idle, cancellation);
            }
        }
    }

    /// <summary>To the watermark, where the ledger or a delivery asked for it, or nothing has been committed for too long.</summary>
    private void GoBackWhereDue(long committed)
    {
        if (committed != _progressMark || _position <= committed)
        {
            _progressMark = committed;
            _progressAt = _time.GetTimestamp();
        }
        else if (_time.GetElapsedTime(_progressAt) > StallLimit)
        {
            _rewindCause = "stall";
        }

        if (Interlocked.Exchange(ref _rewindCause, null) is { } cause)
        {
            if (_position > committed) AdjudicationMetrics.Rewound(cause);
            _position = committed;
            _progressAt = _time.GetTimestamp();
        }

        _position = Math.Max(_position, committed);
    }

    /// <summary>Publishes what comes next, from what is at hand or from Redis, and waits for more.</summary>
    private async Task TakeTurnAsync(string epoch, long committed, CancellationToken cancellation)
    {
        int room = (int)Math.Clamp(committed + _window - _position, 0, LargestRead);
        bool atHand = room > 0 && _shard.Recent.Has(_position + 1);
        bool behind = room > 0 && !atHand && _position < _shard.LowestSequence;
        bool looks = !_leaseHeld || _time.GetElapsedTime(_lookedAt) >= LookInterval;
        bool trims = committed - _trimmed >= TrimAfterRecords || (looks && committed > _trimmed);
        RedisValue[] read = [];
        if (behind || looks || trims)
        {
            read = await LookAsync(epoch, trims ? committed : 0, atHand ? 0 : room);
            if (!_leaseHeld)
            {
                _position = committed;
                await WaitAsync(Idle, cancellation);
                return;
            }

            if (trims) _trimmed = committed;
        }

        long before = _position;
        _position = atHand ? PublishRecent(epoch, before, room) : await PublishReadAsync(epoch, before, read, cancellation);
        if (_position - before == LargestRead) return;
        await Task.Delay(UntilNextBeat(), _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // A record of another instance lies between those at hand: the next turn reads it from Redis.
        bool hole = atHand && _position > before && _position < Math.Min(_shard.LowestSequence, committed + _window);
        if (!hole) await WaitAsync(Idle, cancellation);
    }

    private TimeSpan UntilNextBeat() => Beat - TimeSpan.FromTicks(_time.GetElapsedTime(0).Ticks % Beat.Ticks);

    /// <summary>Renews the lease, trims and reads in one call of the script.</summary>
    /// <param name="committed">What to trim up to, 0 for nothing.</param>
    /// <param name="count">How many records to read.</param>
    private async Task<RedisValue[]> LookAsync(string epoch, long committed, int count)
    {
        _lookedAt = _time.GetTimestamp();
        RedisValue[] read = (RedisValue[])(await _shard.Scripts.CallAsync(
            Read,
            [_shard.Keys.Shard, _shard.Keys.Outbox, _shard.Keys.Lease],
            [epoch, _name, (long)Lease.TotalMilliseconds, committed, _position + 1, count]))!;
        _leaseHeld = (string?)read[0] != "LEASED";
        return read;
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
