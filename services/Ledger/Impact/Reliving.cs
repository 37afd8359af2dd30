using System.Globalization;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Ledger.Impact;

/// <summary>What decides a visit: terms to settle it by, or why it is refused.</summary>
/// <param name="PolicyId">Empty where no policy is in force.</param>
/// <param name="Terms">Null where it is refused.</param>
internal readonly record struct Decision(string PolicyId, Terms? Terms, string ReasonCode = "", string ReasonText = "");

/// <summary>
/// Lives the books through once more: every settlement, cancellation and restoration in the order of its sequence, so that every
/// accumulator stands at each visit as it would have stood then. Visits before the first day keep what they were paid. Pure: no I/O, no
/// clock.
/// </summary>
/// <param name="decide">What decides a visit now.</param>
/// <param name="counted">Takes each settlement that stands and was decided anew, at the end of its shard.</param>
/// <remarks>Holds one shard's settlements at a time, and those of merged ids.</remarks>
internal sealed class Reliving(DateOnly from, Func<SubLedgerEntry, DateOnly, Decision> decide, Action<Relived> counted)
{
    private readonly List<Relived> _settlements = [];
    private readonly Dictionary<string, Relived> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Insured, string Accumulator), long> _used = [];
    private int _group = -1;

    /// <param name="entry">In order of shard and sequence, from the first day of the first year that has a visit to be looked at.</param>
    /// <param name="ofMerged">Of somebody whose ids were merged: these come last, in the order of time.</param>
    /// <exception cref="BooksDisagreeException">The entries do not agree with each other.</exception>
    public void Add(SubLedgerEntry entry, bool ofMerged = false)
    {
        ArgumentNullException.ThrowIfNull(entry);
        int group = ofMerged ? int.MaxValue : entry.Shard;
        if (group != _group) Finish();
        _group = group;
        switch (entry.Kind)
        {
            case "SETTLEMENT":
                Relived settled = Settle(entry);
                _settlements.Add(settled);
                _byId.Add(entry.SettlementId, settled);
                Apply(settled, entry, 1);
                break;
            case "CANCELLATION":
                Relived cancelled = Named(entry, standing: true);
                cancelled.Stands = false;
                Apply(cancelled, entry, -1);
                break;
            case "RESTORATION":
                Relived restored = Named(entry, standing: false);
                restored.Stands = true;
                Restore(restored, PersonOf(entry));
                Apply(restored, entry, 1);
                break;
            case "MERGE_IN":
                TakeOver(entry, 1);
                break;
            case "UNMERGE_IN":
                TakeOver(entry, -1);
                break;
        }
    }

    private Relived Settle(SubLedgerEntry entry)
    {
        DateOnly date = DateOf(entry);
        if (date < from)
        {
            return new Relived(entry)
            {
                DeductibleFen = entry.DeductibleFen,
                FundPayFen = entry.FundPayFen,
                Moves = [.. BookedLimit.Read(entry.Limits)
                    .Select(limit => new Move(limit.Accumulator, limit.Moved, limit.Limit, limit.Kind))],
            };
        }

        Decision decision = decide(entry, date);
        Relived relived = new(entry) { Recalculated = true, PolicyId = decision.PolicyId, Terms = decision.Terms };
        if (decision.Terms is { } terms)
        {
            SettleBy(terms, relived, PersonOf(entry));
            return relived;
        }

        relived.ReasonCode = decision.ReasonCode;
        relived.ReasonText = decision.ReasonText;
        return relived;
    }

    /// <summary>By what the person's limits leave at this moment.</summary>
    private void SettleBy(Terms terms, Relived settlement, string person)
    {
        SubLedgerEntry entry = settlement.Entry;
        DateOnly date = DateOf(entry);
        Span<long> before = stackalloc long[terms.Limits.Length];
        Span<long> moved = stackalloc long[terms.Limits.Length];
        string[] names = [.. terms.Limits.Select(limit => AccumulatorNames.NameOf(limit, date, entry.FacilityCode))];
        for (int index = 0; index < names.Length; index++) before[index] = _used.GetValueOrDefault((person, names[index]));
        Settlement settled = Adjudicator.Adjudicate(terms, entry.TotalFen, entry.InScopeFen, before, moved);
        settlement.DeductibleFen = settled.DeductibleFen;
        settlement.FundPayFen = settled.FundPayFen;
        settlement.ReasonCode = settled.ReasonCode;
        settlement.Moves.Clear();
        for (int index = 0; index < names.Length; index++)
            settlement.Moves.Add(new Move(names[index], moved[index], terms.Limits[index].Limit, (char)terms.Limits[index].Kind));
    }

    /// <summary>As it was, where its limits leave room for all that it moved; else settled anew by what they leave.</summary>
    private void Restore(Relived restored, string person)
    {
        bool fits = restored.Moves.TrueForAll(move => move.Amount == 0 || move.Kind == (char)LimitKind.Bands
            || move.Accumulator.Length == 0 || _used.GetValueOrDefault((person, move.Accumulator)) + move.Amount <= move.Limit);
        if (!fits && restored.Terms is { } terms) SettleBy(terms, restored, person);
    }

    internal static DateOnly DateOf(SubLedgerEntry entry) =>
        DateOnly.ParseExact(entry.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Whose accumulators the entry moves.</summary>
    private static string PersonOf(SubLedgerEntry entry) => entry.PersonId.Length > 0 ? entry.PersonId : entry.InsuredId;

    /// <summary>What the other id has used by now is used under this one, or not any more.</summary>
    private void TakeOver(SubLedgerEntry entry, int sign)
    {
        string other = entry.Note.Split('\n')[0];
        foreach (((_, string accumulator), long amount) in _used.Where(used => used.Key.Insured == other).ToArray())
        {
            (string, string) key = (entry.InsuredId, accumulator);
            _used[key] = _used.GetValueOrDefault(key) + (sign * amount);
        }
    }

    /// <param name="by">What settled, undid or restored it.</param>
    private void Apply(Relived settlement, SubLedgerEntry by, int sign)
    {
        foreach (Move move in settlement.Moves.Where(move => move.Amount != 0 && move.Accumulator.Length > 0))
        {
            (string, string) key = (PersonOf(by), move.Accumulator);
            _used[key] = _used.GetValueOrDefault(key) + (sign * move.Amount);
        }
    }

    private Relived Named(SubLedgerEntry entry, bool standing) =>
        _byId.TryGetValue(entry.OriginalSettlementId, out Relived? named) && named.Stands == standing
            ? named
            : throw Disagree(entry, $"undoes {entry.OriginalSettlementId}, "
                + $"which {(standing ? "does not stand" : "has not been cancelled")}");

    internal static BooksDisagreeException Disagree(SubLedgerEntry entry, string what) =>
        new(string.Create(CultureInfo.InvariantCulture,
            $"the books do not agree with themselves: entry {entry.Sequence} of shard {entry.Shard} {what}"));

    /// <summary>After the last entry.</summary>
    public void Finish()
    {
        foreach (Relived settlement in _settlements.Where(settlement => settlement is { Stands: true, Recalculated: true }))
            counted(settlement);
        _settlements.Clear();
        _byId.Clear();
        _used.Clear();
    }
}

/// <summary>What a settlement moved an accumulator by.</summary>
internal readonly record struct Move(string Accumulator, long Amount, long Limit, char Kind);

/// <summary>A settlement as it would be decided now.</summary>
internal sealed class Relived(SubLedgerEntry entry)
{
    public SubLedgerEntry Entry => entry;

    public bool Recalculated { get; init; }

    public string PolicyId { get; init; } = "";

    /// <summary>Null where it is refused, or keeps what it was paid.</summary>
    public Terms? Terms { get; init; }

    public bool Stands { get; set; } = true;

    public List<Move> Moves { get; init; } = [];

    public long DeductibleFen { get; set; }

    public long FundPayFen { get; set; }

    public string ReasonCode { get; set; } = "";

    /// <summary>Of a refusal.</summary>
    public string ReasonText { get; set; } = "";

    public bool Differs => FundPayFen != Entry.FundPayFen || DeductibleFen != Entry.DeductibleFen;
}
