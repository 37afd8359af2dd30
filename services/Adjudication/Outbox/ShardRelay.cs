using System.Diagnostics;
using System.Buffers;
using Claims.Adjudication.Store;
using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;
using StackExchange.Redis;

namespace Claims.Adjudication.Outbox;

/// <summary>
/// Publishes one shard's outbox in order, at most a window ahead of what the ledger has committed. Whatever goes wrong with
/// Kafka, it goes back to the ledger's watermark + 1; the outbox loses a record only once the ledger has it and as many after it as are
/// kept.
/// </summary>
public sealed class ShardRelay : IDisposable
{
    /// <summary>Records in one turn: some 50 kB, which a reply and a message must be to be collected with what is young.</summary>
    private const int LargestRead = 250;

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
    /// The records that this instance holds need no call of Redis but this one, which renews the lease well before it runs out and
    /// finds what other instances have added. Without it each watermark that arrived was a call, and 32 shards made thousands a second.
    /// </summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Visits go before books: while they wait in the shards' queues nothing is published, for this long at most and until a fifth of the
    /// outbox is full. Then the books get their share whatever waits.
    /// </summary>
    private static readonly TimeSpan LongestStandBack = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FullQueuePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(1);

    private readonly ShardQueue _shard;
    private readonly SettlementStore _store;
    private readonly KafkaPublisher _kafka;
    private readonly string _name;
    private readonly int _window;
    private readonly int _kept;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private long _committed = -1;
    private long _published;
    private volatile string? _rewindCause;

    // Only the publishing loop uses these: what it gathers, the last number handed to Kafka, the last trimmed, and when what was last
    // seen or done.
    private readonly SettledMessage _message = new();
    private readonly SettledClaim _claim = new();
    private readonly StoredRequest _request = new();
    private readonly ArrayBufferWriter<byte> _stored = new();
    private long _gathered;

    // Terms that went out since the position was last put back to the ledger's: it books nothing after a record that it lacks, so it has
    // them before it needs them.
    private readonly HashSet<uint> _termsTold = [];
    private string _stamp = "";
    private long _position;
    private long _trimmed;
    private long _progressMark = -1;
    private long _progressAt;
    private long _lookedAt;
    private long _stoodBackAt;
    private bool _leaseHeld;
    private readonly UnbookedAge _age;
    private long _firstSettledAtUnixMs;

    public ShardRelay(ShardQueue shard, SettlementStore store, KafkaPublisher kafka, string name, int window, int kept,
        TimeProvider time, ILogger log)
    {
        _shard = shard;
        _store = store;
        _kafka = kafka;
        _name = name;
        _window = window;
        _kept = kept;
        _time = time;
        _progressAt = time.GetTimestamp();
        _age = new UnbookedAge(time);
        _log = log;
        VisitsWait = () => store.IsOverloaded;
        shard.Appended = Wake;
    }

    /// <summary>Whether the books stand back for visits; replaced in tests.</summary>
    internal Func<bool> VisitsWait { get; set; }

    /// <summary>The ledger's watermark as last heard, -1 before it was heard.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>The last number that Kafka acknowledged.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <summary>Since when the oldest record waits that the ledger has not committed; zero where none does.</summary>
    public TimeSpan OldestUnbookedAge => _age.Of(Math.Max(0, Committed), _shard.LowestSequence);

    /// <param name="rewindCause">Why to publish again from the watermark, or null.</param>
    public void Commit(long watermark, string? rewindCause)
    {
        if (watermark < Committed)
        {
            _log.LogError("Shard {Shard}: the ledger's watermark went back from {From} to {To}, as one does that was put back to an "
                + "earlier state; what it lacks is published again", _shard.Shard, Committed, watermark);
            rewindCause = "back";
        }

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
            _age.Look(Math.Max(0, committed), _shard.LowestSequence);
            if (committed < 0 || _shard.Status is not { Stamp: { } stamp, Epoch: { } epoch })
            {
                await WaitAsync(Idle, cancellation);
                continue;
            }

            // Another shard under the same name: what this one had published may have been another's number there.
            if (_stamp != stamp && _stamp.Length > 0) _rewindCause = "rebuilt";
            _stamp = stamp;
            GoBackWhereDue(committed);
            try
            {
                await TakeTurnAsync(stamp, epoch, committed, cancellation);
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
            _termsTold.Clear();
            _progressAt = _time.GetTimestamp();
        }

        _position = Math.Max(_position, committed);
    }

    /// <summary>Publishes what comes next, from what this instance holds or from Redis, and waits for more.</summary>
    private async Task TakeTurnAsync(string stamp, string epoch, long committed, CancellationToken cancellation)
    {
        int room = StandsBack() ? 0 : (int)Math.Clamp(committed + _window - _position, 0, LargestRead);
        bool atHand = room > 0 && _shard.Recent.Has(_position + 1);
        bool behind = room > 0 && !atHand && _position < _shard.LowestSequence;
        bool looks = !_leaseHeld || _time.GetElapsedTime(_lookedAt) >= LookInterval;
        bool trims = committed - _trimmed >= TrimAfterRecords || (looks && committed > _trimmed);
        ReadOnlyMemory<byte> read = default;
        if (behind || looks || trims)
        {
            read = await LookAsync(stamp, trims ? committed : 0, atHand ? 0 : room);
            if (!_leaseHeld)
            {
                _position = committed;
                _termsTold.Clear();
                await WaitAsync(Idle, cancellation);
                return;
            }

            if (trims) _trimmed = committed;
        }

        long before = _position;
        if (atHand) PublishRecent(epoch, room);
        else await PublishReadAsync(epoch, read, cancellation);
        if (_position - before == LargestRead) return;
        await Task.Delay(UntilNextBeat(), _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // A record of another instance lies between those held here: the next turn reads it from Redis.
        bool hole = atHand && _position > before && _position < Math.Min(_shard.LowestSequence, committed + _window);
        if (!hole) await WaitAsync(Idle, cancellation);
    }

    private bool StandsBack()
    {
        bool mayStandBack = _shard.LowestSequence - _position < _shard.LongestOutbox / 5 && VisitsWait();
        if (!mayStandBack) _stoodBackAt = 0;
        else if (_stoodBackAt == 0) _stoodBackAt = _time.GetTimestamp();
        return mayStandBack && _time.GetElapsedTime(_stoodBackAt) < LongestStandBack;
    }

    private TimeSpan UntilNextBeat() => Beat - TimeSpan.FromTicks(_time.GetElapsedTime(0).Ticks % Beat.Ticks);

    /// <summary>Renews the lease, trims and reads in one call of the script.</summary>
    /// <param name="committed">What to trim up to, 0 for nothing.</param>
    /// <param name="count">How many records to read.</param>
    /// <returns>The records.</returns>
    private async Task<ReadOnlyMemory<byte>> LookAsync(string stamp, long committed, int count)
    {
        _lookedAt = _time.GetTimestamp();
        RedisValue[] reply = (RedisValue[])(await _shard.OutboxScripts.CallAsync(
            Read,
            [_shard.Keys.Shard, _shard.Keys.Outbox, _shard.Keys.Lease],
            [stamp, _name, (long)Lease.TotalMilliseconds, committed, _position + 1, count, _kept]))!;
        _leaseHeld = (string?)reply[0] != "LEASED";
        return _leaseHeld ? (byte[])reply[1]! : default(ReadOnlyMemory<byte>);
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
    private void PublishRecent(string epoch, int room)
    {
        _message.Clear();
        for (long sequence = _position + 1, end = _position + room; sequence <= end; sequence++)
        {
            if (_shard.Recent.Take(sequence) is not { } recent) break;
            KeptTerms? terms = null;
            OutboxRecord record = recent.Read(_request);
            if (record.Terms is { } key && !_store.Terms.TryRead(_shard, key, out terms)) break;
            SettledClaims.Fill(_claim, _shard.Shard, epoch, recent.Reply.SettlementId, recent.Step.Holder, recent.Step.FacilityCode,
                recent.Step.RequestId, record, terms?.Terms);
            if (!Gather(record, recent.Stored(_stored), terms)) return;
        }

        HandOver();
    }

    /// <param name="read">Records as the script gives them.</param>
    private async Task PublishReadAsync(string epoch, ReadOnlyMemory<byte> read, CancellationToken cancellation)
    {
        _message.Clear();
        bool taken = true;
        for (long next = _position + 1; taken && !read.IsEmpty; next++)
        {
            OutboxEntry entry = OutboxEntry.Take(ref read, _shard.Keys, _request);
            if (entry.Record.FirstSequence != next)
            {
                // The ledger refuses to book past a hole, and so does the relay: nothing behind it can be known to be whole.
                _log.LogCritical("Shard {Shard}: the outbox goes from {From} to {To}; it has lost records", _shard.Shard, next - 1,
                    entry.Record.FirstSequence);
                break;
            }

            KeptTerms? terms = entry.Record.Terms is { } key ? await _store.Terms.ReadKeptAsync(_shard, key) : null;
            SettledClaims.Fill(_claim, _shard.Shard, epoch, "", new Holder(entry.InsuredId, entry.Key.StatedId), entry.FacilityCode,
                entry.RequestId, entry.Record, terms?.Terms);
            taken = Gather(entry.Record, entry.Stored, terms);
            next = entry.Record.Header.Sequence;
        }

        if (!taken || !HandOver())
            await Task.Delay(FullQueuePause, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Puts the claim into the message that is being gathered. One whose trace was recorded goes alone, for the sake of its
    /// header.</summary>
    /// <returns>False where Kafka does not take the messages before it, or its own.</returns>
    private bool Gather(in OutboxRecord record, ReadOnlyMemory<byte> stored, KeptTerms? terms)
    {
        string? traceParent = record.TraceParent;
        if ((traceParent is not null || !_message.Takes(_claim)) && !HandOver()) return false;
        if (_message.Records == 0) _firstSettledAtUnixMs = _claim.SettledAtUnixMs;
        _claim.StoredRecord = UnsafeByteOperations.UnsafeWrap(stored);
        _claim.StoredTerms = terms is not null && _termsTold.Add(record.Terms!.Value)
            ? UnsafeByteOperations.UnsafeWrap(terms.Text)
            : ByteString.Empty;
        _message.Add(_claim);
        _gathered = record.Header.Sequence;
        return traceParent is null || HandOver(traceParent);
    }

    /// <summary>Hands what has been gathered to Kafka, if anything has, and moves the position behind it.</summary>
    private bool HandOver(string? traceParent = null)
    {
        if (_message.Records == 0) return true;
        long last = _gathered;
        Activity? span = Traces.Publish(traceParent, _shard.Shard);
        bool taken = _kafka.TryPublish(_shard.Shard, _message.Bytes, span?.Id ?? traceParent, DeliveredUpTo(last, span));
        _message.Clear();
        if (!taken)
        {
            span?.Dispose();
            // What was not handed over has told nothing.
            _termsTold.Clear();
            return false;
        }

        _position = last;
        _age.HandedOver(last, _firstSettledAtUnixMs);
        return true;
    }

    private Action<bool> DeliveredUpTo(long sequence, Activity? span) => span is null
        ? delivered => Delivered(sequence, delivered)
        : delivered =>
        {
            if (!delivered) span.SetStatus(ActivityStatusCode.Error);
            span.Dispose();
            Delivered(sequence, delivered);
        };

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
