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
    private static readonly Citations Cited = new("p1", "h2", "v3", "d4", "r5", "c6");
    private static readonly byte[] OfSettlement = [.. Enumerable.Range(1, 16).Select(number => (byte)number)];
    private static readonly byte[] OfUndoing = [.. Enumerable.Range(101, 16).Select(number => (byte)number)];

    /// <summary>Of 100 000 fen with 20 050 in scope: (20 050 - 1 000) x 55% = 10 477.5, of which the cap leaves 9 001.</summary>
    private static readonly RecordHeader Header = new(
        RecordKind.Settlement, RecordState.Active, true, 17, 18, 20240305, DeductibleFen: 1_000, BorneBeforeFen: 3_000, FundPayFen: 9_001,
        CapUsedBeforeFen: 20_999,
        TariffFen: 4_000, CapFen: 30_000, ShortfallFen: 1_477);

    private static readonly StoredRequest Request = new()
    {
        VisitType = (int)VisitType.PrenatalCheck,
        TotalFen = 100_000,
        FullSelfPayFen = 41,
        OverLimitFen = 42,
        PreSelfPayFen = 43,
        InScopeFen = 20_050,
        RateBp = 5_500,
        AllowanceFen = 90_000,
        Tier = (int)Tier.Grassroots,
        InsuredCounty = 410_105,
        FacilityCounty = 90_122,
        Citations = 7,
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
        Format = 1,
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
        ReasonCode = "",
        RequestFingerprint = ByteString.CopyFrom(OfUndoing),
        OriginalRequestId = "r1",
    };

    [Fact]
    public void Settlement_is_told_with_every_field() => AssertTold(Settlement, "r1", new OutboxRecord(Header, Stored(Header), null));

    [Fact]
    public void Settlement_is_told_with_the_reason_of_what_the_fund_pays()
    {
        RecordHeader whole = Header with { FundPayFen = 10_478, CapUsedBeforeFen = 19_522, ShortfallFen = 0 };
        AssertTold(new SettledClaim(Settlement) { FundPayFen = 10_478, CapUsedBeforeFen = 19_522, ShortfallFen = 0, ReasonCode = "" }, "r1",
            new OutboxRecord(whole, Stored(whole), null));
        RecordHeader none = Header with { FundPayFen = 0, CapUsedBeforeFen = 30_000, ShortfallFen = 10_478 };
        AssertTold(
            new SettledClaim(Settlement) { FundPayFen = 0, CapUsedBeforeFen = 30_000, ShortfallFen = 10_478, ReasonCode = "CAP_EXHAUSTED" },
            "r1", new OutboxRecord(none, Stored(none), null));
    }

    [Fact]
    public void Settlement_at_a_fixed_allowance_leaves_the_cap_where_it_was()
    {
        RecordHeader header = Header with { Capped = false, DeductibleFen = 0, FundPayFen = 90_000, ShortfallFen = 0 };
        AssertTold(
            new SettledClaim(Settlement)
            {
                DeductibleFen = 0,
                FundPayFen = 90_000,
                ShortfallFen = 0,
                CountsAgainstCap = false,
                CapUsedAfterFen = 20_999,
                ReasonCode = "",
            },
            "r1",
            new OutboxRecord(header, Stored(header), null));
    }

    [Theory]
    [InlineData(Tier.Province3A, "province_3a")]
    [InlineData(Tier.Other, "other")]
    public void Settlement_is_told_with_its_tier(Tier tier, string name)
    {
        StoredRecord stored = new(Header, OfSettlement, new StoredRequest(Request) { Tier = (int)tier });
        AssertTold(new SettledClaim(Settlement) { Tier = name }, "r1", new OutboxRecord(Header, stored, null));
    }

    [Theory]
    [InlineData(RecordKind.Cancellation, RecordState.Active)]
    [InlineData(RecordKind.Reversal, RecordState.UndidSettlement)]
    public void Cancellation_is_told_as_the_negative_mirror(RecordKind kind, RecordState state)
    {
        RecordHeader header = Header with { Kind = kind, State = state, Sequence = 21, Order = 22, CapUsedBeforeFen = 29_000 };

        AssertTold(Cancellation, "c1", new OutboxRecord(header, null, Undoing(header)));

        RecordHeader allowance = header with { Capped = false };
        AssertTold(new SettledClaim(Cancellation) { CountsAgainstCap = false, CapUsedAfterFen = 29_000 }, "c1",
            new OutboxRecord(allowance, null, Undoing(allowance)));
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
            CapUsedBeforeFen = 5_000,
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
                ReasonCode = "",
                RequestFingerprint = ByteString.CopyFrom(OfUndoing),
                OriginalRequestId = "r1",
            },
            "v1",
            new OutboxRecord(header, null, Undoing(header)));
    }

    [Fact]
    public void Request_only_is_told_without_money()
    {
        RecordHeader header = new(RecordKind.Reversal, RecordState.UndidNothing, false, 41, 41, 0, 0, 0, 0, 0, 0, 0, 0);
        OutboxRecord record = new(header, null,
            new UndoingRecord(header, OfUndoing, new StoredUndoing { UndoneAtUnixMs = 1_700_000_000_002 }, "qH1\nnever", 0, [], null));

        Assert.Null(record.Citations);
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
                Format = 1,
            },
            "v9",
            record,
            null);
    }

    [Fact]
    public void Record_names_the_citations_and_the_trace_that_are_its_own()
    {
        ByteString trace = ByteString.CopyFrom([.. Enumerable.Range(0x10, 24).Select(number => (byte)number)]);
        RecordHeader header = Header with { Kind = RecordKind.Cancellation };
        UndoingRecord traced = Undoing(header) with { Own = new StoredUndoing { Trace = trace } };

        Assert.Equal((7u, null), (new OutboxRecord(Header, Stored(Header), null).Citations,
            new OutboxRecord(Header, Stored(Header), null).TraceParent));
        Assert.Equal((7u, "00-101112131415161718191a1b1c1d1e1f-2021222324252627-01"),
            (new OutboxRecord(header, null, traced).Citations, new OutboxRecord(header, null, traced).TraceParent));
    }

    [Fact]
    public void Settlement_id_that_was_told_already_is_kept()
    {
        SettledClaim claim = new();
        SettledClaims.Fill(claim, 3, Epoch, "told", "P1", "H1", "r1", new OutboxRecord(Header, Stored(Header), null), Cited);
        Assert.Equal(new SettledClaim(Settlement) { SettlementId = "told" }, claim);
    }

    /// <summary>The same whether the claim is new or has said something else.</summary>
    private static void AssertTold(SettledClaim expected, string requestId, in OutboxRecord record, Citations? citations)
    {
        Assert.Equal(expected, SettledClaims.Of(3, Epoch, "P1", "H1", requestId, record, citations));
        SettledClaim used = Used.Message<SettledClaim>();
        SettledClaims.Fill(used, 3, Epoch, "", "P1", "H1", requestId, record, citations);
        Assert.Equal(expected, used);
    }

    private static void AssertTold(SettledClaim expected, string requestId, in OutboxRecord record) =>
        AssertTold(expected, requestId, record, Cited);

    private static StoredRecord Stored(RecordHeader header) => new(header, OfSettlement, Request);

    private static UndoingRecord Undoing(RecordHeader header) =>
        new(header, OfUndoing, new StoredUndoing { UndoneAtUnixMs = 1_700_000_000_002 }, "qH1\nr1", 17,
            [new CutSettlement(18, 5, 20240306, "H2")], Stored(header));
}
