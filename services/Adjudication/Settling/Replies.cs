using Claims.Adjudication.Store;
using Claims.Policy;
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
    /// <param name="uses">The record's limits, as <see cref="Answer.UsesOf"/> gives them.</param>
    public static void Settle(
        Answer answer, Decision decision, string settlementId, string requestId, string facilityCode, string insuredId,
        in StoredRecord record, ReadOnlyMemory<LimitUse> uses, Terms terms, bool replayed)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        SettleReply reply = answer.Reply;
        FillFigures(reply, 1, requestId, facilityCode, insuredId, record, uses.Span, terms);
        FillLimits(answer, 1, uses.Span, terms, header.VisitDay);
        reply.Decision = decision;
        reply.SettlementId = settlementId;
        reply.ReasonCode = header.ReasonCode;
        reply.ReasonText = Reasons.TextOf(header.ReasonCode, terms, uses.Span, header.VisitDay / 10_000);
        if (decision is Decision.Settled) reply.SettledAt = SettlementRefs.TimeText(request.SettledAtUnixMs);
        reply.Replayed = replayed;
        answer.Calculation = new Calculation(terms, FeesOf(request), uses, header.Outcome, header.VisitDate);
    }

    /// <summary>The answer to a settlement that was settled before.</summary>
    public static SettleReply Settled(
        int shard, string requestId, string facilityCode, string insuredId, in StoredRecord record, Terms terms, bool replayed)
    {
        Answer answer = new();
        Settle(answer, Decision.Settled, IdOf(shard, record.Header), requestId, facilityCode, insuredId, record,
            answer.UsesOf(record.Limits), terms, replayed);
        return answer.Whole();
    }

    public static string IdOf(int shard, in RecordHeader header) => SettlementIds.Format(header.VisitDay / 10_000, shard, header.Sequence);

    /// <summary>The negative mirror of a settlement that was cancelled or reversed.</summary>
    public static SettleReply Cancelled(
        int shard, string requestId, string facilityCode, string insuredId, UndoingRecord record, Terms terms, bool replayed)
    {
        int year = record.Header.VisitDate.Year;
        int madeIn = MadeIn(shard, record);
        string originalRequestId = RequestField.Parse(record.TargetField).RequestId;
        SettleReply reply = Figures(-1, requestId, facilityCode, insuredId, record.Target!.Value, terms);
        reply.Decision = Decision.Cancelled;
        reply.SettlementId = SettlementIds.Format(year, shard, record.Header.Sequence);
        reply.OriginalRequestId = originalRequestId;
        reply.SettledAt = SettlementRefs.TimeText(record.Own.UndoneAtUnixMs);
        reply.Trace = Trace.OfCancellation(UndoneOf(SettlementIds.Format(year, madeIn, record.TargetSequence), record, terms));
        reply.Replayed = replayed;
        foreach (CutSettlement cut in record.Headroom)
        {
            reply.Headroom.Add(new Headroom
            {
                SettlementId = SettlementIds.Format(year, madeIn, cut.Sequence),
                ShortfallFen = cut.ShortfallFen,
                FacilityCode = cut.FacilityCode == facilityCode ? cut.FacilityCode : "",
                VisitDate = VisitDays.TextOf(cut.VisitDay),
            });
        }

        return reply;
    }

    /// <summary>The settlement that stands again after its cancellation was undone.</summary>
    public static SettleReply Restored(
        int shard, string facilityCode, string insuredId, UndoingRecord record, Terms terms, bool replayed)
    {
        string settlementId = SettlementIds.Format(record.Header.VisitDate.Year, MadeIn(shard, record), record.TargetSequence);
        SettleReply reply = Figures(1, RequestField.Parse(record.TargetField).RequestId, facilityCode, insuredId, record.Target!.Value,
            terms);
        reply.Decision = Decision.Settled;
        reply.SettlementId = settlementId;
        reply.SettledAt = SettlementRefs.TimeText(record.Own.UndoneAtUnixMs);
        reply.Trace = Trace.OfRestoration(UndoneOf(settlementId, record, terms));
        reply.Replayed = replayed;
        return reply;
    }

    /// <summary>The shard whose numbers a cancellation or reversal names others by: where a merge has brought it to another, not that
    /// one.</summary>
    private static int MadeIn(int shard, UndoingRecord record) => MovedNumbers.Given(shard, record.Header.Sequence).Shard;

    /// <summary>A settlement that does not stand any more: refused, with what it was and what undid it.</summary>
    /// <param name="undoneBy">Null where it is not among what is stored.</param>
    public static SettleReply NotStanding(
        int shard, StoredAnswer found, string insuredId, in StoredRecord record, Terms terms, string reasonCode,
        SettlementRef? undoneBy)
    {
        SettleReply reply = Figures(1, found.RequestId, found.FacilityCode, insuredId, record, terms);
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

    private static Undone UndoneOf(string settlementId, UndoingRecord record, Terms terms)
    {
        RecordHeader header = record.Header;
        LimitUse[] uses = new LimitUse[record.Limits.Count];
        record.Limits.CopyTo(uses);
        return new Undone(settlementId, terms, record.Target!.Value.Request.TotalFen, header.DeductibleFen, header.FundPayFen, uses);
    }

    private static SettleReply Figures(
        int sign, string requestId, string facilityCode, string insuredId, in StoredRecord record, Terms terms)
    {
        Answer answer = new();
        ReadOnlySpan<LimitUse> uses = answer.UsesOf(record.Limits).Span;
        FillFigures(answer.Reply, sign, requestId, facilityCode, insuredId, record, uses, terms);
        FillLimits(answer, sign, uses, terms, record.Header.VisitDay);
        return answer.Reply;
    }

    private static void FillFigures(
        SettleReply reply, int sign, string requestId, string facilityCode, string insuredId, in StoredRecord record,
        ReadOnlySpan<LimitUse> uses, Terms terms)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        bool hasCap = terms.AnnualCap >= 0;
        LimitUse cap = hasCap ? uses[terms.AnnualCap] : default;
        long usedAfterFen = cap.UsedBefore + (sign * cap.Moved);
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
        reply.RateBp = terms.RateBasisPoints;
        reply.FundPayFen = sign * header.FundPayFen;
        reply.SelfPayFen = sign * (request.TotalFen - header.FundPayFen);
        reply.CapFen = cap.Limit;
        reply.CapUsedBeforeFen = cap.UsedBefore;
        reply.CapUsedAfterFen = usedAfterFen;
        if (hasCap) reply.CapRemainingFen = Math.Max(cap.Limit - usedAfterFen, 0);
        reply.PolicyId = terms.PolicyId;
        reply.PolicyHash = terms.PolicyHash;
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

    /// <summary>Every deductible and cap that the terms name; not another benefit's cap that is but shown.</summary>
    private static void FillLimits(
        Answer answer, int sign, ReadOnlySpan<LimitUse> uses, Terms terms, int visitDay)
    {
        DateOnly visitDate = new(visitDay / 10_000, visitDay / 100 % 100, visitDay % 100);
        for (int index = 0; index < uses.Length; index++)
        {
            LimitTerms limit = terms.Limits[index];
            if (limit.Kind is LimitKind.Bands or LimitKind.Shown) continue;
            LimitUse use = uses[index];
            V1.Limit said = answer.NextLimit();
            said.Name = limit.Name;
            said.Label = limit.Label;
            said.Period = limit.Per == Period.Day ? VisitDays.TextOf(visitDay) : AccumulatorNames.PeriodText(limit.Per, visitDate);
            said.Limit_ = use.Limit;
            said.UsedBefore = use.UsedBefore;
            said.UsedAfter = use.UsedBefore + (sign * use.Moved);
            said.Remaining = Math.Max(use.Limit - said.UsedAfter, 0);
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
