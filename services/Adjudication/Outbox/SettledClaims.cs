using System.Collections.Concurrent;
using System.Globalization;
using Claims.Adjudication.Store;
using Claims.Kafka;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Outbox;

/// <summary>An outbox record in the words of the ledger's topic.</summary>
public static class SettledClaims
{
    // The same few texts again and again: the counties of the province.
    private static readonly ConcurrentDictionary<int, string> Counties = new();

    /// <param name="holder">In whose hash the record lies, and which id the request named where that is another.</param>
    /// <param name="terms">Null where <see cref="OutboxRecord.Terms"/> is.</param>
    public static SettledClaim Of(
        int shard, string epoch, in Holder holder, string facilityCode, string requestId, in OutboxRecord record, Terms? terms)
    {
        SettledClaim claim = new();
        Fill(claim, shard, epoch, "", holder, facilityCode, requestId, record, terms);
        return claim;
    }

    /// <summary>Says the record in a claim that may have said another one before: every field is written. Its stored
    /// form and its terms are none until they are put in.</summary>
    /// <param name="settlementId">Where its text exists already; empty to write it here.</param>
    public static void Fill(
        SettledClaim claim, int shard, string epoch, string settlementId, in Holder holder, string facilityCode, string requestId,
        in OutboxRecord record, Terms? terms)
    {
        RecordHeader header = record.Header;
        claim.Shard = shard;
        claim.Sequence = header.Sequence;
        claim.Epoch = epoch;
        claim.SettlementId = settlementId.Length > 0
            ? settlementId
            : SettlementIds.Format(header.VisitDay / 10_000, shard, header.Sequence);
        claim.FacilityCode = facilityCode;
        bool isMerged = holder.StatedId.Length > 0;
        claim.InsuredId = isMerged ? holder.StatedId : holder.InsuredId;
        claim.PersonId = isMerged ? holder.InsuredId : "";
        claim.Note = "";
        claim.RequestId = requestId;
        claim.Scheme = "resident";
        claim.Format = SettledMessage.Format;
        claim.Mac = claim.Filling = ByteString.Empty;
        claim.Following.Clear();
        claim.FirstSequence = 0;
        claim.StoredRecord = claim.StoredTerms = ByteString.Empty;
        if (record.Settlement is { } settlement)
        {
            claim.Kind = SettledClaim.Types.Kind.Settlement;
            claim.RequestFingerprint = UnsafeByteOperations.UnsafeWrap(settlement.Fingerprint);
            claim.SettledAtUnixMs = settlement.Request.SettledAtUnixMs;
            claim.ReasonCode = header.ReasonCode;
            claim.OriginalRequestId = "";
            claim.OriginalSettlementId = "";
            FillFigures(claim, 1, settlement, terms!);
            return;
        }

        if (record.Merge is { } merge)
        {
            FillMerge(claim, merge);
            return;
        }

        if (record.Undoing is not { } undoing)
        {
            claim.Kind = SettledClaim.Types.Kind.NumbersLost;
            claim.FirstSequence = record.FirstSequence;
            claim.RequestFingerprint = ByteString.Empty;
            claim.SettledAtUnixMs = record.FoundLostAtUnixMs;
            claim.SettlementId = claim.ReasonCode = claim.OriginalRequestId = claim.OriginalSettlementId = "";
            FillNothing(claim);
            return;
        }

        claim.RequestFingerprint = UnsafeByteOperations.UnsafeWrap(undoing.Fingerprint);
        claim.SettledAtUnixMs = undoing.Own.UndoneAtUnixMs;
        claim.ReasonCode = "";
        claim.OriginalRequestId = RequestField.Parse(undoing.TargetField).RequestId;
        if (undoing.Target is not { } target)
        {
            claim.Kind = SettledClaim.Types.Kind.RequestOnly;
            claim.OriginalSettlementId = "";
            FillNothing(claim);
            return;
        }

        bool restores = header.State is RecordState.UndidCancellation;
        claim.Kind = restores ? SettledClaim.Types.Kind.Restoration : SettledClaim.Types.Kind.Cancellation;
        claim.OriginalSettlementId = SettlementIds.Format(header.VisitDay / 10_000, shard, undoing.TargetSequence);
        FillFigures(claim, restores ? 1 : -1, target, terms!);
    }

    private static void FillMerge(SettledClaim claim, MergeRecord merge)
    {
        FillNothing(claim);
        claim.Kind = merge.Header.State switch
        {
            RecordState.MergedAway => SettledClaim.Types.Kind.MergeOut,
            RecordState.MergedIn => SettledClaim.Types.Kind.MergeIn,
            RecordState.PartedFrom => SettledClaim.Types.Kind.UnmergeIn,
            RecordState.Parted => SettledClaim.Types.Kind.UnmergeOut,
            RecordState state => throw new InvalidDataException($"A merge has the state {(char)state}, which this program does not know."),
        };
        claim.FirstSequence = merge.Header.Order;
        claim.RequestFingerprint = ByteString.Empty;
        claim.SettledAtUnixMs = merge.Content.AtUnixMs;
        claim.SettlementId = claim.ReasonCode = claim.OriginalRequestId = claim.OriginalSettlementId = "";
        claim.Limits = merge.LimitsText();
        claim.Note = $"{merge.Content.OtherId}\n{merge.Content.Actor}\n{merge.Content.Reason}";
    }

    private static string County(int code) =>
        Counties.GetOrAdd(code, static number => number.ToString("000000", CultureInfo.InvariantCulture));

    private static void FillFigures(SettledClaim claim, int sign, in StoredRecord record, Terms terms)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        claim.VisitDate = header.VisitDateText;
        claim.VisitType = (VisitType)request.VisitType;
        claim.InsuredCounty = County(request.InsuredCounty);
        claim.FacilityCounty = County(request.FacilityCounty);
        claim.Tier = terms.FacilityClass;
        claim.TotalFen = sign * request.TotalFen;
        claim.FullSelfPayFen = sign * request.FullSelfPayFen;
        claim.OverLimitFen = sign * request.OverLimitFen;
        claim.PreSelfPayFen = sign * request.PreSelfPayFen;
        claim.InScopeFen = sign * request.InScopeFen;
        claim.DeductibleFen = sign * header.DeductibleFen;
        claim.RateBp = terms.RateBasisPoints;
        claim.FundPayFen = sign * header.FundPayFen;
        claim.ShortfallFen = sign * header.ShortfallFen;
        LimitUse cap = terms.AnnualCap >= 0 ? record.Limits[terms.AnnualCap] : default;
        claim.CountsAgainstCap = terms.Capped;
        claim.CapFen = cap.Limit;
        claim.CapUsedBeforeFen = cap.UsedBefore;
        claim.CapUsedAfterFen = cap.UsedBefore + (sign * cap.Moved);
        claim.Limits = record.Limits.Text(sign);
        claim.RoundingFen = terms.RoundingFen;
        claim.VisitId = record.VisitId;
        claim.PolicyId = terms.PolicyId;
        claim.PolicyHash = terms.PolicyHash;
    }

    private static void FillNothing(SettledClaim claim)
    {
        claim.VisitDate = claim.InsuredCounty = claim.FacilityCounty = claim.Tier = claim.PolicyId = claim.PolicyHash = "";
        claim.Limits = claim.VisitId = "";
        claim.RoundingFen = 0;
        claim.VisitType = VisitType.Unspecified;
        claim.TotalFen = claim.FullSelfPayFen = claim.OverLimitFen = claim.PreSelfPayFen = claim.InScopeFen = claim.DeductibleFen =
            claim.FundPayFen = 0;
        claim.CapFen = claim.CapUsedBeforeFen = claim.CapUsedAfterFen = claim.ShortfallFen = 0;
        claim.CountsAgainstCap = false;
        claim.RateBp = 0;
    }
}
