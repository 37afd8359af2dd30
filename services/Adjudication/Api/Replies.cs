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

    /// <summary>Why a line could not be computed.</summary>
    public static LineResult LineOf(LineOutcome line) => new() { LineId = line.LineId, ReasonCode = line.ReasonCode };

    /// <summary>The answer to a settled or quoted visit; the same figures and the same words however often it is told.</summary>
    /// <exception cref="InvalidOperationException">The script's figures are not those of the rules: nothing is answered.</exception>
    public static SettleReply Settled(Decision decision, int shard, string requestId, string facilityCode, string insuredId, in StoredRecord record, Citations citations, bool replayed)
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

        SettleReply reply = Figures(1, requestId, facilityCode, insuredId, record, citations);
        reply.Decision = decision;
        reply.SettlementId = decision is Decision.Quoted ? "" : SettlementIds.Format(header.VisitDate.Year, shard, header.Sequence);
        reply.ReasonCode = settlement.ReasonCode;
        reply.ReasonText = Reasons.TextOf(settlement.ReasonCode);
        reply.Trace = Trace.Of(terms, (Tier)request.Tier, request.TotalFen, request.InScopeFen, header.Before, settlement, citations);
        reply.Replayed = replayed;
        return reply;
    }

    /// <summary>The negative mirror of a settlement that was cancelled or reversed.</summary>
    public static SettleReply Cancelled(int shard, string requestId, string facilityCode, string insuredId, UndoingRecord record, Citations citations, bool replayed)
    {
        int year = record.Header.VisitDate.Year;
        string originalRequestId = RequestField.Parse(record.TargetField).RequestId;
        SettleReply reply = Figures(-1, requestId, facilityCode, insuredId, record.Target!.Value, citations);
        reply.Decision = Decision.Cancelled;
        reply.SettlementId = SettlementIds.Format(year, shard, record.Header.Sequence);
        reply.OriginalRequestId = originalRequestId;
        reply.Trace = Trace.OfCancellation(SettlementIds.Format(year, shard, record.TargetSequence), record.Target!.Value.Request.TotalFen, record.Header);
        reply.Replayed = replayed;
        foreach ((long sequence, long shortfallFen) in record.Headroom)
        {
            reply.Headroom.Add(new Headroom { SettlementId = SettlementIds.Format(year, shard, sequence), ShortfallFen = shortfallFen });
        }

        return reply;
    }

    /// <summary>The settlement that stands again after its cancellation was undone.</summary>
    public static SettleReply Restored(int shard, string facilityCode, string insuredId, UndoingRecord record, Citations citations, bool replayed)
    {
        string settlementId = SettlementIds.Format(record.Header.VisitDate.Year, shard, record.TargetSequence);
        SettleReply reply = Figures(1, RequestField.Parse(record.TargetField).RequestId, facilityCode, insuredId, record.Target!.Value, citations);
        reply.Decision = Decision.Settled;
        reply.SettlementId = settlementId;
        reply.Trace = Trace.OfRestoration(settlementId, record.Target!.Value.Request.TotalFen, record.Header);
        reply.Replayed = replayed;
        return reply;
    }

    private static SettleReply Figures(int sign, string requestId, string facilityCode, string insuredId, in StoredRecord record, Citations citations)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        long usedAfterFen = header.CapUsedBeforeFen + (sign * header.CappedFundPayFen);
        SettleReply reply = new()
        {
            RequestId = requestId,
            FacilityCode = facilityCode,
            InsuredId = insuredId,
            TotalFen = sign * request.TotalFen,
            FullSelfPayFen = sign * request.FullSelfPayFen,
            OverLimitFen = sign * request.OverLimitFen,
            PreSelfPayFen = sign * request.PreSelfPayFen,
            InScopeFen = sign * request.InScopeFen,
            DeductibleFen = sign * header.DeductibleFen,
            RateBp = request.RateBp,
            FundPayFen = sign * header.FundPayFen,
            SelfPayFen = sign * (request.TotalFen - header.FundPayFen),
            CapFen = header.CapFen,
            CapUsedBeforeFen = header.CapUsedBeforeFen,
            CapUsedAfterFen = usedAfterFen,
            CapRemainingFen = Math.Max(header.CapFen - usedAfterFen, 0),
            PolicyId = citations.PolicyId,
            PolicyHash = citations.PolicyHash,
        };
        for (int index = 0; index < request.Lines.Count; index++)
        {
            StoredLine line = request.Lines[index];
            reply.LineResults.Add(new LineResult
            {
                LineId = line.LineId,
                FullSelfPayFen = sign * line.FullSelfPayFen,
                OverLimitFen = sign * line.OverLimitFen,
                PreSelfPayFen = sign * line.PreSelfPayFen,
                InScopeFen = sign * line.InScopeFen,
            });
        }

        return reply;
    }
}
