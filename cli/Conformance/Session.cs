using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Conformance;

/// <summary>How long the proxy and the judge wait.</summary>
/// <param name="Situation">For the person at the counter.</param>
/// <param name="Quiet">For a call too many, once a situation is handled.</param>
/// <param name="Silence">The same where a situation is handled by not calling.</param>
/// <param name="Hold">For the system under test to give a call up.</param>
/// <param name="Delay">Of an answer that is late and comes.</param>
/// <param name="Break">Between the first message without an answer and the end of the connection.</param>
/// <param name="Pause">The least pause after RESOURCE_EXHAUSTED.</param>
public sealed record Waits(
    TimeSpan Situation, TimeSpan Quiet, TimeSpan Silence, TimeSpan Hold, TimeSpan Delay, TimeSpan Break, TimeSpan Pause)
{
    public static Waits Of(TimeSpan situation) => new(
        situation, Least(3), Least(8), situation / 2, Least(5), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(900));

    private static TimeSpan Least(double seconds) => TimeSpan.FromSeconds(seconds);
}

/// <summary>
/// Which call belongs to which situation, and what is to be done to it. A call that names a request of an earlier situation belongs to that
/// one and is passed on as it is.
/// </summary>
public sealed class Session(string facility, Waits waits, TimeProvider time, Action<string, Exchange> record)
{
    /// <summary>Of one situation; more are a loop.</summary>
    public const int MostCalls = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (Stage Stage, IMessage Request)> _requests = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Stage> _settlements = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = NewSource();
    private Stage _stage = new(null, null);
    private int _numbers;
    private int _streams;

    public Waits Waits => waits;

    public TimeProvider Time => time;

    public void Begin(Situation? situation, Place? place)
    {
        lock (_gate)
        {
            _stage = new Stage(situation, place);
            Change();
        }
    }

    /// <returns>The calls of the present situation; whether one is under way; how many were of others; what ends the next wait.</returns>
    public (Seen Seen, bool UnderWay, int Others, Task Changed) Look()
    {
        lock (_gate)
        {
            return (SeenOf(_stage), _stage.Calls.Exists(call => call.Ended is null), _stage.Others, _changed.Task);
        }
    }

    public int NewStream() => Interlocked.Increment(ref _streams);

    /// <exception cref="RpcException">The system under test calls without end.</exception>
    public (Call Call, Act Act) Arrive(string method, int stream, IMessage request)
    {
        lock (_gate)
        {
            Exchange arrived = new(++_numbers, method, stream, request, time.GetUtcNow());
            Stage stage = StageOf(arrived);
            if (stage.Calls.Count >= MostCalls)
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "本情形的调用过多，请检查系统是否在循环重发。"));
            Call call = new(stage, stage.Calls.Count, arrived.Number);
            bool mine = stage == _stage && IsOfPlace(stage, request);
            if (!mine)
            {
                if (stage == _stage) stage.Others++;
                return (call with { Index = -1, Alone = arrived }, Act.PassOn);
            }

            stage.Calls.Add(arrived);
            if (arrived.RequestId.Length > 0 && method != "PreSettle") _requests.TryAdd(arrived.RequestId, (stage, request));
            Change();
            return (call, stage.Situation!.Do(SeenOf(stage), arrived));
        }
    }

    /// <summary>The system under test has ended its stream by itself.</summary>
    public void StreamEnded(int stream)
    {
        lock (_gate)
        {
            if (!_stage.Calls.Exists(call => call.Stream == stream)) return;
            DateTimeOffset now = time.GetUtcNow();
            _stage.Calls.Add(new Exchange(++_numbers, Exchange.StreamEnd, stream, new SettleRequest(), now) { Ended = now });
            Change();
        }
    }

    public void End(Call call, Func<Exchange, Exchange> result)
    {
        ArgumentNullException.ThrowIfNull(call);
        ArgumentNullException.ThrowIfNull(result);
        lock (_gate)
        {
            Exchange before = call.Index < 0 ? call.Alone! : call.Stage.Calls[call.Index];
            Exchange ended = result(before) with { Ended = time.GetUtcNow() };
            if (call.Index >= 0) call.Stage.Calls[call.Index] = ended;
            if (ended.Centre is SettleReply { SettlementId.Length: > 0 } reply) _settlements.TryAdd(reply.SettlementId, call.Stage);
            record(call.Stage.Situation?.Key ?? "", ended);
            Change();
        }
    }

    private Stage StageOf(Exchange arrived)
    {
        Stage? earlier = arrived.Request switch
        {
            SettleRequest settle when arrived.Method != "PreSettle" && Known(settle.RequestId) is { } known
                && known.Request is SettleRequest before && Seen.SameContent(before, settle) => known.Stage,
            CancelRequest cancel => OfTarget(cancel.OriginalRequestId, cancel.SettlementId),
            ReverseRequest reverse => OfTarget(reverse.OriginalRequestId, ""),
            GetSettlementRequest lookup => OfTarget(lookup.RequestId, lookup.SettlementId),
            _ => null,
        };
        return earlier ?? _stage;

        (Stage Stage, IMessage Request)? Known(string id) => _requests.TryGetValue(id, out (Stage, IMessage) found) ? found : null;

        Stage? OfTarget(string requestId, string settlementId) =>
            Known(requestId)?.Stage ?? _settlements.GetValueOrDefault(settlementId);
    }

    private bool IsOfPlace(Stage stage, IMessage request)
    {
        if (stage is not { Situation: not null, Place: { } place }) return false;
        return request switch
        {
            SettleRequest settle => settle.FacilityCode == facility && settle.InsuredId == place.Insured,
            CancelRequest cancel => cancel.FacilityCode == facility && cancel.InsuredId == place.Insured,
            ReverseRequest reverse => reverse.FacilityCode == facility && reverse.InsuredId == place.Insured,
            GetSettlementRequest lookup => lookup.FacilityCode == facility && lookup.InsuredId == place.Insured,
            GetAccumulatorsRequest accumulators => accumulators.InsuredId == place.Insured,
            ReconcileTotalsRequest totals => totals.FacilityCode == facility,
            FacilityBooks books => books.Scope?.FacilityCode == facility,
            _ => false,
        };
    }

    private Seen SeenOf(Stage stage) => new(
        stage.Place ?? new Place(facility, "", default, 0), [.. stage.Calls], waits.Pause);

    private void Change()
    {
        _changed.TrySetResult();
        _changed = NewSource();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A situation while it is played.</summary>
    public sealed class Stage(Situation? situation, Place? place)
    {
        public Situation? Situation => situation;

        public Place? Place => place;

        internal List<Exchange> Calls { get; } = [];

        internal int Others { get; set; }
    }

    /// <param name="Index">Among the calls of its situation; below 0 where it is not judged.</param>
    /// <param name="Alone">Where it is not judged.</param>
    public sealed record Call(Stage Stage, int Index, int Number, Exchange? Alone = null);
}
