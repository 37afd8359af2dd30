using System.Globalization;
using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>
/// A copy of Zhengzhou's policy with a monthly cap of ¥100, a fourth class of facilities and a rate by age there: three changes of the
/// file, and no line of code.
/// </summary>
public sealed class ChangedPolicyTests
{
    [Fact]
    public async Task Monthly_cap_fourth_class_and_rate_by_age_are_settled_undone_verified_and_in_the_statement()
    {
        RunningSystem system = new() { UpWith = ["--policy", ChangedPolicy(out DirectoryInfo directory), "--city", "zhengzhou"] };
        await using DisposeAfter removed = new(() =>
        {
            directory.Delete(recursive: true);
            return Task.CompletedTask;
        });
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            H4,市第四医院,410105,city,3A,hospital,2024-01-01,

            """)));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("insured.csv", """
            insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on
            CHILD,甲,resident,410105,general,2025,2024-11-05,2015-01-01,
            ADULT,乙,resident,410105,general,2025,2024-11-05,1980-01-01,

            """)));

        // Deductible 30. A child: 60 % of 70 is 42; the next day's 60 % of 170 would be 102, of the month's 100 only 58 are left; in July
        // the month's cap is whole again. An adult: 50 % of 70 is 35.
        JsonElement[] answers = await SendAsync(system, "first",
            Visit("R1", "CHILD", "2025-06-18", 10_000), Visit("R2", "CHILD", "2025-06-19", 20_000),
            Visit("R3", "CHILD", "2025-07-01", 20_000), Visit("R4", "ADULT", "2025-06-18", 10_000));
        Assert.Equal(
            [
                ("SETTLED", "", 3_000, 4_200, 25_800), ("SETTLED", "CAP_REACHED", 3_000, 5_800, 20_000),
                ("SETTLED", "CAP_REACHED", 3_000, 10_000, 10_000), ("SETTLED", "", 3_000, 3_500, 26_500),
            ],
            answers.Select(Figures));
        Assert.Equal(
            ["deductible 2025-06-19 3000 0 3000 0", "month 2025-06 10000 4200 10000 0", "year 2025 30000 4200 10000 20000"],
            answers[1].GetProperty("limits").EnumerateArray().Select(Limit));
        Assert.Contains("市级三级甲等未成年人支付比例60%", Text(answers[0], "trace"), StringComparison.Ordinal);

        // The first visit's 42 come back to month and year, and are borne again once its cancellation is undone.
        JsonElement[] undone = await SendAsync(system, "undone",
            """{"cancel": {"requestId": "C1", "facilityCode": "H4", "insuredId": "CHILD", "originalRequestId": "R1"}}""",
            """{"getAccumulators": {"insuredId": "CHILD", "year": 2025}}""",
            """{"reverse": {"requestId": "V1", "facilityCode": "H4", "insuredId": "CHILD", "originalRequestId": "C1"}}""",
            """{"getAccumulators": {"insuredId": "CHILD", "year": 2025}}""");
        Assert.Equal(("CANCELLED", -4_200, 15_800),
            (Text(undone[0], "decision"), Int(undone[0], "fundPayFen"), Int(undone[1], "fundPaidFen")));
        Assert.Equal(("CANCELLATION_UNDONE", 20_000), (Text(undone[2], "outcome"), Int(undone[3], "fundPaidFen")));

        Assert.Equal(6, (await system.BooksAsync()).Count);
        string month = DateTimeOffset.UtcNow.AddHours(8).ToString("yyyy-MM", CultureInfo.InvariantCulture);
        CommandResult statement = await system.RunAsync("ledger", "statement", "H4", month, "--format", "csv");
        RunningSystem.AssertDone(statement);
        Assert.Equal(6, statement.Output.Split('\n').Count(line => line.Contains("市级三级甲等", StringComparison.Ordinal)));
    }

    private static string ChangedPolicy(out DirectoryInfo directory)
    {
        directory = Directory.CreateTempSubdirectory("claims changed policy ");
        foreach (string file in Directory.GetFiles(Path.Combine(RunningSystem.Root, "policy")))
            File.Copy(file, Path.Combine(directory.FullName, Path.GetFileName(file)));
        string outpatient = Path.Combine(directory.FullName, "zhengzhou-outpatient.yaml");
        string text = File.ReadAllText(outpatient);
        foreach ((string before, string after) in new[]
        {
            ("  grassroots:\n    number: 3\n",
                "  city_3a: {number: 4, label: 市级三级甲等, when: {admin_level: [city], grade: [3A]}}\n  grassroots:\n    number: 3\n"),
            ("benefits:\n",
                "person_classes:\n  minor: {number: 1, label: 未成年人, when: {age_below: 18}}\n"
                    + "  adult: {number: 2, label: 成年人, when: {}}\n\nbenefits:\n"),
            ("            province_3a: 40\n", "            province_3a: 40\n            city_3a: 30\n"),
            ("      by: [facility_class]\n      unit: percent", "      by: [facility_class, person_class]\n      unit: percent"),
            ("            province_3a: 45\n", "            province_3a: 45\n            city_3a: {minor: 60, adult: 50}\n"),
            ("    caps:\n",
                "    caps:\n      month: {of: fund_pay, per: month, unit: yuan, "
                    + "values: [{from: 2024-01-01, value: 100, source: 郑医保〔2023〕6号 三}]}\n"),
        })
        {
            Assert.Equal(2, text.Split(before).Length);
            text = text.Replace(before, after, StringComparison.Ordinal);
        }

        File.WriteAllText(outpatient, text);
        return directory.FullName;
    }

    private static async Task<JsonElement[]> SendAsync(RunningSystem system, string name, params string[] operations)
    {
        string answers = system.FilePath($"{name}-answers.jsonl");
        RunningSystem.AssertDone(await system.RunAsync(
            "send", system.Write($"{name}.jsonl", string.Join('\n', operations) + "\n"), "--out", answers));
        return [.. (await File.ReadAllLinesAsync(answers))
            .Select(line => JsonDocument.Parse(line).RootElement.EnumerateObject().Single().Value)];
    }

    private static string Visit(string request, string insured, string date, int fen) => $$$"""
        {"settle": {"requestId": "{{{request}}}", "facilityCode": "H4", "insuredId": "{{{insured}}}", "visitDate": "{{{date}}}",
        """.TrimEnd() + $$$""" "visitType": "ORDINARY", "totalFen": {{{fen}}}, "inScopeFen": {{{fen}}}}}""";

    private static (string Decision, string Reason, int DeductibleFen, int FundPayFen, int CapRemainingFen) Figures(JsonElement answer) =>
        (Text(answer, "decision"), Text(answer, "reasonCode"), Int(answer, "deductibleFen"), Int(answer, "fundPayFen"),
            Int(answer, "capRemainingFen"));

    private static string Limit(JsonElement limit) => string.Join(' ',
        Text(limit, "name"), Text(limit, "period"), Int(limit, "limit"), Int(limit, "usedBefore"), Int(limit, "usedAfter"),
        Int(limit, "remaining"));

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static int Int(JsonElement element, string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.Number } number
        ? number.GetInt32()
        : int.Parse(element.GetProperty(name).GetString()!, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
