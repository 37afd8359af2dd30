using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

public sealed class BookableRecordTests
{
    public static TheoryData<string, Action<SettledClaim>> Faults => new()
    {
        { "unknown kind", record => record.Kind = Kind.Unspecified },
        { "lacks insured_id", record => record.InsuredId = "" },
        { "settled_at", record => record.SettledAtUnixMs = 0 },
        { "settled_at", record => record.SettledAtUnixMs = long.MaxValue },
        { "request_fingerprint of 3 bytes", record => record.RequestFingerprint = ByteString.CopyFrom(1, 2, 3) },
        { "out of range", record => record.FundPayFen = long.MaxValue },
        { "out of range", record => record.InScopeFen = long.MinValue },
        { "not yyyy-MM-dd", record => record.VisitDate = "2024-02-30" },
        { "lacks visit_date", record => record.VisitDate = "" },
        { "lacks settlement_id", record => record.SettlementId = "" },
        { "lacks original_settlement_id", record => record.Kind = Kind.Restoration },
        { "unknown visit_type", record => record.VisitType = VisitType.Unspecified },
        { "facility_county", record => record.FacilityCounty = "4101" },
        { "basis points", record => record.RateBp = 10_001 },
        { "wrong sign, or none", record => record.TotalFen = 0 },
        { "part with the wrong sign", record => (record.FullSelfPayFen, record.PreSelfPayFen) = (-1, 1) },
        { "do not add up", record => record.TotalFen++ },
        { "deductible outside", record => record.DeductibleFen = record.InScopeFen + 1 },
        { "fund payment outside", record => record.FundPayFen = -1 },
        { "more than the rate allows", record => record.FundPayFen++ },
        { "moves the cap", record => record.CapUsedAfterFen++ },
        { "beyond the cap", record => record.CapFen = record.CapUsedAfterFen - 1 },
        { "REQUEST_ONLY and carries money", record => record.Kind = Kind.RequestOnly },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Record_with_a_fault_is_not_bookable(string reason, Action<SettledClaim> fault)
    {
        SettledClaim record = Settlement();
        fault(record);

        UnbookableRecordException refused = Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(record));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settlement_that_the_cap_cut_is_bookable()
    {
        SettledClaim record = Settlement();
        record.CapFen = 30_000;
        record.CapUsedBeforeFen = 29_900;
        record.CapUsedAfterFen = 30_000;
        record.FundPayFen = 100;

        Assert.Equal(new DateOnly(2024, 3, 1), BookableRecord.Check(record).VisitDate);
    }

    [Theory]
    [InlineData(1, Kind.Settlement)]
    [InlineData(-1, Kind.Cancellation)]
    public void Visit_of_the_largest_amount_that_is_settled_is_bookable(int sign, Kind kind)
    {
        SettledClaim record = Settlement();
        record.Kind = kind;
        record.OriginalSettlementId = "2024-00-0000000001";
        record.TotalFen = sign * long.MaxValue;
        record.InScopeFen = sign * long.MaxValue;
        record.FullSelfPayFen = record.OverLimitFen = record.PreSelfPayFen = 0;
        record.DeductibleFen = sign * 4_000;
        record.FundPayFen = sign * 30_000;
        record.CapFen = 30_000;
        record.CapUsedBeforeFen = sign > 0 ? 0 : 30_000;
        record.CapUsedAfterFen = 30_000 - record.CapUsedBeforeFen;

        Assert.Same(record, BookableRecord.Check(record).Claim);
    }

    [Fact]
    public void Delivery_allowance_is_bounded_by_the_total_only()
    {
        SettledClaim record = Settlement();
        record.VisitType = VisitType.DeliveryNatural;
        record.CountsAgainstCap = false;
        record.ShortfallFen = 0;
        record.RateBp = 0;
        record.FundPayFen = record.TotalFen;
        record.CapUsedAfterFen = record.CapUsedBeforeFen;

        Assert.Same(record, BookableRecord.Check(record).Claim);
    }

    [Fact]
    public void Mirror_is_bookable_only_with_every_sign_turned()
    {
        PublishedLog log = new(1);
        SettledClaim mirror = log.AddMirror(log.AddSettlement(0), Kind.Cancellation);
        Assert.Same(mirror, BookableRecord.Check(mirror).Claim);

        mirror.FundPayFen = -mirror.FundPayFen;

        Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(mirror));
    }

    private static SettledClaim Settlement() => new PublishedLog(1).AddSettlement(0, record =>
    {
        record.VisitDate = "2024-03-01";
        record.PreSelfPayFen = 200;
        record.TotalFen += 200;
    });
}
