using System.Globalization;
using System.Text;
using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using Claims.Rules;

namespace Adjudication.Tests.Store;

/// <summary>Every figure of every record that the script makes, by hand; each number is another one, so that none can stand for
/// another.</summary>
public sealed class StoreRecordsTests
{
    private static readonly DateOnly Day = new(2024, 3, 5);

    private static readonly ModelVisit First = new("P1", "H1", "r1", Day, 10_007, 9_003, 5_500, 4_000, 30_000, null);
    private static readonly ModelVisit CutByCap = new("P1", "H1", "r2", Day, 60_100, 60_000, 5_500, 4_000, 30_000, null);
    private static readonly ModelVisit OtherYear = new("P1", "H2", "r3", new DateOnly(2025, 1, 6), 1_002, 1_001, 6_500, 0, 40_000, null);
    private static readonly ModelVisit Fixed = new("P1", "H2", "r4", new DateOnly(2024, 3, 6), 90_000, 80_000, 0, 0, 30_000, 100_000);
    private static readonly ModelVisit Exhausted =
        new("P1", "H3", "r5", new DateOnly(2024, 4, 1), 10_001, 10_000, 4_500, 4_000, 30_000, null);

    [Fact]
    public async Task Records_and_accumulators_have_every_figure_right()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        string[] settled =
        [
            Told(await fixture.RunAsync(StepMode.Settle, First)),
            Told(await fixture.RunAsync(StepMode.Settle, CutByCap)),
            Told(await fixture.RunAsync(StepMode.Settle, OtherYear)),
            Told(await fixture.RunAsync(StepMode.Settle, Fixed)),
            Told(await fixture.RunAsync(StepMode.Settle, Exhausted)),
            Told(await fixture.RunAsync(StepMode.Quote, Exhausted)),
        ];

        // Kind, state, basis, sequence, order, day; deductible, fund pay, shortfall; then each limit with used before and moved.
        Assert.Equal(
            [
                "SAP 1 1 20240305; 4000 2752 0; D 4000 0 4000 bordinary:20240305:H1; f 30000 0 2752 fordinary.year:2024",
                "SAP 2 2 20240305; 0 27248 5752; D 4000 4000 0 bordinary:20240305:H1; f 30000 2752 27248 fordinary.year:2024",
                "SAP 3 3 20250106; 0 651 0; f 40000 0 651 fordinary.year:2025",
                "SAF 4 4 20240306; 0 90000 0; s 30000 30000 0 fordinary.year:2024",
                "SAP 5 5 20240401; 4000 0 2700; D 4000 0 4000 bordinary:20240401:H3; f 30000 30000 0 fordinary.year:2024",
                "SAP 0 0 20240401; 0 0 4500; D 4000 4000 0 bordinary:20240401:H3; f 30000 30000 0 fordinary.year:2024",
            ],
            settled);
        Assert.Equal(("30000", "651", "4000", "4000"), await FieldsAsync(fixture));

        Assert.Equal(Reasons.CancelBlockedByLaterSettlement,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"))).ReasonCode);
        UndoingRecord[] undone =
        [
            await UndoneAsync(fixture, StepMode.Cancel, "H1", "c2", Step.TargetOf(2024, 2)),
            await UndoneAsync(fixture, StepMode.Cancel, "H1", "c1", RequestField.Of("H1", "r1")),
            await UndoneAsync(fixture, StepMode.Reverse, "H1", "v2", RequestField.Of("H1", "c2")),
            await UndoneAsync(fixture, StepMode.Reverse, "H2", "v3", RequestField.Of("H2", "r3")),
            await UndoneAsync(fixture, StepMode.Cancel, "H2", "c4", RequestField.Of("H2", "r4")),
            await UndoneAsync(fixture, StepMode.Reverse, "H2", "v9", RequestField.Of("H2", "never")),
        ];

        Assert.Equal(
            [
                "CAP 6 6 20240305; 0 27248 5752; D 4000 4000 0 bordinary:20240305:H1; f 30000 30000 27248 fordinary.year:2024",
                "CAP 7 7 20240305; 4000 2752 0; D 4000 4000 4000 bordinary:20240305:H1; f 30000 2752 2752 fordinary.year:2024",
                "V2P 8 8 20240305; 0 27248 5752; D 4000 0 0 bordinary:20240305:H1; f 30000 0 27248 fordinary.year:2024",
                "V1P 9 9 20250106; 0 651 0; f 40000 651 651 fordinary.year:2025",
                "CAF 10 10 20240306; 0 90000 0; s 30000 27248 0 fordinary.year:2024",
                "V3F 11 11 0; 0 0 0",
            ],
            undone.Select(record => Told(record.Header, record.Limits)));
        Assert.Equal(
            [("qH1\nr2", 2L), ("qH1\nr1", 1L), ("qH1\nr2", 2L), ("qH2\nr3", 3L), ("qH2\nr4", 4L), ("qH2\nnever", 0L)],
            undone.Select(record => (record.TargetField, record.TargetSequence)));

        // Of the same year, later, standing, and cut by the cap.
        Assert.Equal(["5:2700", "5:2700", "", "", "", ""],
            undone.Select(record => string.Join(
            ' ', record.Headroom.Select(later => string.Create(CultureInfo.InvariantCulture, $"{later.Sequence}:{later.ShortfallFen}")))));
        Assert.Equal([60_100L, 10_007, 60_100, 1_002, 90_000, null], undone.Select(record => record.Target?.Request.TotalFen));
        Assert.Equal(("27248", "0", "0", "4000"), await FieldsAsync(fixture));

        IReadOnlyList<StoredAnswer> stored = StoredAnswer.AllOf(await fixture.Store.Shards[0].ReadInsuredAsync("P1"));
        Assert.Equal(
            [
                "H1 r1 SX 1 1", "H1 r2 SA 2 8", "H2 r3 SR 3 3", "H2 r4 SX 4 4", "H3 r5 SA 5 5", "H1 c2 CU 6 6", "H1 c1 CA 7 7",
                "H1 v2 V2 8 8", "H2 v3 V1 9 9", "H2 c4 CA 10 10",
                "H2 never T3 11 11", "H2 v9 V3 11 11",
            ],
            stored.OrderBy(answer => answer.Header.Sequence).ThenBy(answer => answer.RequestId, StringComparer.Ordinal)
                .Select(answer => string.Create(
                CultureInfo.InvariantCulture,
                $"{answer.FacilityCode} {answer.RequestId} {(char)answer.Header.Kind}{(char)answer.Header.State} {answer.Header.Sequence} {answer.Header.Order}")));

        // The outbox has them as they were appended, whatever has become of them since.
        Assert.Equal(
            settled.Take(5).Concat(undone.Select(record => Told(record.Header, record.Limits))),
            (await OutboxReader.ReadAsync(fixture.Store.Shards[0], StoreFixture.Epoch)).Select(entry =>
                Told(entry.Record.Header, entry.Record.Settlement?.Limits ?? entry.Record.Undoing!.Limits)));
    }

    [Fact]
    public async Task Closed_year_takes_no_effect_any_more_and_replays_what_it_has()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        StepReply first = await fixture.RunAsync(StepMode.Settle, First);
        await fixture.RunAsync(StepMode.Settle, Exhausted);
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H3", "c5", RequestField.Of("H3", "r5"));
        await fixture.RunAsync(StepMode.Settle, OtherYear);

        await shard.CloseYearAsync(2024);
        await shard.CloseYearAsync(2023);

        ModelVisit another = First with { Request = "r8" };
        Assert.Equal((StepOutcome.Replay, first.Header), await OutcomeAsync(StepMode.Settle, First));
        Assert.Equal((StepOutcome.Replay, first.Header), await OutcomeAsync(StepMode.Look, First));
        Assert.Equal(StepOutcome.Missing, (await fixture.RunAsync(StepMode.Look, another)).Outcome);
        Assert.Equal(Reasons.YearClosed, (await fixture.RunAsync(StepMode.Settle, another)).ReasonCode);
        Assert.Equal(Reasons.YearClosed, (await fixture.RunAsync(StepMode.Quote, another)).ReasonCode);
        Assert.Equal(Reasons.YearClosed,
            (await fixture.RunAsync(StepMode.Settle, another with { Day = new DateOnly(2024, 12, 31) })).ReasonCode);
        Assert.Equal(Reasons.YearClosed,
            (await fixture.RunAsync(StepMode.Settle, another with { Day = new DateOnly(2023, 1, 1) })).ReasonCode);
        Assert.Equal(Reasons.YearClosed,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"))).ReasonCode);
        Assert.Equal(Reasons.YearClosed,
            (await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "r1"))).ReasonCode);
        Assert.Equal(Reasons.YearClosed,
            (await fixture.UndoAsync(StepMode.Reverse, "P1", "H3", "v5", RequestField.Of("H3", "c5"))).ReasonCode);
        Assert.Equal(4, (long)await fixture.Redis.HashGetAsync(shard.Keys.Shard, "seq"));

        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, another with { Day = new DateOnly(2025, 1, 1) })).Outcome);
        Assert.Equal(StepOutcome.New, (await fixture.UndoAsync(StepMode.Cancel, "P1", "H2", "c3", RequestField.Of("H2", "r3"))).Outcome);

        async Task<(StepOutcome, RecordHeader)> OutcomeAsync(StepMode mode, ModelVisit visit)
        {
            StepReply reply = await fixture.RunAsync(mode, visit);
            return (reply.Outcome, reply.Header);
        }
    }

    [Fact]
    public async Task Year_of_another_ledgers_store_is_not_closed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.Redis.HashSetAsync(shard.Keys.Shard, "epoch", new string('f', 32));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => shard.CloseYearAsync(2024));

        Assert.False(await fixture.Redis.HashExistsAsync(shard.Keys.Shard, "closed"));
    }

    [Fact]
    public async Task Id_names_a_settlement_of_its_year_and_of_the_facility_that_asks_only()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, First);
        await fixture.RunAsync(StepMode.Settle, OtherYear);

        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H2", "c1", Step.TargetOf(2024, 1))).ReasonCode);
        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", Step.TargetOf(2025, 3))).ReasonCode);
        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P2", "H1", "c1", Step.TargetOf(2024, 1))).ReasonCode);
        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", Step.TargetOf(2025, 1))).ReasonCode);
        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", Step.TargetOf(2023, 1))).ReasonCode);
        Assert.Equal(StepOutcome.New, (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", Step.TargetOf(2024, 1))).Outcome);
        Assert.Equal(Reasons.SettlementUnknown,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c9", Step.TargetOf(2025, 3))).ReasonCode);
    }

    private static async Task<UndoingRecord> UndoneAsync(
        StoreFixture fixture, StepMode mode, string facility, string request, string target)
    {
        StepReply reply = await fixture.UndoAsync(mode, "P1", facility, request, target);
        Assert.Equal(StepOutcome.New, reply.Outcome);
        return UndoingRecord.Read(reply.Bytes);
    }

    private static async Task<(string? Year2024, string? Year2025, string? DayAtH1, string? DayAtH3)> FieldsAsync(StoreFixture fixture)
    {
        IReadOnlyList<(string Field, byte[] Value)> all = await fixture.Store.Shards[0].ReadInsuredAsync("P1");
        Assert.Equal($"{all.Count - 1}", Encoding.ASCII.GetString(Assert.Single(all, field => field.Field == "#").Value));
        Dictionary<string, string> fields = all
            .Where(field => field.Field[0] is not ('q' or '#'))
                .ToDictionary(field => field.Field, field => Encoding.ASCII.GetString(field.Value), StringComparer.Ordinal);
        Assert.Equal(["bordinary:20240305:H1", "bordinary:20240401:H3", "fordinary.year:2024", "fordinary.year:2025"],
            fields.Keys.Order(StringComparer.Ordinal));
        return (fields["fordinary.year:2024"], fields["fordinary.year:2025"], fields["bordinary:20240305:H1"],
            fields["bordinary:20240401:H3"]);
    }

    private static string Told(StepReply reply) => Told(reply.Header, reply.Limits);

    private static string Told(RecordHeader header, StoredLimits limits) => string.Join("; ",
    [
        string.Create(CultureInfo.InvariantCulture,
            $"{(char)header.Kind}{(char)header.State}{(header.ByRate ? 'P' : 'F')} {header.Sequence} {header.Order} {header.VisitDay}"),
        string.Create(CultureInfo.InvariantCulture, $"{header.DeductibleFen} {header.FundPayFen} {header.ShortfallFen}"),
        .. limits.Count == 0 ? [] : limits.Text(1).Split('\n'),
    ]);
}
