using Claims.LoadTests.Chaos.Calls;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>
/// One insured's rows replayed through the model, and his answers held against it. A row has its place by its sequence; an answer, which
/// may have no row, must be the model's at some moment between the rows that were surely before it was asked and those that were surely
/// asked after it was answered.
/// </summary>
public sealed class Replay
{
    private readonly InsuredModel _model;
    private readonly IReadOnlyList<Row> _rows;
    private readonly ILookup<RequestKey, Call> _calls;
    private readonly HashSet<RequestKey> _applied = [];

    /// <param name="rows">Of one insured, in their sequence.</param>
    /// <param name="calls">Of the same one.</param>
    public Replay(InsuredModel model, IReadOnlyList<Row> rows, IEnumerable<Call> calls)
    {
        _model = model;
        _rows = rows;
        _calls = calls.ToLookup(call => call.Op.Key);
    }

    /// <summary>What the rows are not, in order; after the first the model knows no further.</summary>
    public string? RowFault { get; private set; }

    /// <summary>Rows that stand before one that was answered before they were asked for.</summary>
    public List<string> OrderFaults { get; } = [];

    /// <summary>Answers that the model gives at no moment at which they can have been given.</summary>
    public List<string> AnswerFaults { get; } = [];

    public void Run()
    {
        (long KnownTicks, long SentTicks)[] times = [.. _rows.Select(TimesOf)];
        FindOrderFaults(times);
        List<Pending> pending = [.. _calls.SelectMany(group => group).Where(call => call.Reply is not null)
            .Select(call => PendingOf(call, times))];
        for (int state = 0; ; state++)
        {
            foreach (Pending one in pending.Where(one => one.From <= state && state <= one.To && !one.Explained))
                one.Explained = _model.Ask(one.Call.Op).Is(one.Call.Reply!.Value);
            if (state == _rows.Count) break;
            if (Apply(_rows[state]) is { } fault)
            {
                RowFault = $"{_rows[state].Place}, {_rows[state].Key}: {fault}";
                return;
            }
        }

        foreach (Pending one in pending.Where(one => !one.Explained))
            AnswerFaults.Add($"{one.Call.Op.Kind} {one.Call.Op.Key} was answered {one.Call.Reply}; after its rows the model says "
                + $"{_model.Ask(one.Call.Op)}");
    }

    /// <summary>When somebody knew of a row for the first time, and before when nobody can have made it.</summary>
    private (long KnownTicks, long SentTicks) TimesOf(Row row)
    {
        Call[] all = [.. _calls[row.Key]];
        Call[] same = [.. all.Where(call => IsOf(row, call.Op))];
        return (
            all.Where(call => call.Reply is { HasEffect: true }).Select(call => call.AnsweredTicks).DefaultIfEmpty(long.MaxValue).Min(),
            (same.Length > 0 ? same : all).Select(call => call.FirstSentTicks).DefaultIfEmpty(0).Min());
    }

    private void FindOrderFaults((long KnownTicks, long SentTicks)[] times)
    {
        long latestSentTicks = 0;
        for (int index = 0; index < times.Length; index++)
        {
            if (times[index].KnownTicks < latestSentTicks) OrderFaults.Add($"{_rows[index].Place}, {_rows[index].Key}");
            latestSentTicks = Math.Max(latestSentTicks, times[index].SentTicks);
        }
    }

    private static Pending PendingOf(Call call, (long KnownTicks, long SentTicks)[] times)
    {
        int from = Array.FindLastIndex(times, row => row.KnownTicks < call.SentTicks) + 1;
        int to = Array.FindIndex(times, row => row.SentTicks > call.AnsweredTicks);
        return new Pending(call, from, to < 0 ? times.Length : to);
    }

    private string? Apply(Row row)
    {
        if (!_applied.Add(row.Key)) return "booked already";
        Op? op = _calls[row.Key].Select(call => call.Op).FirstOrDefault(op => IsOf(row, op));
        if (op is null) return "nobody sent it so";
        Said said = _model.Ask(op);
        string? kind = said.Outcome switch
        {
            Reply.Settled => Row.Settlement,
            Reply.Cancelled or Reply.SettlementUndone => Row.Cancellation,
            Reply.CancellationUndone => Row.Restoration,
            Reply.NothingToUndo => Row.RequestOnly,
            _ => null,
        };
        bool same = kind == row.Kind && (kind == Row.RequestOnly
            || (said.DeductibleFen, said.FundPayFen, said.UsedBeforeFen, said.UsedAfterFen)
                == (row.DeductibleFen, row.FundPayFen, row.UsedBeforeFen, row.UsedAfterFen));
        if (!same)
        {
            return $"the books have {row.Kind} deductible {row.DeductibleFen} pays {row.FundPayFen} used {row.UsedBeforeFen}→"
                + $"{row.UsedAfterFen}, the model says {said}";
        }

        _model.Apply(op);
        return null;
    }

    private static bool IsOf(Row row, Op op) => row.Kind == Row.Settlement
        ? op.Kind == OpKind.Settle && op.TotalFen == row.TotalFen && op.VisitDate == row.VisitDate
        : op.Kind != OpKind.Settle;

    private sealed class Pending(Call call, int from, int to)
    {
        public Call Call { get; } = call;

        public int From { get; } = from;

        public int To { get; } = to;

        public bool Explained { get; set; }
    }
}
