using System.Globalization;
using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Outbox;

/// <summary>An outbox record in the words of the ledger's topic.</summary>
public static class SettledClaims
{
    public static SettledClaim Of(int shard, string epoch, string facilityCode, string insuredId, string requestId, StoredRecord record, Citations citations)
    {
        StoredRequest request = record.Request;
        RecordHeader header = record.Header;
        Settlement settlement = Adjudicator.Adjudicate(record.Terms, request.TotalFen, request.InScopeFen, header.Before);
        return new SettledClaim
        {
            Shard = shard,
            Sequence = header.Sequence,
            Epoch = epoch,
            Kind = SettledClaim.Types.Kind.Settlement,
            SettlementId = SettlementIds.Format(record.VisitDate.Year, shard, header.Sequence),
            FacilityCode = facilityCode,
            InsuredId = insuredId,
            RequestId = requestId,
            VisitDate = record.VisitDate.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            VisitType = (VisitType)request.VisitType,
            SettledAtUnixMs = request.SettledAtUnixMs,
            Scheme = "resident",
            InsuredCounty = request.InsuredCounty.ToString("000000", CultureInfo.InvariantCulture),
            FacilityCounty = request.FacilityCounty.ToString("000000", CultureInfo.InvariantCulture),
            Tier = ((Tier)request.Tier).WireName(),
            TotalFen = request.TotalFen,
            FullSelfPayFen = request.FullSelfPayFen,
            OverLimitFen = request.OverLimitFen,
            PreSelfPayFen = request.PreSelfPayFen,
            InScopeFen = request.InScopeFen,
            DeductibleFen = header.DeductibleFen,
            RateBp = request.RateBp,
            FundPayFen = header.FundPayFen,
            CapFen = request.CapFen,
            CapUsedBeforeFen = header.CapUsedBeforeFen,
            CapUsedAfterFen = header.CapUsedBeforeFen + (record.Terms.Capped ? header.FundPayFen : 0),
            ReasonCode = settlement.ReasonCode,
            PolicyId = citations.PolicyId,
            PolicyHash = citations.PolicyHash,
            RequestFingerprint = ByteString.CopyFrom(record.Fingerprint.Span),
        };
    }
}
