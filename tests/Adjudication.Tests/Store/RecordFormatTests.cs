using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>What lies in Redis says its format: a record of today is read for good, one of another format is refused by name.</summary>
public sealed class RecordFormatTests
{
    private const string SettlementOfFormat2 =
        "025341500000000000010000000000010134fffa000000000fa0000000000ce400000000000000000d004830203430303020" +
        "302033333030500100000102000000000000157c44000000000fa001660000000075300115626f7264696e6172793a323032" +
        "35303631383a483113666f7264696e6172792e796561723a32303235e2f8141eec370e6726d77eee67b9fdb310b96030904e" +
        "50f98319588a84196507000000";
    private const string CancellationOfFormat2 =
        "024341500000000000020000000000020134fffa000000000fa0000000000ce400000000000000000d004834303030203020" +
        "333330302030500100000102000000000000157c44000000000fa001660000000075300115626f7264696e6172793a323032" +
        "35303631383a483113666f7264696e6172792e796561723a323032359661731d12b3d1627032404b9a02c72e00067148310a" +
        "523100070880d095ffbc310000000000010000e2f8141eec370e6726d77eee67b9fdb310b96030904e50f98319588a841965" +
        "07000000";

    private static readonly ModelVisit Visit = new("P1", "H1", "R1", new DateOnly(2025, 6, 18), 12_345, 10_000, 5_500, 4_000, 30_000, null);

    [Fact]
    public void Recorded_settlement_of_format_2_is_read()
    {
        StoredRecord record = StoredRecord.Read(Convert.FromHexString(SettlementOfFormat2));

        Assert.Equal(
            new RecordHeader(RecordKind.Settlement, RecordState.Active, ByRate: true, Sequence: 1, Order: 1, VisitDay: 20250618,
                DeductibleFen: 4_000, FundPayFen: 3_300, ShortfallFen: 0, NumbersBytes: 13, LimitsBytes: 72),
            record.Header);
        Assert.Equal("D 4000 0 4000 bordinary:20250618:H1\nf 30000 0 3300 fordinary.year:2025", record.Limits.Text(1));
        Assert.Equal((12_345, 10_000), (record.Request.TotalFen, record.Request.InScopeFen));
        Assert.Equal((410105, 410122, 7u), (record.Request.InsuredCounty, record.Request.FacilityCounty, record.Request.Terms));
    }

    [Fact]
    public void Recorded_cancellation_of_format_2_is_read()
    {
        UndoingRecord record = UndoingRecord.Read(Convert.FromHexString(CancellationOfFormat2));

        Assert.Equal(
            new RecordHeader(RecordKind.Cancellation, RecordState.Active, ByRate: true, Sequence: 2, Order: 2, VisitDay: 20250618,
                DeductibleFen: 4_000, FundPayFen: 3_300, ShortfallFen: 0, NumbersBytes: 13, LimitsBytes: 72),
            record.Header);
        Assert.Equal("D 4000 4000 -4000 bordinary:20250618:H1\nf 30000 3300 -3300 fordinary.year:2025", record.Limits.Text(-1));
        Assert.Equal(("qH1\nR1", 1L, 1_700_000_000_000), (record.TargetField, record.TargetSequence, record.Own.UndoneAtUnixMs));
        Assert.Equal((12_345L, 10_000L), (record.Target!.Value.Request.TotalFen, record.Target.Value.Request.InScopeFen));
    }

    [Fact]
    public async Task Records_are_written_as_they_were_recorded()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        fixture.Terms = 7;

        await fixture.RunAsync(StepMode.Settle, Visit);
        Assert.Equal(SettlementOfFormat2, await StoredAsync(fixture, "qH1\nR1"));
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "R2", "qH1\nR1");
        Assert.Equal(CancellationOfFormat2, await StoredAsync(fixture, "qH1\nR2"));
    }

    [Fact]
    public async Task Record_of_another_format_is_refused_by_name_and_holds_up_nobody_else()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, Visit);
        RedisKey insured = fixture.Store.Shards[0].Keys.Insured("P1");
        byte[] record = (byte[])(await fixture.Redis.HashGetAsync(insured, "qH1\nR1"))!;
        record[0] = 9;
        await fixture.Redis.HashSetAsync(insured, "qH1\nR1", record);
        string before = await AllOfAsync(fixture);

        Task<StepReply> repeated = fixture.RunAsync(StepMode.Settle, Visit);
        Task<StepReply> cancelled = fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "R2", "qH1\nR1");
        Task<StepReply> reversed = fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "R3", "qH1\nR1");
        Task<StepReply> byId = fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "R4", "#2025-1");
        foreach (StepReply reply in await Task.WhenAll(repeated, cancelled, reversed, byId))
            Assert.Equal((StepOutcome.FormatUnknown, "9"), (reply.Outcome, System.Text.Encoding.ASCII.GetString(reply.Bytes.Span)));
        Assert.Equal(before, await AllOfAsync(fixture));

        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P2" })).Outcome);
        StoreUnavailableException refused = Assert.Throws<StoreUnavailableException>(() => StoredRecord.Read(record));
        Assert.Equal("A stored record has format 9, and this program reads format 2.", refused.Message);
    }

    private static async Task<string> StoredAsync(StoreFixture fixture, string field) =>
        Convert.ToHexStringLower((byte[])(await fixture.Redis.HashGetAsync(fixture.Store.Shards[0].Keys.Insured("P1"), field))!);

    private static async Task<string> AllOfAsync(StoreFixture fixture) =>
        string.Join('|', (await fixture.Redis.HashGetAllAsync(fixture.Store.Shards[0].Keys.Insured("P1")))
        .OrderBy(entry => (string)entry.Name!, StringComparer.Ordinal)
            .Select(entry => $"{entry.Name}={Convert.ToHexString((byte[])entry.Value!)}"));
}
