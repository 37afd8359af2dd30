using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Claims.V1;
using StackExchange.Redis;

namespace Claims.Adjudication.Accumulators;

/// <summary>
/// The one way into a shard: whatever gathered while the last call was away goes out as the next call, so an idle shard
/// answers at once and a loaded one shares a script call and an fsync among up to 64 visits.
/// </summary>
public sealed class ShardQueue : IAsyncDisposable
{
    private const int LongestQueue = 4096;
    private const int LargestBatch = 64;

    // Keys of all shards that one page looks through: below a millisecond in which Redis does nothing else.
    private const int ScannedKeys = 500;
    private static readonly Script Settle = Script.FromResource("settle.lua");
    private static readonly Script Insured = Script.FromResource("insured.lua");
    private static readonly Script Scan = Script.FromResource("scan.lua");
    private static readonly Script CloseYear = Script.FromResource("close_year.lua");

    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(LongestQueue) { SingleReader = true });
    private readonly Script _settle;
    private readonly long _longestOutbox;
    private readonly Task _worker;
    private long _lowestSequence;
    private volatile ShardStatus _status = ShardStatus.Unopened;

    internal ShardQueue(int shard, ScriptCaller scripts, long longestOutbox, Script? settle = null)
    {
        Shard = shard;
        Keys = new ShardKeys(shard);
        Scripts = scripts;
        _longestOutbox = longestOutbox;
        _settle = settle ?? Settle;
        _worker = Task.Run(WorkAsync);
    }

    public int Shard { get; }

    public ShardKeys Keys { get; }

    public ScriptCaller Scripts { get; }

    public ShardStatus Status => _status;

    /// <summary>The highest number known to have been given out: a store below it has lost answers.</summary>
    public long LowestSequence => Volatile.Read(ref _lowestSequence);

    /// <summary>What this queue has lately added to the outbox.</summary>
    public RecentRecords Recent { get; } = new();

    /// <summary>Called after records were added to the outbox; set by the shard's relay.</summary>
    public Action? Appended { get; set; }

    public void Open(string epoch, long sequence)
    {
        RaiseLowestSequence(sequence);
        // Of a store that was lost, or that another instance has gone on with.
        Recent.Clear();
        _status = new ShardStatus(epoch, "");
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

    /// <exception cref="StoreUnavailableException">The shard is closed, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">The queue or the outbox is full; nothing happened.</exception>
    public Task<StepReply> RunAsync(Step step)
    {
        if (_status.Epoch is null) throw new StoreUnavailableException(_status.Reason);
        Waiting waiting = new(step);
        return _queue.Writer.TryWrite(waiting)
            ? waiting.Reply
            : throw new StoreBusyException($"Shard {Shard} already has {LongestQueue} requests waiting.");
    }

    /// <summary>Every field stored of one insured.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or did not answer.</exception>
    public async Task<IReadOnlyList<(string Field, byte[] Value)>> ReadInsuredAsync(string insuredId)
    {
        RedisValue[] flat = (RedisValue[])(await AskAsync(epoch => Scripts.CallAsync(Insured, [Keys.Shard, Keys.Insured(insuredId)], [epoch, LowestSequence])))!;
        List<(string, byte[])> fields = new(flat.Length / 2);
        for (int i = 0; i < flat.Length; i += 2)
        {
            fields.Add(((string)flat[i]!, (byte[])flat[i + 1]!));
        }

        return fields;
    }

    /// <summary>Everything stored of the shard, page by page as Redis scans: an insured may come twice, one that is new meanwhile not at all.</summary>
    /// <exception cref="StoreUnavailableException">The shard is closed, or did not answer.</exception>
    public async IAsyncEnumerable<ShardPage> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        string cursor = "0";
        EndPoint? node = null;
        do
        {
            cancellation.ThrowIfCancellationRequested();
            string from = cursor;
            RedisResult[] page = (RedisResult[])(await AskAsync(epoch => Scripts.CallAsync(Scan, [Keys.Shard, Keys.Nothing], [epoch, LowestSequence, Keys.EveryInsured, from, ScannedKeys])))!;
            EndPoint now = await AskAsync(_ => Scripts.NodeOfAsync(Keys.Shard));
            if (!now.Equals(node ?? now)) throw new StoreUnavailableException($"Shard {Shard} went from {node} to {now} while it was read; a cursor of the one means nothing to the other.");
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
    public Task CloseYearAsync(int year) => AskAsync(epoch => Scripts.CallAsync(CloseYear, [Keys.Shard], [epoch, year]));

    /// <summary>A call beside the queue, while the shard is open.</summary>
    private async Task<T> AskAsync<T>(Func<string, Task<T>> call)
    {
        if (_status.Epoch is not { } epoch) throw new StoreUnavailableException(_status.Reason);
        try
        {
            return await call(epoch);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw Understand(e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _worker;
    }

    private async Task WorkAsync()
    {
        List<Waiting> batch = new(LargestBatch);
        while (await _queue.Reader.WaitToReadAsync())
        {
            while (batch.Count < LargestBatch && _queue.Reader.TryRead(out Waiting? waiting)) batch.Add(waiting);
            try
            {
                await SendAsync(batch);
            }
            catch (Exception e)
            {
                Exception cause = e is RedisException or TimeoutException ? Understand(e) : e;
                foreach (Waiting waiting in batch) waiting.Fail(cause);
            }

            batch.Clear();
        }
    }

    private async Task SendAsync(List<Waiting> batch)
    {
        if (_status.Epoch is not { } epoch) throw new StoreUnavailableException(_status.Reason);
        RedisKey[] keys = new RedisKey[2 + batch.Count];
        RedisValue[] arguments = new RedisValue[3 + (batch.Count * Step.Arguments)];
        keys[0] = Keys.Shard;
        keys[1] = Keys.Outbox;
        arguments[0] = epoch;
        arguments[1] = LowestSequence;
        arguments[2] = _longestOutbox;
        for (int i = 0; i < batch.Count; i++)
        {
            keys[2 + i] = Keys.Insured(batch[i].Step.InsuredId);
            batch[i].Step.WriteArguments(arguments.AsSpan(3 + (i * Step.Arguments), Step.Arguments));
        }

        long started = Stopwatch.GetTimestamp();
        RedisValue[] replies = (RedisValue[])(await Scripts.CallAsync(_settle, keys, arguments))!;
        AdjudicationMetrics.Batch(batch.Count, Stopwatch.GetElapsedTime(started));

        bool appended = false;
        Answered answered = new(batch.Count);
        for (int i = 0; i < batch.Count; i++)
        {
            StepReply reply = StepReply.Read((byte[])replies[i]!);
            if (reply.Outcome is StepOutcome.New && reply.Sequence is > 0 and long sequence)
            {
                RaiseLowestSequence(sequence);
                Recent.Add(new RecentRecord(batch[i].Step, reply));
                appended = true;
            }

            answered.Add(batch[i], reply);
        }

        answered.Tell();
        if (appended) Appended?.Invoke();
    }

    /// <summary>What a failed call means for the shard and for the sender.</summary>
    private Exception Understand(Exception failure)
    {
        string code = failure is RedisServerException ? failure.Message.Split(' ', 2)[0] : "";
        switch (code)
        {
            case "NOSHARD" or "EPOCH" or "STALE":
                Close($"Shard {Shard}: {failure.Message}.");
                return new StoreUnavailableException(_status.Reason, failure);
            case "OUTBOXFULL":
                return new StoreBusyException($"Shard {Shard} has {_longestOutbox} records that the ledger has not committed.");
            case "TRYAGAIN":
                return new StoreUnavailableException($"Shard {Shard} is being moved to another Redis node; nothing happened.", failure);
            case "CLUSTERDOWN" or "LOADING" or "MASTERDOWN" or "READONLY":
                return new StoreUnavailableException($"Shard {Shard}: Redis answers {code}; nothing happened.", failure);
            default:
                return new StoreUnavailableException($"Shard {Shard}: Redis did not answer; the outcome is unknown.", failure);
        }
    }

    private sealed class Waiting(Step step)
    {
        // Continuations run where the reply is told, which is never this queue's own loop.
        private readonly TaskCompletionSource<StepReply> _reply = new();

        public Step Step { get; } = step;

        public Task<StepReply> Reply => _reply.Task;

        public void Tell(StepReply reply) => _reply.TrySetResult(reply);

        public void Fail(Exception cause) => ThreadPool.UnsafeQueueUserWorkItem(static failed => failed._reply.TrySetException(failed.Cause), (_reply, Cause: cause), preferLocal: false);
    }

    /// <summary>
    /// The replies of one call on their way to who waits for them: 16 to a work item of the thread pool. An item for each cost more
    /// than what it did, and one for all would have kept the other core idle.
    /// </summary>
    private sealed class Answered(int count)
    {
        private const int AtATime = 16;

        private readonly (Waiting Waiting, StepReply Reply)[] _answers = new (Waiting, StepReply)[count];
        private int _count;

        public void Add(Waiting waiting, StepReply reply) => _answers[_count++] = (waiting, reply);

        public void Tell()
        {
            for (int first = 0; first < _count; first += AtATime)
                ThreadPool.UnsafeQueueUserWorkItem(static part => part.Answers.TellFrom(part.First), (Answers: this, First: first), preferLocal: false);
        }

        private void TellFrom(int first)
        {
            foreach ((Waiting waiting, StepReply reply) in _answers.AsSpan(first, Math.Min(AtATime, _count - first))) waiting.Tell(reply);
        }
    }
}

/// <summary>Whether a shard may answer.</summary>
/// <param name="Epoch">The store's epoch while it may, null while it may not.</param>
/// <param name="Reason">Why not: one sentence for operators.</param>
public sealed record ShardStatus(string? Epoch, string Reason)
{
    public static ShardStatus Unopened { get; } = new(null, "The store has not been opened yet: Redis or the ledger has not answered.");
}

/// <summary>Some of a shard's insured, and the shard's last number when they were read.</summary>
public sealed record ShardPage(long Sequence, IReadOnlyList<InsuredAccumulators> Insured);
