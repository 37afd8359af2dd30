using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Ledger.Impact;

/// <summary>The books as registry and policy are now. Pure: what the registry says is given.</summary>
/// <param name="facility">Of its code; null where the registry does not know it.</param>
/// <param name="insured">Of his id; null where the registry does not know him.</param>
/// <remarks>The books keep a visit's parts and not its items: what another catalogue would have split is not found.</remarks>
internal sealed class RegistryRecheck
{
    private readonly TermsCatalogue _terms;
    private readonly Func<string, FacilityHistory?> _facility;
    private readonly Func<string, InsuredTerms?> _insured;
    private readonly Reliving _reliving;
    private readonly RecheckRequest _request;

    public RegistryRecheck(PolicyPack pack, DateOnly from, RecheckRequest request, Func<string, FacilityHistory?> facility,
        Func<string, InsuredTerms?> insured)
    {
        (_terms, _request, _facility, _insured) = (new TermsCatalogue(pack), request, facility, insured);
        _reliving = new Reliving(from, Decide, Count);
    }

    /// <summary>Those found since they were last taken.</summary>
    public List<WrongSettlement> Found { get; } = [];

    public RecheckTotals Totals { get; } = new();

    /// <inheritdoc cref="Reliving.Add"/>
    public void Add(SubLedgerEntry entry, bool ofMerged = false) => _reliving.Add(entry, ofMerged);

    /// <inheritdoc cref="Reliving.Finish"/>
    public void Finish() => _reliving.Finish();

    private Decision Decide(SubLedgerEntry entry, DateOnly date)
    {
        string policyId = _terms.Pack.OutpatientOn(date)?.PolicyId ?? "";
        // Of the request only what the books keep is looked at: form and amounts were checked when it came.
        Visit visit = new(new SettleRequest { VisitType = entry.VisitType }, date, new FeeParts(0, 0, 0, entry.InScopeFen), []);
        (CoveredVisit? covered, Refusal? refusal) =
            CoverageChecks.Check(_terms, visit, _facility(entry.FacilityCode), _insured(entry.InsuredId));
        return covered is { } one ? new Decision(policyId, one.Terms) : new Decision(policyId, null, refusal!.Code, refusal.Text);
    }

    private void Count(Relived settlement)
    {
        SubLedgerEntry entry = settlement.Entry;
        if (_request.FacilityCode.Length > 0 && entry.FacilityCode != _request.FacilityCode) return;
        if (_request.InsuredId.Length > 0 && entry.InsuredId != _request.InsuredId) return;
        Totals.Settlements++;
        bool refused = settlement.Terms is null;
        if (!refused && !settlement.Differs) return;
        checked
        {
            Totals.Differing++;
            Totals.Refused += refused ? 1 : 0;
            Totals.FundPaidBeforeFen += entry.FundPayFen;
            Totals.FundPaidAfterFen += settlement.FundPayFen;
        }

        Found.Add(new WrongSettlement
        {
            Shard = entry.Shard,
            Sequence = entry.Sequence,
            SettlementId = entry.SettlementId,
            FacilityCode = entry.FacilityCode,
            InsuredId = entry.InsuredId,
            VisitDate = entry.VisitDate,
            Cause = CauseOf(settlement),
            ReasonCode = settlement.ReasonCode,
            ReasonText = settlement.ReasonText,
            TierBefore = entry.Tier,
            TierAfter = settlement.Terms?.FacilityClass ?? "",
            DeductibleBeforeFen = entry.DeductibleFen,
            DeductibleAfterFen = settlement.DeductibleFen,
            FundPaidBeforeFen = entry.FundPayFen,
            FundPaidAfterFen = settlement.FundPayFen,
        });
    }

    private static WrongCause CauseOf(Relived settlement)
    {
        if (settlement.Terms is not { } terms) return WrongCause.Refused;
        SubLedgerEntry entry = settlement.Entry;
        if (terms.FacilityClass != entry.Tier) return WrongCause.OtherTier;
        // With the accumulators as they were booked: a difference that is left is the terms' own.
        Dictionary<string, long> booked = [];
        foreach (BookedLimit limit in BookedLimit.Read(entry.Limits)) booked[limit.Accumulator] = limit.UsedBefore;
        DateOnly date = Reliving.DateOf(entry);
        Span<long> before = stackalloc long[terms.Limits.Length];
        Span<long> moved = stackalloc long[terms.Limits.Length];
        for (int index = 0; index < before.Length; index++)
            before[index] = booked.GetValueOrDefault(AccumulatorNames.NameOf(terms.Limits[index], date, entry.FacilityCode));
        Settlement same = Adjudicator.Adjudicate(terms, entry.TotalFen, entry.InScopeFen, before, moved);
        return same.FundPayFen == entry.FundPayFen && same.DeductibleFen == entry.DeductibleFen
            ? WrongCause.Follows
            : WrongCause.OtherTerms;
    }
}
