using Claims.Ledger.Reconciliation;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Grpc.Core;
using static Ledger.Tests.Reconciliation.LineReconciliationTests;

namespace Ledger.Tests.Reconciliation;

/// <summary>A file of several facilities in one call. The period is 2024-03-10 to 2024-03-12.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class FileReconciliationTests(LedgerDatabase databases)
{
    private readonly PublishedLog _log = new(Shards);
    private readonly List<FacilityLine> _file = [];

    [Fact]
    public async Task File_of_all_has_every_facility_of_either_side_and_lines_only_where_totals_differ()
    {
        List(Settled(_log, 10));
        List(Settled(_log, 10));
        SettledClaim wrong = Settled(_log, 11, facility: "H2");
        List(wrong).FundPayFen++;
        SettledClaim alone = Settled(_log, 12, facility: "H3");
        List(Settled(_log, 11, facility: "H4")).FundPayFen--;
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        List<ReconcileFileReply> replies = await AskAsync(ledger, "");

        Assert.Equal(
            ["difference Amount line 3", "H2 False compared 1", "difference MissingThere line 0", "H3 False compared 0",
                "difference Amount line 4", "H4 False compared 1"],
            replies.Skip(1).SkipLast(1).Select(Text));
        Assert.Equal("H1 True", Text(replies[0]));
        Assert.Equal(alone.SettlementId, replies[3].Difference.Entry.SettlementId);
        Assert.Equal(
            new FileSummary { Facilities = 4, FacilitiesDiffering = 3, Lines = 4, Complete = true }, replies[^1].Summary);
        Assert.Equal(
            new ReconcileTotalsReply.Types.Comparison
            {
                Outcome = TotalsOutcome.FacilityMore,
                Centre = new() { Count = 1, TotalFen = wrong.TotalFen, FundPayFen = wrong.FundPayFen },
                Facility = new() { Count = 1, TotalFen = wrong.TotalFen, FundPayFen = wrong.FundPayFen + 1 },
            },
            Assert.Single(replies[2].Facility.Totals.Comparisons));
    }

    [Fact]
    public async Task Lines_of_every_facility_are_compared_alone_where_that_is_asked()
    {
        for (int i = 0; i < 20; i++) List(Settled(_log, 10, facility: i % 2 == 0 ? "H1" : "H2"));
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        List<ReconcileFileReply> replies = await AskAsync(ledger, "", alwaysLines: true);

        Assert.Equal(["H1 True compared 10", "H2 True compared 10", "summary True"], replies.Select(Text));
    }

    [Fact]
    public async Task File_of_one_facility_says_nothing_of_what_another_has_settled()
    {
        List(Settled(_log, 10));
        Settled(_log, 10, facility: "H2");
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        Assert.Equal(["H1 True", "summary True"], (await AskAsync(ledger, "H1")).Select(Text));
    }

    [Fact]
    public async Task Line_with_the_number_of_the_one_before_it_ends_the_comparison_and_is_named()
    {
        List(Settled(_log, 10));
        List(Settled(_log, 10)).LineNumber = 1;
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        foreach (Func<Task> compare in (Func<Task>[])
        [
            () => AskAsync(ledger, ""),
            () => ledger.LineReconciliation.ReconcileAsync("H1", Days, _file.ToAsyncEnumerable(), CancellationToken.None)
                .ToListAsync().AsTask(),
        ])
        {
            Assert.Equal("line 1: line_number does not ascend",
                (await Assert.ThrowsAsync<ReconciliationRequestException>(compare)).Message);
        }
    }

    [Fact]
    public async Task Totals_go_by_visit_type_once_every_line_of_the_facility_has_one()
    {
        SettledClaim ordinary = Settled(_log, 10);
        SettledClaim prenatal = Settled(_log, 11);
        prenatal.VisitType = VisitType.PrenatalCheck;
        // The sums over all types balance.
        List(ordinary).VisitType = VisitType.PrenatalCheck;
        List(prenatal).VisitType = VisitType.Ordinary;
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        List<ReconcileFileReply> replies = await AskAsync(ledger, "H1");
        _file[1].VisitType = VisitType.Unspecified;
        List<ReconcileFileReply> untyped = await AskAsync(ledger, "H1");

        Assert.Equal(
            [VisitType.Unspecified, VisitType.Ordinary, VisitType.PrenatalCheck],
            replies[^2].Facility.Totals.Comparisons.Select(comparison => comparison.VisitType));
        Assert.Equal(["difference OtherVisitType line 1", "difference OtherVisitType line 2"], replies.Take(2).Select(Text));
        Assert.Equal((VisitType.PrenatalCheck, VisitType.Ordinary),
            (replies[0].Difference.Line.VisitType, replies[0].Difference.Entry.VisitType));
        Assert.Equal(["H1 True", "summary True"], untyped.Select(Text));
        Assert.Single(untyped[0].Facility.Totals.Comparisons);
    }

    [Fact]
    public async Task Bill_settled_twice_is_named_with_its_twin_and_neither_sent_nor_entered()
    {
        SettledClaim listed = Settled(_log, 10);
        SettledClaim twice = Copy(listed, "P-twin");
        SettledClaim otherDay = Copy(listed, "P-twin", day: 11);
        listed.InsuredId = "P-twin";
        List(listed);
        SettledClaim unlisted = Settled(_log, 10);
        FacilityLine retry = List(unlisted);
        (retry.RequestId, retry.SettlementId) = ("R-retry", "");
        await using RunningLedger ledger = await BookedAsync(databases, _log);

        List<ReconcileFileReply> replies = await AskAsync(ledger, "H1");

        Assert.Equal(
            [
                (DifferenceCause.MissingHere, ProposedAction.CheckBeforeSending, unlisted.SettlementId),
                (DifferenceCause.SettledTwice, ProposedAction.CancelOrRecord, listed.SettlementId),
                (DifferenceCause.MissingThere, ProposedAction.RecordOrCancel, ""),
                (DifferenceCause.MissingThere, ProposedAction.RecordOrCancel, ""),
            ],
            replies.SkipLast(2).Select(reply => reply.Difference)
                .OrderBy(difference => (difference.Line is null, difference.Cause != DifferenceCause.SettledTwice))
                .Select(difference => (difference.Cause, difference.Action, difference.TwinSettlementId)));
        Assert.Equal(
            new[] { otherDay.SettlementId, twice.SettlementId, unlisted.SettlementId }.Order(StringComparer.Ordinal),
            replies.SkipLast(2).Where(reply => reply.Difference.Line is null).Select(reply => reply.Difference.Entry.SettlementId)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Facility_that_the_books_do_not_know_ends_the_comparison_by_name()
    {
        List(Settled(_log, 10));
        List(Settled(_log, 20));
        await using RunningLedger ledger = await BookedAsync(databases, _log);
        _file[1].FacilityCode = "H9";

        UnknownFacilityException unknown = await Assert.ThrowsAsync<UnknownFacilityException>(() => AskAsync(ledger, ""));

        Assert.Equal("the books have no facility H9: nothing of it was ever booked", unknown.Message);
        await Assert.ThrowsAsync<UnknownFacilityException>(() => AskAsync(ledger, "H8", lines: []));
        // A known one that has nothing in the period agrees with an empty file.
        Assert.Equal("H1 True", Text((await AskAsync(ledger, "H1", new Period(new(2023, 1, 1), new(2023, 1, 1), DayBasis.SettlementDay),
            lines: []))[0]));
    }

    [Fact]
    public async Task Stated_totals_that_are_not_the_lines_and_a_line_without_a_facility_are_told()
    {
        FacilityLine line = List(Settled(_log, 10));
        await using RunningLedger ledger = await BookedAsync(databases, _log);
        SettlementTotals sums = new() { Count = 1, TotalFen = line.TotalFen, FundPayFen = line.FundPayFen };

        Assert.True((await AskAsync(ledger, "H1", stated: sums))[^1].Summary.Reconciled);
        ReconciliationRequestException stated = await Assert.ThrowsAsync<ReconciliationRequestException>(
            () => AskAsync(ledger, "H1", stated: new(sums) { Count = 2 }));
        line.FacilityCode = "";
        ReconciliationRequestException nameless = await Assert.ThrowsAsync<ReconciliationRequestException>(() => AskAsync(ledger, ""));

        Assert.Equal(
            $"the stated totals 2,{sums.TotalFen},{sums.FundPayFen} are not the sums of the lines, 1,{sums.TotalFen},{sums.FundPayFen}",
            stated.Message);
        Assert.Equal("line 1: facility_code is missing or no code", nameless.Message);
        Assert.Equal("第 1 行：机构编码（facility_code）未填或有误", nameless.Text);
    }

    [Theory]
    [InlineData("2024-03-12T15:59:59Z", false)]
    [InlineData("2024-03-12T16:00:00Z", true)]
    public void Period_has_ended_at_midnight_in_China_and_says_so_until_then(string now, bool ended)
    {
        StoppedClock clock = new(DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal(ended, Days.IsComplete(clock));
        Assert.Equal(ended ? "" : "对账期尚未结束（截至 2024-03-12 24 时）：此后仍会有结算和撤销，结果只到目前为止，请在次日重新对账。", Days.NoticeOf(clock));
    }

    [Fact]
    public async Task Over_the_wire_the_scope_comes_first_and_a_bad_line_is_told_in_Chinese_too()
    {
        List(Settled(_log, 10)).InsuredId = "4.10105E+17";
        string postgres = await databases.CreateAsync();
        await using (RunningLedger ledger = RunningLedger.Create(postgres))
        {
            await ledger.OpenAsync(_log);
            await ledger.BookAsync(_log);
        }

        await using ServedLedger served = await ServedLedger.StartAsync(postgres);
        ReconciliationPeriod period = new() { From = "2024-03-10", To = "2024-03-12" };

        RpcException rounded = await Assert.ThrowsAsync<RpcException>(() => CallAsync(new FileScope { Period = period }));
        RpcException stated = await Assert.ThrowsAsync<RpcException>(() => CallAsync(new FileScope { Period = period, Stated = new() }));
        _file[0].InsuredId = _log.Records.Single().InsuredId;
        List<ReconcileFileReply> replies = await CallAsync(new FileScope { Period = period, AlwaysLines = true });

        Assert.Equal(StatusCode.InvalidArgument, rounded.StatusCode);
        Assert.StartsWith("line 1: insured_id was turned into a rounded number by a spreadsheet", rounded.Status.Detail,
            StringComparison.Ordinal);
        Assert.Equal("第 1 行：编号（insured_id）被表格软件改成了科学计数，后几位已丢失：请把该列设为文本后重新导出。",
            System.Text.Encoding.UTF8.GetString(rounded.Trailers.GetValueBytes("reason-text-bin")!));
        Assert.Equal("stated are the totals of one facility, not of all", stated.Status.Detail);
        Assert.Equal(["H1 True compared 1", "summary True"], replies.Select(Text));

        async Task<List<ReconcileFileReply>> CallAsync(FileScope scope)
        {
            using AsyncDuplexStreamingCall<ReconcileFileRequest, ReconcileFileReply> call = served.Reconciliation.ReconcileFile();
            await call.RequestStream.WriteAsync(new ReconcileFileRequest { Scope = scope });
            await call.RequestStream.WriteAsync(new ReconcileFileRequest { Lines = new FacilityLines { Lines = { _file } } });
            await call.RequestStream.CompleteAsync();
            return await call.ResponseStream.ReadAllAsync().ToListAsync();
        }
    }

    private FacilityLine List(SettledClaim record)
    {
        FacilityLine line = LineOf(record, line =>
        {
            line.LineNumber = _file.Count + 1;
            line.FacilityCode = record.FacilityCode;
        });
        _file.Add(line);
        return line;
    }

    /// <summary>Another settlement of the same total.</summary>
    private SettledClaim Copy(SettledClaim of, string insuredId, int day = 10)
    {
        SettledClaim record = Settled(_log, day, shard: of.Shard);
        (record.InsuredId, record.TotalFen, record.FullSelfPayFen, record.InScopeFen, record.FundPayFen, record.CapUsedAfterFen) =
            (insuredId, of.TotalFen, of.FullSelfPayFen, of.InScopeFen, of.FundPayFen, of.CapUsedAfterFen);
        (record.CapUsedBeforeFen, record.DeductibleFen) = (of.CapUsedBeforeFen, of.DeductibleFen);
        record.Limits = PublishedLog.LimitsOf(record);
        return record;
    }

    private Task<List<ReconcileFileReply>> AskAsync(RunningLedger ledger, string facilityCode, Period? period = null,
        bool alwaysLines = false, SettlementTotals? stated = null, FacilityLine[]? lines = null) => ledger.Get<FileReconciliation>()
        .ReconcileAsync(
            facilityCode, period ?? Days, alwaysLines, stated, (lines ?? [.. _file]).ToAsyncEnumerable(), CancellationToken.None)
        .ToListAsync().AsTask();

    private static string Text(ReconcileFileReply reply) => reply.PartCase switch
    {
        ReconcileFileReply.PartOneofCase.Difference => $"difference {reply.Difference.Cause} line {reply.Difference.Line?.LineNumber ?? 0}",
        ReconcileFileReply.PartOneofCase.Facility => $"{reply.Facility.FacilityCode} {reply.Facility.Reconciled}"
            + (reply.Facility.Lines is null ? "" : $" compared {reply.Facility.Lines.Lines}"),
        _ => $"summary {reply.Summary.Reconciled}",
    };
}
