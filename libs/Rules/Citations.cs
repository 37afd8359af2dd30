using Claims.Policy;
using Claims.V1;

namespace Claims.Rules;

/// <summary>Document numbers and clauses behind one settlement, and the policy that decided it.</summary>
/// <param name="PolicyId"><c>zhengzhou-outpatient@2024-01-01</c>.</param>
/// <param name="PolicyHash">SHA-256 of the pack, 64 hexadecimal digits.</param>
/// <param name="VisitType">The clause that covers the visit type.</param>
public sealed record Citations(string PolicyId, string PolicyHash, string VisitType, string Deductible, string Rate, string Cap)
{
    /// <summary>What the answer to a visit that the policy covers cites.</summary>
    public static Citations For(PolicyPack pack, OutpatientPolicy policy, Tier tier, VisitType visitType)
    {
        string type = VisitTypes.WireName(visitType);
        TierTerms terms = policy.TermsFor(tier);
        string covering = policy.FixedAllowanceFen.TryGetValue(type, out Cited<long> allowance)
            ? allowance.Source
            : policy.PooledVisitTypes[type];
        return new Citations(policy.PolicyId, pack.Hash, covering, terms.DeductibleFen.Source, terms.RateBasisPoints.Source,
            policy.AnnualCapFen.Source);
    }
}
