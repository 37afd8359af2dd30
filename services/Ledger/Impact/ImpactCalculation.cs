using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Ledger.Impact;

/// <summary>The books under another policy. Visits before the first day keep what they were paid. Pure: no I/O, no clock.</summary>
/// <remarks>Holds one shard's settlements at a time, those of merged ids, and those that differ.</remarks>
internal sealed class ImpactCalculation
{
    private readonly PolicyPack _pack;
    private readonly Reliving _reliving;
    private readonly SortedDictionary<string, ImpactSum> _policies = new(StringComparer.Ordinal);
    private readonly List<DifferingSettlement> _differing = [];
    private readonly Func<string, InsuredTerms?> _insured;
    private readonly Dictionary<(string PolicyId, string FacilityClass, string PersonClass, VisitType VisitType), Terms?> _terms = [];

    /// <param name="insured">Of his id; null where the registry does not know him, and where the pack has one class of people.</param>
    public ImpactCalculation(PolicyPack pack, DateOnly from, Func<string, InsuredTerms?> insured) =>
        (_pack, _insured, _reliving) = (pack, insured, new Reliving(from, Decide, Count));

    /// <inheritdoc cref="Reliving.Add"/>
    public void Add(SubLedgerEntry entry, bool ofMerged = false) => _reliving.Add(entry, ofMerged);

    /// <summary>After the last entry.</summary>
    /// <returns>The settlements that differ, in order of shard and sequence; and the totals.</returns>
    public (IReadOnlyList<DifferingSettlement> Differing, ImpactTotals Totals) Finish()
    {
        _reliving.Finish();
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

    private Decision Decide(SubLedgerEntry entry, DateOnly date)
    {
        OutpatientPolicy? policy = _pack.OutpatientOn(date);
        string id = policy?.PolicyId ?? "";
        if (_pack.CountiesOutsidePooling.ContainsKey(entry.InsuredCounty)) return new Decision(id, null, Reasons.OutsidePoolingArea);
        if (policy is null) return new Decision(id, null, Reasons.NoPolicyInForce);
        return TermsOf(policy, entry, date) is { } terms ? new Decision(id, terms) : new Decision(id, null, Reasons.VisitTypeNotCovered);
    }

    /// <summary>The facility's class as it was settled, of the same name in the other policy; of people the class that the registry
    /// makes it on the day.</summary>
    private Terms? TermsOf(OutpatientPolicy policy, SubLedgerEntry entry, DateOnly date)
    {
        PersonClass person = CoverageChecks.PersonClassOn(policy, _insured(entry.InsuredId)?.EnrolmentOn(date), date);
        (string, string, string, VisitType) key = (policy.PolicyId, entry.Tier, person.Name, entry.VisitType);
        if (_terms.TryGetValue(key, out Terms? known)) return known;
        FacilityClass facility = policy.FacilityClasses.FirstOrDefault(one => one.Name == entry.Tier)
            ?? throw Reliving.Disagree(entry, $"names the facility class '{entry.Tier}', which {policy.PolicyId} does not have");
        Terms? terms = TermsCompiler.Compile(_pack, policy, facility, person, entry.VisitType);
        _terms.Add(key, terms);
        return terms;
    }

    private void Count(Relived settlement)
    {
        SubLedgerEntry entry = settlement.Entry;
        if (!_policies.TryGetValue(settlement.PolicyId, out ImpactSum? sum))
            _policies.Add(settlement.PolicyId, sum = new ImpactSum { PolicyId = settlement.PolicyId });
        checked
        {
            sum.Settlements++;
            sum.Differing += settlement.Differs ? 1 : 0;
            sum.FundPaidBeforeFen += entry.FundPayFen;
            sum.FundPaidAfterFen += settlement.FundPayFen;
        }

        if (!settlement.Differs) return;
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
}
