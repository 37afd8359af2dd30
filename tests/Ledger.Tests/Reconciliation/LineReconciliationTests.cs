using System.Globalization;
using Claims.Ledger.Reconciliation;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Reconciliation;

/// <summary>A facility's file against the books in PostgreSQL. The facility is H1, the period 2024-03-10 to 2024-03-12.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class LineReconciliationTests(LedgerDatabase databases)
{
    internal const string Facility = "H1";
    internal const int Shards = 2;

    internal static readonly Period Days = new(new DateOnly(2024, 3, 10), new DateOnly(2024, 3, 12), DayBasis.SettlementDay);

    [Fact]
    public async Task File_that_agrees_is_reconciled_however_its_lines_name_their_settlements()
    {
        PublishedLog log = new(Shards);
        FacilityLine byBoth = LineOf(Settled(log, 10));
        FacilityLine byRequest = LineOf(Settled(log, 10), line => line.SettlementId = "");
        FacilityLine bySettlement = LineOf(Settled(log, 11), line => line.RequestId = "");
        SettledClaim first = Settled(log, 11);
        SettledClaim cancelled = Cancelled(log, first, 12);
        FacilityLine cancelByOriginal = LineOf(cancelled, line => line.SettlementId = line.RequestId = "");
        SettledClaim second = Settled(log, 8);
        FacilityLine cancelByOldSettlement =
            LineOf(Cancelled(log, second, 12),
            line => (line.SettlementId, line.RequestId, line.OriginalRequestId) = (second.SettlementId, "", ""));
        FacilityLine withoutDays = LineOf(Settled(log, 12), line => line.VisitDate = line.SettledOn = "");
        Settled(log, 10, facility: "H2");
        Settled(log, 13);

        LinesSummary summary = (await ReconcileAsync(
            log, byBoth, byRequest, bySettlement, LineOf(first), cancelByOriginal, cancelByOldSettlement, withoutDays)).Summary;

        Assert.True(summary.Reconciled);
        Assert.Equal((7L, 7L, 0L, TotalsOutcome.Balanced), (summary.Lines, summary.Entries, summary.Differences, summary.Outcome));
        Assert.Equal(summary.Centre, summary.Facility);
        Assert.Equal(3, summary.Centre.Count);
    }

    [Fact]
    public async Task Every_cause_is_found_in_the_order_of_the_settlements_first_lines_with_the_centres_own_last()
    {
        PublishedLog log = new(Shards);
        SettledClaim agreed = Settled(log, 10);
        SettledClaim amount = Settled(log, 10);
        SettledClaim cancelledHere = Settled(log, 10);
        Cancelled(log, cancelledHere, 11);
        SettledClaim cancelledThere = Settled(log, 10);
        SettledClaim afterMidnight = Settled(log, 13);
        SettledClaim foreign = Settled(log, 10, facility: "H2");
        SettledClaim otherId = Settled(log, 10);
        SettledClaim missingThere = Settled(log, 12);
        AddReversedBeforeItCame(log, "P9", "R-reversed");

        (List<LineDifference> differences, LinesSummary summary) = await ReconcileAsync(
            log,
            LineOf(agreed),
            LineOf(amount, line => line.FundPayFen++),
            LineOf(agreed),
            LineOf(cancelledHere),
            LineOf(cancelledThere),
            LineOf(cancelledThere, line => (
                line.Kind, line.SettlementId, line.RequestId, line.OriginalRequestId, line.TotalFen, line.FundPayFen) =
                (FacilityLine.Types.Kind.Cancel, "", "R-cancel", line.RequestId, -line.TotalFen, -line.FundPayFen)),
            LineOf(afterMidnight, line => line.SettledOn = "2024-03-12"),
            LineOf(foreign),
            LineOf(otherId, line => line.SettlementId = "2024-00-9999999999"),
            Unknown("P9", "R-reversed"),
            Unknown("P9", "R-never-came"));

        Assert.Equal(
        [
            (3, DifferenceCause.Duplicate, ProposedAction.RemoveLine),
            (2, DifferenceCause.Amount, ProposedAction.CorrectAmount),
            (0, DifferenceCause.CancelledHere, ProposedAction.RecordCancellation),
            (6, DifferenceCause.CancelledThere, ProposedAction.SendCancel),
            (7, DifferenceCause.OtherDay, ProposedAction.CorrectDay),
            (8, DifferenceCause.OtherFacility, ProposedAction.RemoveLine),
            (9, DifferenceCause.OtherId, ProposedAction.CorrectId),
            (10, DifferenceCause.MissingHere, ProposedAction.SendAsNew),
            (11, DifferenceCause.MissingHere, ProposedAction.SendAgain),
            (0, DifferenceCause.MissingThere, ProposedAction.RecordOrCancel),
        ], differences.Select(difference => (difference.Line?.LineNumber ?? 0, difference.Cause, difference.Action)));
        Assert.False(summary.Reconciled);
        Assert.Equal(10, summary.Differences);
        Assert.Equal(2, summary.Causes.Single(cause => cause.Cause == DifferenceCause.MissingHere).Count);
        Assert.Equal((missingThere.SettlementId, missingThere.InsuredId, "2024-03-12"),
            (differences[^1].Entry.SettlementId, differences[^1].Entry.InsuredId, differences[^1].Entry.SettledOn));
        Assert.Equal("2024-03-13", differences[4].Entry.SettledOn);
        Assert.Null(differences[5].Entry);
        AssertAddsUp(differences, summary);
    }

    [Fact]
    public async Task Sums_that_balance_do_not_hide_lines_that_differ()
    {
        PublishedLog log = new(Shards);
        FacilityLine more = LineOf(Settled(log, 10), line => line.FundPayFen += 100);
        FacilityLine less = LineOf(Settled(log, 10), line => line.FundPayFen -= 100);

        (List<LineDifference> differences, LinesSummary summary) = await ReconcileAsync(log, more, less);

        Assert.Equal(TotalsOutcome.Balanced, summary.Outcome);
        Assert.False(summary.Reconciled);
        Assert.Equal([DifferenceCause.Amount, DifferenceCause.Amount], differences.Select(difference => difference.Cause));
    }

    [Theory]
    [InlineData("total", DifferenceCause.Amount)]
    [InlineData("insured", DifferenceCause.OtherId)]
    [InlineData("request", DifferenceCause.OtherId)]
    [InlineData("visit day", DifferenceCause.OtherDay)]
    [InlineData("visit type", DifferenceCause.OtherVisitType)]
    public async Task Line_that_differs_in_one_field_alone_is_told(string field, DifferenceCause cause)
    {
        PublishedLog log = new(Shards);
        FacilityLine line = LineOf(Settled(log, 10), line =>
        {
            if (field == "total") line.TotalFen++;
            else if (field == "insured") line.InsuredId = "P-other";
            else if (field == "request") line.RequestId = "R-other";
            else if (field == "visit day") line.VisitDate = "2024-03-09";
            else line.VisitType = VisitType.PrenatalCheck;
        });

        Assert.Equal(cause, Assert.Single((await ReconcileAsync(log, line)).Differences).Cause);
    }

    [Fact]
    public async Task Bill_that_was_cancelled_is_no_twin_of_one_that_never_arrived()
    {
        PublishedLog log = new(Shards);
        SettledClaim cancelled = Settled(log, 10);
        Cancelled(log, cancelled, 11);
        FacilityLine again = LineOf(cancelled, line => (line.RequestId, line.SettlementId) = ("R-again", ""));

        LineDifference difference = Assert.Single((await ReconcileAsync(log, again)).Differences);

        Assert.Equal((DifferenceCause.MissingHere, ProposedAction.SendAgain, ""),
            (difference.Cause, difference.Action, difference.TwinSettlementId));
    }

    /// <summary>Longer before the period than a request is looked for, were it not for the visit that the line names.</summary>
    [Fact]
    public async Task Request_of_months_ago_is_found_by_the_visit_that_is_listed()
    {
        PublishedLog log = new(Shards);
        SettledClaim old = Settled(log, 10);
        old.VisitDate = "2024-01-05";
        old.SettledAtUnixMs = At(10, Noon) - (long)TimeSpan.FromDays(65).TotalMilliseconds;
        FacilityLine late = LineOf(old, line => (line.SettlementId, line.SettledOn) = ("", "2024-03-10"));

        LineDifference difference = Assert.Single((await ReconcileAsync(log, late)).Differences);

        Assert.Equal((DifferenceCause.OtherDay, old.SettlementId, "2024-01-05"),
            (difference.Cause, difference.Entry.SettlementId, difference.Entry.SettledOn));
    }

    [Fact]
    public async Task Empty_file_misses_everything_and_an_empty_period_everything_of_the_file()
    {
        PublishedLog log = new(Shards);
        for (int i = 0; i < 20; i++) Settled(log, 11);

        LinesSummary nothingListed = (await ReconcileAsync(log)).Summary;
        LinesSummary nothingThere = (await ReconcileAsync(new PublishedLog(Shards), [.. log.Records.Select(record => LineOf(record))]))
            .Summary;

        Assert.Equal((20L, TotalsOutcome.CentreMore), (nothingListed.Differences, nothingListed.Outcome));
        Assert.Equal((20L, TotalsOutcome.FacilityMore), (nothingThere.Differences, nothingThere.Outcome));
    }

    [Theory]
    [InlineData("kind", "line 1: kind is neither SETTLE nor CANCEL")]
    [InlineData("insured", "line 1: insured_id is missing or no id")]
    [InlineData("ids", "line 1: neither request_id nor settlement_id is given")]
    [InlineData("sign", "line 1: total_fen is not positive, or out of range")]
    [InlineData("huge", "line 1: fund_pay_fen has the wrong sign, or is out of range")]
    [InlineData("day", "line 1: visit_date is not a day of the form yyyy-MM-dd")]
    [InlineData("number", "line 0: line_number does not ascend")]
    public async Task Line_that_cannot_be_compared_ends_the_comparison_and_is_named(string fault, string reason)
    {
        PublishedLog log = new(Shards);
        FacilityLine line = LineOf(Settled(log, 10));
        line.LineNumber = fault == "number" ? 0 : 1;
        switch (fault)
        {
            case "kind": line.Kind = FacilityLine.Types.Kind.Unspecified; break;
            case "insured": line.InsuredId = ""; break;
            case "ids": line.SettlementId = line.RequestId = ""; break;
            case "sign": line.TotalFen = -line.TotalFen; break;
            case "huge": line.FundPayFen = long.MaxValue; break;
            case "day": line.VisitDate = "2024-02-30"; break;
        }

        await using RunningLedger ledger = await BookedAsync(log);
        ReconciliationRequestException refused =
            await Assert.ThrowsAsync<ReconciliationRequestException>(() => ReconcileAsync(ledger, Days, [line]));

        Assert.Equal(reason, refused.Message);
        Assert.True((await ReconcileAsync(ledger, Days, [LineOf(log.Records.Single(), sound => sound.LineNumber = 1)])).Summary.Reconciled);
    }

    [Fact]
    public async Task Totals_of_a_day_change_at_midnight_in_China()
    {
        PublishedLog log = new(Shards);
        SettledClaim before = Settled(log, 10, at: new TimeOnly(23, 59, 59, 999));
        SettledClaim after = Settled(log, 11, at: TimeOnly.MinValue);
        await using RunningLedger ledger = await BookedAsync(log);

        SettlementTotals tenth = await TotalsAsync(Days with { To = Days.From });
        SettlementTotals eleventh = await TotalsAsync(Days with { From = Days.From.AddDays(1), To = Days.From.AddDays(1) });

        Assert.Equal((1, before.FundPayFen), (tenth.Count, tenth.FundPayFen));
        Assert.Equal((1, after.FundPayFen), (eleventh.Count, eleventh.FundPayFen));

        async Task<SettlementTotals> TotalsAsync(Period period) =>
            TotalsComparison.Sum((await ledger.Totals.ByVisitTypeAsync(Facility, period, CancellationToken.None)).Values);
    }

    /// <summary>Whatever happens to a hospital's copy of the books, exactly that is found.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Every_mutation_of_a_true_file_is_told_and_nothing_else(int seed)
    {
        Random random = new(seed);
        PublishedLog log = new(Shards, seed);
        List<FacilityLine> file = [];
        List<(DifferenceCause, string)> expected = [];
        for (int i = 0; i < 150; i++) Mutate(random, log, file, expected);
        FacilityLine[] shuffled = [.. file];
        random.Shuffle(shuffled);

        (List<LineDifference> differences, LinesSummary summary) = await ReconcileAsync(log, shuffled);

        Assert.Equal(
            expected.Order().Select(difference => $"seed {seed}: {difference}"),
            differences.Select(difference => (difference.Cause, difference.Line?.InsuredId ?? difference.Entry.InsuredId)).Order()
                .Select(difference => $"seed {seed}: {difference}"));
        AssertAddsUp(differences, summary);
    }

    private static void Mutate(Random random, PublishedLog log, List<FacilityLine> file, List<(DifferenceCause, string)> expected)
    {
        SettledClaim record = Settled(log, random.Next(10, 13), shard: random.Next(Shards));
        FacilityLine line = LineOf(record);
        // A line may lack one of the two ids, never both.
        if (random.Next(4) == 0) line.SettlementId = "";
        else if (random.Next(4) == 0) line.RequestId = "";
        switch (random.Next(16))
        {
            case 0:
                expected.Add((DifferenceCause.MissingThere, record.InsuredId));
                return;
            case 1:
                file.Add(Unknown($"U{file.Count}", $"U{file.Count}"));
                expected.Add((DifferenceCause.MissingHere, file[^1].InsuredId));
                break;
            case 2:
                line.FundPayFen += random.Next(2) == 0 ? 1 : -1;
                expected.Add((DifferenceCause.Amount, record.InsuredId));
                break;
            case 3:
                file.Add(line.Clone());
                expected.Add((DifferenceCause.Duplicate, record.InsuredId));
                break;
            case 4:
                line.SettledOn = record.SettledAtUnixMs == At(10, Noon) ? "2024-03-11" : "2024-03-10";
                expected.Add((DifferenceCause.OtherDay, record.InsuredId));
                break;
            case 5:
                SettledClaim outside = Settled(log, random.Next(2) == 0 ? 9 : 13);
                file.Add(LineOf(outside, other => (other.SettlementId, other.SettledOn) = ("", "2024-03-10")));
                expected.Add((DifferenceCause.OtherDay, outside.InsuredId));
                break;
            case 6:
                Cancelled(log, record, random.Next(2) == 0 ? 12 : 14);
                if (log.Shard(record.Shard)[^1].SettledAtUnixMs == At(12, Noon))
                    expected.Add((DifferenceCause.CancelledHere, record.InsuredId));
                break;
            case 7:
                file.Add(LineOf(record, cancel => (
                    cancel.Kind, cancel.SettlementId, cancel.RequestId, cancel.OriginalRequestId, cancel.TotalFen, cancel.FundPayFen) =
                    (FacilityLine.Types.Kind.Cancel, "", "", record.RequestId, -record.TotalFen, -record.FundPayFen)));
                expected.Add((DifferenceCause.CancelledThere, record.InsuredId));
                break;
            case 8:
                file.Add(LineOf(Cancelled(log, record, 12)));
                break;
            case 9:
                Cancelled(log, record, 12);
                return;
            case 10:
                Cancelled(log, record, 12);
                At(log.AddMirror(record, Kind.Restoration), 12);
                break;
        }

        file.Add(line);
    }

    private static readonly TimeOnly Noon = new(12, 0);

    private static long At(int day, TimeOnly time) =>
        new DateTimeOffset(2024, 3, day, time.Hour, time.Minute, time.Second, time.Millisecond, TimeSpan.FromHours(8))
        .ToUnixTimeMilliseconds();

    private static SettledClaim At(SettledClaim record, int day)
    {
        record.SettledAtUnixMs = At(day, Noon);
        return record;
    }

    internal static SettledClaim Settled(PublishedLog log, int day, string facility = Facility, TimeOnly? at = null, int shard = 0) =>
        log.AddSettlement(shard, record =>
    {
        record.FacilityCode = facility;
        record.FacilityCounty = "410102";
        record.InsuredId = $"P{record.Shard}-{record.Sequence}";
        record.VisitDate = string.Create(CultureInfo.InvariantCulture, $"2024-03-{day:00}");
        record.SettledAtUnixMs = At(day, at ?? Noon);
    });

    internal static SettledClaim Cancelled(PublishedLog log, SettledClaim settlement, int day) =>
        At(log.AddMirror(settlement, Kind.Cancellation), day);

    private static void AddReversedBeforeItCame(PublishedLog log, string insuredId, string requestId) => log.AddSettlement(0, record =>
    {
        record.Kind = Kind.RequestOnly;
        record.FacilityCode = Facility;
        record.InsuredId = insuredId;
        record.OriginalRequestId = requestId;
        record.SettlementId = record.VisitDate = "";
        record.SettledAtUnixMs = At(10, Noon);
        record.TotalFen = record.FullSelfPayFen = record.InScopeFen = record.FundPayFen = record.CapUsedAfterFen = 0;
    });

    internal static FacilityLine LineOf(SettledClaim record, Action<FacilityLine>? change = null)
    {
        FacilityLine line = new()
        {
            Kind = record.Kind == Kind.Cancellation ? FacilityLine.Types.Kind.Cancel : FacilityLine.Types.Kind.Settle,
            SettlementId = record.SettlementId,
            RequestId = record.RequestId,
            OriginalRequestId = record.Kind == Kind.Cancellation ? record.OriginalRequestId : "",
            InsuredId = record.InsuredId,
            VisitDate = record.VisitDate,
            SettledOn = DateTimeOffset.FromUnixTimeMilliseconds(record.SettledAtUnixMs).ToOffset(TimeSpan.FromHours(8))
                .ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            TotalFen = record.TotalFen,
            FundPayFen = record.FundPayFen,
        };
        change?.Invoke(line);
        return line;
    }

    private static FacilityLine Unknown(string insuredId, string requestId) => new()
    {
        Kind = FacilityLine.Types.Kind.Settle,
        RequestId = requestId,
        InsuredId = insuredId,
        VisitDate = "2024-03-10",
        SettledOn = "2024-03-10",
        TotalFen = 9_000,
        FundPayFen = 1_000,
    };

    private static void AssertAddsUp(List<LineDifference> differences, LinesSummary summary)
    {
        SettlementTotals centre = TotalsComparison.Sum(differences.Select(difference => difference.Centre));
        SettlementTotals facility = TotalsComparison.Sum(differences.Select(difference => difference.Facility));
        Assert.Equal(
            (summary.Centre.Count - summary.Facility.Count, summary.Centre.TotalFen - summary.Facility.TotalFen,
                summary.Centre.FundPayFen - summary.Facility.FundPayFen),
            (centre.Count - facility.Count, centre.TotalFen - facility.TotalFen, centre.FundPayFen - facility.FundPayFen));
    }

    private Task<RunningLedger> BookedAsync(PublishedLog log) => BookedAsync(databases, log);

    internal static async Task<RunningLedger> BookedAsync(LedgerDatabase databases, PublishedLog log)
    {
        RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        if (log.Records.Any()) await ledger.BookAsync(log);
        return ledger;
    }

    /// <summary>Numbers the lines from 1.</summary>
    private async Task<(List<LineDifference> Differences, LinesSummary Summary)> ReconcileAsync(
        PublishedLog log, params FacilityLine[] lines)
    {
        await using RunningLedger ledger = await BookedAsync(log);
        foreach ((int index, FacilityLine line) in lines.Index()) line.LineNumber = index + 1;
        return await ReconcileAsync(ledger, Days, lines);
    }

    private static async Task<(List<LineDifference> Differences, LinesSummary Summary)> ReconcileAsync(
        RunningLedger ledger, Period period, FacilityLine[] lines)
    {
        List<LineDifference> differences = [];
        LinesSummary? summary = null;
        await foreach (ReconcileLinesReply reply in ledger.LineReconciliation.ReconcileAsync(
            Facility, period, lines.ToAsyncEnumerable(), CancellationToken.None))
        {
            Assert.Null(summary);
            if (reply.Difference is { } difference) differences.Add(difference);
            summary = reply.Summary;
        }

        return (differences, summary!);
    }
}
