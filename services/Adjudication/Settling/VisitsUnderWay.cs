using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Claims.Adjudication.Store;
using Claims.Adjudication.Coverage;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Settling;

/// <summary>
/// The visits of one stream that are under way, from their request to their answer's way out: many insured at a time, each insured's one
/// after the other in the order sent. What stands for a visit is used again, and its answer with it.
/// </summary>
/// <param name="most">How many may be under way.</param>
/// <param name="answered">Told of each answer, and when its visit was begun (<see cref="TimeProvider.GetTimestamp"/>).</param>
/// <param name="failed">Told why an outcome cannot be known. No visit is begun any more.</param>
internal sealed class VisitsUnderWay(
    SettlementDesk desk, IServerStreamWriter<Answer> stream, int most, TimeProvider time, Action<SettleReply, long> answered,
    Action<Exception> failed, CancellationToken cancellation)
    : IDisposable
{
    // Answers that wait for the next one, to go out with it: each flush is a frame of its own and a turn of the connection.
    private const int MostHeld = 32;
    private static readonly WriteOptions Held = new(WriteFlags.BufferHint);

    private readonly SettlementDesk _desk = desk;
    private readonly TimeProvider _time = time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, UnderWay> _newestOfInsured = new(StringComparer.Ordinal);
    private readonly Stack<UnderWay> _unused = new();
    private readonly Queue<UnderWay> _unwritten = new();
    private readonly SemaphoreSlim _room = new(most);

    // The trace of the call, for what goes on where a look-up or another visit ends.
    private readonly ExecutionContext? _call = ExecutionContext.Capture();

    private volatile bool _hasFailed;
    private bool _isWriting;
    private Exception? _writingFailed;

    /// <summary>Begins a visit, once there is room and the insured's earlier visits have been answered.</summary>
    public async ValueTask AddAsync(SettleRequest request, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        UnderWay visit;
        lock (_gate)
        {
            if (!_unused.TryPop(out UnderWay? unused)) unused = new UnderWay(this);
            visit = unused;
            visit.Request = request;
            bool waits = _newestOfInsured.TryGetValue(request.InsuredId, out UnderWay? before);
            _newestOfInsured[request.InsuredId] = visit;
            if (waits)
            {
                before!.Next = visit;
                return;
            }
        }

        Run(visit);
    }

    /// <summary>Completes when no visit is under way any more and every answer has been written.</summary>
    /// <exception cref="Exception">Why answers could not be written.</exception>
    public async Task EndAsync()
    {
        for (int visit = 0; visit < most; visit++) await _room.WaitAsync(CancellationToken.None);
        if (_writingFailed is not null) throw _writingFailed;
    }

    public void Dispose() => _room.Dispose();

    /// <summary>Those of one insured that are answered at once run one after another, not one within the other.</summary>
    private void Run(UnderWay? visit)
    {
        while (visit is not null && visit.IsAnswered()) visit = End(visit);
    }

    private void Resume(UnderWay visit)
    {
        if (_call is null) Run(visit);
        else ExecutionContext.Run(_call, static visit => ((UnderWay)visit!).GoOn(), visit);
    }

    /// <returns>The insured's next visit, or null.</returns>
    private UnderWay? End(UnderWay visit)
    {
        bool hasAnswer = false;
        try
        {
            hasAnswer = visit.TakeAnswer();
            if (hasAnswer) answered(visit.Answer.Reply, visit.BegunTicks);
        }
        catch (Exception e)
        {
            _hasFailed = true;
            failed(e);
        }

        UnderWay? next;
        bool writes;
        bool others;
        lock (_gate)
        {
            next = visit.Next;
            if (next is null) _newestOfInsured.Remove(visit.Request!.InsuredId);
            visit.Next = null;
            visit.Request = null;
            if (hasAnswer) _unwritten.Enqueue(visit);
            else _unused.Push(visit);
            writes = hasAnswer && !_isWriting;
            _isWriting |= writes;
            others = _newestOfInsured.Count > 0;
        }

        // The last under way is written by who answered it; while others are, they gather.
        if (!hasAnswer) _room.Release();
        else if (writes && others) ThreadPool.UnsafeQueueUserWorkItem(static visits => _ = visits.WriteAllAsync(), this, preferLocal: true);
        else if (writes) _ = WriteAllAsync();
        return next;
    }

    private async Task WriteAllAsync()
    {
        int held = 0;
        while (NextUnwritten(out bool isLast) is { } visit)
        {
            try
            {
                held = isLast || held == MostHeld ? 0 : held + 1;
                stream.WriteOptions = held > 0 ? Held : null;
                if (_writingFailed is null) await stream.WriteAsync(visit.Answer, cancellation);
            }
            catch (Exception e)
            {
                // What has been settled is answered when it is sent again.
                _writingFailed = e;
            }

            lock (_gate) _unused.Push(visit);
            _room.Release();
        }
    }

    private UnderWay? NextUnwritten(out bool isLast)
    {
        lock (_gate)
        {
            bool any = _unwritten.TryDequeue(out UnderWay? visit);
            isLast = _unwritten.Count == 0;
            _isWriting = any;
            return visit;
        }
    }

    /// <summary>
    /// One visit in its stages, each of which may wait. The same as <see cref="SettlementDesk.SettleAsync(SettleRequest, Answer)"/>, which
    /// as an asynchronous method takes an object of 240 bytes for a visit, and another one where coverage is asked for.
    /// </summary>
    private sealed class UnderWay
    {
        private readonly VisitsUnderWay _all;
        private readonly Action _resume;
        private Stage _stage;
        private Visit _visit;
        private SettlingStep _step;
        private Exception? _failure;
        private ValueTaskAwaiter<Known> _finding;
        private ValueTaskAwaiter _ending;

        public UnderWay(VisitsUnderWay all)
        {
            _all = all;
            _resume = () => _all.Resume(this);
        }

        private enum Stage
        {
            /// <summary>Not begun.</summary>
            Waiting,

            /// <summary>Coverage is asked for.</summary>
            Finding,

            /// <summary>It is with the store.</summary>
            Storing,

            /// <summary>It takes another way to its answer, or the last step of the usual one.</summary>
            Ending,

            Answered,
        }

        public SettleRequest? Request { get; set; }

        public Answer Answer { get; } = new();

        /// <summary>The next visit of the same insured; the dictionary's lock guards it.</summary>
        public UnderWay? Next { get; set; }

        public long BegunTicks { get; private set; }

        public void GoOn() => _all.Run(this);

        /// <summary>Begins the visit or goes on with it, as far as it goes without waiting. None is begun after one has failed.</summary>
        /// <returns>False where it waits; then it resumes by itself.</returns>
        public bool IsAnswered()
        {
            if (_stage is Stage.Waiting)
            {
                if (_all._hasFailed) return true;
                BegunTicks = _all._time.GetTimestamp();
            }

            try
            {
                while (_stage is not Stage.Answered)
                {
                    if (!IsThere())
                    {
                        // From here on another thread may have it.
                        ResumeOnceThere();
                        return false;
                    }

                    GoOneStage();
                }
            }
            catch (Exception e)
            {
                _failure = e;
                _stage = Stage.Answered;
            }

            return true;
        }

        /// <returns>False where the visit was not begun.</returns>
        /// <exception cref="Exception">Its outcome cannot be known.</exception>
        public bool TakeAnswer()
        {
            bool begun = _stage is Stage.Answered;
            Exception? failure = _failure;
            _stage = Stage.Waiting;
            _visit = default;
            _step = default;
            _failure = null;
            _finding = default;
            _ending = default;
            if (failure is not null) ExceptionDispatchInfo.Throw(failure);
            return begun;
        }

        private bool IsThere() => _stage switch
        {
            Stage.Finding => _finding.IsCompleted,
            Stage.Storing => _step.Reply.IsCompleted,
            Stage.Ending => _ending.IsCompleted,
            _ => true,
        };

        // CA2012: each is asked for its result once, where its stage ends.
#pragma warning disable CA2012
        private void ResumeOnceThere()
        {
            switch (_stage)
            {
                case Stage.Finding:
                    _finding.UnsafeOnCompleted(_resume);
                    break;
                case Stage.Storing:
                    _step.Reply.GetAwaiter().UnsafeOnCompleted(_resume);
                    break;
                default:
                    _ending.UnsafeOnCompleted(_resume);
                    break;
            }
        }

        private void GoOneStage()
        {
            switch (_stage)
            {
                case Stage.Waiting:
                    if (_all._desk.CheckRequest(Request!, Answer) is { } visit)
                    {
                        _visit = visit;
                        _finding = _all._desk.FindAsync(visit).GetAwaiter();
                        _stage = Stage.Finding;
                    }
                    else
                    {
                        _stage = Stage.Answered;
                    }

                    break;
                case Stage.Finding:
                    EndFinding();
                    break;
                case Stage.Storing:
                    EndBy(_all._desk.EndAsync(_step.Reply.GetAwaiter().GetResult(), Request!, _step.Shard, _step.Terms, Answer));
                    break;
                default:
                    _ending.GetResult();
                    _stage = Stage.Answered;
                    break;
            }
        }

        private void EndFinding()
        {
            Known known;
            try
            {
                known = _finding.GetResult();
            }
            catch (EligibilityUnavailableException e)
            {
                EndBy(_all._desk.AnswerUnknownAsync(_visit, Answer, e));
                return;
            }

            if (_all._desk.TryBegin(_visit, known, Answer, out _step, out ValueTask otherwise)) _stage = Stage.Storing;
            else EndBy(otherwise);
        }

        private void EndBy(ValueTask ending)
        {
            _ending = ending.GetAwaiter();
            _stage = Stage.Ending;
        }
#pragma warning restore CA2012
    }
}
