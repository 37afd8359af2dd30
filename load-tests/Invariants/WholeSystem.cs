using System.Globalization;
using Claims.Cli;
using Claims.Cli.Audit;
using Claims.Cli.Demo;
using Claims.LoadTests.Hospitals;
using Claims.V1;

namespace Claims.LoadTests.Invariants;

/// <summary>
/// What must hold of the whole system after any run: acknowledged ⊆ posted ⊆ sent, each once and to the fen; every record begins
/// where the insured's last one ended; nobody exceeds the cap; accumulators, sub-ledger and general ledger agree. The books are taken
/// row by row as they stream in: memory is 1 byte per operation and 13 per insured besides the answer book.
/// </summary>
public sealed class WholeSystem
{
    private readonly AnswerBook _answers;
    private readonly byte[] _posted;
    private readonly long[] _usedFen;
    private readonly int[] _standing;
    private readonly bool[] _hasYear;
    private long _rows;
    private long _twice;
    private long _neverSent;
    private long _otherThanAnswered;
    private long _outOfLine;
    private long _exceeded;
    private long _fundPayFen;
    private long _years;
    private long _yearsThatDiffer;

    /// <param name="answers">What a run that has ended was answered.</param>
    public WholeSystem(AnswerBook answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        _answers = answers;
        _posted = new byte[answers.Count];
        _usedFen = new long[answers.Traffic.Insured];
        _standing = new int[answers.Traffic.Insured];
        _hasYear = new bool[answers.Traffic.Insured];
    }

    /// <summary>One row of the sub-ledger, in order of shard and sequence.</summary>
    public void Add(SubLedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        _rows++;
        _fundPayFen += entry.FundPayFen;
        if (_answers.Find(entry.RequestId) is not { } number || !IsOf(entry, _answers.VisitOf(number)))
        {
            _neverSent++;
            return;
        }

        if (_posted[number] > 0) _twice++;
        else _posted[number] = 1;
        bool disagrees = _answers.KnownOf(number) switch
        {
            Known.Acknowledged => !_answers.Repeats(number, entry),
            Known.Refused => true,
            _ => false,
        };
        if (disagrees) _otherThanAnswered++;
        Fold(entry, number);
    }

    /// <summary>The ledger's own fold of one insured's rows, after all rows.</summary>
    public void Add(InsuredYear year)
    {
        ArgumentNullException.ThrowIfNull(year);
        _years++;
        if (NumberOf(year.InsuredId) is not { } insured)
        {
            _yearsThatDiffer++;
            return;
        }

        // All visits of a run are of one day: a second year of an insured is one too many.
        bool agrees = !_hasYear[insured] && year.CappedFundPayFen == _usedFen[insured] && year.StandingSettlements == _standing[insured];
        if (!agrees) _yearsThatDiffer++;
        _hasYear[insured] = true;
    }

    public IReadOnlyList<Check> Judge(TrialBalance balance, AuditReport audit)
    {
        ArgumentNullException.ThrowIfNull(balance);
        return
        [
            AcknowledgedPostedSent(),
            BooksRepeatAnswers(),
            ReplaysRepeat(),
            OrderIsKept(),
            NoCapExceeded(),
            YearsEqualFold(),
            SubLedgerEqualsTrialBalance(balance),
            Verdict.TrialBalanceBalances(balance),
            Verdict.NothingTamperedWith(audit),
        ];
    }

    private static bool IsOf(SubLedgerEntry entry, Visit visit) =>
        entry.InsuredId == Workload.InsuredId(visit.Insured) && entry.FacilityCode == Workload.FacilityCode(visit.Facility);

    private void Fold(SubLedgerEntry entry, int number)
    {
        int insured = _answers.VisitOf(number).Insured;
        if (entry.CapUsedBeforeFen != _usedFen[insured] || entry.CapUsedAfterFen != entry.CapUsedBeforeFen + entry.FundPayFen) _outOfLine++;
        _usedFen[insured] += entry.FundPayFen;
        if (_usedFen[insured] > _answers.CapFen) _exceeded++;
        _standing[insured] += _answers.IsCancel(number) ? -1 : 1;
    }

    private Check AcknowledgedPostedSent()
    {
        long acknowledged = 0;
        long unknown = 0;
        long lost = 0;
        for (int number = 0; number < _posted.Length; number++)
        {
            Known known = _answers.KnownOf(number);
            if (known == Known.Sent) unknown++;
            if (known != Known.Acknowledged) continue;
            acknowledged++;
            if (_posted[number] == 0) lost++;
        }

        return new Check(
            "acknowledged ⊆ posted ⊆ sent, each once",
            acknowledged > 0 && lost == 0 && _twice == 0 && _neverSent == 0,
            $"{Count(_posted.Length)} sent, {Count(acknowledged)} acknowledged, {Count(unknown)} without an answer, {Count(_rows)} "
                + $"posted; {Count(lost)} lost, {Count(_twice)} twice, {Count(_neverSent)} never sent");
    }

    private Check BooksRepeatAnswers() => new(
        "books = answers, to the fen",
        _otherThanAnswered == 0,
        $"{Count(_otherThanAnswered)} rows differ from what the hospital was told");

    private Check ReplaysRepeat() => new(
        "a repeated request gets its first answer",
        _answers.ReplaysThatDiffer == 0 && _answers.Unexpected == 0,
        $"{Count(_answers.Replays)} replays, {Count(_answers.ReplaysThatDiffer)} differ; {Count(_answers.Unexpected)} answers that "
            + $"nobody waited for");

    private Check OrderIsKept() => new(
        "an insured's records follow one another without a gap",
        _outOfLine == 0 && _answers.OutOfOrder == 0,
        $"{Count(_outOfLine)} do not begin where the last one ended; {Count(_answers.OutOfOrder)} answers overtook an earlier one of the "
            + $"insured on its stream");

    private Check NoCapExceeded() => new(
        "no annual cap exceeded",
        _exceeded == 0 && _answers.CapFen > 0,
        $"cap {Output.Yuan(_answers.CapFen)}; {Count(_usedFen.Count(used => used == _answers.CapFen))} people reached "
            + $"it, {Count(_exceeded)} records exceed it");

    private Check YearsEqualFold()
    {
        long missing = _hasYear.Index().Count(insured => !insured.Item && (_usedFen[insured.Index] != 0 || _standing[insured.Index] != 0));
        return new Check(
            "the ledger's years = fold of its rows",
            _yearsThatDiffer == 0 && missing == 0,
            $"{Count(_years)} people, {Count(_yearsThatDiffer)} differ, {Count(missing)} are missing");
    }

    private int? NumberOf(string insuredId)
    {
        int number = int.TryParse(insuredId.AsSpan(Math.Max(insuredId.Length - 9, 0)), NumberStyles.None, CultureInfo.InvariantCulture,
            out int parsed) ? parsed : -1;
        return number >= 0 && number < _usedFen.Length && Workload.InsuredId(number) == insuredId ? number : null;
    }

    private Check SubLedgerEqualsTrialBalance(TrialBalance balance)
    {
        long standing = _standing.Sum(count => (long)count);
        return new Check(
            "sub-ledger = trial balance",
            _fundPayFen == balance.FundPaidFen && standing == balance.StandingSettlements,
            $"{Count(standing)} settlements stand and {Output.Yuan(_fundPayFen)}; {Count(balance.StandingSettlements)} "
                + $"and {Output.Yuan(balance.FundPaidFen)}");
    }

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
