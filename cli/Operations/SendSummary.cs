using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Operations;

/// <summary>Counts answers by kind of operation and outcome.</summary>
public sealed class SendSummary
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<(string Key, string Outcome, string Reason), long> _counts = [];
    private long _answers;
    private long _errors;
    private long _replayed;
    private long _repeated;
    private long _fundPayFen;

    /// <summary>How many operations were left with a gRPC status instead of a reply.</summary>
    public long Errors => _errors;

    public void Add(Operation operation, Answer answer)
    {
        (string outcome, string reason, long fundPayFen, bool replayed) = answer.Reply switch
        {
            SettleReply reply => (
                NameOf(reply), reply.ReasonCode, reply.Decision is Decision.Settled or Decision.Cancelled ? reply.FundPayFen : 0,
                reply.Replayed),
            ReverseReply reply => (NameOf(reply.Outcome), reply.ReasonCode, reply.Mirror?.FundPayFen ?? 0, reply.Mirror?.Replayed ?? false),
            Accumulators => ("ANSWERED", "", 0, false),
            _ => ("ERROR", StatusName(answer.Error.StatusCode), 0, false),
        };
        // A quote pays nothing, and a stored answer paid when it was first given.
        long paid = replayed || operation.Key is not ("settle" or "cancel" or "reverse") ? 0 : fundPayFen;
        lock (_gate)
        {
            _counts[(operation.Key, outcome, reason)] = _counts.GetValueOrDefault((operation.Key, outcome, reason)) + 1;
            _answers++;
            _errors += answer.IsError ? 1 : 0;
            _replayed += replayed ? 1 : 0;
            _repeated += answer.Repeats > 0 ? 1 : 0;
            _fundPayFen += paid;
        }
    }

    /// <param name="sentences">What is told of each operation, before the counts; empty where there are too many.</param>
    public void Print(TimeSpan elapsed, IReadOnlyList<string> sentences)
    {
        foreach (string sentence in sentences) Output.Line(sentence);
        Output.Table(
            ["operation", "outcome", "reason", ">count"],
            _counts.Select(count => new[]
            {
                count.Key.Key, count.Key.Outcome, count.Key.Reason, count.Value.ToString("#,##0", CultureInfo.InvariantCulture),
            }));
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{_answers:#,##0} answers in {elapsed.TotalSeconds:0.0} s ({PerSecond(elapsed):#,##0}/s), {_replayed:#,##0} "
                + $"replayed, {_errors:#,##0} errors; the fund pays {Output.Yuan(_fundPayFen)}"));
        if (_repeated > 0)
        {
            Output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{_repeated:#,##0} were sent again because no answer came; such an answer may say replayed although it is new."));
        }
    }

    public void PrintJson(TimeSpan elapsed) => Output.WriteJson(new
    {
        Operations = _answers,
        Errors = _errors,
        Replayed = _replayed,
        Repeated = _repeated,
        FundPayFen = _fundPayFen,
        Seconds = Math.Round(elapsed.TotalSeconds, 3),
        PerSecond = PerSecond(elapsed),
        Outcomes = _counts.Select(count =>
            new { Operation = count.Key.Key, count.Key.Outcome, ReasonCode = count.Key.Reason, Count = count.Value }),
    });

    /// <summary>As gRPC writes it: DEADLINE_EXCEEDED.</summary>
    public static string StatusName(StatusCode status) => string.Concat(
        status.ToString().Select((c, index) => index > 0 && char.IsUpper(c) ? $"_{c}" : char.ToUpperInvariant(c).ToString()));

    private long PerSecond(TimeSpan elapsed) => (long)(_answers / Math.Max(elapsed.TotalSeconds, 0.001));

    public static string NameOf(SettleReply reply) =>
        SettleReply.Descriptor.FindFieldByName("decision").EnumType.FindValueByNumber((int)reply.Decision)?.Name
            ?? $"{(int)reply.Decision}";

    public static string NameOf(ReverseReply.Types.Outcome outcome) =>
        ReverseReply.Descriptor.FindFieldByName("outcome").EnumType.FindValueByNumber((int)outcome)?.Name ?? $"{(int)outcome}";
}
