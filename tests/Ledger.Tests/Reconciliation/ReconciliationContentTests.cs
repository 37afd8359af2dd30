using System.Globalization;
using Claims.Ledger.Reconciliation;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Reconciliation;

/// <summary>What a hospital reads of its differences, field by field, and what every call refuses.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ReconciliationContentTests(LedgerDatabase databases) : IAsyncLifetime
{
    private static readonly Period Day = new(new DateOnly(2025, 6, 10), new DateOnly(2025, 6, 10), DayBasis.SettlementDay);

    private readonly PublishedLog _log = new(2);
    private string _postgres = "";
    private RunningLedger _ledger = null!;

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _ledger = RunningLedger.Create(_postgres);
        await _ledger.OpenAsync(_log);
    }

    public async Task DisposeAsync() => await _ledger.DisposeAsync();

    [Fact]
    public void Every_cause_and_action_is_of_a_kind_and_every_kind_has_a_sentence_of_its_own()
    {
        Assert.Equal(
            Enum.GetValues<DifferenceCause>().Where(cause => cause != DifferenceCause.CauseUnspecified),
            DifferenceKind.All.Select(kind => kind.Cause).Distinct().Order());
        Assert.Equal(
            Enum.GetValues<ProposedAction>().Where(action => action != ProposedAction.ActionUnspecified),
            DifferenceKind.All.Select(kind => kind.Action).Distinct().Order());
        Assert.Equal(DifferenceKind.All.Count, DifferenceKind.All.Select(kind => kind.ActionText).Distinct(StringComparer.Ordinal).Count());
        Assert.All(DifferenceKind.All, kind => Assert.EndsWith("。", kind.ActionText, StringComparison.Ordinal));
        Assert.All(DifferenceKind.All, kind => Assert.NotEmpty(kind.CauseText));
        Assert.Equal(
            typeof(DifferenceKind).GetFields().Count(field => field.FieldType == typeof(DifferenceKind)), DifferenceKind.All.Count);
    }

    [Fact]
    public async Task Difference_shows_the_line_as_it_came_and_the_entry_as_it_stands()
    {
        SettledClaim settled = Settle("S-1", "R-1", "P-1", "2025-06-08", At(9, 23, 59), 1_000, 520);
        Mirror(settled, "S-2", "R-2", At(10, 0, 0));
        Settle("S-3", "R-3", "P-3", "2025-06-07", At(10, 23, 59), 900, 390);
        Settle("S-4", "R-4", "P-4", "2025-06-10", At(11, 0, 0), 800, 130);
        await _ledger.BookAsync(_log);
        FacilityLine amount = new()
        {
            LineNumber = 4,
            Kind = FacilityLine.Types.Kind.Cancel,
            SettlementId = "S-2",
            RequestId = "R-2",
            OriginalRequestId = "R-1",
            InsuredId = "P-1",
            VisitDate = "2025-06-08",
            SettledOn = "2025-06-10",
            TotalFen = -1_000,
            FundPayFen = -519,
        };
        FacilityLine later = new()
        {
            LineNumber = 9,
            Kind = FacilityLine.Types.Kind.Settle,
            SettlementId = "S-4",
            RequestId = "R-4",
            InsuredId = "P-4",
            VisitDate = "2025-06-10",
            TotalFen = 800,
            FundPayFen = 130,
            FacilityCode = "H1",
        };

        List<ReconcileLinesReply> replies = await ReconcileAsync(amount, later);

        Assert.Equal(
            [
                new ReconcileLinesReply
                {
                    Difference = new()
                    {
                        Cause = DifferenceCause.Amount,
                        CauseText = "金额不符",
                        Action = ProposedAction.CorrectAmount,
                        ActionText = DifferenceKind.OtherAmount.ActionText,
                        Line = amount,
                        Entry = new()
                        {
                            Kind = "CANCELLATION",
                            SettlementId = "S-2",
                            OriginalSettlementId = "S-1",
                            RequestId = "R-2",
                            InsuredId = "P-1",
                            VisitDate = "2025-06-08",
                            SettledOn = "2025-06-10",
                            VisitType = VisitType.Ordinary,
                            TotalFen = -1_000,
                            FundPayFen = -520,
                        },
                        Centre = new() { Count = -1, TotalFen = -1_000, FundPayFen = -520 },
                        Facility = new() { Count = -1, TotalFen = -1_000, FundPayFen = -519 },
                    },
                },
                new ReconcileLinesReply
                {
                    Difference = new()
                    {
                        Cause = DifferenceCause.OtherDay,
                        CauseText = "日期不符：结算日期中心 2025-06-11，不在对账期内",
                        Action = ProposedAction.CorrectDay,
                        ActionText = DifferenceKind.OtherDay.ActionText,
                        Line = new FacilityLine(later) { FacilityCode = "" },
                        Entry = new()
                        {
                            Kind = "SETTLEMENT",
                            SettlementId = "S-4",
                            RequestId = "R-4",
                            InsuredId = "P-4",
                            VisitDate = "2025-06-10",
                            SettledOn = "2025-06-11",
                            VisitType = VisitType.Ordinary,
                            TotalFen = 800,
                            FundPayFen = 130,
                        },
                        Centre = new(),
                        Facility = new() { Count = 1, TotalFen = 800, FundPayFen = 130 },
                    },
                },
                new ReconcileLinesReply
                {
                    Difference = new()
                    {
                        Cause = DifferenceCause.MissingThere,
                        CauseText = "本院无",
                        Action = ProposedAction.RecordOrCancel,
                        ActionText = DifferenceKind.NotListed.ActionText,
                        Entry = new()
                        {
                            Kind = "SETTLEMENT",
                            SettlementId = "S-3",
                            RequestId = "R-3",
                            InsuredId = "P-3",
                            VisitDate = "2025-06-07",
                            SettledOn = "2025-06-10",
                            VisitType = VisitType.Ordinary,
                            TotalFen = 900,
                            FundPayFen = 390,
                        },
                        Centre = new() { Count = 1, TotalFen = 900, FundPayFen = 390 },
                        Facility = new(),
                    },
                },
                new ReconcileLinesReply
                {
                    Summary = new()
                    {
                        Lines = 2,
                        Entries = 2,
                        Differences = 3,
                        Complete = true,
                        Outcome = TotalsOutcome.CentreMore,
                        Centre = new() { Count = 0, TotalFen = -100, FundPayFen = -130 },
                        Facility = new() { Count = 0, TotalFen = -200, FundPayFen = -389 },
                        Causes =
                        {
                            new LinesSummary.Types.CauseCount { Cause = DifferenceCause.MissingThere, Count = 1 },
                            new LinesSummary.Types.CauseCount { Cause = DifferenceCause.Amount, Count = 1 },
                            new LinesSummary.Types.CauseCount { Cause = DifferenceCause.OtherDay, Count = 1 },
                        },
                    },
                },
            ],
            replies);
    }

    [Fact]
    public async Task Slot_is_given_back_after_success_failure_and_cancellation_and_a_fifth_file_is_turned_away()
    {
        for (int round = 0; round < 5; round++)
        {
            Assert.Single(await ReconcileAsync());
            await Assert.ThrowsAsync<ReconciliationRequestException>(() => ReconcileAsync(new FacilityLine { LineNumber = 1 }));
            using CancellationTokenSource cancelled = new();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _ledger.LineReconciliation
                .ReconcileAsync("H1", Day, WaitingAsync(cancelled.Cancel, cancelled.Token), cancelled.Token)
                    .ToListAsync(CancellationToken.None));

            // Whoever reads no further gives it back too.
            await using IAsyncEnumerator<ReconcileLinesReply> left = Compare(AsyncEnumerable.Empty<FacilityLine>()).GetAsyncEnumerator();
            Assert.True(await left.MoveNextAsync());
        }

        TaskCompletionSource[] started = [.. Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource())];
        using CancellationTokenSource enough = new();
        Task[] running = [.. started.Select(
            one => Compare(WaitingAsync(one.SetResult, enough.Token)).ToListAsync(CancellationToken.None).AsTask())];
        await Task.WhenAll(started.Select(one => one.Task)).WaitAsync(RunningLedger.Deadline);

        TooManyFilesException refused = await Assert.ThrowsAsync<TooManyFilesException>(() => ReconcileAsync());

        Assert.Equal("4 files are being compared already; try again later", refused.Message);
        await enough.CancelAsync();
        foreach (Task one in running) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.Single(await ReconcileAsync());

        static async IAsyncEnumerable<FacilityLine> WaitingAsync(
            Action begun, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken end)
        {
            begun();
            await Task.Delay(Timeout.Infinite, end);
            yield break;
        }
    }

    [Fact]
    public async Task Totals_are_of_the_facility_the_days_and_the_basis_that_were_asked()
    {
        Settle("S-1", "R-1", "P-1", "2025-06-09", At(10, 0, 0), 1_000, 500);
        Settle("S-2", "R-2", "P-1", "2025-06-10", At(10, 23, 59), 2_000, 700).VisitType = VisitType.PrenatalCheck;
        Settle("S-3", "R-3", "P-1", "2025-06-10", At(11, 0, 0), 4_000, 900);
        SettledClaim other = Settle("S-4", "R-4", "P-1", "2025-06-10", At(10, 12, 0), 8_000, 1_100);
        other.FacilityCode = "H2";
        Mirror(other, "S-5", "R-5", At(10, 13, 0));
        Settle("S-6", "R-6", "P-1", "2025-06-10", At(10, 12, 0), 16_000, 1_300).FacilityCode = "H2";
        Settle("S-7", "R-7", "P-1", "2025-06-10", At(9, 23, 59), 32_000, 1_700);
        await _ledger.BookAsync(_log);

        Assert.Equal(
            [Facility("H1", 2, 3_000, 1_200), Facility("H2", 1, 16_000, 1_300)],
            await _ledger.Totals.ByFacilityAsync(Day, CancellationToken.None).ToListAsync());
        Assert.Equal(
            [Facility("H1", 2, 6_000, 1_600), Facility("H2", 1, 16_000, 1_300)],
            await _ledger.Totals.ByFacilityAsync(Day with { Basis = DayBasis.VisitDay }, CancellationToken.None).ToListAsync());
        Assert.Equal(
            [(VisitType.Ordinary, new SettlementTotals { Count = 1, TotalFen = 1_000, FundPayFen = 500 }),
                (VisitType.PrenatalCheck, new SettlementTotals { Count = 1, TotalFen = 2_000, FundPayFen = 700 })],
            (await _ledger.Totals.ByVisitTypeAsync("H1", Day, CancellationToken.None)).OrderBy(type => type.Key)
                .Select(type => (type.Key, type.Value)));

        static FacilityTotals Facility(string code, long count, long totalFen, long fundPayFen) =>
            new() { FacilityCode = code, Totals = new() { Count = count, TotalFen = totalFen, FundPayFen = fundPayFen } };
    }

    [Fact]
    public async Task Request_that_cannot_be_answered_is_refused_by_its_field()
    {
        Settle("S-1", "R-1", "P-1", "2025-06-10", At(10, 12, 0), long.MaxValue, 500);
        Settle("S-2", "R-2", "P-1", "2025-06-10", At(10, 12, 0), long.MaxValue, 500);
        await _ledger.BookAsync(_log);
        await using ServedLedger served = await ServedLedger.StartAsync(_postgres);
        ReconciliationPeriod day = new() { From = "2025-06-10", To = "2025-06-10" };

        await RefusedAsync("figures are not 1 to 5", TotalsOf("H1", day));
        await RefusedAsync("figures are not 1 to 5", TotalsOf("H1", day, 0, 1, 2, 3, 4, 5));
        await RefusedAsync("a visit type has figures twice", TotalsOf("H1", day, 1, 1));
        foreach (string code in new[] { "", "H\n1", new string('H', 31) })
            await RefusedAsync("facility_code is missing or no code", TotalsOf(code, day, 0));
        await RefusedAsync("period is missing", TotalsOf("H1", null, 0));
        await RefusedAsync("period.from is not a day of the form yyyy-MM-dd",
            TotalsOf("H1", new() { From = "1999-12-31", To = "2000-01-01" }, 0));
        await RefusedAsync("period.to is not a day of the form yyyy-MM-dd",
            TotalsOf("H1", new() { From = "2999-12-31", To = "3000-01-01" }, 0));
        await RefusedAsync("period.to is before period.from", TotalsOf("H1", new() { From = "2025-06-10", To = "2025-06-09" }, 0));
        await RefusedAsync("the period is longer than 366 days", TotalsOf("H1", new() { From = "2025-01-01", To = "2026-01-02" }, 0));
        await RefusedAsync("period.basis is unknown", TotalsOf("H1", new(day) { Basis = (DayBasis)2 }, 0));
        Assert.Equal(
            StatusCode.OutOfRange, (await Assert.ThrowsAsync<RpcException>(
                () => served.Reconciliation.ReconcileTotalsAsync(TotalsOf("H1", day, 0)).ResponseAsync)).StatusCode);
        ReconcileTotalsReply longest = await served.Reconciliation.ReconcileTotalsAsync(
            TotalsOf("H1", new() { From = "2025-06-11", To = "2026-06-11" }, 0, 1, 2, 3, 4));
        Assert.Equal((5, TotalsOutcome.Balanced), (longest.Comparisons.Count, longest.Outcome));
        await UnknownAsync(new string('H', 30));

        await StatementRefusedAsync("facility_code is missing or no code", "", "2025-06");
        await StatementRefusedAsync("month is not of the form yyyy-MM", "H1", "2025-06-10");
        await LinesRefusedAsync("the first message is not the scope", new ReconcileLinesRequest { Lines = new() });
        await LinesRefusedAsync("the first message is not the scope");
        await LinesRefusedAsync("facility_code is missing or no code", Scope("", day));
        await LinesRefusedAsync("period is missing", Scope("H1", null));
        await LinesRefusedAsync("a message after the first has no lines", Scope("H1", day), Scope("H1", day));

        async Task RefusedAsync(string detail, ReconcileTotalsRequest request) =>
            Assert.Equal((StatusCode.InvalidArgument, detail),
                Told(await Assert.ThrowsAsync<RpcException>(() => served.Reconciliation.ReconcileTotalsAsync(request).ResponseAsync)));

        async Task UnknownAsync(string code)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(
                () => served.Reconciliation.ReconcileTotalsAsync(TotalsOf(code, day, 0)).ResponseAsync);
            Assert.Equal((StatusCode.NotFound, $"the books have no facility {code}: nothing of it was ever booked"), Told(refused));
            Assert.Equal($"账中没有机构 {code}：从未记过它的结算，请核对机构编码。",
                System.Text.Encoding.UTF8.GetString(refused.Trailers.GetValueBytes("reason-text-bin")!));
        }

        async Task StatementRefusedAsync(string detail, string code, string month) => Assert.Equal(
            (StatusCode.InvalidArgument, detail),
            Told(await Assert.ThrowsAsync<RpcException>(
                () => served.Reconciliation.GetStatement(new() { FacilityCode = code, Month = month }).ResponseStream.MoveNext())));

        async Task LinesRefusedAsync(string detail, params ReconcileLinesRequest[] requests)
        {
            using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call = served.Reconciliation.ReconcileLines();
            foreach (ReconcileLinesRequest request in requests) await call.RequestStream.WriteAsync(request);
            await call.RequestStream.CompleteAsync();
            Assert.Equal((StatusCode.InvalidArgument, detail),
                Told(await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext())));
        }

        static (StatusCode, string) Told(RpcException refused) => (refused.StatusCode, refused.Status.Detail);

        static ReconcileLinesRequest Scope(string code, ReconciliationPeriod? period) =>
            new() { Scope = new() { FacilityCode = code, Period = period } };

        static ReconcileTotalsRequest TotalsOf(string code, ReconciliationPeriod? period, params int[] types) => new()
        {
            FacilityCode = code,
            Period = period,
            Figures = { types.Select(type => new ReconcileTotalsRequest.Types.FacilityFigures { VisitType = (VisitType)type }) },
        };
    }

    [Fact]
    public async Task Facility_that_is_unknown_a_file_too_many_and_a_list_without_bounds_are_turned_away_by_name()
    {
        Settle("S-1", "R-1", "P-1", "2025-06-10", At(10, 12, 0), 1_000, 500);
        await _ledger.BookAsync(_log);
        await using ServedLedger served = await ServedLedger.StartAsync(_postgres);
        ReconciliationPeriod day = new() { From = "2025-06-10", To = "2025-06-10" };

        Assert.Equal(new Status(StatusCode.NotFound, "the books have no facility H9: nothing of it was ever booked"),
            (await Assert.ThrowsAsync<RpcException>(() => LinesAsync("H9"))).Status);
        Assert.True(await LinesAsync("H1"));
        FileSlots slots = served.Services.GetRequiredService<FileSlots>();
        IDisposable[] taken = [.. Enumerable.Range(0, 4).Select(_ => slots.Take())];
        Assert.Equal(new Status(StatusCode.ResourceExhausted, "4 files are being compared already; try again later"),
            (await Assert.ThrowsAsync<RpcException>(() => LinesAsync("H1"))).Status);
        taken[0].Dispose();
        Assert.True(await LinesAsync("H1"));

        ListFacilityEntriesRequest list = new() { FacilityCode = "H1", Period = day, Limit = 1 };
        foreach (int limit in (int[])[0, 5_001]) await ListRefusedAsync("limit is not 1 to 5000", new(list) { Limit = limit });
        const string NoId = "request_id or insured_id is no id";
        foreach (string id in (string[])["R\n1", new('R', 31)])
        {
            await ListRefusedAsync(NoId, new(list) { RequestId = id });
            await ListRefusedAsync(NoId, new(list) { InsuredId = id });
        }

        list.RequestId = list.InsuredId = new('R', 30);
        Assert.Empty((await served.Reconciliation.ListFacilityEntriesAsync(list)).Entries);

        async Task ListRefusedAsync(string detail, ListFacilityEntriesRequest request) => Assert.Equal(
            new Status(StatusCode.InvalidArgument, detail),
            (await Assert.ThrowsAsync<RpcException>(() => served.Reconciliation.ListFacilityEntriesAsync(request).ResponseAsync)).Status);

        async Task<bool> LinesAsync(string facility)
        {
            using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call = served.Reconciliation.ReconcileLines();
            await call.RequestStream.WriteAsync(new() { Scope = new() { FacilityCode = facility, Period = day } });
            await call.RequestStream.CompleteAsync();
            return (await call.ResponseStream.ReadAllAsync().ToListAsync()).Count > 0;
        }
    }

    public static TheoryData<string, Action<FacilityLine>> LineFaults => new()
    {
        { "line_number does not ascend", line => line.LineNumber = 3 },
        { "facility_code is not the facility's that is reconciled", line => line.FacilityCode = "H2" },
        { "kind is neither SETTLE nor CANCEL", line => line.Kind = (FacilityLine.Types.Kind)3 },
        { "insured_id is missing or no id", line => line.InsuredId = "" },
        { "insured_id is missing or no id", line => line.InsuredId = "P\t1" },
        { "settlement_id is no id", line => line.SettlementId = new string('s', 101) },
        { "request_id is no id", line => line.RequestId = new string('r', 101) },
        { "original_request_id is no id", line => line.OriginalRequestId = "\n" },
        { "original_request_id stands on a line that cancels nothing", line => line.OriginalRequestId = "R-0" },
        { "neither request_id nor settlement_id is given", line => line.SettlementId = line.RequestId = "" },
        { "total_fen is not positive, or out of range", line => line.TotalFen = 0 },
        { "total_fen is not positive, or out of range", line => line.TotalFen = 1_000_000_000_001 },
        { "total_fen is not negative, or out of range", line => line.Kind = FacilityLine.Types.Kind.Cancel },
        {
            "total_fen is not negative, or out of range",
            line => (line.Kind, line.TotalFen) = (FacilityLine.Types.Kind.Cancel, long.MinValue)
        },
        { "fund_pay_fen has the wrong sign, or is out of range", line => line.FundPayFen = -1 },
        { "fund_pay_fen has the wrong sign, or is out of range", line => line.FundPayFen = 1_000_000_000_001 },
        {
            "fund_pay_fen has the wrong sign, or is out of range",
            line => (line.Kind, line.TotalFen) = (FacilityLine.Types.Kind.Cancel, -5)
        },
        { "visit_date is not a day of the form yyyy-MM-dd", line => line.VisitDate = "2025-6-1" },
        { "settled_on is not a day of the form yyyy-MM-dd", line => line.SettledOn = "yesterday" },
        { "visit_type is unknown", line => line.VisitType = (VisitType)5 },
        {
            "insured_id was turned into a rounded number by a spreadsheet: format its column as text and export it again",
            line => line.InsuredId = "4.10105E+17"
        },
        {
            "settlement_id was turned into a rounded number by a spreadsheet: format its column as text and export it again",
            line => line.SettlementId = "2E+15"
        },
        {
            "request_id was turned into a rounded number by a spreadsheet: format its column as text and export it again",
            line => line.RequestId = "'1.2e+20"
        },
    };

    [Theory]
    [MemberData(nameof(LineFaults))]
    public void Line_with_a_fault_is_named_by_its_number(string reason, Action<FacilityLine> fault)
    {
        FacilityLine line = Line();
        fault(line);

        ReconciliationRequestException refused = Assert.Throws<ReconciliationRequestException>(() => ListedLine.Check(line, "H1", 3));

        Assert.Equal($"line {line.LineNumber.ToString(CultureInfo.InvariantCulture)}: {reason}", refused.Message);
    }

    [Fact]
    public void Line_at_its_bounds_is_compared_as_it_came()
    {
        FacilityLine line = Line();
        Assert.Equal(line, ListedLine.Check(line, "H1", 3).ToMessage());
        (line.TotalFen, line.FundPayFen, line.SettlementId) = (1_000_000_000_000, 1_000_000_000_000, new string('s', 100));
        Assert.Equal(line, ListedLine.Check(line, "H1", 3).ToMessage());
        (line.Kind, line.TotalFen, line.FundPayFen, line.OriginalRequestId, line.SettlementId, line.RequestId) =
            (FacilityLine.Types.Kind.Cancel, -1, 0, "R-0", "", "");
        ListedLine cancels = ListedLine.Check(line, "H1", 3);
        Assert.Equal(line, cancels.ToMessage());
        Assert.Equal(new SettlementTotals { Count = -1, TotalFen = -1 }, cancels.Totals);
    }

    [Fact]
    public void Apostrophe_that_keeps_a_spreadsheet_from_an_id_is_taken_off_and_one_of_the_id_itself_stays()
    {
        FacilityLine line = Line();
        (line.InsuredId, line.SettlementId, line.RequestId) = ("'410105198001011234", "'=S-1", "'R1E+5x");

        ListedLine listed = ListedLine.Check(line, "H1", 3);

        Assert.Equal(("410105198001011234", "=S-1", "'R1E+5x"), (listed.InsuredId, listed.SettlementId, listed.RequestId));
        // Hexadecimal ids have an E too.
        line.RequestId = "12E34";
        Assert.Equal("12E34", ListedLine.Check(line, "H1", 3).RequestId);
    }

    private static FacilityLine Line() => new()
    {
        LineNumber = 4,
        Kind = FacilityLine.Types.Kind.Settle,
        SettlementId = "S-1",
        RequestId = "R-1",
        InsuredId = "P-1",
        VisitDate = "2025-06-08",
        SettledOn = "2025-06-09",
        VisitType = VisitType.Ordinary,
        TotalFen = 1_000,
        FundPayFen = 300,
    };

    private static DateTimeOffset At(int day, int hour, int minute) => new(2025, 6, day, hour, minute, 0, TimeSpan.FromHours(8));

    private SettledClaim Settle(string settlementId, string requestId, string insuredId, string visitDate, DateTimeOffset at, long totalFen,
        long fundPayFen) =>
        _log.AddSettlement(0, record =>
        {
            (record.SettlementId, record.RequestId, record.InsuredId, record.FacilityCode, record.FacilityCounty) =
                (settlementId, requestId, insuredId, "H1", "410105");
            (record.VisitDate, record.SettledAtUnixMs) = (visitDate, at.ToUnixTimeMilliseconds());
            (record.TotalFen, record.InScopeFen, record.FullSelfPayFen, record.RateBp) = (totalFen, totalFen, 0, 10_000);
            record.FundPayFen = record.CapUsedAfterFen = fundPayFen;
        });

    private void Mirror(SettledClaim original, string settlementId, string requestId, DateTimeOffset at)
    {
        SettledClaim mirror = _log.AddMirror(original, Kind.Cancellation);
        (mirror.SettlementId, mirror.RequestId, mirror.SettledAtUnixMs) = (settlementId, requestId, at.ToUnixTimeMilliseconds());
    }

    private IAsyncEnumerable<ReconcileLinesReply> Compare(IAsyncEnumerable<FacilityLine> lines) =>
        _ledger.LineReconciliation.ReconcileAsync("H1", Day, lines, CancellationToken.None);

    private async Task<List<ReconcileLinesReply>> ReconcileAsync(params FacilityLine[] lines) =>
        await Compare(lines.ToAsyncEnumerable()).ToListAsync();
}
