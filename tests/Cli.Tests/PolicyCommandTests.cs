using System.Text.Json;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims policy impact</c> and <c>claims policy try</c> tell of another policy, before anyone settles by it.</summary>
[Collection(nameof(FakeSystem))]
public sealed class PolicyCommandTests(FakeSystem system)
{
    private static readonly DifferingSettlement More = new()
    {
        Shard = 3,
        Sequence = 41,
        SettlementId = "2025-03-0000000041",
        FacilityCode = "H1",
        InsuredId = "P00000001",
        VisitDate = "2025-06-18",
        PolicyIdBefore = "ZZ-2024",
        PolicyIdAfter = "ZZ-2025",
        DeductibleBeforeFen = 4_000,
        DeductibleAfterFen = 3_000,
        FundPaidBeforeFen = 3_300,
        FundPaidAfterFen = 4_800,
    };

    private static readonly DifferingSettlement Nothing = new()
    {
        Shard = 4,
        Sequence = 5,
        SettlementId = "2025-04-0000000005",
        FacilityCode = "H2",
        InsuredId = "P00000002",
        VisitDate = "2025-06-19",
        PolicyIdBefore = "ZZ-2024",
        FundPaidBeforeFen = 500,
        ReasonCode = "VISIT_TYPE_NOT_COVERED",
    };

    [Fact]
    public async Task Impact_tells_what_each_policy_and_settlement_would_differ_by()
    {
        ImpactNews[] news =
        [
            new() { Pack = new ImpactPack { City = "zhengzhou", Hash = "abcd" } },
            new() { Settlements = new DifferingSettlements { Settlements = { More, Nothing } } },
            new()
            {
                Totals = new ImpactTotals
                {
                    Total = new ImpactSum { Settlements = 1_200, Differing = 2, FundPaidBeforeFen = 9_000, FundPaidAfterFen = 10_000 },
                    Policies =
                    {
                        new ImpactSum { Settlements = 1, Differing = 1, FundPaidBeforeFen = 500 },
                        new ImpactSum
                        {
                            PolicyId = "ZZ-2025",
                            Settlements = 1_199,
                            Differing = 1,
                            FundPaidBeforeFen = 8_500,
                            FundPaidAfterFen = 10_000,
                        },
                    },
                },
            },
        ];
        system.Begin().List<ImpactRequest>("PolicyImpact/Calculate", _ => news);
        string[] impact = ["policy", "impact", "--pack", Repository.PolicyDirectory, "--from", "2025-06-01"];

        Ran table = await system.RunAsync(impact);
        Ran json = await system.RunAsync([.. impact, "--json"]);

        ImpactRequest request = (ImpactRequest)system.Received[0].Request;
        Assert.Equal(("zhengzhou", "2025-06-01"), (request.City, request.From));
        Assert.Equal(0, table.ExitCode);
        Assert.Equal(
            [
                "zhengzhou abcd, visits 就诊日期 >= 2025-06-01",
                "policy 政策 settlements 结算 differ 有差异 fund paid 基金已付 would pay 应付 difference 差额",
                "none in force 无适用政策 1 1 ¥5.00 ¥0.00 -¥5.00",
                "ZZ-2025 1,199 1 ¥85.00 ¥100.00 +¥15.00",
                "total 合计 1,200 2 ¥90.00 ¥100.00 +¥10.00",
                "settlement 结算编号 facility 机构 insured 参保人 visit 就诊日期 deductible 起付 would be 应为 fund paid 基金已付 would pay 应付 "
                    + "difference 差额 reason 原因",
                "2025-03-0000000041 H1 ***0001 2025-06-18 ¥40.00 ¥30.00 ¥33.00 ¥48.00 +¥15.00",
                "2025-04-0000000005 H2 ***0002 2025-06-19 ¥0.00 ¥0.00 ¥5.00 ¥0.00 -¥5.00 VISIT_TYPE_NOT_COVERED",
            ],
            table.Lines);
        json.IsJson(0, """
            {"city":"zhengzhou","hash":"abcd","from":"2025-06-01",
             "total":{"policyId":"","settlements":1200,"differing":2,"fundPaidBeforeFen":9000,"fundPaidAfterFen":10000,
              "differenceFen":1000},
             "policies":[{"policyId":"","settlements":1,"differing":1,"fundPaidBeforeFen":500,"fundPaidAfterFen":0,"differenceFen":-500},
              {"policyId":"ZZ-2025","settlements":1199,"differing":1,"fundPaidBeforeFen":8500,"fundPaidAfterFen":10000,
               "differenceFen":1500}],
             "settlements":[{"shard":3,"sequence":41,"settlementId":"2025-03-0000000041","facilityCode":"H1","insuredId":"P00000001",
              "visitDate":"2025-06-18","policyIdBefore":"ZZ-2024","policyIdAfter":"ZZ-2025",
              "deductibleBeforeFen":4000,"deductibleAfterFen":3000,"fundPaidBeforeFen":3300,"fundPaidAfterFen":4800,
              "reasonCode":"","differenceFen":1500},
             {"shard":4,"sequence":5,"settlementId":"2025-04-0000000005","facilityCode":"H2","insuredId":"P00000002",
              "visitDate":"2025-06-19","policyIdBefore":"ZZ-2024","policyIdAfter":"","deductibleBeforeFen":0,"deductibleAfterFen":0,
              "fundPaidBeforeFen":500,"fundPaidAfterFen":0,"reasonCode":"VISIT_TYPE_NOT_COVERED","differenceFen":-500}]}
            """);
    }

    [Fact]
    public async Task Impact_shows_the_first_twenty_settlements_and_how_many_more_there_are()
    {
        DifferingSettlement[] many =
            [.. Enumerable.Range(1, 22).Select(number => new DifferingSettlement(More) { SettlementId = $"S{number}" })];
        system.Begin().List<ImpactRequest>("PolicyImpact/Calculate", _ =>
        [
            new ImpactNews { Pack = new ImpactPack { City = "zhengzhou", Hash = "abcd" } },
            new ImpactNews { Settlements = new DifferingSettlements { Settlements = { many[..21] } } },
            new ImpactNews { Settlements = new DifferingSettlements { Settlements = { many[21..] } } },
            new ImpactNews { Totals = new ImpactTotals { Total = new ImpactSum { Settlements = 30, Differing = 22 } } },
        ]);

        Ran ran = await system.RunAsync("policy", "impact", "--pack", Repository.PolicyDirectory, "--from", "2025-06-01");

        Assert.Equal(["S19", "S20"], ran.Lines[^3..^1].Select(line => line.Split(' ')[0]));
        Assert.Equal("2 more 其余见 --json", ran.Lines[^1]);
    }

    [Fact]
    public async Task Impact_that_has_no_totals_is_told_by_no_figures()
    {
        string[] impact = ["policy", "impact", "--pack", Repository.PolicyDirectory, "--from", "2025-06-01"];
        Answering(new ImpactNews { Pack = new ImpactPack { City = "zhengzhou" } });
        Ran brokenOff = await system.RunAsync(impact);
        Answering(new ImpactNews { Faults = new PackFaults { Faults = { "wrong" } } });
        Ran faulty = await system.RunAsync(impact);
        system.Begin().List<ImpactRequest>(
            "PolicyImpact/Calculate", _ => throw new RpcException(new Status(StatusCode.DataLoss, "record 7 cannot be read")));
        Ran unreadable = await system.RunAsync(impact);

        Assert.Equal((3, ""), (brokenOff.ExitCode, brokenOff.Output));
        Assert.EndsWith("ended its answer before the totals.", brokenOff.Errors, StringComparison.Ordinal);
        Assert.Equal((1, "", "claims: wrong\n"), (faulty.ExitCode, faulty.Output, faulty.Errors));
        Assert.Equal(
            (1, "", "The ledger service says: record 7 cannot be read."), (unreadable.ExitCode, unreadable.Output, unreadable.Errors));

        void Answering(ImpactNews news) => system.Begin().List<ImpactRequest>("PolicyImpact/Calculate", _ => [news]);
    }

    [Fact]
    public async Task Trial_tells_each_visit_and_what_every_limit_has_left()
    {
        string[] row = ["policy", "try", "--facility-class", "other", "--amounts", "100,600", "--on", "2025-01-10"];

        Ran table = await system.RunAsync(row);
        Ran json = await system.RunAsync([.. row, "--json"]);

        Assert.Equal((0, ""), (table.ExitCode, table.Errors));
        Assert.Equal(
            [
                "次 就诊日期 政策范围内费用 起付标准 统筹基金支付 个人负担", "1 2025-01-10 ¥100.00 ¥40.00 ¥33.00 ¥67.00",
                "2 2025-01-10 ¥600.00 ¥0.00 ¥267.00 ¥333.00",
            ],
            table.Lines[..3]);
        Assert.Equal(
            ["限额 期间 标准 已用 剩余", "起付标准（每日每机构） 2025-01-10 ¥40.00 ¥40.00 ¥0.00", "年度最高支付限额 2025 ¥300.00 ¥300.00 ¥0.00"],
            table.Lines[5..]);
        Assert.Equal(
            ["annual_cap 30000 0 3300 26700", "annual_cap 30000 3300 30000 0"],
            JsonDocument.Parse(json.Output).RootElement.EnumerateArray().Select(visit =>
            {
                JsonElement limit = visit.GetProperty("limits")[1];
                return $"annual_cap {limit.GetProperty("limit")} {limit.GetProperty("usedBefore")} {limit.GetProperty("usedAfter")} "
                    + $"{limit.GetProperty("remaining")}";
            }));
    }
}
