using System.Collections.Concurrent;
using System.Globalization;
using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Outbox;

/// <summary>An outbox record in the words of the ledger's topic.</summary>
public static class SettledClaims
{
    // The same few texts again and again: a day each day, and the counties of the province.
    private static readonly ConcurrentDictionary<int, string> Days = new();
    private static readonly ConcurrentDictionary<int, string> Counties = new();

    /// <param name="field">The request field that the record lies under.</param>
    /// <param name="citations">Null where <see cref="OutboxRecord.Citations"/> is.</param>
    public static SettledClaim Of(int shard, string epoch, string insuredId, string field, in OutboxRecord record, Citations? citations)
    {
        RecordHeader header = record.Header;
        (string facilityCode, string requestId) = RequestField.Parse(field);
        SettledClaim claim = new()
        {
            Shard = shard,
            Sequence = header.Sequence,
            Epoch = epoch,
            SettlementId = SettlementIds.Format(header.VisitDay / 10_000, shard, header.Sequence),
            FacilityCode = facilityCode,
            InsuredId = insuredId,
            RequestId = requestId,
            Scheme = "resident",
        };

        if (record.Settlement is { } settlement)
        {
            claim.Kind = SettledClaim.Types.Kind.Settlement;
            claim.RequestFingerprint = ByteString.CopyFrom(settlement.Fingerprint.Span);
            claim.SettledAtUnixMs = settlement.Request.SettledAtUnixMs;
            claim.ReasonCode = Adjudicator.Adjudicate(settlement.Terms, settlement.Request.TotalFen, settlement.Request.InScopeFen, header.Before).ReasonCode;
            Fill(claim, 1, settlement, citations!);
            return claim;
        }

        UndoingRecord undoing = record.Undoing!;
        claim.RequestFingerprint = ByteString.CopyFrom(undoing.Fingerprint.Span);
        claim.SettledAtUnixMs = undoing.Own.UndoneAtUnixMs;
        claim.OriginalRequestId = RequestField.Parse(undoing.TargetField).RequestId;
        if (undoing.Target is null)
        {
            claim.Kind = SettledClaim.Types.Kind.RequestOnly;
            return claim;
        }

        bool restores = header.State is RecordState.UndidCancellation;
        claim.Kind = restores ? SettledClaim.Types.Kind.Restoration : SettledClaim.Types.Kind.Cancellation;
        claim.OriginalSettlementId = SettlementIds.Format(header.VisitDay / 10_000, shard, undoing.TargetSequence);
        Fill(claim, restores ? 1 : -1, undoing.Target.Value, citations!);
        return claim;
    }

    private static string County(int code) => Counties.GetOrAdd(code, static number => number.ToString("000000", CultureInfo.InvariantCulture));

    private static void Fill(SettledClaim claim, int sign, in StoredRecord record, Citations citations)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        claim.VisitDate = Days.GetOrAdd(header.VisitDay, static (_, date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), header.VisitDate);
        claim.VisitType = (VisitType)request.VisitType;
        claim.InsuredCounty = County(request.InsuredCounty);
        claim.FacilityCounty = County(request.FacilityCounty);
        claim.Tier = ((Tier)request.Tier).WireName();
        claim.TotalFen = sign * request.TotalFen;
        claim.FullSelfPayFen = sign * request.FullSelfPayFen;
        claim.OverLimitFen = sign * request.OverLimitFen;
        claim.PreSelfPayFen = sign * request.PreSelfPayFen;
        claim.InScopeFen = sign * request.InScopeFen;
        claim.DeductibleFen = sign * header.DeductibleFen;
        claim.RateBp = request.RateBp;
        claim.FundPayFen = sign * header.FundPayFen;
        claim.CapFen = header.CapFen;
        claim.CapUsedBeforeFen = header.CapUsedBeforeFen;
        claim.CapUsedAfterFen = header.CapUsedBeforeFen + (sign * header.CappedFundPayFen);
        claim.PolicyId = citations.PolicyId;
        claim.PolicyHash = citations.PolicyHash;
    }
}
