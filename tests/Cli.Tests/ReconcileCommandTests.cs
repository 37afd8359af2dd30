using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Cause = Claims.V1.DifferenceCause;

namespace Claims.Cli.Tests;

/// <summary>Two facilities: one whose books agree, and one whose do not.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ReconcileCommandTests(FakeSystem system)
{
    private const string Header = "kind,request_id,insured_id,total_fen,fund_pay_fen,facility_code\n";
    private const string Books = Header + "settle,R1,P1,10000,6500,H1\nsettle,R2,P2,20000,7000,H2\ncancel,R3,P3,-3000,-1000,H2\n";

    private static readonly SettlementTotals AtH1 = new() { Count = 1, TotalFen = 10_000, FundPayFen = 6_500 };
    private static readonly SettlementTotals ThereAtH2 = new() { Count = 0, TotalFen = 17_000, FundPayFen = 6_000 };
    private static readonly SettlementTotals HereAtH2 = new() { Count = 1, TotalFen = 20_000, FundPayFen = 7_100 };

    private static readonly LineDifference Difference = new()
    {
        Cause = Cause.Amount,
        CauseText = "金额不符",
        Action = ProposedAction.CorrectAmount,
        ActionText = "核对金额",
        Line = new FacilityLine
        {
            LineNumber = 3,
            Kind = FacilityLine.Types.Kind.Settle,
            SettlementId = "S2",
            RequestId = "R2",
            OriginalRequestId = "R0",
            InsuredId = "P2",
            VisitDate = "2025-03-02",
            SettledOn = "2025-03-03",
            VisitType = VisitType.Ordinary,
            TotalFen = 20_000,
            FundPayFen = 7_000,
        },
        Entry = new CentreEntry
        {
            Kind = "SETTLEMENT",
            SettlementId = "S9",
            OriginalSettlementId = "S0",
            RequestId = "R9",
            InsuredId = "P9",
            VisitDate = "2025-03-04",
            SettledOn = "2025-03-05",
            VisitType = VisitType.PrenatalCheck,
            TotalFen = 20_001,
            FundPayFen = 7_100,
        },
        Centre = new SettlementTotals { Count = 1, TotalFen = 11, FundPayFen = 12 },
        Facility = new SettlementTotals { Count = 2, TotalFen = 21, FundPayFen = 22 },
        TwinSettlementId = "S7",
        TwinLineNumber = 2,
    };

    [Fact]
    public async Task City_ends_with_1_where_one_facility_of_two_differs()
    {
        Reconcile(HereAtH2);
        string file = system.Write("books.csv", Books);

        Ran ran = await system.RunAsync("ledger", "reconcile", "all", file, "--from", "2025-03-01", "--to", "2025-03-31", "--json");

        ran.IsJson(1, """
            {"reconciled":false,"from":"2025-03-01","to":"2025-03-31","basis":"SETTLEMENT_DAY","complete":true,"notice":"","facilities":[
            {"facilityCode":"H1","reconciled":true,"outcome":"BALANCED","centre":{"count":1,"totalFen":10000,"fundPayFen":6500},
             "facility":{"count":1,"totalFen":10000,"fundPayFen":6500},
             "visitTypes":[{"visitType":"ORDINARY","outcome":"BALANCED","centre":{"count":1,"totalFen":10000,"fundPayFen":6500},
              "facility":{"count":1,"totalFen":10000,"fundPayFen":6500}}],
             "linesCompared":false,"differences":[]},
            {"facilityCode":"H2","reconciled":false,"outcome":"CENTRE_MORE","centre":{"count":1,"totalFen":20000,"fundPayFen":7100},
             "facility":{"count":0,"totalFen":17000,"fundPayFen":6000},"visitTypes":[],"linesCompared":true,"differences":[
            {"cause":"AMOUNT","causeText":"金额不符","action":"CORRECT_AMOUNT","actionText":"核对金额","twinSettlementId":"S7","twinLineNumber":2,
             "line":{"lineNumber":3,"kind":"SETTLE","settlementId":"S2","requestId":"R2","originalRequestId":"R0","insuredId":"P2",
              "visitDate":"2025-03-02","settledOn":"2025-03-03","visitType":"ORDINARY","totalFen":20000,"fundPayFen":7000},
             "entry":{"kind":"SETTLEMENT","settlementId":"S9","originalSettlementId":"S0","requestId":"R9","insuredId":"P9",
              "visitDate":"2025-03-04","settledOn":"2025-03-05","visitType":"PRENATAL_CHECK","totalFen":20001,"fundPayFen":7100},
             "centre":{"count":1,"totalFen":11,"fundPayFen":12},"facility":{"count":2,"totalFen":21,"fundPayFen":22}}]}]}
            """);
        ReconciliationPeriod period = new() { From = "2025-03-01", To = "2025-03-31", Basis = DayBasis.SettlementDay };
        Assert.Equal(
            [
                new ReconcileFileRequest { Scope = new FileScope { Period = period } },
                new ReconcileFileRequest { Lines = new FacilityLines { Lines = { Lines } } },
            ],
            system.Received.Select(call => call.Request));

        Ran table = await system.RunAsync("ledger", "reconcile", "all", file, "--day", "2025-03-02", "--by-visit-date");
        Assert.Equal(1, table.ExitCode);
        Assert.Equal("2025-03-02 – 2025-03-02, by day of visit 按就诊日期", table.Lines[0]);
        Assert.Equal("H1 all 合计 balanced 平 1 1 ¥100.00 ¥100.00 ¥65.00 ¥65.00 not compared 未比对", table.Lines[2]);
        Assert.Equal("H1 普通门诊 balanced 平 1 1 ¥100.00 ¥100.00 ¥65.00 ¥65.00", table.Lines[3]);
        Assert.Equal("H2 all 合计 centre more 中心多 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 differ 有差异 1", table.Lines[4]);
        Assert.Equal(["H2:", "3 amount 金额不符 P2 R2 S2 ¥71.00 ¥70.00 核对金额", "NOT RECONCILED 对账不一致: 1 of 2 facilities differ."],
            [table.Lines[5], .. table.Lines[^2..]]);
        Assert.Equal(DayBasis.VisitDay, ((ReconcileFileRequest)system.Received[2].Request).Scope.Period.Basis);
    }

    [Fact]
    public async Task Facility_that_agrees_ends_with_0_and_its_options_are_the_scope()
    {
        system.Begin().List<ReconcileFileRequest>("Reconciliation/ReconcileFile", _ =>
        [
            Facility("H2", reconciled: true, TotalsOutcome.FacilityMore, ThereAtH2, ThereAtH2,
                new LinesSummary { Reconciled = true, Lines = 2 }),
            new ReconcileFileReply
            {
                Summary = new FileSummary { Reconciled = true, Facilities = 1, Lines = 2, Notice = "对账期尚未结束。" },
            },
        ]);
        string file = system.Write("books.csv",
            "kind,request_id,insured_id,total_fen,fund_pay_fen,visit_type\nsettle,R2,P2,20000,7000,ordinary\ncancel,R3,P3,-3000,-1000,\n");

        Ran ran = await system.RunAsync(
            "ledger", "reconcile", "H2", file, "--day", "2025-03-02", "--totals", "0,17000,6000", "--lines", "--by-visit-date");

        // Lines that agree where totals did not: the totals were those of another moment.
        Assert.Equal(0, ran.ExitCode);
        Assert.Equal("The period has not ended. 对账期尚未结束。", ran.Lines[1]);
        Assert.Equal("H2 all 合计 facility more 医院多 0 0 ¥170.00 ¥170.00 ¥60.00 ¥60.00 agree 一致 0", ran.Lines[3]);
        Assert.Equal("Reconciled 对账一致.", ran.Lines[^1]);
        Assert.Equal(
            new FileScope
            {
                FacilityCode = "H2",
                Period = new() { From = "2025-03-02", To = "2025-03-02", Basis = DayBasis.VisitDay },
                AlwaysLines = true,
                Stated = ThereAtH2,
            },
            ((ReconcileFileRequest)system.Received[0].Request).Scope);
        Assert.Equal([VisitType.Ordinary, VisitType.Unspecified],
            ((ReconcileFileRequest)system.Received[1].Request).Lines.Lines.Select(line => line.VisitType));
    }

    [Fact]
    public async Task Difference_of_one_side_alone_shows_that_side()
    {
        LineDifference here = Difference.Clone();
        (here.Cause, here.CauseText, here.Line) = (Cause.MissingThere, "本院无", null);
        Reconcile(HereAtH2, difference: here);
        Assert.Equal("missing there 本院无 P9 R9 S9 ¥71.00 核对金额",
            (await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02")).Lines[^2]);

        LineDifference there = Difference.Clone();
        (there.Cause, there.CauseText, there.Entry, there.Line.SettlementId) = (Cause.MissingHere, "中心无", null, "");
        Reconcile(HereAtH2, difference: there);
        Assert.Equal("3 missing here 中心无 P2 R2 ¥70.00 核对金额",
            (await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02")).Lines[^2]);
    }

    [Theory]
    [InlineData("H2", "--totals must be COUNT,TOTAL_FEN,FUND_PAY_FEN.", "--day", "2025-03-02", "--totals", "1,2")]
    [InlineData("H2", "--totals must be COUNT,TOTAL_FEN,FUND_PAY_FEN.", "--day", "2025-03-02", "--totals", "1,2,x")]
    [InlineData("all", "--totals are those of one facility, not of \"all\".", "--day", "2025-03-02", "--totals", "1,2,3")]
    [InlineData("H2", "Name the period: either --day, or --from and --to.")]
    [InlineData("H2", "Name the period: either --day, or --from and --to.", "--from", "2025-03-02")]
    [InlineData("H2", "Name the period: either --day, or --from and --to.", "--day", "2025-03-02", "--to", "2025-03-03")]
    public async Task Reconciliation_that_cannot_be_asked_for_asks_nothing(string facility, string sentence, params string[] options)
    {
        Reconcile(HereAtH2);
        Ran ran = await system.RunAsync(["ledger", "reconcile", facility, system.Write("books.csv", Books), .. options]);
        Assert.Equal((1, sentence), (ran.ExitCode, ran.Errors));
        Assert.Empty(system.Received);
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument, "line 4: the amount is positive",
        "books.csv line 4: the amount is positive; nothing was reconciled.")]
    [InlineData(StatusCode.NotFound, "the books have no facility H9", "books.csv the books have no facility H9; nothing was reconciled.")]
    public async Task Line_or_facility_that_the_ledger_cannot_compare_is_named(StatusCode status, string detail, string sentence)
    {
        Reconcile(HereAtH2);
        system.List<ReconcileFileRequest>("Reconciliation/ReconcileFile", _ => throw new RpcException(new Status(status, detail)));

        Ran refused = await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02");

        Assert.Equal((1, sentence), (refused.ExitCode, refused.Errors));
    }

    [Fact]
    public async Task File_that_cannot_be_read_to_its_end_is_not_reconciled()
    {
        Reconcile(HereAtH2);

        Ran ran = await system.RunAsync(
            "ledger", "reconcile", "all", system.Write("books.csv", Books + "settle,R4,P4,1.00,1,H2\n"), "--day", "2025-03-02");

        Assert.Equal((1, "books.csv line 5: total_fen is not a whole number of fen; nothing was reconciled."), (ran.ExitCode, ran.Errors));
        Assert.Empty(ran.Output);
    }

    private static readonly FacilityLine[] Lines =
    [
        Line(2, FacilityLine.Types.Kind.Settle, "R1", "P1", 10_000, 6_500, "H1"),
        Line(3, FacilityLine.Types.Kind.Settle, "R2", "P2", 20_000, 7_000, "H2"),
        Line(4, FacilityLine.Types.Kind.Cancel, "R3", "P3", -3_000, -1_000, "H2"),
    ];

    private static FacilityLine Line(long number, FacilityLine.Types.Kind kind, string request, string insured, long totalFen,
        long fundPayFen, string facility) => new()
        {
            LineNumber = number,
            Kind = kind,
            RequestId = request,
            InsuredId = insured,
            TotalFen = totalFen,
            FundPayFen = fundPayFen,
            FacilityCode = facility,
        };

    private static ReconcileFileReply Facility(string code, bool reconciled, TotalsOutcome outcome, SettlementTotals centre,
        SettlementTotals facility, LinesSummary? lines, params VisitType[] types)
    {
        ReconcileTotalsReply totals = new() { Outcome = outcome };
        totals.Comparisons.AddRange(types.Prepend(VisitType.Unspecified).Select(type => new ReconcileTotalsReply.Types.Comparison
        {
            VisitType = type,
            Outcome = outcome,
            Centre = centre,
            Facility = facility,
        }));
        return new ReconcileFileReply
        {
            Facility = new FacilityOutcome { FacilityCode = code, Reconciled = reconciled, Totals = totals, Lines = lines },
        };
    }

    private void Reconcile(SettlementTotals hereAtH2, LineDifference? difference = null) =>
        system.Begin().List<ReconcileFileRequest>("Reconciliation/ReconcileFile", _ =>
        [
            Facility("H1", reconciled: true, TotalsOutcome.Balanced, AtH1, AtH1, null, VisitType.Ordinary),
            new ReconcileFileReply { Difference = difference ?? Difference },
            Facility("H2", reconciled: false, TotalsOutcome.CentreMore, hereAtH2, ThereAtH2,
                new LinesSummary { Lines = 2, Differences = 1 }),
            new ReconcileFileReply { Summary = new FileSummary { Facilities = 2, FacilitiesDiffering = 1, Lines = 3, Complete = true } },
        ]);
}
