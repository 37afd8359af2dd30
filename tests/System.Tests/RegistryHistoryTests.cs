using System.Diagnostics;
using System.Text.Json;
using Claims.V1;

namespace Claims.SystemTests;

/// <summary>The registry changes while visits of earlier days are still settled and cancelled.</summary>
public sealed class RegistryHistoryTests
{
    private const string Facilities = "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to,valid_from,valid_to\n";
    private const string Insured = "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on";

    [Fact]
    public async Task Visits_are_decided_by_what_held_on_their_day_whatever_the_registry_has_become_since()
    {
        RunningSystem system = new();
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        Adjudication.AdjudicationClient adjudication = new(system.Connect(system.PortBase + 1));
        await ImportAsync(system, "facilities", Facilities + "H1,甲,410105,township,none,hospital,2024-01-01,,,\n");
        await ImportAsync(system, "insured", Insured
            + "\nP1,甲,resident,410105,general,2025,2024-11-05,1980-01-01,\nP2,乙,resident,410105,general,2025,2024-11-05,1980-01-01,\n");
        Assert.Equal(6_500, (await SettleAsync("J1", "P1", "2025-06-30")).FundPayFen);
        Assert.Equal(6_500, (await SettleAsync("M1", "P2", "2025-03-15")).FundPayFen);
        SettleReply june = await SettleAsync("U1", "P2", "2025-06-15");

        // Upgraded in July: June's visit is settled, cancelled and settled again as one of June.
        await ImportAsync(system, "facilities", Facilities
            + "H1,甲,410105,township,none,hospital,2024-01-01,,,2025-06-30\nH1,甲,410105,city,2A,hospital,2024-01-01,,2025-07-01,\n");
        await Eventually.HoldsAsync(async () => (await QuoteAsync("P1", "2025-07-01")).FundPayFen == 3_300);
        Assert.True((await SettleAsync("J1", "P1", "2025-06-30")).Replayed);
        Assert.Equal(-6_500, (await CancelAsync("C1", "P1", "J1")).FundPayFen);
        Assert.Equal(6_500, (await SettleAsync("J2", "P1", "2025-06-30")).FundPayFen);
        Assert.Equal((3_300, 4_000), await FiguresAsync("J3", "P1", "2025-07-01"));

        // Cover withdrawn from June on: March is settled and cancelled as before, and the June visit that was paid is found.
        await ImportAsync(system, "insured", Insured
            + ",begins_on,ended_on,end_cause\nP2,乙,resident,410105,general,2025,2024-11-05,1980-01-01,,,2025-05-31,employee_scheme\n");
        await Eventually.HoldsAsync(async () => (await QuoteAsync("P2", "2025-06-15")).Decision == Decision.Refused);
        SettleReply refused = await SettleAsync("U2", "P2", "2025-06-15");
        Assert.Equal(("NOT_COVERED_ON_DATE", "参保人的待遇已于2025年5月31日终止（已转入职工医保，请按职工医保结算），请核对参保缴费情况。"),
            (refused.ReasonCode, refused.ReasonText));
        Assert.Equal(-6_500, (await CancelAsync("C2", "P2", "M1")).FundPayFen);
        Assert.Equal(6_500, (await SettleAsync("M2", "P2", "2025-03-15")).FundPayFen);

        CommandResult before = await system.RunAsync("ledger", "trial-balance", "--json", "--wait", "60");
        RunningSystem.AssertDone(before);
        CommandResult recheck = await system.RunAsync("recheck", "--json");
        RunningSystem.AssertDone(recheck);
        JsonElement wrong = Assert.Single(recheck.Json.GetProperty("wrong").EnumerateArray());
        Assert.Equal((june.SettlementId, "refused", "NOT_COVERED_ON_DATE", -6_500),
            (wrong.GetProperty("settlementId").GetString(), wrong.GetProperty("cause").GetString(),
                wrong.GetProperty("reasonCode").GetString(), wrong.GetProperty("differenceFen").GetInt64()));
        Assert.Equal(4, recheck.Json.GetProperty("settlements").GetInt64());
        Assert.Equal(before.Output, (await system.RunAsync("ledger", "trial-balance", "--json")).Output);

        // Suspended: refused within 5 s, repeats are answered, earlier visits are settled; resumed, it goes on.
        RunningSystem.AssertDone(await system.RunAsync("facility", "suspend", "H1", "--from", "2025-08-01", "--reason", "违规收费"));
        long suspended = Stopwatch.GetTimestamp();
        await Eventually.HoldsAsync(async () => (await QuoteAsync("P1", "2025-08-01")).ReasonCode == "FACILITY_NOT_POOLED");
        Assert.True(Stopwatch.GetElapsedTime(suspended) < TimeSpan.FromSeconds(5), $"{Stopwatch.GetElapsedTime(suspended)}");
        Assert.Equal("该机构自2025年8月1日起暂停居民医保门诊统筹，本次费用不能由门诊统筹支付。",
            (await SettleAsync("S1", "P1", "2025-08-01")).ReasonText);
        Assert.True((await SettleAsync("J3", "P1", "2025-07-01")).Replayed);
        Assert.Equal(Decision.Quoted, (await QuoteAsync("P1", "2025-07-31")).Decision);
        RunningSystem.AssertDone(await system.RunAsync("facility", "resume", "H1", "--from", "2025-09-01", "--reason", "整改完成"));
        await Eventually.HoldsAsync(async () => (await QuoteAsync("P1", "2025-09-01")).Decision == Decision.Quoted);
        Assert.Equal("FACILITY_NOT_POOLED", (await QuoteAsync("P1", "2025-08-31")).ReasonCode);

        CommandResult explained = await system.RunAsync("facility", "explain", "H1", "--on", "2025-08-15");
        RunningSystem.AssertDone(explained);
        Assert.Contains("自2025年8月1日起暂停门诊统筹，原因：违规收费。", explained.Output, StringComparison.Ordinal);
        CommandResult person = await system.RunAsync("insured", "explain", "P2", "--on", "2025-05-31", "--json");
        RunningSystem.AssertDone(person);
        Assert.True(person.Json.GetProperty("holds").GetBoolean());
        await system.BooksAsync();

        async Task<SettleReply> SettleAsync(string requestId, string insured, string day) =>
            await adjudication.SettleAsync(Visit(requestId, insured, day), null, DateTime.UtcNow.AddSeconds(30));

        async Task<(long, long)> FiguresAsync(string requestId, string insured, string day)
        {
            SettleReply reply = await SettleAsync(requestId, insured, day);
            return (reply.FundPayFen, reply.DeductibleFen);
        }

        async Task<SettleReply> QuoteAsync(string insured, string day) =>
            await adjudication.PreSettleAsync(Visit("Q", insured, day), null, DateTime.UtcNow.AddSeconds(30));

        async Task<SettleReply> CancelAsync(string requestId, string insured, string original) => await adjudication.CancelAsync(
            new CancelRequest { RequestId = requestId, FacilityCode = "H1", InsuredId = insured, OriginalRequestId = original },
            null, DateTime.UtcNow.AddSeconds(30));
    }

    private static async Task ImportAsync(RunningSystem system, string kind, string csv) =>
        RunningSystem.AssertDone(await system.RunAsync("import", kind, system.Write($"{kind}.csv", csv), "--reason", "测试"));

    private static SettleRequest Visit(string requestId, string insured, string day) => new()
    {
        RequestId = requestId,
        FacilityCode = "H1",
        InsuredId = insured,
        VisitDate = day,
        VisitType = VisitType.Ordinary,
        TotalFen = 10_000,
        InScopeFen = 10_000,
    };
}
