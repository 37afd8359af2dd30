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
            TotalFen = 20_001,
            FundPayFen = 7_100,
        },
        Centre = new SettlementTotals { Count = 1, TotalFen = 11, FundPayFen = 12 },
        Facility = new SettlementTotals { Count = 2, TotalFen = 21, FundPayFen = 22 },
    };

    [Fact]
    public async Task City_ends_with_1_where_one_facility_of_two_differs()
    {
        Reconcile(HereAtH2);
        string file = system.Write("books.csv", Books);

        Ran ran = await system.RunAsync("ledger", "reconcile", "all", file, "--from", "2025-03-01", "--to", "2025-03-31", "--json");

        ran.IsJson(1, """
            {"reconciled":false,"from":"2025-03-01","to":"2025-03-31","basis":"SETTLEMENT_DAY","facilities":[
            {"facilityCode":"H1","reconciled":true,"outcome":"BALANCED","centre":{"count":1,"totalFen":10000,"fundPayFen":6500},"facility":{"count":1,"totalFen":10000,"fundPayFen":6500},"linesCompared":false,"differences":[]},
            {"facilityCode":"H2","reconciled":false,"outcome":"CENTRE_MORE","centre":{"count":1,"totalFen":20000,"fundPayFen":7100},"facility":{"count":0,"totalFen":17000,"fundPayFen":6000},"linesCompared":true,"differences":[
            {"cause":"AMOUNT","action":"CORRECT_AMOUNT","actionText":"核对金额",
             "line":{"lineNumber":3,"kind":"SETTLE","settlementId":"S2","requestId":"R2","originalRequestId":"R0","insuredId":"P2","visitDate":"2025-03-02","settledOn":"2025-03-03","totalFen":20000,"fundPayFen":7000},
             "entry":{"kind":"SETTLEMENT","settlementId":"S9","originalSettlementId":"S0","requestId":"R9","insuredId":"P9","visitDate":"2025-03-04","settledOn":"2025-03-05","totalFen":20001,"fundPayFen":7100},
             "centre":{"count":1,"totalFen":11,"fundPayFen":12},"facility":{"count":2,"totalFen":21,"fundPayFen":22}}]}]}
            """);
        ReconciliationPeriod period = new() { From = "2025-03-01", To = "2025-03-31", Basis = DayBasis.SettlementDay };
        FacilityLine settled = new()
        {
            LineNumber = 3,
            Kind = FacilityLine.Types.Kind.Settle,
            RequestId = "R2",
            InsuredId = "P2",
            TotalFen = 20_000,
            FundPayFen = 7_000,
            FacilityCode = "H2",
        };
        FacilityLine cancelled = new()
        {
            LineNumber = 4,
            Kind = FacilityLine.Types.Kind.Cancel,
            RequestId = "R3",
            InsuredId = "P3",
            TotalFen = -3_000,
            FundPayFen = -1_000,
            FacilityCode = "H2",
        };
        Assert.Equal(
            [
                new ListFacilityTotalsRequest { Period = period },
                new ReconcileTotalsRequest
                {
                    FacilityCode = "H2",
                    Period = period,
                    Figures = { new ReconcileTotalsRequest.Types.FacilityFigures { Totals = ThereAtH2 } },
                },
                new ReconcileLinesRequest { Scope = new ReconciliationScope { FacilityCode = "H2", Period = period } },
                new ReconcileLinesRequest { Lines = new FacilityLines { Lines = { settled, cancelled } } },
            ],
            system.Received.Select(call => call.Request));

        Ran table = await system.RunAsync("ledger", "reconcile", "all", file, "--day", "2025-03-02", "--by-visit-date");
        Assert.Equal(1, table.ExitCode);
        Assert.Equal("2025-03-02 – 2025-03-02, by day of visit 按就诊日期", table.Lines[0]);
        Assert.Equal("H1 balanced 平 1 1 ¥100.00 ¥100.00 ¥65.00 ¥65.00 not compared 未比对", table.Lines[2]);
        Assert.Equal("H2 centre more 中心多 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 differ 有差异 1", table.Lines[3]);
        Assert.Equal(["H2:", "3 amount 金额不符 P2 R2 S2 ¥71.00 ¥70.00 核对金额", "NOT RECONCILED 对账不一致: 1 of 2 facilities differ."],
            [table.Lines[4], .. table.Lines[^2..]]);
        Assert.Equal(DayBasis.VisitDay, ((ListFacilityTotalsRequest)system.Received[4].Request).Period.Basis);
    }

    [Fact]
    public async Task City_whose_facilities_all_agree_ends_with_0_and_one_that_lists_nothing_is_not_forgotten()
    {
        Reconcile(ThereAtH2);
        string file = system.Write("books.csv", Books);
        Ran ran = await system.RunAsync("ledger", "reconcile", "all", file, "--day", "2025-03-02");
        Assert.Equal((0, "Reconciled 对账一致."), (ran.ExitCode, ran.Lines[^1]));

        ran = await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Header + "settle,R1,P1,10000,6500,H1\n"),
            "--day", "2025-03-02");
        Assert.Equal((1, "NOT RECONCILED 对账不一致: 1 of 2 facilities differ."), (ran.ExitCode, ran.Lines[^1]));
    }

    [Theory]
    [InlineData(TotalsOutcome.Balanced, false, true, 0, "H2 balanced 平 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 not compared 未比对")]
    [InlineData(TotalsOutcome.Balanced, true, true, 0, "H2 balanced 平 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 agree 一致 0")]
    [InlineData(TotalsOutcome.Balanced, true, false, 1, "H2 balanced 平 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 differ 有差异 1")]
    [InlineData(TotalsOutcome.FacilityMore, false, false, 1, "H2 facility more 医院多 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 differ 有差异 1")]
    [InlineData(TotalsOutcome.Inconsistent, false, false, 1, "H2 inconsistent 不一致 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 differ 有差异 1")]
    // Lines that agree where totals did not: the totals were those of another moment.
    [InlineData(TotalsOutcome.CentreMore, false, true, 0, "H2 centre more 中心多 1 0 ¥200.00 ¥170.00 ¥71.00 ¥60.00 agree 一致 0")]
    public async Task Facility_is_reconciled_by_its_totals_or_by_its_lines(
        TotalsOutcome outcome, bool lines, bool agree, int exitCode, string row)
    {
        Reconcile(HereAtH2, outcome, agree);
        string file = system.Write("books.csv",
            "kind,request_id,insured_id,total_fen,fund_pay_fen\nsettle,R2,P2,20000,7000\ncancel,R3,P3,-3000,-1000\n");

        Ran ran = await system.RunAsync(
            ["ledger", "reconcile", "H2", file, "--day", "2025-03-02", "--totals", "0,17000,6000",
            .. lines ? ["--lines"] : Array.Empty<string>()]);

        Assert.Equal((exitCode, row), (ran.ExitCode, ran.Lines[2]));
        Assert.Equal(ThereAtH2, ((ReconcileTotalsRequest)system.Received[0].Request).Figures[0].Totals);
    }

    [Theory]
    [InlineData(Cause.MissingHere, "missing here 中心无")]
    [InlineData(Cause.MissingThere, "missing there 本院无")]
    [InlineData(Cause.Amount, "amount 金额不符")]
    [InlineData(Cause.CancelledHere, "cancelled here 中心已撤销")]
    [InlineData(Cause.CancelledThere, "cancelled there 本院已撤销")]
    [InlineData(Cause.OtherDay, "other day 日期不符 2025-03-05")]
    [InlineData(Cause.Duplicate, "duplicate 重复")]
    [InlineData(Cause.OtherFacility, "other facility 非本机构")]
    [InlineData(Cause.OtherId, "other id 编号不符")]
    public async Task Cause_of_a_difference_is_told_in_words(Cause cause, string words)
    {
        LineDifference difference = Difference.Clone();
        difference.Cause = cause;
        Reconcile(HereAtH2, difference: difference);

        Ran ran = await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02");

        Assert.Equal($"3 {words} P2 R2 S2 ¥71.00 ¥70.00 核对金额", ran.Lines[^2]);
    }

    [Fact]
    public async Task Difference_of_one_side_alone_shows_that_side()
    {
        LineDifference here = Difference.Clone();
        (here.Cause, here.Line) = (Cause.MissingThere, null);
        Reconcile(HereAtH2, difference: here);
        Assert.Equal("missing there 本院无 P9 R9 S9 ¥71.00 核对金额",
            (await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02")).Lines[^2]);

        LineDifference there = Difference.Clone();
        (there.Cause, there.Entry, there.Line.SettlementId) = (Cause.MissingHere, null, "");
        Reconcile(HereAtH2, difference: there);
        Assert.Equal("3 missing here 中心无 P2 R2 ¥70.00 核对金额",
            (await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02")).Lines[^2]);
    }

    [Theory]
    [InlineData("H2", "--totals 0,17000,6001 are not the sums of the lines of books.csv, 1,27000,12500; nothing was reconciled.", "--day",
        "2025-03-02", "--totals", "0,17000,6001")]
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

    [Fact]
    public async Task Line_that_names_no_facility_or_that_the_ledger_cannot_compare_is_named()
    {
        Reconcile(HereAtH2);
        Ran unnamed = await system.RunAsync("ledger", "reconcile", "all",
            system.Write("books.csv", Header + "settle,R1,P1,1,1,H1\nsettle,R1,P1,1,1,\n"), "--day", "2025-03-02");
        Assert.Equal((1, "books.csv line 3: facility_code is missing; nothing was reconciled."), (unnamed.ExitCode, unnamed.Errors));

        system.List<ReconcileLinesRequest>("Reconciliation/ReconcileLines",
            _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "line 4: the amount is positive")));
        Ran refused = await system.RunAsync("ledger", "reconcile", "all", system.Write("books.csv", Books), "--day", "2025-03-02");
        Assert.Equal((1, "books.csv line 4: the amount is positive; nothing was reconciled."), (refused.ExitCode, refused.Errors));
    }

    private void Reconcile(SettlementTotals hereAtH2, TotalsOutcome outcome = TotalsOutcome.CentreMore, bool agree = false,
        LineDifference? difference = null) => system.Begin()
        .List<ListFacilityTotalsRequest>("Reconciliation/ListFacilityTotals",
            _ => [new FacilityTotals { FacilityCode = "H1", Totals = AtH1 }, new FacilityTotals { FacilityCode = "H2", Totals = hereAtH2 }])
        .Answer<ReconcileTotalsRequest>("Reconciliation/ReconcileTotals", request => new ReconcileTotalsReply
        {
            Outcome = outcome,
            Comparisons =
            {
                new ReconcileTotalsReply.Types.Comparison { Outcome = outcome, Centre = hereAtH2, Facility = request.Figures[0].Totals },
            },
        })
        .List<ReconcileLinesRequest>("Reconciliation/ReconcileLines", _ => agree
            ? [new ReconcileLinesReply { Summary = new LinesSummary { Reconciled = true, Lines = 2 } }]
            : [new ReconcileLinesReply { Difference = difference ?? Difference },
                new ReconcileLinesReply { Summary = new LinesSummary { Reconciled = false, Lines = 2, Differences = 1 } }]);
}
