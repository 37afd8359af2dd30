using System.Globalization;
using Claims.Cli;
using Claims.Cli.Demo;
using Claims.LoadTests.Chaos.Calls;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>Whether what must hold of every run holds of one: each invariant with what breaks it.</summary>
public sealed class Judge
{
    private const int Shown = 5;

    private readonly Recording _run;
    private readonly Tariffs _tariffs;
    private readonly ILookup<RequestKey, Call> _calls;
    private readonly Dictionary<RequestKey, Row> _rows = [];
    private readonly Faults _twice = new();
    private readonly Dictionary<string, InsuredModel> _models = new(StringComparer.Ordinal);
    private readonly Faults _rowFaults = new();
    private readonly Faults _orderFaults = new();
    private readonly Faults _answerFaults = new();

    private Judge(Recording run, Tariffs tariffs)
    {
        _run = run;
        _tariffs = tariffs;
        _calls = run.Calls.ToLookup(call => call.Op.Key);
        foreach (Row row in Booked)
        {
            if (!_rows.TryAdd(row.Key, row)) _twice.Add($"{row.Key} at {_rows[row.Key].Place} and {row.Place}");
        }
    }

    private IEnumerable<Row> Booked => _run.Rows.Where(row => row.Kind != Row.NumbersLost);

    /// <summary>Rows of visits: what moves money or deductible.</summary>
    private IEnumerable<Row> Moving => Booked.Where(row => row.VisitDate is not null && row.Kind != Row.RequestOnly);

    /// <param name="today">Visits after it were in the future.</param>
    public static IReadOnlyList<Check> Of(Recording run, Tariffs tariffs, DateOnly today)
    {
        ArgumentNullException.ThrowIfNull(run);
        Judge judge = new(run, tariffs);
        judge.ReplayAll(today);
        return
        [
            judge.AcknowledgedPostedSent(),
            judge.OneOutcomeAKey(),
            judge.BooksRepeatAnswers(),
            judge.RowsAreTheModels(),
            judge.AnswersAreTheModels(),
            judge.OrderIsThatOfTheClock(),
            judge.CapIsKept(),
            judge.DeductibleOncePerDay(),
            judge.PairsAreZero(),
            judge.DebitsEqualCredits(),
            judge.AccumulatorsEqualFoldAndModel(),
            judge.YearsEqualFold(),
            judge.NoGap(),
            judge.BacklogDrained(),
            judge.EverythingAnswered(),
            judge.NothingUnexpected(),
            .. run.Others,
        ];
    }

    private void ReplayAll(DateOnly today)
    {
        ILookup<string, Row> rows = Booked.ToLookup(row => row.Key.InsuredId, StringComparer.Ordinal);
        foreach (IGrouping<string, Call> insured in _run.Calls.GroupBy(call => call.Op.Key.InsuredId, StringComparer.Ordinal))
        {
            InsuredModel model = new(_tariffs, today);
            Replay replay = new(model, [.. rows[insured.Key]], insured);
            replay.Run();
            if (replay.RowFault is { } fault) _rowFaults.Add(fault);
            else _models.Add(insured.Key, model);
            replay.OrderFaults.ForEach(_orderFaults.Add);
            replay.AnswerFaults.ForEach(_answerFaults.Add);
        }
    }

    private Check AcknowledgedPostedSent()
    {
        Faults faults = new();
        int acknowledged = 0;
        foreach (IGrouping<RequestKey, Call> key in _calls.Where(key => key.Any(call => call.Reply is { HasEffect: true })))
        {
            acknowledged++;
            if (!_rows.ContainsKey(key.Key)) faults.Add($"{key.Key} was acknowledged and is in no book");
        }

        foreach (Row row in Booked.Where(row => !_calls.Contains(row.Key))) faults.Add($"{row.Place}, {row.Key} was never sent");
        foreach (string twice in _twice.All) faults.Add($"{twice}: twice");
        return faults.Check("acknowledged ⊆ posted ⊆ sent, each once",
            $"{Count(_calls.Count)} keys sent, {Count(acknowledged)} acknowledged, {Count(_rows.Count)} posted", acknowledged > 0);
    }

    private Check OneOutcomeAKey()
    {
        Faults faults = new();
        int repeats = 0;
        foreach (IGrouping<RequestKey, Call> key in _calls)
        {
            Reply[] effects = [.. key.Select(call => call.Reply).OfType<Reply>().Where(reply => reply.HasEffect)];
            repeats += Math.Max(effects.Length - 1, 0);
            Reply[] different = [.. effects.Distinct()];
            if (different.Length > 1) faults.Add($"{key.Key}: {different[0]} and {different[1]}");
        }

        return faults.Check("one outcome a key, the same words on repeat", $"{Count(repeats)} repeats");
    }

    private Check BooksRepeatAnswers()
    {
        Faults faults = new();
        foreach (Row row in _rows.Values)
        {
            foreach (Reply reply in _calls[row.Key].Select(call => call.Reply).OfType<Reply>().Where(reply => reply.HasEffect))
            {
                if (!Repeats(row, reply)) faults.Add($"{row.Place}, {row.Key}: {row.Kind} {row.SettlementId}, answered {reply}");
            }
        }

        return faults.Check("books = answers, to the fen", $"{Count(_rows.Count)} rows");
    }

    /// <remarks>A restoration's answer names the settlement that stands again.</remarks>
    private static bool Repeats(Row row, Reply reply) => row.Kind == Row.RequestOnly
        ? reply.Outcome == Reply.NothingToUndo
        : (reply.SettlementId, reply.DeductibleFen, reply.FundPayFen, reply.UsedBeforeFen, reply.UsedAfterFen)
            == (row.Kind == Row.Restoration ? row.OriginalSettlementId : row.SettlementId,
                row.DeductibleFen, row.FundPayFen, row.UsedBeforeFen, row.UsedAfterFen)
            && row.Kind == (reply.Outcome switch
            {
                Reply.Settled => Row.Settlement,
                Reply.CancellationUndone => Row.Restoration,
                Reply.Cancelled or Reply.SettlementUndone => Row.Cancellation,
                _ => "",
            });

    private Check RowsAreTheModels() => _rowFaults.Check(
        "the books are what one model makes of them, one after the other", $"{Count(_rows.Count)} rows of {Count(_models.Count)} people");

    private Check AnswersAreTheModels() => _answerFaults.Check(
        "every answer is the model's at a moment when it can have been given",
        $"{Count(_run.Calls.Count(call => call.Reply is not null))} answers");

    private Check OrderIsThatOfTheClock() => _orderFaults.Check(
        "what was answered before another was asked comes before it in the books", "");

    private Check CapIsKept()
    {
        Faults faults = new();
        Dictionary<(string, int), long> used = [];
        int reached = 0;
        foreach (Row row in Moving)
        {
            (string, int) year = (row.Key.InsuredId, row.VisitDate!.Value.Year);
            long before = used.GetValueOrDefault(year);
            long after = used[year] = before + row.FundPayFen;
            long cap = _tariffs.Of(row.Key.FacilityCode, row.VisitDate.Value)?.CapFen ?? 0;
            if (after > cap || after < 0 || row.UsedBeforeFen != before || row.UsedAfterFen != after)
                faults.Add($"{row.Place}, {row.Key}: {row.UsedBeforeFen}→{row.UsedAfterFen}, the fold {before}→{after}, cap {cap}");
            else if (after == cap && before < cap) reached++;
        }

        return faults.Check("no annual cap exceeded, each row begins where the last one ended", $"reached {Count(reached)} times");
    }

    private Check DeductibleOncePerDay()
    {
        Faults faults = new();
        int shared = 0;
        Dictionary<(string, string, DateOnly), (long Borne, int Standing)> days = [];
        foreach (Row row in Moving)
        {
            (string, string, DateOnly) day = (row.Key.InsuredId, row.Key.FacilityCode, row.VisitDate!.Value);
            (long borne, int standing) = days.GetValueOrDefault(day);
            borne += row.DeductibleFen;
            standing += row.Kind == Row.Cancellation ? -1 : 1;
            days[day] = (borne, standing);
            if (standing == 2) shared++;
            long most = _tariffs.Of(row.Key.FacilityCode, row.VisitDate.Value)?.DeductibleFen ?? 0;
            if (borne < 0 || borne > most)
                faults.Add($"{row.Place}, {row.Key} on {row.VisitDate:yyyy-MM-dd}: borne {borne}, at most {most}");
        }

        return faults.Check("a day's deductible is borne once", $"{Count(days.Count)} days, {Count(shared)} of several visits");
    }

    private Check PairsAreZero()
    {
        Faults faults = new();
        Dictionary<string, Row> settled = [];
        Dictionary<string, (long Pay, long Deductible, long Total)> sums = new(StringComparer.Ordinal);
        int undone = 0;
        foreach (Row row in Booked.Where(row => row.Kind != Row.RequestOnly))
        {
            string pair = row.Kind == Row.Settlement ? row.SettlementId : row.OriginalSettlementId;
            if (row.Kind == Row.Settlement) settled[pair] = row;
            (long pay, long deductible, long total) = sums.GetValueOrDefault(pair);
            (long, long, long) sum = sums[pair] = (pay + row.FundPayFen, deductible + row.DeductibleFen, total + row.TotalFen);
            if (row.Kind == Row.Cancellation) undone++;
            (long, long, long) expected = row.Kind == Row.Cancellation || !settled.TryGetValue(pair, out Row? original)
                ? default
                : (original.FundPayFen, original.DeductibleFen, original.TotalFen);
            if (sum != expected) faults.Add($"{row.Place}, {row.Key}: with what it undoes or restores {sum} in place of {expected}");
        }

        return faults.Check("undone pairs are zero", $"{Count(undone)} undone");
    }

    private Check DebitsEqualCredits()
    {
        GeneralLedger ledger = _run.GeneralLedger;
        long paid = Booked.Sum(row => row.FundPayFen);
        long standing = Booked.Sum(row => row.Kind switch
        {
            Row.Settlement or Row.Restoration => 1,
            Row.Cancellation => -1,
            _ => 0,
        });
        Faults faults = new();
        if (ledger.DebitFen != ledger.CreditFen) faults.Add($"debit {ledger.DebitFen}, credit {ledger.CreditFen}");
        if (ledger.JournalsApart > 0) faults.Add($"{ledger.JournalsApart} journals do not sum to zero");
        if (ledger.FundPaidFen != paid) faults.Add($"the fund paid {ledger.FundPaidFen}, by the rows {paid}");
        if (ledger.StandingSettlements != standing) faults.Add($"{ledger.StandingSettlements} stand, by the rows {standing}");
        return faults.Check("debits = credits = what the rows say",
            $"debit {Output.Yuan(ledger.DebitFen)}, {Count(standing)} settlements stand, the fund pays {Output.Yuan(paid)}");
    }

    private Check AccumulatorsEqualFoldAndModel()
    {
        Faults faults = new();
        ILookup<string, Row> rows = Moving.ToLookup(row => row.Key.InsuredId, StringComparer.Ordinal);
        foreach (Held held in _run.Held)
        {
            Row[] own = [.. rows[held.InsuredId].Where(row => row.VisitDate?.Year == held.Year)];
            Dictionary<(string, DateOnly), long> folded = own.GroupBy(row => (row.Key.FacilityCode, row.VisitDate!.Value))
                .Select(day => (day.Key, Borne: day.Sum(row => row.DeductibleFen))).Where(day => day.Borne != 0)
                .ToDictionary(day => day.Key, day => day.Borne);
            Compare("the fold", own.Sum(row => row.FundPayFen), folded);
            if (!_models.TryGetValue(held.InsuredId, out InsuredModel? model)) continue;
            Compare("the model", model.UsedFen.GetValueOrDefault(held.Year),
                model.BorneFen.Where(day => day.Key.Day.Year == held.Year && day.Value != 0).ToDictionary());
            HashSet<(string, string)> standing = [.. model.Standing.Where(op => op.VisitDate.Year == held.Year)
                .Select(op => (op.Key.FacilityCode, op.Key.RequestId))];
            if (!standing.SetEquals(held.Standing))
                faults.Add($"{held.InsuredId} {held.Year}: {held.Standing.Count} settlements stand, by the model {standing.Count}");

            void Compare(string whose, long paidFen, Dictionary<(string, DateOnly), long> borneFen)
            {
                bool same = held.FundPaidFen == paidFen && held.BorneFen.Count == borneFen.Count
                    && borneFen.All(day => held.BorneFen.GetValueOrDefault(day.Key) == day.Value);
                if (!same)
                {
                    faults.Add($"{held.InsuredId} {held.Year}: paid {held.FundPaidFen} and {held.BorneFen.Values.Sum()} borne, by {whose} "
                        + $"{paidFen} and {borneFen.Values.Sum()}");
                }
            }
        }

        HashSet<(string, int)> asked = [.. _run.Held.Select(held => (held.InsuredId, held.Year))];
        foreach (Row row in Moving.Where(row => !asked.Contains((row.Key.InsuredId, row.VisitDate!.Value.Year))))
            faults.Add($"{row.Key.InsuredId} {row.VisitDate!.Value.Year} has rows and no accumulators");
        return faults.Check("accumulators = fold of the ledger = model", $"{Count(_run.Held.Count)} years of people");
    }

    private Check YearsEqualFold()
    {
        Dictionary<(string, int), (long Paid, long Standing)> folded = Moving
            .GroupBy(row => (row.Key.InsuredId, row.VisitDate!.Value.Year))
            .ToDictionary(year => year.Key, year => (
                year.Sum(row => row.FundPayFen),
                year.Sum(row => row.Kind == Row.Cancellation ? -1L : 1)));
        Faults faults = new();
        foreach (YearOfBooks year in _run.Years)
        {
            if (!folded.Remove((year.InsuredId, year.Year), out (long Paid, long Standing) own)
                || own != (year.CappedFundPayFen, year.StandingSettlements))
                faults.Add($"{year.InsuredId} {year.Year}: {year.CappedFundPayFen}, {year.StandingSettlements} stand, by the rows {own}");
        }

        foreach (((string insured, int year), (long Paid, long Standing) own) in folded.Where(year => year.Value != default))
            faults.Add($"{insured} {year}: {own} by the rows, and nothing");
        return faults.Check("the ledger's years = fold of its rows", $"{Count(_run.Years.Count)} years of people");
    }

    /// <remarks>Numbers that a rebuild gives up are booked as lost by one row, the last of them.</remarks>
    private Check NoGap()
    {
        Faults faults = new();
        int lost = 0;
        foreach (IGrouping<int, Row> shard in _run.Rows.GroupBy(row => row.Shard))
        {
            long before = 0;
            foreach (Row row in shard)
            {
                bool follows = row.Sequence == before + 1 || (row.Kind == Row.NumbersLost && row.Sequence > before);
                if (!follows) faults.Add($"{row.Place} follows {before}");
                if (row.Kind == Row.NumbersLost) lost++;
                before = row.Sequence;
            }
        }

        foreach ((int shard, _, long booked) in _run.Watermarks)
        {
            long last = _run.Rows.Where(row => row.Shard == shard).Select(row => row.Sequence).DefaultIfEmpty(0).Max();
            if (last != booked) faults.Add($"shard {shard}: the watermark is {booked}, the last row {last}");
        }

        return faults.Check("no gap", $"{Count(_run.Rows.Count)} rows{(lost > 0 ? $", numbers given up {Count(lost)} times" : "")}");
    }

    private Check BacklogDrained()
    {
        Faults faults = new();
        foreach ((int shard, long given, long booked) in _run.Watermarks.Where(shard => shard.Given != shard.Booked))
            faults.Add($"shard {shard}: {given} given out, {booked} booked");
        return faults.Check("the backlog is drained", $"{Count(_run.Watermarks.Count)} shards", _run.Watermarks.Count > 0);
    }

    private Check EverythingAnswered()
    {
        Faults faults = new();
        foreach (Call call in _run.Calls.Where(call => call.Reply is null)) faults.Add($"{call.Op.Kind} {call.Op.Key} was never answered");
        return faults.Check("every request has its answer in the end",
            $"{Count(_run.Calls.Count)} calls, {Count(_run.Calls.Count(call => call.LeftOpen))} had been left open");
    }

    private Check NothingUnexpected()
    {
        Faults faults = new();
        foreach ((string status, long times) in _run.Statuses) faults.Add($"{status} ({Count(times)} times)");
        return faults.Check("no status but those of the contract", "");
    }

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);

    /// <summary>What breaks an invariant: the first few in words, all of them counted.</summary>
    private sealed class Faults
    {
        public List<string> All { get; } = [];

        public void Add(string fault) => All.Add(fault);

        public Check Check(string name, string examined, bool any = true) => new(
            name, any && All.Count == 0,
            All.Count == 0
                ? examined
                : $"{Count(All.Count)} times: {string.Join("; ", All.Take(Shown))}{(All.Count > Shown ? "; …" : "")}"
                    + $"{(examined.Length > 0 ? $" ({examined})" : "")}");
    }
}
