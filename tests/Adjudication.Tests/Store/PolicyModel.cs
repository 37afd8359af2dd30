using System.Globalization;
using Claims.Policy;

namespace Adjudication.Tests.Store;

/// <summary>
/// Any policy's evaluation once more, from the format's description alone: decimal yuan, accumulators by measure, group, period and place.
/// It shares the policy's types with the service, and nothing of terms, limits or script.
/// </summary>
internal sealed class PolicyModel(OutpatientPolicy policy)
{
    private readonly Dictionary<string, decimal> _held = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Settled> _settled = new(StringComparer.Ordinal);
    private int _clock;

    public ModelOutcome Settle(PolicyVisit visit)
    {
        if (_settled.TryGetValue(visit.Request, out Settled? earlier))
            return earlier.Stands ? earlier.Outcome with { Said = "replay" } : new ModelOutcome("REQUEST_CANCELLED", 0, 0, 0);
        Settled settled = Evaluate(visit);
        settled.Rank = ++_clock;
        _settled.Add(visit.Request, settled);
        Move(settled, 1);
        return settled.Outcome;
    }

    public ModelOutcome Quote(PolicyVisit visit) => Evaluate(visit).Outcome with { Said = "quoted" };

    public ModelOutcome Cancel(string request)
    {
        if (!_settled.TryGetValue(request, out Settled? settled)) return new ModelOutcome("SETTLEMENT_UNKNOWN", 0, 0, 0);
        if (!settled.Stands) return new ModelOutcome("ALREADY_CANCELLED", 0, 0, 0);
        bool blocked = settled.BoreInOrder is { } spared
            && _settled.Values.Any(other => other.Stands && other.Rank > settled.Rank && other.MetInOrder == spared);
        if (blocked) return new ModelOutcome("CANCEL_BLOCKED_BY_LATER_SETTLEMENT", 0, 0, 0);
        settled.Stands = false;
        Move(settled, -1);
        return settled.Outcome;
    }

    /// <summary>Undoes the cancellation of a request.</summary>
    public ModelOutcome Restore(string request)
    {
        Settled settled = _settled[request];
        if (settled.Moves.Any(move => move.Limit is { } limit && move.Amount > 0 && Held(move.Key) + move.Amount > limit))
            return new ModelOutcome("RESTORE_IMPOSSIBLE", 0, 0, 0);
        settled.Stands = true;
        settled.Rank = ++_clock;
        Move(settled, 1);
        return settled.Outcome;
    }

    /// <summary>Whether a restoration is at stake.</summary>
    public bool IsCancelled(string request) => _settled.TryGetValue(request, out Settled? settled) && !settled.Stands;

    /// <summary>Every accumulator that is not 0, in fen or visits, by the name that the store gives it.</summary>
    public IEnumerable<(string Name, long Amount)> Accumulators => _held.Where(held => held.Value != 0)
        .Select(held => (held.Key, (long)(held.Key[0] == 'n' ? held.Value : held.Value * 100))).Order();

    private Settled Evaluate(PolicyVisit visit)
    {
        Benefit benefit = policy.Benefits.Single(one => one.VisitTypes.ContainsKey(visit.VisitType));
        Settled settled = new();
        decimal total = visit.TotalFen / 100m, scope = visit.InScopeFen / 100m;
        decimal deductible = 0, pay;
        if (benefit.FixedSum is { } sum)
        {
            pay = Math.Min(Yuan(sum.Fen), total);
        }
        else
        {
            if (benefit.EntryAtLeastFen is { } entry && scope < entry.Value / 100m) return settled.Ending(0, 0, 0);
            foreach (Cap cap in CapsOf(Measure.Cost))
            {
                decimal admitted = Math.Min(scope, Left(cap));
                settled.Add(Key('c', cap.Group, cap.Per), admitted, Yuan(cap.Limit));
                scope = admitted;
            }

            decimal before = 0, after = 0;
            if (benefit.Deductible is { AfterRate: false } first) before = deductible = Bear(first, scope);
            decimal from = 0;
            if (benefit.Bands is { } bands)
            {
                string cost = Key('c', bands.Group, bands.Per);
                from = Held(cost);
                settled.Add(cost, scope, null);
            }

            pay = Shares(benefit, from + before, from + scope);
            if (benefit.Deductible is { AfterRate: true } second)
            {
                after = Bear(second, pay);
                deductible = after;
                pay -= after;
            }
        }

        decimal allowed = pay;
        if (CapsOf(Measure.Count).Any(
            cap => Held(Key('n', cap.Group, cap.Per)) >= cap.Limit.For(visit.Facility, visit.Person, visit.VisitType).Value))
            allowed = 0;
        foreach (Cap cap in CapsOf(Measure.FundPay)) allowed = Math.Min(allowed, Left(cap));
        foreach (Cap cap in CapsOf(Measure.Count))
            settled.Add(Key('n', cap.Group, cap.Per), allowed > 0 ? 1 : 0,
                cap.Limit.For(visit.Facility, visit.Person, visit.VisitType).Value);
        foreach (Cap cap in CapsOf(Measure.FundPay)) settled.Add(Key('f', cap.Group, cap.Per), allowed, Yuan(cap.Limit));
        return settled.Ending(deductible, allowed, pay - allowed);

        IEnumerable<Cap> CapsOf(Measure measure) => benefit.Caps.Where(cap => cap.Of == measure
            && (cap.FacilityClasses.IsEmpty || cap.FacilityClasses.Contains(visit.Facility.Name))
            && (cap.PersonClasses.IsEmpty || cap.PersonClasses.Contains(visit.Person.Name)));

        decimal Yuan(ValueTable table) => table.For(visit.Facility, visit.Person, visit.VisitType).Value / 100m;

        decimal Left(Cap cap) => Math.Max(0, Yuan(cap.Limit) - Held(Key(cap.Of == Measure.Cost ? 'c' : 'f', cap.Group, cap.Per)));

        decimal Bear(Deductible one, decimal most)
        {
            decimal own = Yuan(one.Fen);
            if (own == 0) return 0;
            string key = Key('b', one.Group, one.Per, one.AtFacility);
            decimal left = Math.Max(0, own - Held(key));
            string? longer = null;
            if (one.AtMost is { } atMost)
            {
                longer = Key('b', one.Group, atMost.Per);
                left = Math.Min(left, Math.Max(0, Yuan(atMost.Fen) - Held(longer)));
            }

            decimal borne = Math.Min(most, left);
            if (longer == key) own = Math.Min(own, Yuan(one.AtMost!.Fen));
            settled.Add(key, borne, own);
            if (longer is not null && longer != key) settled.Add(longer, borne, Yuan(one.AtMost!.Fen));
            if (one.ReverseOrder && key.Length > 0) settled.Meet(key, borne > 0);
            return borne;
        }

        decimal Shares(Benefit of, decimal from, decimal to)
        {
            long[] edges = [.. of.Bands?.EdgesFen.Value ?? []];
            decimal shares = 0;
            for (int band = 1; band <= edges.Length + 1; band++)
            {
                decimal low = band == 1 ? 0 : edges[band - 2] / 100m;
                decimal high = band > edges.Length ? decimal.MaxValue : edges[band - 1] / 100m;
                decimal part = Math.Min(to, high) - Math.Max(from, low);
                if (part <= 0) continue;
                decimal unit = policy.Rounding.UnitFen / 100m;
                decimal exact = part * of.RateBasisPoints!.For(visit.Facility, visit.Person, visit.VisitType, band).Value / 10_000m;
                shares += Math.Min(part, Math.Round(exact / unit, 0, MidpointRounding.AwayFromZero) * unit);
            }

            return shares;
        }

        string Key(char measure, string group, Period per, bool atFacility = false)
        {
            if (per == Period.Visit) return "";
            CultureInfo invariant = CultureInfo.InvariantCulture;
            string period = per switch
            {
                Period.Day => visit.Day.ToString("yyyyMMdd", invariant),
                Period.Month => visit.Day.ToString("yyyyMM", invariant),
                Period.Quarter => $"{visit.Day.Year}Q{(visit.Day.Month + 2) / 3}",
                _ => visit.Day.ToString("yyyy", invariant),
            };
            return $"{measure}{group}:{period}{(atFacility ? $":{visit.FacilityCode}" : "")}";
        }
    }

    private decimal Held(string key) => key.Length == 0 ? 0 : _held.GetValueOrDefault(key);

    private void Move(Settled settled, int sign)
    {
        foreach ((string key, decimal amount, _) in settled.Moves)
        {
            if (key.Length > 0) _held[key] = _held.GetValueOrDefault(key) + (sign * amount);
        }
    }

    private sealed class Settled
    {
        public List<(string Key, decimal Amount, decimal? Limit)> Moves { get; } = [];

        public ModelOutcome Outcome { get; private set; } = new("new", 0, 0, 0);

        public bool Stands { get; set; } = true;

        public int Rank { get; set; }

        /// <summary>The deductible that must be undone in reverse order, where it was borne.</summary>
        public string? BoreInOrder { get; private set; }

        /// <summary>The same, whether any of it was borne or not.</summary>
        public string? MetInOrder { get; private set; }

        public void Add(string key, decimal amount, decimal? limit) => Moves.Add((key, amount, key.Length == 0 ? null : limit));

        public void Meet(string key, bool bore) => (MetInOrder, BoreInOrder) = (key, bore ? key : null);

        public Settled Ending(decimal deductible, decimal pay, decimal shortfall)
        {
            Outcome = new ModelOutcome("new", (long)(deductible * 100), (long)(pay * 100), (long)(shortfall * 100));
            return this;
        }
    }
}

internal sealed record PolicyVisit(
    string Request, string FacilityCode, FacilityClass Facility, PersonClass Person, string VisitType, DateOnly Day, long TotalFen,
    long InScopeFen);

/// <summary>Amounts in fen, positive also where they are taken back.</summary>
internal sealed record ModelOutcome(string Said, long DeductibleFen, long FundPayFen, long ShortfallFen);
