using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;

namespace Claims.Adjudication.Settling;

/// <summary>Settlements and refusals in the words of the contract.</summary>
public static class Replies
{
    public static SettleReply Refused(string requestId, string facilityCode, string insuredId, Refusal refusal)
    {
        SettleReply reply = new();
        Refuse(reply, requestId, facilityCode, insuredId, refusal);
        return reply;
    }

    /// <summary>The same, in a reply that may have said something else before.</summary>
    public static void Refuse(SettleReply reply, string requestId, string facilityCode, string insuredId, Refusal refusal)
    {
        Clear(reply);
        reply.RequestId = requestId;
        reply.FacilityCode = facilityCode;
        reply.InsuredId = insuredId;
        reply.Decision = Decision.Refused;
        reply.ReasonCode = refusal.Code;
        reply.ReasonText = refusal.Text;
    }

    /// <summary>A line's parts, or why it could not be computed.</summary>
    public static LineResult LineOf(LineOutcome line) => new()
    {
        LineId = line.LineId,
        ReasonCode = line.ReasonCode,
        FullSelfPayFen = line.Parts.FullSelfPayFen,
        OverLimitFen = line.Parts.OverLimitFen,
        PreSelfPayFen = line.Parts.PreSelfPayFen,
        InScopeFen = line.Parts.InScopeFen,
    };

    /// <summary>The answer to a settled or quoted visit: what the record says, the same figures and words however often and by whichever
    /// program.</summary>
    /// <param name="settlementId">Empty for a quote.</param>
    public static void Settle(
        Answer answer, Decision decision, string settlementId, string requestId, string facilityCode, string insuredId,
        in StoredRecord record, Citations citations, bool replayed)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        Terms terms = record.Terms;
        SettleReply reply = answer.Reply;
        FillFigures(reply, 1, requestId, facilityCode, insuredId, record, citations);
        reply.Decision = decision;
        reply.SettlementId = settlementId;
        reply.ReasonCode = header.ReasonCode;
        reply.ReasonText = Reasons.TextOf(header.ReasonCode, header.VisitDay / 10_000);
        if (decision is Decision.Settled) reply.SettledAt = SettlementRefs.TimeText(request.SettledAtUnixMs);
        reply.Replayed = replayed;
        answer.Calculation = new Calculation(terms, (Tier)request.Tier, FeesOf(request), header.Before, header.Outcome, citations);
    }

    /// <summary>The answer to a settlement that was settled before.</summary>
    public static SettleReply Settled(
        int shard, string requestId, string facilityCode, string insuredId, in StoredRecord record, Citations citations, bool replayed)
    {
        Answer answer = new();
        Settle(answer, Decision.Settled, IdOf(shard, record.Header), requestId, facilityCode, insuredId, record, citations, replayed);
        return answer.Whole();
    }

    public static string IdOf(int shard, in RecordHeader header) => SettlementIds.Format(header.VisitDay / 10_000, shard, header.Sequence);

    /// <summary>The negative mirror of a settlement that was cancelled or reversed.</summary>
    public static SettleReply Cancelled(
        int shard, string requestId, string facilityCode, string insuredId, UndoingRecord record, Citations citations, bool replayed)
    {
        int year = record.Header.VisitDate.Year;
        string originalRequestId = RequestField.Parse(record.TargetField).RequestId;
        SettleReply reply = Figures(-1, requestId, facilityCode, insuredId, record.Target!.Value, citations);
        reply.Decision = Decision.Cancelled;
        reply.SettlementId = SettlementIds.Format(year, shard, record.Header.Sequence);
        reply.OriginalRequestId = originalRequestId;
        reply.SettledAt = SettlementRefs.TimeText(record.Own.UndoneAtUnixMs);
        reply.Trace = Trace.OfCancellation(UndoneOf(SettlementIds.Format(year, shard, record.TargetSequence), -1, record));
        reply.Replayed = replayed;
        foreach (CutSettlement cut in record.Headroom)
        {
            reply.Headroom.Add(new Headroom
            {
                SettlementId = SettlementIds.Format(year, shard, cut.Sequence),
                ShortfallFen = cut.ShortfallFen,
                FacilityCode = cut.FacilityCode == facilityCode ? cut.FacilityCode : "",
                VisitDate = VisitDays.TextOf(cut.VisitDay),
            });
        }

        return reply;
    }

    /// <summary>The settlement that stands again after its cancellation was undone.</summary>
    public static SettleReply Restored(
        int shard, string facilityCode, string insuredId, UndoingRecord record, Citations citations, bool replayed)
    {
        string settlementId = SettlementIds.Format(record.Header.VisitDate.Year, shard, record.TargetSequence);
        SettleReply reply = Figures(1, RequestField.Parse(record.TargetField).RequestId, facilityCode, insuredId, record.Target!.Value,
            citations);
        reply.Decision = Decision.Settled;
        reply.SettlementId = settlementId;
        reply.SettledAt = SettlementRefs.TimeText(record.Own.UndoneAtUnixMs);
        reply.Trace = Trace.OfRestoration(UndoneOf(settlementId, 1, record));
        reply.Replayed = replayed;
        return reply;
    }

    /// <summary>A settlement that does not stand any more: refused, with what it was and what undid it.</summary>
    /// <param name="undoneBy">Null where it is not among what is stored.</param>
    public static SettleReply NotStanding(
        int shard, StoredAnswer found, string insuredId, in StoredRecord record, Citations citations, string reasonCode,
        SettlementRef? undoneBy)
    {
        SettleReply reply = Figures(1, found.RequestId, found.FacilityCode, insuredId, record, citations);
        reply.Decision = Decision.Refused;
        reply.SettlementId = IdOf(shard, found.Header);
        reply.ReasonCode = reasonCode;
        reply.ReasonText = Reasons.TextOf(reasonCode);
        reply.SettledAt = SettlementRefs.TimeText(record.Request.SettledAtUnixMs);
        reply.UndoneBy = undoneBy;
        return reply;
    }

    private static FeeParts FeesOf(StoredRequest request) =>
        new(request.FullSelfPayFen, request.OverLimitFen, request.PreSelfPayFen, request.InScopeFen);

    private static Undone UndoneOf(string settlementId, int sign, UndoingRecord record)
    {
        RecordHeader header = record.Header;
        return new Undone(
            settlementId, record.Target!.Value.Request.TotalFen, header.DeductibleFen, header.FundPayFen,
            header.CapUsedBeforeFen, header.CapUsedBeforeFen + (sign * header.CappedFundPayFen));
    }

    private static SettleReply Figures(
        int sign, string requestId, string facilityCode, string insuredId, in StoredRecord record, Citations citations)
    {
        SettleReply reply = new();
        FillFigures(reply, sign, requestId, facilityCode, insuredId, record, citations);
        return reply;
    }

    private static void FillFigures(
        SettleReply reply, int sign, string requestId, string facilityCode, string insuredId, in StoredRecord record, Citations citations)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        long usedAfterFen = header.CapUsedBeforeFen + (sign * header.CappedFundPayFen);
        Clear(reply);
        reply.RequestId = requestId;
        reply.FacilityCode = facilityCode;
        reply.InsuredId = insuredId;
        reply.TotalFen = sign * request.TotalFen;
        reply.FullSelfPayFen = sign * request.FullSelfPayFen;
        reply.OverLimitFen = sign * request.OverLimitFen;
        reply.PreSelfPayFen = sign * request.PreSelfPayFen;
        reply.InScopeFen = sign * request.InScopeFen;
        reply.DeductibleFen = sign * header.DeductibleFen;
        reply.RateBp = request.RateBp;
        reply.FundPayFen = sign * header.FundPayFen;
        reply.SelfPayFen = sign * (request.TotalFen - header.FundPayFen);
        reply.CapFen = header.CapFen;
        reply.CapUsedBeforeFen = header.CapUsedBeforeFen;
        reply.CapUsedAfterFen = usedAfterFen;
        reply.CapRemainingFen = Math.Max(header.CapFen - usedAfterFen, 0);
        reply.PolicyId = citations.PolicyId;
        reply.PolicyHash = citations.PolicyHash;
        reply.VisitDate = header.VisitDateText;
        reply.VisitType = (VisitType)request.VisitType;
        reply.VisitId = record.VisitId;
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
    }

    /// <summary>Every field as in a new message: what is used again must say nothing of another visit.</summary>
    internal static void Clear(SettleReply reply)
    {
        reply.RequestId = reply.FacilityCode = reply.InsuredId = reply.SettlementId = reply.OriginalRequestId = "";
        reply.ReasonCode = reply.ReasonText = reply.PolicyId = reply.PolicyHash = reply.Trace = "";
        reply.Decision = Decision.Unspecified;
        reply.TotalFen = reply.FullSelfPayFen = reply.OverLimitFen = reply.PreSelfPayFen = reply.InScopeFen = 0;
        reply.DeductibleFen = reply.FundPayFen = reply.SelfPayFen = 0;
        reply.CapFen = reply.CapUsedBeforeFen = reply.CapUsedAfterFen = 0;
        reply.ClearCapRemainingFen();
        reply.RateBp = 0;
        reply.Replayed = false;
        reply.VisitDate = reply.SettledAt = reply.VisitId = "";
        reply.VisitType = VisitType.Unspecified;
        reply.Other = null;
        reply.UndoneBy = null;
        reply.Limits.Clear();
        reply.LineResults.Clear();
        reply.Headroom.Clear();
    }
}
