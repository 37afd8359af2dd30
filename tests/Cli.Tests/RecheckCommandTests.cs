using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims recheck</c> asks for, and every figure that it tells.</summary>
[Collection(nameof(FakeSystem))]
public sealed class RecheckCommandTests(FakeSystem system)
{
    private static readonly WrongSettlement Refused = new()
    {
        Shard = 3,
        Sequence = 41,
        SettlementId = "2025-03-0000000041",
        FacilityCode = "H1",
        InsuredId = "P00000001",
        VisitDate = "2025-06-18",
        Cause = WrongCause.Refused,
        ReasonCode = "NOT_COVERED",
        ReasonText = "当日不在保障期内",
        TierBefore = "other",
        DeductibleBeforeFen = 4_000,
        FundPaidBeforeFen = 3_300,
    };

    private static readonly WrongSettlement OtherTier = new()
    {
        Shard = 4,
        Sequence = 5,
        SettlementId = "2025-04-0000000005",
        FacilityCode = "H2",
        InsuredId = "P00000002",
        VisitDate = "2025-06-19",
        Cause = WrongCause.OtherTier,
        ReasonCode = "CAP_REACHED",
        TierBefore = "other",
        TierAfter = "grassroots",
        DeductibleBeforeFen = 4_001,
        DeductibleAfterFen = 1,
        FundPaidBeforeFen = 3_301,
        FundPaidAfterFen = 6_500,
    };

    private static readonly RecheckTotals Totals =
        new() { Settlements = 1_200, Differing = 2, Refused = 1, FundPaidBeforeFen = 6_601, FundPaidAfterFen = 6_500 };

    [Fact]
    public async Task Recheck_is_of_the_days_the_facility_and_the_insured_that_are_named()
    {
        Answering([Told(Refused), Told(OtherTier), new RecheckNews { Totals = Totals }]);

        Ran ran = await system.RunAsync("recheck", "--from", "2025-06-01", "--facility", "H1", "--insured", "P1", "--json");
        await system.RunAsync("recheck");

        Assert.Equal(new RecheckRequest { From = "2025-06-01", FacilityCode = "H1", InsuredId = "P1" }, system.Received[0].Request);
        Assert.Equal(new RecheckRequest(), system.Received[1].Request);
        ran.IsJson(0, """
            {"settlements":1200,"differing":2,"refused":1,"fundPaidBeforeFen":6601,"fundPaidAfterFen":6500,"differenceFen":-101,"wrong":[
             {"shard":3,"sequence":41,"settlementId":"2025-03-0000000041","facilityCode":"H1","insuredId":"P00000001",
              "visitDate":"2025-06-18","cause":"refused","reasonCode":"NOT_COVERED","reasonText":"当日不在保障期内","tierBefore":"other",
              "tierAfter":"","deductibleBeforeFen":4000,"deductibleAfterFen":0,"fundPaidBeforeFen":3300,"fundPaidAfterFen":0,
              "differenceFen":-3300},
             {"shard":4,"sequence":5,"settlementId":"2025-04-0000000005","facilityCode":"H2","insuredId":"P00000002",
              "visitDate":"2025-06-19","cause":"otherTier","reasonCode":"CAP_REACHED","reasonText":"","tierBefore":"other",
              "tierAfter":"grassroots","deductibleBeforeFen":4001,"deductibleAfterFen":1,"fundPaidBeforeFen":3301,"fundPaidAfterFen":6500,
              "differenceFen":3199}]}
            """);
    }

    [Fact]
    public async Task Table_tells_whom_it_wrongs_by_how_much_and_masks_him()
    {
        Answering([
            new RecheckNews { Progress = new RecheckProgress { Entries = 700, Of = 1_300 } },
            new RecheckNews { Settlements = new WrongSettlements { Settlements = { Refused, OtherTier } } },
            new RecheckNews { Totals = Totals },
        ]);

        Ran ran = await system.RunAsync("recheck");

        Assert.Equal(0, ran.ExitCode);
        Assert.Equal("Rechecking 复核: 700 of 1,300 entries, 0 differ\n", ran.Errors);
        Assert.Equal(
            [
                "settlement 结算编号 facility 机构 insured 参保人 visit 就诊日期 cause 原因 fund paid 基金已付 would pay 应付",
                "2025-03-0000000041 H1 ***0001 2025-06-18 refused 应拒付 当日不在保障期内 ¥33.00 ¥0.00",
                "2025-04-0000000005 H2 ***0002 2025-06-19 other tier 机构级别不同 other → grassroots ¥33.01 ¥65.00",
                "1,200 standing 有效结算, 2 differ 有差异, 1 of them refused 其中应拒付; fund paid 基金已付 ¥66.01, would pay 应付 ¥65.00.",
            ],
            ran.Lines);
    }

    [Fact]
    public async Task Answer_without_its_totals_is_none_and_books_that_disagree_are_told_in_the_ledgers_words()
    {
        Answering([Told(Refused)]);
        Ran cut = await system.RunAsync("recheck");
        system.Begin().List<RecheckRequest>("Recheck/Run",
            _ => throw new RpcException(new Status(StatusCode.DataLoss, "shard 3 has record 41 twice")));
        Ran broken = await system.RunAsync("recheck");

        Assert.Equal((3, $"ledger at http://127.0.0.1:{system.PortBase + 3} ended its answer before the totals."),
            (cut.ExitCode, cut.Errors));
        Assert.Equal((1, "The ledger service says: shard 3 has record 41 twice."), (broken.ExitCode, broken.Errors));
    }

    private static RecheckNews Told(WrongSettlement settlement) =>
        new() { Settlements = new WrongSettlements { Settlements = { settlement } } };

    private void Answering(IEnumerable<RecheckNews> news) => system.Begin().List<RecheckRequest>("Recheck/Run", _ => news);
}
