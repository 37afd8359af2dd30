using Claims.Cli.Demo;
using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Judging;

namespace Claims.LoadTests.Tests.Chaos;

/// <summary>
/// A run as the harness would record it, of a system that is one thread: the script's operations one after the other, each repeated in the
/// end. What such a system keeps to can be switched off.
/// </summary>
internal sealed class SimulatedRun
{
    public const int Lanes = 4;
    public const int Operations = 400;
    private const int Shards = 4;

    private static readonly DateOnly Today = new(2026, 6, 1);

    private readonly Kept _kept;
    private readonly Dictionary<string, InsuredModel> _models = new(StringComparer.Ordinal);
    private readonly List<(Row Row, Op Op)>[] _shards = [.. Enumerable.Range(0, Shards).Select(_ => new List<(Row, Op)>())];
    private readonly Dictionary<RequestKey, Reply> _stored = [];
    private readonly Dictionary<RequestKey, string> _settlements = [];
    private readonly List<Call> _calls = [];
    private long _ticks;
    private ulong _words;

    private SimulatedRun(Kept kept) => _kept = kept;

    /// <param name="kept">What the system keeps to.</param>
    /// <param name="halfway">What befalls it in the middle.</param>
    public static Recording Of(Kept kept = Kept.All, Action<SimulatedRun>? halfway = null)
    {
        SimulatedRun run = new(kept);
        Script[] scripts = [.. Enumerable.Range(0, Lanes).Select(lane => new Script(seed: 5, lane, Operations))];
        for (int number = 0; number < Operations; number++)
        {
            foreach (Script script in scripts) run.Ask(script.Next(script.Today).Op, final: false);
            if (number == Operations / 2) halfway?.Invoke(run);
        }

        IEnumerable<Op> effective = run._calls.Where(call => call.Reply is { HasEffect: true }).Select(call => call.Op);
        foreach (Op op in effective.DistinctBy(op => op.Key).ToArray()) run.Ask(op, final: true);
        return run.Record();
    }

    public static IReadOnlyList<Check> Judge(Recording recording) =>
        Claims.LoadTests.Chaos.Judging.Judge.Of(recording, Tariffs.Shipped, Today);

    /// <summary>A crash that takes the newest answers with it: their numbers are given out again.</summary>
    public void LoseNewest()
    {
        foreach (List<(Row Row, Op Op)> shard in _shards)
        {
            foreach ((_, Op op) in shard.TakeLast(3).ToArray())
            {
                shard.RemoveAt(shard.Count - 1);
                _stored.Remove(op.Key);
            }
        }

        // The store knows what is left.
        _models.Clear();
        foreach ((Row row, Op op) in Rows) ModelOf(row.Key.InsuredId).Apply(op);
    }

    /// <summary>The ledger books again what it has: it does not look at its watermark.</summary>
    public void BookTwice()
    {
        foreach (List<(Row Row, Op Op)> shard in _shards)
        {
            foreach ((Row row, Op op) in shard.TakeLast(2).ToArray())
                shard.Add((row with { Sequence = shard.Count + 1, SettlementId = row.SettlementId + "'" }, op));
        }
    }

    /// <summary>People whose hash is gone are taken for new.</summary>
    public void ForgetPeople()
    {
        _models.Clear();
        _stored.Clear();
    }

    private void Ask(Op op, bool final)
    {
        Call call = new(op) { Final = final, FirstSentTicks = ++_ticks, Attempts = 1 };
        _calls.Add(call);
        InsuredModel model = ModelOf(op.Key.InsuredId);
        Said said = model.Ask(op);
        bool again = _kept.HasFlag(Kept.OnceOnly) && said.Outcome != Reply.Refused && _stored.ContainsKey(op.Key);
        Reply reply = again
            ? _stored[op.Key]
            : said.Outcome == Reply.Refused
                ? new Reply(Reply.Refused, said.Reason, "", 0, 0, 0, 0, 0)
                : Book(model, op);
        call.Answered(reply, call.FirstSentTicks, ++_ticks);
    }

    private Reply Book(InsuredModel model, Op op)
    {
        Said said = model.Apply(op);
        List<(Row Row, Op Op)> shard = _shards[op.Key.InsuredId[^1] % Shards];
        string id = $"S{op.Key.InsuredId[^1] % Shards}-{shard.Count + 1}";
        string original = op.Kind == OpKind.Settle ? "" : OriginalOf(op);
        (string kind, string answered) = said.Outcome switch
        {
            Reply.Settled => (Row.Settlement, id),
            Reply.CancellationUndone => (Row.Restoration, original),
            Reply.NothingToUndo => (Row.RequestOnly, ""),
            _ => (Row.Cancellation, id),
        };
        bool moves = kind != Row.RequestOnly;
        Op settled = moves ? SettledBy(op, original) : op;
        shard.Add((new Row(
            op.Key.InsuredId[^1] % Shards, shard.Count + 1, kind, moves ? id : "", original, op.Key, moves ? settled.VisitDate : null,
            (kind == Row.Cancellation ? -1 : 1) * (moves ? settled.TotalFen : 0), said.DeductibleFen, said.FundPayFen, said.UsedBeforeFen,
            said.UsedAfterFen), op));
        if (kind == Row.Settlement) _settlements[op.Key] = id;
        Reply reply = new(said.Outcome, "", answered, said.DeductibleFen, said.FundPayFen, said.UsedBeforeFen, said.UsedAfterFen, ++_words);
        _stored[op.Key] = reply;
        return reply;
    }

    /// <summary>The settlement that a cancellation names, or that the cancellation named by a reversal does.</summary>
    private string OriginalOf(Op op)
    {
        RequestKey target = op.Key with { RequestId = op.Target };
        if (_settlements.TryGetValue(target, out string? id)) return id;
        return Rows.Where(entry => entry.Row.Key == target).Select(entry => entry.Row.OriginalSettlementId).FirstOrDefault("");
    }

    private Op SettledBy(Op op, string original) =>
        original.Length == 0 ? op : Rows.First(entry => entry.Row.SettlementId == original).Op;

    private IEnumerable<(Row Row, Op Op)> Rows => _shards.SelectMany(shard => shard);

    private InsuredModel ModelOf(string insured)
    {
        if (!_models.TryGetValue(insured, out InsuredModel? model))
            _models[insured] = model = new InsuredModel(Tariffs.Shipped, Today, _kept);
        return model;
    }

    private Recording Record()
    {
        Row[] rows = [.. Rows.Select(entry => entry.Row)];
        Row[] moving = [.. rows.Where(row => row.Kind != Row.RequestOnly)];
        IEnumerable<Held> held =
            from insured in moving.Select(row => row.Key.InsuredId).Distinct()
            from year in City.Years
            let model = ModelOf(insured)
            select new Held(
                insured, year, model.UsedFen.GetValueOrDefault(year),
                model.BorneFen.Where(day => day.Key.Day.Year == year && day.Value != 0).ToDictionary(),
                [.. model.Standing.Where(op => op.VisitDate.Year == year).Select(op => (op.Key.FacilityCode, op.Key.RequestId))]);
        IEnumerable<YearOfBooks> years =
            from row in moving
            group row by (row.Key.InsuredId, row.VisitDate!.Value.Year) into year
            select new YearOfBooks(
                year.Key.InsuredId, year.Key.Year, year.Sum(row => row.FundPayFen),
                year.Sum(row => row.Kind == Row.Cancellation ? -1 : 1));
        long paid = moving.Sum(row => row.FundPayFen);
        return new Recording(
            _calls, rows, [.. held], [.. years],
            new GeneralLedger(paid, paid, 0, paid, moving.Sum(row => row.Kind == Row.Cancellation ? -1 : 1)),
            [.. _shards.Select((shard, number) => (number, (long)shard.Count, (long)shard.Count))], new Dictionary<string, long>(),
            []);
    }
}
