using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.V1;

namespace Claims.Adjudication.Api;

/// <summary>Settlements and refusals in the words of the contract.</summary>
public static class Replies
{
    public static SettleReply Refused(string requestId, string facilityCode, string insuredId, Refusal refusal) => new()
    {
        RequestId = requestId,
        FacilityCode = facilityCode,
        InsuredId = insuredId,
        Decision = Decision.Refused,
        ReasonCode = refusal.Code,
        ReasonText = refusal.Text,
    };

    /// <summary>The answer to a settled or quoted visit; the same figures and the same words however often it is told.</summary>
    /// <exception cref="InvalidOperationException">The script's figures are not those of the rules: nothing is answered.</exception>
    public static SettleReply Settled(Decision decision, int shard, string requestId, string facilityCode, string insuredId, StoredRecord record, Citations citations, bool replayed)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        Terms terms = record.Terms;
        Settlement settlement = Adjudicator.Adjudicate(terms, request.TotalFen, request.InScopeFen, header.Before);
        if (settlement.DeductibleFen != header.DeductibleFen || settlement.FundPayFen != header.FundPayFen)
        {
            throw new InvalidOperationException(
                $"Shard {shard}, sequence {header.Sequence}: the script says deductible {header.DeductibleFen}, fund {header.FundPayFen}; the rules say {settlement.DeductibleFen}, {settlement.FundPayFen}.");
        }

        long usedAfterFen = header.CapUsedBeforeFen + (terms.Capped ? settlement.FundPayFen : 0);
        return new SettleReply
        {
            RequestId = requestId,
            FacilityCode = facilityCode,
            InsuredId = insuredId,
            Decision = decision,
            SettlementId = decision is Decision.Quoted ? "" : SettlementIds.Format(record.VisitDate.Year, shard, header.Sequence),
            ReasonCode = settlement.ReasonCode,
            ReasonText = Reasons.TextOf(settlement.ReasonCode),
            TotalFen = request.TotalFen,
            FullSelfPayFen = request.FullSelfPayFen,
            OverLimitFen = request.OverLimitFen,
            PreSelfPayFen = request.PreSelfPayFen,
            InScopeFen = request.InScopeFen,
            DeductibleFen = settlement.DeductibleFen,
            RateBp = terms.RateBasisPoints,
            FundPayFen = settlement.FundPayFen,
            SelfPayFen = request.TotalFen - settlement.FundPayFen,
            CapFen = terms.CapFen,
            CapUsedBeforeFen = header.CapUsedBeforeFen,
            CapUsedAfterFen = usedAfterFen,
            CapRemainingFen = Math.Max(terms.CapFen - usedAfterFen, 0),
            PolicyId = citations.PolicyId,
            PolicyHash = citations.PolicyHash,
            Trace = Trace.Of(terms, (Tier)request.Tier, request.TotalFen, request.InScopeFen, header.Before, settlement, citations),
            Replayed = replayed,
        };
    }
}
