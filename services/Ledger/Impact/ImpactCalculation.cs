using System.Collections.Frozen;
using System.Globalization;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Ledger.Impact;

/// <summary>
/// Lives the books through once more under another policy: every settlement, cancellation and restoration in the order of
/// its sequence, so that the cap and the day's deductible stand at each visit as they would have stood then. Visits before
/// the first day keep what they were paid. Pure: no I/O, no clock.
/// </summary>
/// <remarks>Holds one shard's settlements at a time, and those that differ.</remarks>
internal sealed class ImpactCalculation(PolicyPack pack, DateOnly from)
{
    private static readonly FrozenDictionary<string, Tier> Tiers = Enum.GetValues<Tier>()
        .ToFrozenDictionary(tier => tier.WireName(), StringComparer.Ordinal);

    private readonly SortedDictionary<string, ImpactSum> _policies = new(StringComparer.Ordinal);
    private readonly List<DifferingSettlement> _differing = [];
    private readonly List<Relived> _settlements = [];
    private readonly Dictionary<string, Relived> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Insured, int Year), long> _capUsedFen = [];
    private readonly Dictionary<(string Insured, string Facility, DateOnly Day), long> _borneFen = [];
    private int _shard = -1;

    /// <param name="entry">In order of shard and sequence, from the first day of the first year that has a visit to be looked at.</param>
    /// <exception cref="BooksDisagreeException">The entries do not agree with each other.</exception>
    public void Add(SubLedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Shard != _shard) FinishShard();
        _shard = entry.Shard;
        switch (entry.Kind)
        {
            case "SETTLEMENT":
                Relived settled = Settle(entry);
                _settlements.Add(settled);
                _byId.Add(entry.SettlementId, settled);
                Move(settled, 1);
                break;
            case "CANCELLATION":
                Relived cancelled = Named(entry, standing: true);
                cancelled.Stands = false;
                Move(cancelled, -1);
                break;
            case "RESTORATION":
                Relived restored = Named(entry, standing: false);
                restored.Stands = true;
                if (restored is { Capped: true, Recalculated: true })
                    restored.FundPayFen = Math.Min(
                        restored.FundPayFen, Math.Max(restored.CapFen - _capUsedFen.GetValueOrDefault(restored.Year), 0));
                Move(restored, 1);
                break;
        }
    }

    /// <summary>After the last entry.</summary>
    /// <returns>The settlements that differ, in order of shard and sequence; and the totals.</returns>
    public (IReadOnlyList<DifferingSettlement> Differing, ImpactTotals Totals) Finish()
    {
        FinishShard();
        ImpactSum total = new();
        foreach (ImpactSum policy in _policies.Values)
        {
            checked
            {
                total.Settlements += policy.Settlements;
                total.Differing += policy.Differing;
                total.FundPaidBeforeFen += policy.FundPaidBeforeFen;
                total.FundPaidAfterFen += policy.FundPaidAfterFen;
            }
        }

        return (_differing, new ImpactTotals { Total = total, Policies = { _policies.Values } });
    }

    private Relived Settle(SubLedgerEntry entry)
    {
        DateOnly date = DateOnly.ParseExact(entry.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture);
        if (date < from)
        {
            return new Relived(entry, date)
            {
                DeductibleFen = entry.DeductibleFen,
                FundPayFen = entry.FundPayFen,
                Capped = entry.CapUsedAfterFen - entry.CapUsedBeforeFen == entry.FundPayFen,
            };
        }

        OutpatientPolicy? policy = pack.OutpatientOn(date);
        Relived relived = new(entry, date) { Recalculated = true, PolicyId = policy?.PolicyId ?? "" };
        if (pack.CountiesOutsidePooling.ContainsKey(entry.InsuredCounty)) return Refuse(relived, Reasons.OutsidePoolingArea);
        if (policy is null) return Refuse(relived, Reasons.NoPolicyInForce);
        if (!Tiers.TryGetValue(entry.Tier, out Tier tier)) throw Disagree(entry, $"names the unknown tier '{entry.Tier}'");
        if (CoverageChecks.TermsOf(policy, tier, entry.VisitType) is not { } terms) return Refuse(relived, Reasons.VisitTypeNotCovered);

        Standing before = new(_capUsedFen.GetValueOrDefault(relived.Year), _borneFen.GetValueOrDefault(relived.FacilityDay));
        Settlement settlement = Adjudicator.Adjudicate(terms, entry.TotalFen, entry.InScopeFen, before);
        relived.DeductibleFen = settlement.DeductibleFen;
        relived.FundPayFen = settlement.FundPayFen;
        relived.ReasonCode = settlement.ReasonCode;
        relived.Capped = terms.Capped;
        relived.CapFen = terms.CapFen;
        return relived;
    }

    private static Relived Refuse(Relived relived, string reason)
    {
        relived.ReasonCode = reason;
        return relived;
    }

    private void Move(Relived settlement, int sign)
    {
        if (settlement.Capped)
            _capUsedFen[settlement.Year] = _capUsedFen.GetValueOrDefault(settlement.Year) + (sign * settlement.FundPayFen);
        _borneFen[settlement.FacilityDay] = _borneFen.GetValueOrDefault(settlement.FacilityDay) + (sign * settlement.DeductibleFen);
    }

    private Relived Named(SubLedgerEntry entry, bool standing) =>
        _byId.TryGetValue(entry.OriginalSettlementId, out Relived? named) && named.Stands == standing
            ? named
            : throw Disagree(entry, $"undoes {entry.OriginalSettlementId}, "
                + $"which {(standing ? "does not stand" : "has not been cancelled")}");

    private static BooksDisagreeException Disagree(SubLedgerEntry entry, string what) =>
        new(string.Create(CultureInfo.InvariantCulture,
            $"the books do not agree with themselves: entry {entry.Sequence} of shard {entry.Shard} {what}"));

    private void FinishShard()
    {
        foreach (Relived settlement in _settlements.Where(settlement => settlement is { Stands: true, Recalculated: true }))
            Count(settlement);
        _settlements.Clear();
        _byId.Clear();
        _capUsedFen.Clear();
        _borneFen.Clear();
    }

    private void Count(Relived settlement)
    {
        SubLedgerEntry entry = settlement.Entry;
        bool differs = settlement.FundPayFen != entry.FundPayFen || settlement.DeductibleFen != entry.DeductibleFen;
        if (!_policies.TryGetValue(settlement.PolicyId, out ImpactSum? sum))
            _policies.Add(settlement.PolicyId, sum = new ImpactSum { PolicyId = settlement.PolicyId });
        checked
        {
            sum.Settlements++;
            sum.Differing += differs ? 1 : 0;
            sum.FundPaidBeforeFen += entry.FundPayFen;
            sum.FundPaidAfterFen += settlement.FundPayFen;
        }

        if (!differs) return;
        _differing.Add(new DifferingSettlement
        {
            Shard = entry.Shard,
            Sequence = entry.Sequence,
            SettlementId = entry.SettlementId,
            FacilityCode = entry.FacilityCode,
            InsuredId = entry.InsuredId,
            VisitDate = entry.VisitDate,
            PolicyIdBefore = entry.PolicyId,
            PolicyIdAfter = settlement.PolicyId,
            DeductibleBeforeFen = entry.DeductibleFen,
            DeductibleAfterFen = settlement.DeductibleFen,
            FundPaidBeforeFen = entry.FundPayFen,
            FundPaidAfterFen = settlement.FundPayFen,
            ReasonCode = settlement.ReasonCode,
        });
    }

    /// <summary>A settlement as the other policy has it.</summary>
    private sealed class Relived(SubLedgerEntry entry, DateOnly date)
    {
        public SubLedgerEntry Entry => entry;

        public DateOnly Date => date;

        public (string Insured, int Year) Year => (entry.InsuredId, date.Year);

        public (string Insured, string Facility, DateOnly Day) FacilityDay => (entry.InsuredId, entry.FacilityCode, date);

        public bool Recalculated { get; init; }

        public string PolicyId { get; init; } = "";

        public bool Stands { get; set; } = true;

        public bool Capped { get; set; }

        public long CapFen { get; set; }

        public long DeductibleFen { get; set; }

        public long FundPayFen { get; set; }

        public string ReasonCode { get; set; } = "";
    }
}
