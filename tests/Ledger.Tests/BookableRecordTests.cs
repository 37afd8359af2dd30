using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

public sealed class BookableRecordTests
{
    private const long Most = 100_000_000_000_000;
    private const string Deductible = "D 4000 0 2000 bordinary:20240301:H1";
    private const string Cap = "f 30000 100 650 fordinary.year:2024";

    /// <summary>Each changes one thing of a sound settlement, or turns it into a sound record of another kind and changes that.</summary>
    public static TheoryData<string, Action<SettledClaim>> Faults => new()
    {
        { "has the unknown kind 0", record => record.Kind = Kind.Unspecified },
        { "has the unknown kind 10", record => record.Kind = (Kind)10 },
        { "lacks insured_id, facility_code or request_id", record => record.InsuredId = "" },
        { "lacks insured_id, facility_code or request_id", record => record.FacilityCode = "" },
        { "lacks insured_id, facility_code or request_id", record => record.RequestId = "" },
        { "has no settled_at_unix_ms", record => record.SettledAtUnixMs = 0 },
        { "has no settled_at_unix_ms", record => record.SettledAtUnixMs = 253_402_300_800_000 },
        { "has a request_fingerprint of 15 bytes", record => record.RequestFingerprint = ByteString.CopyFrom(new byte[15]) },
        { "has a request_fingerprint of 17 bytes", record => record.RequestFingerprint = ByteString.CopyFrom(new byte[17]) },
        { "has an amount out of range", record => record.TotalFen = long.MinValue },
        { "has an amount out of range", record => record.FullSelfPayFen = long.MinValue },
        { "has an amount out of range", record => record.OverLimitFen = long.MinValue },
        { "has an amount out of range", record => record.PreSelfPayFen = long.MinValue },
        { "has an amount out of range", record => record.InScopeFen = long.MinValue },
        { "has an amount out of range", record => record.ShortfallFen = long.MinValue },
        { "has an amount out of range", record => record.DeductibleFen = Most + 1 },
        { "has an amount out of range", record => record.DeductibleFen = -Most - 1 },
        { "has an amount out of range", record => record.FundPayFen = Most + 1 },
        { "has an amount out of range", record => record.FundPayFen = -Most - 1 },
        { "has a visit_date that is not yyyy-MM-dd", record => record.VisitDate = "2024-02-30" },
        { "has a visit_date that is not yyyy-MM-dd", record => record.VisitDate = "2024-3-1" },
        { "lacks visit_date", record => record.VisitDate = "" },
        { "lacks settlement_id", record => record.SettlementId = "" },
        { "lacks original_settlement_id", record => record.Kind = Kind.Restoration },
        { "lacks original_settlement_id", record => Cancelling(record).OriginalSettlementId = "" },
        { "has the unknown visit_type 0", record => record.VisitType = VisitType.Unspecified },
        { "has the unknown visit_type 5", record => record.VisitType = (VisitType)5 },
        { "has the unknown visit_type 5", record => RequestOnly(record).VisitType = (VisitType)5 },
        { "has the unknown visit_type -1", record => RequestOnly(record).VisitType = (VisitType)(-1) },
        { "lacks scheme or facility_county", record => record.Scheme = "" },
        { "lacks scheme or facility_county", record => record.FacilityCounty = "41010" },
        { "lacks scheme or facility_county", record => record.FacilityCounty = "4101022" },
        { "lacks scheme or facility_county", record => record.FacilityCounty = "41010a" },
        { "has a rate of 10001 basis points", record => record.RateBp = 10_001 },
        { "has a rate of -1 basis points", record => record.RateBp = -1 },
        { "has a total with the wrong sign, or none", record => record.TotalFen = 0 },
        { "has a total with the wrong sign, or none", record => record.TotalFen = -record.TotalFen },
        { "has a total with the wrong sign, or none", record => Cancelling(record).TotalFen *= -1 },
        { "has a part with the wrong sign", record => Parts(record, 5_000, -1, 700, 1_301, 3_000) },
        { "has a part with the wrong sign", record => Parts(record, 5_000, 1_100, -1, 901, 3_000) },
        { "has a part with the wrong sign", record => Parts(record, 5_000, 1_301, 700, -1, 3_000) },
        { "has a part with the wrong sign", record => Parts(record, 5_000, 4_101, 700, 200, -1) },
        { "has a part with the wrong sign", record => Parts(Cancelling(record), -5_000, -1_100, 1, -901, -3_000) },
        { "has parts that do not add up to the total", record => record.TotalFen++ },
        { "has parts that do not add up to the total", record => record.FullSelfPayFen++ },
        { "has parts that do not add up to the total", record => record.OverLimitFen++ },
        { "has parts that do not add up to the total", record => record.PreSelfPayFen++ },
        { "has parts that do not add up to the total", record => record.InScopeFen++ },
        { "has a deductible outside 0 to in_scope", record => record.DeductibleFen = record.InScopeFen + 1 },
        { "has a deductible outside 0 to in_scope", record => record.DeductibleFen = -1 },
        { "has a deductible outside 0 to in_scope", record => Cancelling(record).DeductibleFen = 1 },
        { "has a fund payment outside 0 to the total", record => record.FundPayFen = -1 },
        { "has a fund payment outside 0 to the total", record => record.FundPayFen = record.TotalFen + 1 },
        { "has a fund payment outside 0 to the total", record => Cancelling(record).FundPayFen *= -1 },
        { "pays more than the rate allows", record => (record.VisitType, record.FundPayFen) = (VisitType.PrenatalCheck, 651) },
        { "has a shortfall with the wrong sign", record => record.ShortfallFen = -1 },
        { "has a shortfall with the wrong sign", record => Cancelling(record).ShortfallFen = 1 },
        { "has a shortfall and no cap", record =>
            (record.CountsAgainstCap, record.ShortfallFen, record.Limits) = (false, 1, Deductible) },
        { "pays more than the rate allows", record => Paid(record, 2_004, 6_500, 650) },
        { "pays more than the rate allows", record => Paid(record, 2_004, 6_500, 651).RoundingFen = 10 },
        { "pays more than the rate allows", record =>
            Paid(record, 2_000, 6_500, 666).Limits += "\nb 0 0 3000 cordinary:2024" },
        { "pays more than the rate allows", record => AfterRate(record, 1_851) },
        { "pays at a rate of 0", record => record.RateBp = 0 },
        { "pays at a rate of 0", record =>
        {
            AfterRate(record, 1);
            record.RateBp = 0;
        } },
        { "pays at a rate of 0", record =>
            (record.RateBp, record.DeductibleFen, record.Limits) = (0, 0, "b 0 0 3000 cordinary:2024\n" + Cap) },
        { "pays at a rate of 0", record =>
            (record.RateBp, record.DeductibleFen, record.Limits) = (0, 0, "m 30000 0 0 bordinary:2024\n" + Cap) },
        { "pays at a rate of 0", record => Cancelling(record).RateBp = 0 },
        { "has limits that are not kind, limit, used before, moved, accumulator", record => record.Limits = "f 30000 100 650" },
        { "has a limit that only a merge has", record => record.Limits += "\nt 0 0 0 cordinary:2024" },
        { "has a limit that only a merge has", record => record.Limits += "\nS 0 0 0 -" },
        { "has a limit out of range", record => record.Limits += "\nb 281474976710656 0 0 cordinary:2024" },
        { "has a limit out of range", record => record.Limits += "\nb 0 281474976710656 0 cordinary:2024" },
        { "has a limit out of range", record => record.Limits += "\nb 0 0 281474976710656 cordinary:2024" },
        { "has a limit out of range", record => record.Limits += "\nb 0 0 -281474976710656 cordinary:2024" },
        { "has a limit out of range", record => record.Limits += $"\nb 0 0 {long.MinValue} cordinary:2024" },
        { "moves a limit the wrong way", record => record.Limits += "\nb 0 0 -1 cordinary:2024" },
        { "moves a limit the wrong way", record => record.Limits += "\nb 0 -1 0 cordinary:2024" },
        { "moves a limit the wrong way", record => record.Limits += "\nb -1 0 0 cordinary:2024" },
        { "moves a limit the wrong way", record => Cancelling(record).Limits += "\nb 0 0 1 cordinary:2024" },
        { "moves a cap by another sum than it pays", record => record.Limits += "\nf 50000 0 649 fordinary.month:202403" },
        { "moves a cap by another sum than it pays", record => Cancelling(record).Limits += "\nf 50000 0 0 fordinary.month:202403" },
        { "moves a limit that is but shown", record => record.Limits += "\ns 50000 0 1 fdelivery.year:2024" },
        { "counts another number of visits than one that was paid for", record => record.Limits += "\nn 30 0 2 nordinary.times:2024" },
        { "counts another number of visits than one that was paid for", record => record.Limits += "\nn 30 0 0 nordinary.times:2024" },
        { "counts another number of visits than one that was paid for", record =>
            Paid(record, 2_000, 6_500, 0).Limits += "\nn 30 0 1 nordinary.times:2024" },
        { "goes beyond a limit", record => record.Limits += "\nc 2999 0 3000 cordinary.day:20240301" },
        { "goes beyond a limit", record => record.Limits += "\nm 2999 1000 2000 bordinary:2024" },
        { "goes beyond a limit", record => record.Limits += "\nn 3 3 1 nordinary.times:2024" },
        { "goes beyond a limit", record => record.Limits += "\nf 1000 351 650 fordinary.month:202403" },
        { "goes beyond a limit", record => record.Limits = record.Limits.Replace("D 4000 0", "D 4000 2001", StringComparison.Ordinal) },
        { "moves deductibles by another sum than it bears", record =>
            record.Limits = record.Limits.Replace("D 4000 0 2000", "D 4000 0 1999", StringComparison.Ordinal) },
        { "moves deductibles by another sum than it bears", record => record.Limits = Cap },
        { "moves deductibles by another sum than it bears", record =>
            Cancelling(record).Limits = record.Limits.Replace("D 4000 0 -2000", "D 4000 0 -1999", StringComparison.Ordinal) },
        { "counts against a cap that is not among its limits", record => record.Limits = Deductible },
        { "counts against a cap that is not among its limits", record =>
            record.Limits = record.Limits.Replace("f 30000 100", "f 30001 100", StringComparison.Ordinal) },
        { "counts against a cap that is not among its limits", record =>
            record.Limits = record.Limits.Replace("f 30000 100", "f 30000 99", StringComparison.Ordinal) },
        { "counts against a cap that is not among its limits", record =>
            Cancelling(record).Limits = "D 4000 2000 -2000 bordinary:20240301:H1" },
        { "pays more than the rate allows", record => record.FundPayFen++ },
        { "pays more than the rate allows", record => (record.VisitType, record.FundPayFen) = (VisitType.PrenatalCheck, 651) },
        { "pays more than the rate allows", record => Cancelling(record).FundPayFen-- },
        { "pays more than the rate allows", record => Restoring(record).FundPayFen++ },
        { "pays more than the rate allows", record => record.DeductibleFen += 2 },
        { "moves the cap by another sum than it pays", record => record.CapUsedAfterFen++ },
        { "moves the cap by another sum than it pays", record => (record.CapUsedBeforeFen, record.CapUsedAfterFen) = (-1, 649) },
        { "pays beyond the cap", record => record.CapFen = record.CapUsedAfterFen - 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).TotalFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).FullSelfPayFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).OverLimitFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).PreSelfPayFen = -1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).InScopeFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).DeductibleFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).FundPayFen = 1 },
        { "is REQUEST_ONLY and carries money", record => RequestOnly(record).ShortfallFen = 1 },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Record_with_a_fault_is_not_bookable(string reason, Action<SettledClaim> fault)
    {
        SettledClaim record = Settlement();
        BookableRecord.Check(record);
        fault(record);

        UnbookableRecordException refused = Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(record));

        Assert.Equal(reason, refused.Message);
    }

    public static TheoryData<string, Action<SettledClaim>> Bounds => new()
    {
        { "cancellation", record => Cancelling(record) },
        { "restoration", record => Restoring(record) },
        { "request without a day", record => RequestOnly(record) },
        { "request with a day", record => RequestOnly(record).VisitDate = "2024-03-01" },
        { "first millisecond", record => record.SettledAtUnixMs = 1 },
        { "last millisecond", record => record.SettledAtUnixMs = 253_402_300_799_999 },
        { "no fingerprint", record => record.RequestFingerprint = ByteString.Empty },
        { "largest deductible", record =>
            Limited(Paid(Parts(record, Most + 3_000, 1_000, 1_000, 0, Most + 1_000), Most, 6_500, 650)) },
        { "allowance of the largest sum", record =>
        {
            (Parts(record, Most, 0, 0, 0, Most).VisitType, record.DeductibleFen, record.FundPayFen, record.CountsAgainstCap) =
                (VisitType.DeliveryCaesarean, 0, Most, false);
            record.RateBp = 0;
            Limited(record);
        } },
        { "below the entry sum", record =>
        {
            Paid(record, 2_000, 6_500, 0);
            (record.DeductibleFen, record.ShortfallFen) = (0, 0);
            record.Limits = $"s {record.CapFen} {record.CapUsedBeforeFen} 0 fordinary.year:2024";
        } },
        { "half a jiao is rounded up", record => Paid(record, 2_004, 6_500, 650).RoundingFen = 10 },
        { "each band is rounded", record => Paid(record, 2_000, 6_500, 665).Limits += "\nb 0 0 3000 cordinary:2024" },
        { "deductible after the rate", record => AfterRate(record, 1_850) },
        { "every kind of limit", record => record.Limits =
            $"c 3000 0 3000 cordinary.day:20240301\nm 30000 28000 2000 bordinary:2024\n{Deductible}\nb 0 70000 3000 cordinary:2024\n"
            + $"n 3 2 1 nordinary.times:2024\n{Cap}\nf 750 100 650 fordinary.month:202403\ns 50000 600 0 fdelivery.year:2024" },
        { "accumulator that is beyond a limit that was lowered since", record =>
            Paid(record, 2_000, 6_500, 0).Limits += "\nf 99 100 0 fordinary.month:202403\nn 3 4 0 nordinary.times:2024" },
        { "cancellation of what is beyond a limit by now", record => Cancelling(record).Limits += "\nn 3 4 -1 nordinary.times:2024" },
        { "limit of the largest number", record => record.Limits += "\nb 0 281474976710655 281474976710655 cordinary:2024" },
        { "whole deductible, no payment", record => Paid(record, 3_000, 6_500, 0) },
        { "rate of 0", record => Paid(record, 2_000, 0, 0) },
        { "rate of 100 %", record => Paid(record, 2_000, 10_000, 1_000) },
        { "half a fen is rounded up", record => Paid(record, 2_000, 5, 1) },
        { "at the cap", record => Limited(record, capFen: record.CapUsedAfterFen) },
        { "beyond a cap that was lowered since, without a payment", record => Limited(Paid(record, 2_000, 6_500, 0), capFen: 99) },
        { "prenatal check", record => record.VisitType = VisitType.PrenatalCheck },
        { "allowance outside of the cap", record =>
        {
            (record.VisitType, record.CapUsedAfterFen, record.CountsAgainstCap) = (VisitType.DeliveryNatural, 0, false);
            Limited(record, capFen: 0);
        } },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Record_at_a_bound_is_bookable(string what, Action<SettledClaim> change)
    {
        SettledClaim record = Settlement();
        change(record);

        BookableRecord checkedRecord = BookableRecord.Check(record);

        Assert.Same(record, checkedRecord.Claim);
        Assert.Equal(what == "request without a day" ? null : new DateOnly(2024, 3, 1), checkedRecord.VisitDate);
    }

    [Fact]
    public void Settlement_that_the_cap_cut_is_bookable()
    {
        SettledClaim record = Settlement();
        record.CapFen = 30_000;
        record.CapUsedBeforeFen = 29_900;
        record.CapUsedAfterFen = 30_000;
        record.FundPayFen = 100;
        Limited(record);

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
        Limited(record);

        Assert.Same(record, BookableRecord.Check(record).Claim);
    }

    [Fact]
    public void Delivery_allowance_is_bounded_by_the_total_only()
    {
        SettledClaim record = Settlement();
        record.VisitType = VisitType.DeliveryNatural;
        record.CountsAgainstCap = false;
        record.ShortfallFen = record.DeductibleFen = 0;
        record.RateBp = 0;
        record.FundPayFen = record.TotalFen;
        record.CapUsedAfterFen = record.CapUsedBeforeFen;
        Limited(record);

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

    /// <summary>Total 5 000 of which 3 000 in scope; 1 000 of them beyond the deductible, at 65 %.</summary>
    private static SettledClaim Settlement() => new PublishedLog(1).AddSettlement(0, record =>
    {
        record.VisitDate = "2024-03-01";
        record.CapFen = 30_000;
        Paid(Parts(record, 5_000, 1_100, 700, 200, 3_000), 2_000, 6_500, 650);
    });

    private static SettledClaim Parts(SettledClaim record, long total, long fullSelfPay, long overLimit, long preSelfPay, long inScope)
    {
        (record.TotalFen, record.InScopeFen) = (total, inScope);
        (record.FullSelfPayFen, record.OverLimitFen, record.PreSelfPayFen) = (fullSelfPay, overLimit, preSelfPay);
        return record;
    }

    /// <summary>100 of the cap have been used before.</summary>
    private static SettledClaim Paid(SettledClaim record, long deductible, int rateBasisPoints, long fundPay)
    {
        (record.DeductibleFen, record.RateBp, record.FundPayFen) = (deductible, rateBasisPoints, fundPay);
        (record.CapUsedBeforeFen, record.CapUsedAfterFen) = (100, 100 + fundPay);
        // What does not yet say whether it counts is still being made.
        record.Limits = record.CountsAgainstCap ? PublishedLog.LimitsOf(record) : "";
        return record;
    }

    private static void Limited(SettledClaim record, long? capFen = null)
    {
        record.CapFen = capFen ?? record.CapFen;
        record.Limits = PublishedLog.LimitsOf(record);
    }

    /// <summary>3 000 at 65 %, of which the first 100 are taken off.</summary>
    private static void AfterRate(SettledClaim record, long fundPay)
    {
        Paid(record, 100, 6_500, fundPay);
        record.Limits = $"A 4000 0 100 bordinary:20240301:H1\nf 30000 100 {fundPay} fordinary.year:2024";
    }

    private static SettledClaim Cancelling(SettledClaim record)
    {
        (record.Kind, record.OriginalSettlementId) = (Kind.Cancellation, "original");
        return Paid(Parts(record, -5_000, -1_100, -700, -200, -3_000), -2_000, 6_500, -650);
    }

    private static SettledClaim Restoring(SettledClaim record)
    {
        (record.Kind, record.OriginalSettlementId) = (Kind.Restoration, "original");
        return record;
    }

    private static SettledClaim RequestOnly(SettledClaim record)
    {
        (record.Kind, record.SettlementId, record.VisitDate) = (Kind.RequestOnly, "", "");
        return Paid(Parts(record, 0, 0, 0, 0, 0), 0, 0, 0);
    }
}
