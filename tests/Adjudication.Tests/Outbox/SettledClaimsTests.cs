using System.Text;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Adjudication.Tests.Outbox;

/// <summary>What the ledger is told of each kind of record: every field, each with a value of its own.</summary>
public sealed class SettledClaimsTests
{
    private const string Epoch = "0123456789abcdef0123456789abcdef";
    private static readonly Terms Cited = SampleTerms.Of(5_500, 4_000, 30_000, facilityClass: "grassroots") with
    {
        PolicyId = "p1",
        PolicyHash = "h2",
        RoundingFen = 10,
    };

    private static readonly Terms FixedSum = SampleTerms.Of(0, 0, 30_000, 90_000, facilityClass: "grassroots") with
    {
        PolicyId = "p1",
        PolicyHash = "h2",
        RoundingFen = 10,
    };

    private static readonly byte[] OfSettlement = [.. Enumerable.Range(1, 16).Select(number => (byte)number)];
    private static readonly byte[] OfUndoing = [.. Enumerable.Range(101, 16).Select(number => (byte)number)];

    /// <summary>Of 100 000 fen with 20 050 in scope: (20 050 - 1 000) x 55% = 10 477.5, of which the cap leaves 9 001.</summary>
    private static readonly RecordHeader Header = new(
        RecordKind.Settlement, RecordState.Active, true, 17, 18, 20240305, DeductibleFen: 1_000, FundPayFen: 9_001, ShortfallFen: 1_477);

    private static readonly StoredRequest Request = new()
    {
        VisitType = (int)VisitType.PrenatalCheck,
        TotalFen = 100_000,
        FullSelfPayFen = 41,
        OverLimitFen = 42,
        PreSelfPayFen = 43,
        InScopeFen = 20_050,
        InsuredCounty = 410_105,
        FacilityCounty = 90_122,
        Terms = 7,
        SettledAtUnixMs = 1_700_000_000_001,
    };

    private static readonly SettledClaim Settlement = new()
    {
        Shard = 3,
        Sequence = 17,
        Epoch = Epoch,
        Kind = SettledClaim.Types.Kind.Settlement,
        SettlementId = "2024-03-0000000017",
        OriginalSettlementId = "",
        FacilityCode = "H1",
        InsuredId = "P1",
        RequestId = "r1",
        VisitDate = "2024-03-05",
        VisitType = VisitType.PrenatalCheck,
        SettledAtUnixMs = 1_700_000_000_001,
        Scheme = "resident",
        InsuredCounty = "410105",
        FacilityCounty = "090122",
        Tier = "grassroots",
        TotalFen = 100_000,
        FullSelfPayFen = 41,
        OverLimitFen = 42,
        PreSelfPayFen = 43,
        InScopeFen = 20_050,
        DeductibleFen = 1_000,
        RateBp = 5_500,
        FundPayFen = 9_001,
        ShortfallFen = 1_477,
        CountsAgainstCap = true,
        CapFen = 30_000,
        CapUsedBeforeFen = 20_999,
        CapUsedAfterFen = 30_000,
        ReasonCode = "CAP_REACHED",
        PolicyId = "p1",
        PolicyHash = "h2",
        RequestFingerprint = ByteString.CopyFrom(OfSettlement),
        OriginalRequestId = "",
        Format = 2,
        Limits = "D 4000 3000 1000 bordinary:20240305:H1\nf 30000 20999 9001 fordinary.year:2024",
        RoundingFen = 10,
        VisitId = "就1",
    };

    private static SettledClaim Cancellation => new(Settlement)
    {
        Sequence = 21,
        Kind = SettledClaim.Types.Kind.Cancellation,
        SettlementId = "2024-03-0000000021",
        OriginalSettlementId = "2024-03-0000000017",
        RequestId = "c1",
        SettledAtUnixMs = 1_700_000_000_002,
        TotalFen = -100_000,
        FullSelfPayFen = -41,
        OverLimitFen = -42,
        PreSelfPayFen = -43,
        InScopeFen = -20_050,
        DeductibleFen = -1_000,
        FundPayFen = -9_001,
        ShortfallFen = -1_477,
        CapUsedBeforeFen = 29_000,
        CapUsedAfterFen = 19_999,
        Limits = "D 4000 3500 -1000 bordinary:20240305:H1\nf 30000 29000 -9001 fordinary.year:2024",
        ReasonCode = "",
        RequestFingerprint = ByteString.CopyFrom(OfUndoing),
        OriginalRequestId = "r1",
    };

    [Fact]
    public void Settlement_is_told_with_every_field() => AssertTold(Settlement, "r1", new OutboxRecord(Header, Stored(Header), null));

    [Fact]
    public void Settlement_is_told_with_the_reason_of_what_the_fund_pays()
    {
        RecordHeader whole = Header with { FundPayFen = 10_478, ShortfallFen = 0 };
        AssertTold(
            new SettledClaim(Settlement)
            {
                FundPayFen = 10_478,
                CapUsedBeforeFen = 19_522,
                ShortfallFen = 0,
                ReasonCode = "",
                Limits = "D 4000 3000 1000 bordinary:20240305:H1\nf 30000 19522 10478 fordinary.year:2024",
            },
            "r1", new OutboxRecord(whole, Stored(whole, Met(3_000, 19_522, 10_478)), null));
        RecordHeader none = Header with { FundPayFen = 0, ShortfallFen = 10_478 };
        AssertTold(
            new SettledClaim(Settlement)
            {
                FundPayFen = 0,
                CapUsedBeforeFen = 30_000,
                ShortfallFen = 10_478,
                ReasonCode = "CAP_EXHAUSTED",
                Limits = "D 4000 3000 1000 bordinary:20240305:H1\nf 30000 30000 0 fordinary.year:2024",
            },
            "r1", new OutboxRecord(none, Stored(none, Met(3_000, 30_000, 0)), null));
    }

    [Fact]
    public void Settlement_at_a_fixed_sum_leaves_the_cap_where_it_was()
    {
        RecordHeader header = Header with { ByRate = false, DeductibleFen = 0, FundPayFen = 90_000, ShortfallFen = 0 };
        AssertTold(
            new SettledClaim(Settlement)
            {
                DeductibleFen = 0,
                RateBp = 0,
                FundPayFen = 90_000,
                ShortfallFen = 0,
                CountsAgainstCap = false,
                CapUsedAfterFen = 20_999,
                ReasonCode = "",
                Limits = "s 30000 20999 0 fordinary.year:2024",
            },
            "r1",
            new OutboxRecord(header, Stored(header, Shown(20_999)), null), FixedSum);
    }

    [Fact]
    public void Settlement_is_told_with_its_facility_class() => AssertTold(
        new SettledClaim(Settlement) { Tier = "fourth" }, "r1", new OutboxRecord(Header, Stored(Header), null),
        Cited with { FacilityClass = "fourth" });

    [Fact]
    public void Settlement_of_a_city_without_an_annual_cap_names_none() => AssertTold(
        new SettledClaim(Settlement) { CountsAgainstCap = false, CapFen = 0, CapUsedBeforeFen = 0, CapUsedAfterFen = 0 }, "r1",
        new OutboxRecord(Header, Stored(Header), null),
        SampleTerms.Rebuilt(Cited with { Limits = [Cited.Limits[0], Cited.Limits[1] with { IsAnnualCap = false }] })
);

    [Theory]
    [InlineData(RecordKind.Cancellation, RecordState.Active)]
    [InlineData(RecordKind.Reversal, RecordState.UndidSettlement)]
    public void Cancellation_is_told_as_the_negative_mirror(RecordKind kind, RecordState state)
    {
        RecordHeader header = Header with { Kind = kind, State = state, Sequence = 21, Order = 22 };

        AssertTold(Cancellation, "c1", new OutboxRecord(header, null, Undoing(header, Met(3_500, 29_000, 9_001))));

        RecordHeader fixedSum = header with { ByRate = false };
        AssertTold(
            new SettledClaim(Cancellation)
            {
                CountsAgainstCap = false,
                RateBp = 0,
                CapUsedAfterFen = 29_000,
                Limits = "s 30000 29000 0 fordinary.year:2024",
            },
            "c1", new OutboxRecord(fixedSum, null, Undoing(fixedSum, Shown(29_000))), FixedSum);
    }

    [Fact]
    public void Restoration_is_told_as_the_settlement_again()
    {
        RecordHeader header = Header with
        {
            Kind = RecordKind.Reversal,
            State = RecordState.UndidCancellation,
            Sequence = 31,
            Order = 32,
        };

        AssertTold(
            new SettledClaim(Settlement)
            {
                Sequence = 31,
                Kind = SettledClaim.Types.Kind.Restoration,
                SettlementId = "2024-03-0000000031",
                OriginalSettlementId = "2024-03-0000000017",
                RequestId = "v1",
                SettledAtUnixMs = 1_700_000_000_002,
                CapUsedBeforeFen = 5_000,
                CapUsedAfterFen = 14_001,
                Limits = "D 4000 0 1000 bordinary:20240305:H1\nf 30000 5000 9001 fordinary.year:2024",
                ReasonCode = "",
                RequestFingerprint = ByteString.CopyFrom(OfUndoing),
                OriginalRequestId = "r1",
            },
            "v1",
            new OutboxRecord(header, null, Undoing(header, Met(0, 5_000, 9_001))));
    }

    [Fact]
    public void Request_only_is_told_without_money()
    {
        RecordHeader header = new(RecordKind.Reversal, RecordState.UndidNothing, false, 41, 41, 0, 0, 0, 0);
        OutboxRecord record = new(header, null,
            new UndoingRecord(header, default, OfUndoing, new StoredUndoing { UndoneAtUnixMs = 1_700_000_000_002 }, "qH1\nnever", 0, [],
                null));

        Assert.Null(record.Terms);
        AssertTold(
            new SettledClaim
            {
                Shard = 3,
                Sequence = 41,
                Epoch = Epoch,
                Kind = SettledClaim.Types.Kind.RequestOnly,
                SettlementId = "0000-03-0000000041",
                FacilityCode = "H1",
                InsuredId = "P1",
                RequestId = "v9",
                SettledAtUnixMs = 1_700_000_000_002,
                Scheme = "resident",
                RequestFingerprint = ByteString.CopyFrom(OfUndoing),
                OriginalRequestId = "never",
                Format = 2,
            },
            "v9",
            record,
            null);
    }

    [Theory]
    [InlineData('O', SettledClaim.Types.Kind.MergeOut, "", "t 0 3300 -3300 {0}\nt 0 4000 -4000 {1}\nS 0 0 -2 ")]
    [InlineData('I', SettledClaim.Types.Kind.MergeIn, "700 0", "t 0 700 3300 {0}\nt 0 0 4000 {1}\nS 0 0 2 ")]
    [InlineData('i', SettledClaim.Types.Kind.UnmergeIn, "4000 4000", "t 0 4000 -3300 {0}\nt 0 4000 -4000 {1}\nS 0 0 -2 ")]
    [InlineData('o', SettledClaim.Types.Kind.UnmergeOut, "", "t 0 0 3300 {0}\nt 0 0 4000 {1}\nS 0 0 2 ")]
    public void Merge_and_its_undoing_are_told_with_what_either_id_is_given_or_gives(
        char state, SettledClaim.Types.Kind kind, string before, string limits)
    {
        const string Paid = "fordinary.year:2024";
        const string Borne = "bordinary:20240305:H1";
        StoredMerge content = new()
        {
            OtherId = "P2",
            Actor = "甲",
            Reason = "因由",
            AtUnixMs = 1_700_000_000_003,
            Standing = 2,
            Accumulators = { MovedRecords.Field(Paid, "3300"u8), MovedRecords.Field(Borne, "4000"u8) },
        };
        byte[] header = new byte[RecordHeader.Bytes];
        (header[0], header[1], header[2], header[3]) = (RecordHeader.Format, (byte)RecordKind.Merge, (byte)state, (byte)'F');
        BigEndian.WriteUInt48(header.AsSpan(4), 21);
        BigEndian.WriteUInt48(header.AsSpan(10), 19);
        header[40] = (byte)before.Length;
        OutboxRecord record = OutboxRecord.Read(
            (byte[])[.. header, .. Encoding.ASCII.GetBytes(before), .. content.ToByteArray()], new StoredRequest());

        Assert.Equal((19L, null, null), (record.FirstSequence, record.Terms, record.TraceParent));
        AssertTold(
            new SettledClaim
            {
                Shard = 3,
                Sequence = 21,
                FirstSequence = 19,
                Epoch = Epoch,
                Kind = kind,
                FacilityCode = "H1",
                InsuredId = "P1",
                RequestId = "merge-1",
                SettledAtUnixMs = 1_700_000_000_003,
                Scheme = "resident",
                Format = 2,
                Limits = limits.Replace("{0}", Paid, StringComparison.Ordinal).Replace("{1}", Borne, StringComparison.Ordinal),
                Note = "P2\n甲\n因由",
            },
            "merge-1",
            record,
            null);
    }

    [Fact]
    public void Record_names_the_terms_and_the_trace_that_are_its_own()
    {
        ByteString trace = ByteString.CopyFrom([.. Enumerable.Range(0x10, 24).Select(number => (byte)number)]);
        RecordHeader header = Header with { Kind = RecordKind.Cancellation };
        UndoingRecord traced = Undoing(header) with { Own = new StoredUndoing { Trace = trace } };

        Assert.Equal((7u, null), (new OutboxRecord(Header, Stored(Header), null).Terms,
            new OutboxRecord(Header, Stored(Header), null).TraceParent));
        Assert.Equal((7u, "00-101112131415161718191a1b1c1d1e1f-2021222324252627-01"),
            (new OutboxRecord(header, null, traced).Terms, new OutboxRecord(header, null, traced).TraceParent));
    }

    [Fact]
    public void Settlement_id_that_was_told_already_is_kept()
    {
        SettledClaim claim = new();
        SettledClaims.Fill(claim, 3, Epoch, "told", new Holder("P1"), "H1", "r1", new OutboxRecord(Header, Stored(Header), null), Cited);
        Assert.Equal(new SettledClaim(Settlement) { SettlementId = "told" }, claim);
    }

    /// <summary>The same whether the claim is new or has said something else.</summary>
    private static void AssertTold(SettledClaim expected, string requestId, in OutboxRecord record, Terms? terms)
    {
        Assert.Equal(expected, SettledClaims.Of(3, Epoch, new Holder("P1"), "H1", requestId, record, terms));
        SettledClaim used = Used.Message<SettledClaim>();
        SettledClaims.Fill(used, 3, Epoch, "", new Holder("P1"), "H1", requestId, record, terms);
        Assert.Equal(expected, used);
    }

    private static void AssertTold(SettledClaim expected, string requestId, in OutboxRecord record) =>
        AssertTold(expected, requestId, record, Cited);

    private static StoredLimits Met(long borneBeforeFen, long usedBeforeFen, long fundPayFen) => SampleTerms.Limits(
        ('D', 4_000, borneBeforeFen, 1_000, "bordinary:20240305:H1"), ('f', 30_000, usedBeforeFen, fundPayFen, "fordinary.year:2024"));

    private static StoredLimits Shown(long usedBeforeFen) => SampleTerms.Limits(('s', 30_000, usedBeforeFen, 0, "fordinary.year:2024"));

    private static StoredRecord Stored(RecordHeader header, StoredLimits? limits = null) =>
        new(header, limits ?? Met(3_000, 20_999, 9_001), OfSettlement, Request) { VisitId = "就1" };

    private static UndoingRecord Undoing(RecordHeader header, StoredLimits? limits = null) =>
        new(header, limits ?? Met(3_000, 20_999, 9_001), OfUndoing, new StoredUndoing { UndoneAtUnixMs = 1_700_000_000_002 }, "qH1\nr1", 17,
            [new CutSettlement(18, 5, 20240306, "H2")], Stored(header, limits));
}
