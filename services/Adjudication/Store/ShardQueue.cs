using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using Claims.V1;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// The one way into a shard: whatever gathered while the last call was away goes out as the next call, so an idle shard
/// answers at once and a loaded one shares a script call and an fsync among up to 64 visits.
/// </summary>
public sealed class ShardQueue : IAsyncDisposable
{
    /// <summary>Visits in one call of the script at most.</summary>
    public const int LargestBatch = 64;

    private const int LongestQueue = 4096;

    // Keys of all shards that one page looks through: below a millisecond in which Redis does nothing else.
    private const int ScannedKeys = 500;
    private static readonly Script Settle = Script.FromResource("settle.lua");
    private static readonly Script Insured = Script.FromResource("insured.lua");
    private static readonly Script Scan = Script.FromResource("scan.lua");
    private static readonly Script CloseYear = Script.FromResource("close_year.lua");
    private static readonly Script Probe = Script.FromResource("probe.lua");
    private static readonly Script Merge = Script.FromResource("merge.lua");

    // Replies that one work item of the thread pool gives: an item for each cost more than what it did, and one for all would
    // have kept the other core idle.
    private const int ToldAtATime = 16;

    private readonly Lock _gate = new();
    private readonly Queue<WaitingStep> _queue = new();
    private readonly ConcurrentQueue<WaitingStep> _unused = new();
    private readonly Script _settle;
    private bool _isSending;
    private TaskCompletionSource? _disposed;
    private long _lowestSequence;
    private volatile ShardStatus _status = ShardStatus.Unopened;

    internal ShardQueue(ShardKeys keys, ScriptCaller scripts, ScriptCaller outboxScripts, long longestOutbox, Script? settle = null)
    {
        Shard = keys.Number;
        Keys = keys;
        Scripts = scripts;
        OutboxScripts = outboxScripts;
        LongestOutbox = longestOutbox;
        _settle = settle ?? Settle;
    }

    public int Shard { get; }

    public ShardKeys Keys { get; }

    public ScriptCaller Scripts { get; }

    /// <summary>The relay's way into the shard, which is open while visits are refused for want of memory: the relay makes room.</summary>
    public ScriptCaller OutboxScripts { get; }

    public ShardStatus Status => _status;

    /// <summary>The highest number known to have been given out: a store below it has lost answers.</summary>
    public long LowestSequence => Volatile.Read(ref _lowestSequence);

    /// <summary>Records that the outbox may hold before requests are turned away.</summary>
    public long LongestOutbox { get; }

    /// <summary>Visits that wait for the next call.</summary>
    public int Waiting => _queue.Count;

    /// <summary>What this queue has lately added to the outbox.</summary>
    public RecentRecords Recent { get; } = new();

    /// <summary>Called after records were added to the outbox; set by the shard's relay.</summary>
    public Action? Appended { get; set; }

    /// <summary>Puts back what is stored of an insured who is known and gone, once; whether that has succeeded. Null where nothing is put
    /// back. Set by the part that rebuilds.</summary>
    public Func<string, Task<bool>>? Restore { get; set; }

    /// <param name="stamp">What the shard's key says (<see cref="StoreStamp"/>).</param>
    /// <param name="seen">Its status before the store was looked at. Null: whatever it is.</param>
    /// <returns>False where it was closed again since then, and stays so: whoever closed it may know more than that look.</returns>
    public bool Open(string stamp, long sequence, ShardStatus? seen = null)
    {
        RaiseLowestSequence(sequence);
        // The old records belong to a store that was lost, or that another instance has gone on with.
        Recent.Clear();
        seen ??= _status;
        return ReferenceEquals(Interlocked.CompareExchange(ref _status, new ShardStatus(stamp, ""), seen), seen);
    }

    /// <param name="reason">One sentence for operators.</param>
    public void Close(string reason) => _status = new ShardStatus(null, reason);

    public void RaiseLowestSequence(long sequence)
    {
        long seen = Volatile.Read(ref _lowestSequence);
        while (sequence > seen)
        {
            long before = Interlocked.CompareExchange(ref _lowestSequence, sequence, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    /// <summary>To be awaited once: what waits is used again.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">The queue or the outbox is full; nothing happened.</exception>
    public ValueTask<StepReply> RunAsync(in Step step)
    {
        if (_status.Epoch is null) return ValueTask.FromException<StepReply>(Closed());
        if (!_unused.TryDequeue(out WaitingStep? waiting)) waiting = new WaitingStep(_unused);
        ValueTask<StepReply> reply = waiting.For(step);
        lock (_gate)
        {
            if (_disposed is not null)
            {
                return ValueTask.FromException<StepReply>(
                    new StoreUnavailableException($"Shard {Shard}: the service is stopping.", null, Unanswered.NothingHappened));
            }

            if (_queue.Count >= LongestQueue)
                return ValueTask.FromException<StepReply>(
                new StoreBusyException($"Shard {Shard} already has {LongestQueue} requests waiting."));
            _queue.Enqueue(waiting);
            if (_isSending) return reply;
            _isSending = true;
        }

        // On the caller's thread as far as the call of Redis: an idle shard loses no time to a change of threads.
        _ = SendAllAsync();
        return reply;
    }

    /// <summary>Every field stored of one insured.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or did not answer.</exception>
    public async Task<IReadOnlyList<(string Field, byte[] Value)>> ReadInsuredAsync(string insuredId)
    {
        RedisResult found = await ReadAsync();
        if (found.Resp2Type is not ResultType.Array && Restore is { } restore && await restore(insuredId)) found = await ReadAsync();
        if (found.Resp2Type is not ResultType.Array) throw StoreUnavailableException.Gone(Shard, insuredId);
        RedisValue[] flat = (RedisValue[])found!;
        List<(string, byte[])> fields = new(flat.Length / 2);
        for (int i = 0; i < flat.Length; i += 2)
        {
            fields.Add(((string)flat[i]!, (byte[])flat[i + 1]!));
        }

        return fields;

        Task<RedisResult> ReadAsync() => AskAsync(stamp => Scripts.CallAsync(
            Insured, [Keys.Shard, Keys.Insured(insuredId), Keys.Known], [stamp, LowestSequence]));
    }

    /// <summary>Everything stored of the shard, page by page as Redis scans: an insured may come twice, one that is new meanwhile not at
    /// all.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or did not answer.</exception>
    public async IAsyncEnumerable<ShardPage> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        string cursor = "0";
        EndPoint? node = null;
        do
        {
            cancellation.ThrowIfCancellationRequested();
            string from = cursor;
            RedisResult[] page = (RedisResult[])(
                await AskAsync(stamp => Scripts.CallAsync(
                Scan, [Keys.Shard, Keys.Nothing], [stamp, LowestSequence, Keys.EveryInsured, from, ScannedKeys])))!;
            EndPoint now = await AskAsync(_ => Scripts.NodeOfAsync(Keys.Shard));
            if (!now.Equals(node ?? now))
                throw new StoreUnavailableException(
                $"Shard {Shard} went from {node} to {now} while it was read; a cursor of the one means nothing to the other.");
            node = now;
            cursor = (string)page[1]!;
            List<InsuredAccumulators> insured = new((page.Length - 2) / 2);
            for (int i = 2; i < page.Length; i += 2)
                insured.Add(StoredAccumulators.Of(Keys.InsuredIdOf((string)page[i]!), (RedisValue[])page[i + 1]!));
            yield return new ShardPage((long)page[0], insured);
        }
        while (cursor != "0");
    }

    /// <summary>From its return on, no visit of the year or an earlier one is settled or undone.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or did not answer.</exception>
    public Task CloseYearAsync(int year) => AskAsync(stamp => Scripts.CallAsync(CloseYear, [Keys.Shard], [stamp, year]));

    /// <summary>One step of a merge, or of its undoing.</summary>
    /// <returns>The word for either half (merge.lua).</returns>
    /// <exception cref="StoreUnavailableException">The shard is closed, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">The outbox is full; nothing happened.</exception>
    public async Task<(string OfMerged, string OfOther)> MergeAsync(MergeStep step)
    {
        RedisResult[] reply = (RedisResult[])(await AskAsync(stamp => Scripts.CallAsync(
            Merge,
            [
                Keys.Shard, Keys.Outbox, Keys.Known, step.AsksMerged ? Keys.Insured(step.MergedId) : Keys.Shard,
                step.AsksOther ? Keys.Insured(step.OtherId) : Keys.Shard,
            ],
            [
                stamp, LowestSequence, LongestOutbox, step.Undoes ? "part" : "merge", step.Name, step.MergedId, step.OtherId, step.Digest,
                step.RecordOfMerged, step.RecordOfOther, .. step.Fields.SelectMany(field => (RedisValue[])[field.Field, field.Value]),
            ])))!;
        RaiseLowestSequence((long)reply[0]);
        Appended?.Invoke();
        return ((string)reply[1]!, (string)reply[2]!);
    }

    /// <summary>Asks the shard to let in a visit that is none. An open shard that keeps refusing visits is not asked, but once in a while,
    /// and so is found mended although nobody sends any.</summary>
    /// <returns>Why it would let none in, one sentence for operators; null where it would.</returns>
    public async Task<string?> FindFaultAsync(TimeSpan limit)
    {
        try
        {
            await AskAsync(stamp => Scripts.CallAsync(Probe, [Keys.Shard], [stamp, LowestSequence]).WaitAsync(limit));
            return null;
        }
        catch (StoreUnavailableException fault)
        {
            return fault.Message;
        }
    }

    /// <summary>A call beside the queue, while the shard is open.</summary>
    private async Task<T> AskAsync<T>(Func<string, Task<T>> call)
    {
        if (_status.Stamp is not { } stamp) throw Closed();
        try
        {
            return await call(stamp);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw Understand(e);
        }
    }

    /// <summary>Once what waits has been answered.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_isSending) _disposed.TrySetResult();
        }

        await _disposed.Task;
    }

    /// <summary>Sends until nothing waits.</summary>
    private async Task SendAllAsync()
    {
        bool more;
        do
        {
            WaitingStep[] batch = TakeBatch();
            StepReply[] replies = new StepReply[batch.Length];
            Exception? failure = null;
            try
            {
                await SendAsync(batch, replies);
            }
            catch (Exception e)
            {
                failure = e is RedisException or TimeoutException ? Understand(e) : e;
            }

            more = HasMore();
            Tell(batch, replies, failure, mayRunHere: !more);
        }
        while (more);
    }

    private WaitingStep[] TakeBatch()
    {
        lock (_gate)
        {
            WaitingStep[] batch = new WaitingStep[Math.Min(_queue.Count, LargestBatch)];
            for (int i = 0; i < batch.Length; i++) batch[i] = _queue.Dequeue();
            return batch;
        }
    }

    private bool HasMore()
    {
        lock (_gate)
        {
            _isSending = _queue.Count > 0;
            if (!_isSending) _disposed?.TrySetResult();
            return _isSending;
        }
    }

    private async Task SendAsync(WaitingStep[] batch, StepReply[] replies)
    {
        if (_status.Stamp is not { } stamp) throw Closed();
        RedisKey[] keys = new RedisKey[3 + batch.Length];
        RedisValue[] arguments = new RedisValue[3 + batch.Length];
        keys[0] = Keys.Shard;
        keys[1] = Keys.Outbox;
        keys[2] = Keys.Known;
        arguments[0] = stamp;
        arguments[1] = LowestSequence;
        arguments[2] = LongestOutbox;
        for (int i = 0; i < batch.Length; i++)
        {
            keys[3 + i] = Keys.Insured(batch[i].Step.InsuredId);
            arguments[3 + i] = batch[i].Step.Item;
        }

        long started = Stopwatch.GetTimestamp();
        StepReply.ReadAll((byte[])(await Scripts.CallAsync(_settle, keys, arguments))!, replies);
        AdjudicationMetrics.Batch(batch.Length, Stopwatch.GetElapsedTime(started));
        foreach (WaitingStep waiting in batch)
            Traces.Waited("redis.settle", waiting.Trace, waiting.Since, default, "claims.batch_visits", batch.Length);

        bool appended = false;
        for (int i = 0; i < batch.Length; i++)
        {
            if (replies[i].Outcome is not StepOutcome.New) continue;
            replies[i] = replies[i] with { LimitsBlock = batch[i].Step.Limits };
            if (replies[i].Sequence is not (> 0 and long sequence)) continue;
            RaiseLowestSequence(sequence);
            if (batch[i].Step.Mode is StepMode.Settle)
                replies[i] = replies[i] with { SettlementId = SettlementIds.Format(replies[i].Header.VisitDay / 10_000, Shard, sequence) };
            Recent.Add(new RecentRecord(batch[i].Step, replies[i]));
            appended = true;
        }

        if (appended) Appended?.Invoke();
    }

    /// <param name="mayRunHere">Where few wait for this call and none for the next, they are spared the change of threads.</param>
    private void Tell(WaitingStep[] batch, StepReply[] replies, Exception? failure, bool mayRunHere)
    {
        if (mayRunHere && batch.Length <= ToldAtATime)
        {
            new Told(this, batch, replies, failure, 0).TellAll();
            return;
        }

        for (int first = 0; first < batch.Length; first += ToldAtATime)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static part => part.TellAll(), new Told(this, batch, replies, failure, first), preferLocal: false);
        }
    }

    /// <summary>A step that found its insured gone waits for him to be put back, and takes its turn once more.</summary>
    private async Task RestoreAndTryAgainAsync(WaitingStep waiting, StepReply gone, Func<string, Task<bool>> restore)
    {
        bool isRestored = await restore(waiting.Step.InsuredId);
        lock (_gate)
        {
            isRestored = isRestored && _disposed is null && _queue.Count < LongestQueue;
            if (isRestored)
            {
                waiting.IsTriedAgain = true;
                _queue.Enqueue(waiting);
                if (_isSending) return;
                _isSending = true;
            }
        }

        if (isRestored) await SendAllAsync();
        else waiting.Tell(gone, null);
    }

    private StoreUnavailableException Closed() => new(_status.Reason, null, Unanswered.NothingHappened);

    /// <summary>What a failed call means for the shard and for the sender.</summary>
    private Exception Understand(Exception failure)
    {
        string code = ScriptCaller.CodeOf(failure);
        switch (code)
        {
            case "NOSHARD" or "EPOCH" or "STALE":
                Close($"Shard {Shard}: {failure.Message}.");
                return new StoreUnavailableException(_status.Reason, failure, Unanswered.NothingHappened);
            case "OUTBOXFULL":
                return new StoreBusyException($"Shard {Shard} has {LongestOutbox} records that the ledger has not committed.");
            case "TRYAGAIN":
                return new StoreUnavailableException(
                    $"Shard {Shard} is being moved to another Redis node; nothing happened.", failure, Unanswered.NothingHappened);
            case not "" when ScriptCaller.RefusesEveryWrite(code):
                return new StoreUnavailableException(
                    $"Shard {Shard}: Redis answers {code}; nothing happened.", failure, Unanswered.NothingHappened);
            case "" when failure is ReplicasBehindException:
                return new StoreUnavailableException($"Shard {Shard}: {failure.Message}; the outcome is unknown.", failure);
            case "MOVED" or "ASK":
                return new StoreUnavailableException(
                    $"Shard {Shard} has gone to another Redis node; nothing happened.", failure, Unanswered.NothingHappened);
            case "" when failure.InnerException is BrokenCircuitException:
                return new StoreUnavailableException(
                    $"Shard {Shard}: Redis has failed repeatedly and is not called for a moment; nothing happened.", failure,
                    Unanswered.NothingHappened);
            case "" when failure is RedisConnectionException { CommandStatus: CommandStatus.WaitingToBeSent }:
                return new StoreUnavailableException(
                    $"Shard {Shard}: Redis cannot be reached; nothing happened.", failure, Unanswered.NothingHappened);
            default:
                return new StoreUnavailableException($"Shard {Shard}: Redis did not answer; the outcome is unknown.", failure);
        }
    }

    /// <summary>Some of the replies of one call on their way to who waits for them.</summary>
    private readonly record struct Told(ShardQueue Queue, WaitingStep[] Batch, StepReply[] Replies, Exception? Failure, int First)
    {
        public void TellAll()
        {
            for (int i = First; i < Math.Min(First + ToldAtATime, Batch.Length); i++)
            {
                if (Replies[i].Outcome is StepOutcome.Gone && Failure is null && Queue.Restore is { } restore && !Batch[i].IsTriedAgain)
                    _ = Queue.RestoreAndTryAgainAsync(Batch[i], Replies[i], restore);
                else
                    Batch[i].Tell(Replies[i], Failure);
            }
        }
    }

    /// <summary>A step and who waits for its reply; used again once the reply has been taken.</summary>
    private sealed class WaitingStep(ConcurrentQueue<WaitingStep> unused) : Awaited<StepReply>
    {
        public Step Step { get; private set; }

        public bool IsTriedAgain { get; set; }

        /// <summary>Of the visit's call; default where it is not recorded.</summary>
        public ActivityContext Trace { get; private set; }

        public DateTimeOffset Since { get; private set; }

        public ValueTask<StepReply> For(in Step step)
        {
            Step = step;
            IsTriedAgain = false;
            Trace = Traces.OfCall();
            if (Trace.IsRecorded()) Since = DateTimeOffset.UtcNow;
            return Answered;
        }

        public void Tell(StepReply reply, Exception? failure)
        {
            if (failure is null) Tell(reply);
            else Fail(failure);
        }

        protected override void Release()
        {
            Step = default;
            unused.Enqueue(this);
        }
    }
}

/// <summary>Whether a shard may answer.</summary>
/// <param name="Stamp">What the shard's key must say (<see cref="StoreStamp"/>); null while it may not.</param>
/// <param name="Reason">Why not: one sentence for operators.</param>
public sealed record ShardStatus(string? Stamp, string Reason)
{
    /// <summary>The store's epoch while the shard may answer, null while it may not.</summary>
    public string? Epoch { get; } = Stamp is null ? null : StoreStamp.EpochOf(Stamp);

    public static ShardStatus Unopened { get; } = new(null, "The store has not been opened yet: Redis or the ledger has not answered.");
}

/// <summary>Some of a shard's insured, and the shard's last number when they were read.</summary>
public sealed record ShardPage(long Sequence, IReadOnlyList<InsuredAccumulators> Insured);
