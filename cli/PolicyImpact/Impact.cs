namespace Claims.Cli.PolicyImpact;

/// <summary>What another policy would have made of the settlements that stand. Amounts in fen.</summary>
/// <param name="Policies">By the policy that would have applied, in ordinal order.</param>
/// <param name="Settlements">Those that differ, in order of shard and sequence.</param>
public sealed record Impact(ImpactTotals Total, IReadOnlyList<ImpactTotals> Policies, IReadOnlyList<DifferingSettlement> Settlements);

/// <param name="PolicyId">Empty where no policy would have been in force, and for the total.</param>
/// <param name="Settlements">That stand, with a visit date from the first day on.</param>
/// <param name="Differing">How many of these would have had another deductible or fund payment.</param>
public sealed record ImpactTotals(string PolicyId, long Settlements, long Differing, long FundPaidBeforeFen, long FundPaidAfterFen)
{
    /// <summary>Above 0: the fund pays more.</summary>
    public long DifferenceFen => FundPaidAfterFen - FundPaidBeforeFen;
}

/// <param name="PolicyIdBefore">By which it was settled.</param>
/// <param name="PolicyIdAfter">By which it would have been; empty where none would have been in force.</param>
/// <param name="ReasonCode">What the settlement, or its refusal, would have carried: CAP_REACHED, VISIT_TYPE_NOT_COVERED …, or empty.</param>
public sealed record DifferingSettlement(
    int Shard,
    long Sequence,
    string SettlementId,
    string FacilityCode,
    string InsuredId,
    DateOnly VisitDate,
    string PolicyIdBefore,
    string PolicyIdAfter,
    long DeductibleBeforeFen,
    long DeductibleAfterFen,
    long FundPaidBeforeFen,
    long FundPaidAfterFen,
    string ReasonCode)
{
    /// <summary>Above 0: the fund pays more.</summary>
    public long DifferenceFen => FundPaidAfterFen - FundPaidBeforeFen;
}
