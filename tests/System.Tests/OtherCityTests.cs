using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>A city of other counties is another directory of policy, and nothing else.</summary>
public sealed class OtherCityTests
{
    private const string Visit = """ "visitDate": "2025-06-18", "visitType": "ORDINARY", "totalFen": 10000, "fullSelfPayFen": 0, "overLimitFen": 0, "preSelfPayFen": 0, "inScopeFen": 10000}}""";

    [Fact]
    public async Task Another_citys_visits_are_settled_and_booked_by_its_policy_and_its_data_is_no_other_citys()
    {
        RunningSystem system = new() { UpWith = ["--policy", RunningSystem.OtherCities, "--city", "shizhou"] };
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            H1,北岭县人民医院,990121,county,2A,hospital,2024-01-01,

            """)));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("insured.csv", """
            insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on
            P1,甲,resident,990102,general,2025,2024-11-05,1980-01-01,
            P2,乙,resident,990181,general,2025,2024-11-05,1980-01-01,

            """)));
        string operations = $$"""
            {"settle": {"requestId": "R1", "facilityCode": "H1", "insuredId": "P1",{{Visit}}
            {"settle": {"requestId": "R2", "facilityCode": "H1", "insuredId": "P2",{{Visit}}

            """;

        RunningSystem.AssertDone(await system.RunAsync(
            "send", system.Write("ops.jsonl", operations), "--out", system.FilePath("answers.jsonl")));

        JsonElement[] answers = [.. (await File.ReadAllLinesAsync(system.FilePath("answers.jsonl")))
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("settle"))];
        // 55 % of what is above the day's ¥40.
        Assert.Equal(("SETTLED", 3_300, "shizhou-outpatient@2025-01-01"),
            (Text(answers[0], "decision"), answers[0].GetProperty("fundPayFen").GetInt32(), Text(answers[0], "policyId")));
        Assert.Equal(("REFUSED", "OUTSIDE_POOLING_AREA"), (Text(answers[1], "decision"), Text(answers[1], "reasonCode")));
        RunningSystem.AssertDone(await system.RunAsync(
            "ledger", "income", "receive", "--kind", "interest", "--amount-fen", "5", "--key", "K1"));
        CommandResult balance = await system.RunAsync("ledger", "trial-balance", "--json", "--wait", "60");
        Assert.Equal(
            [
                ("1003.resident.990100", "市级财政专户存款—城乡居民—示州市本级"),
                ("2101.resident.990121.H1", "应付定点机构款—城乡居民—北岭县—H1"),
                ("4004.resident.990100", "利息收入—城乡居民—示州市本级"),
                ("5101.resident.990121", "待遇支出—门诊统筹—城乡居民—北岭县"),
            ],
            balance.Json.GetProperty("accounts").EnumerateArray().Select(account => (Text(account, "code"), Text(account, "name"))));

        CommandResult other = await system.RunAsync(
            "up", "--detach", "--city", "zhengzhou", "--policy", Path.Combine(RunningSystem.OtherCities, "..", "..", "policy"));
        CommandResult again = await system.RunAsync("up", "--detach");

        Assert.Equal(4, other.ExitCode);
        Assert.Contains("is of shizhou, not of zhengzhou", other.Errors, StringComparison.Ordinal);
        RunningSystem.AssertDone(again);
        Assert.Equal(7, again.Output.Split('\n').Count(line => line.Contains("runs already", StringComparison.Ordinal)));
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
