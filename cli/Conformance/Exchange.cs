using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Conformance;

/// <summary>One call of the system under test, or one message of its stream, and what it was given for it.</summary>
/// <param name="Method">As the contract names it; <see cref="StreamEnd"/> where the system under test has ended its stream.</param>
/// <param name="Stream">Which of its streams, from 1; 0 for a call of its own.</param>
public sealed record Exchange(int Number, string Method, int Stream, IMessage Request, DateTimeOffset At)
{
    public const string StreamEnd = "StreamEnd";

    /// <summary>Null while it is under way, and where no answer went out.</summary>
    public IMessage? Answer { get; init; }

    /// <summary>What the adjudication answered, whether or not it was passed on.</summary>
    public IMessage? Centre { get; init; }

    /// <summary>The status in place of an answer.</summary>
    public StatusCode? Status { get; init; }

    /// <summary>What was done to it on the way; empty where nothing was.</summary>
    public string Fault { get; init; } = "";

    public DateTimeOffset? Ended { get; init; }

    /// <summary>The system under test ended the call before an answer came.</summary>
    public bool GaveUp { get; init; }

    public SettleRequest? Settle => Method is "Settle" or "SettleStream" ? Request as SettleRequest : null;

    public SettleReply? Reply => Answer as SettleReply;

    public bool IsSettled => Reply is { Decision: Decision.Settled };

    public bool IsRefused => Reply is { Decision: Decision.Refused };

    public bool IsCancelled => Reply is { Decision: Decision.Cancelled };

    public string RequestId => Request switch
    {
        SettleRequest settle => settle.RequestId,
        CancelRequest cancel => cancel.RequestId,
        ReverseRequest reverse => reverse.RequestId,
        _ => "",
    };
}

/// <summary>What the proxy does to a call.</summary>
public enum Deed
{
    /// <summary>Passes call and answer on.</summary>
    PassOn,

    /// <summary>Lets the adjudication do it, then breaks the connection.</summary>
    DropAnswer,

    /// <summary>Answers a status, before or after the adjudication has done it.</summary>
    AnswerStatus,

    /// <summary>Answers by itself; the adjudication learns nothing of it.</summary>
    AnswerItself,

    /// <summary>Changes the answer.</summary>
    AlterAnswer,

    /// <summary>Sends the call twice, so that the answer that is passed on is a replayed one.</summary>
    SendTwice,

    /// <summary>Keeps the answer until the system under test gives up.</summary>
    HoldAnswer,

    /// <summary>Passes the answer on late.</summary>
    DelayAnswer,

    /// <summary>Lets the adjudication do it, keeps the answer, and breaks the connection soon after.</summary>
    BreakSoon,
}

/// <param name="Status">Of <see cref="Deed.AnswerStatus"/>.</param>
/// <param name="Done">Whether the adjudication has done it before the status.</param>
/// <param name="Answer">Of <see cref="Deed.AnswerItself"/> the answer, from nothing; of <see cref="Deed.AlterAnswer"/> from the
/// adjudication's.</param>
public sealed record Act(Deed Deed, StatusCode Status = StatusCode.OK, bool Done = false, Func<IMessage?, IMessage>? Answer = null)
{
    public static Act PassOn { get; } = new(Deed.PassOn);

    public static Act Drop { get; } = new(Deed.DropAnswer);

    public static Act Twice { get; } = new(Deed.SendTwice);

    public static Act Hold { get; } = new(Deed.HoldAnswer);

    public static Act Delay { get; } = new(Deed.DelayAnswer);

    public static Act BreakSoon { get; } = new(Deed.BreakSoon);

    public static Act Fail(StatusCode status, bool done) => new(Deed.AnswerStatus, status, done);

    public static Act Say(IMessage answer) => new(Deed.AnswerItself, Answer: _ => answer);

    public static Act Alter<T>(Func<T, T> change) where T : class, IMessage =>
        new(Deed.AlterAnswer, Answer: reply => reply is T known ? change(known) : reply!);

    /// <summary>A refusal, of which nothing is stored.</summary>
    public static Act Refuse(SettleRequest request, string code, string text, SettlementRef? other = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        SettleReply refusal = Refusal(request.RequestId, request.FacilityCode, request.InsuredId, code, text, other);
        refusal.VisitDate = request.VisitDate;
        refusal.VisitType = request.VisitType;
        refusal.VisitId = request.VisitId;
        return Say(refusal);
    }

    public static Act Refuse(CancelRequest request, string code, string text, SettlementRef? other = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        SettleReply refusal = Refusal(request.RequestId, request.FacilityCode, request.InsuredId, code, text, other);
        refusal.OriginalRequestId = request.OriginalRequestId;
        return Say(refusal);
    }

    private static SettleReply Refusal(
        string requestId, string facilityCode, string insuredId, string code, string text, SettlementRef? other) =>
        new()
        {
            RequestId = requestId,
            FacilityCode = facilityCode,
            InsuredId = insuredId,
            Decision = Decision.Refused,
            ReasonCode = code,
            ReasonText = text,
            Other = other,
        };
}
