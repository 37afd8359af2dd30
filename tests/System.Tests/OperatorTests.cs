using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>What an operator does with a running system, and what he is told when it cannot be done.</summary>
public sealed class OperatorTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const string InsuredHeader = "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on";
    private static readonly string[] Processes = ["redis", "postgres", "broker", "eligibility", "ledger", "adjudication"];

    [Fact]
    public async Task Up_leaves_alone_what_runs()
    {
        Dictionary<string, int> before = await PidsAsync();

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        Assert.Equal(before, await PidsAsync());
    }

    [Fact]
    public async Task Lost_broker_is_replaced_and_its_clients_follow()
    {
        Dictionary<string, int> before = await PidsAsync();
        await system.KillAsync("broker");

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        Dictionary<string, int> after = await PidsAsync();
        Assert.Equal(before["redis"], after["redis"]);
        Assert.Equal(before["eligibility"], after["eligibility"]);
        Assert.NotEqual(before["broker"], after["broker"]);
        Assert.NotEqual(before["ledger"], after["ledger"]);
        Assert.NotEqual(before["adjudication"], after["adjudication"]);
    }

    [Fact]
    public async Task Stopped_system_keeps_its_data()
    {
        Load load = new(system, "OS");
        await load.ImportAsync();
        Answers first = await load.SendAsync("first");

        RunningSystem.AssertDone(await system.RunAsync("down"));
        CommandResult stopped = await system.RunAsync("status", "--json");
        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        Answers second = await load.SendAsync("second");

        Assert.Equal(3, stopped.ExitCode);
        Assert.All(second.Lines, answer => Assert.True(answer.GetProperty("replayed").GetBoolean()));
        Assert.Equal(first.Lines.Select(Answers.Substance), second.Lines.Select(Answers.Substance));
    }

    [Fact]
    public async Task Bad_row_is_named_and_nothing_of_the_file_is_taken()
    {
        string file = system.Write("bad.csv", $"""
            {InsuredHeader}
            OB000001,好,resident,410105,general,2025,2024-11-05,1980-01-01,
            OB000002,坏,resident,410105,general,2025,2024-13-05,1980-01-01,

            """);

        CommandResult import = await system.RunAsync("import", "insured", file);

        Assert.Equal(1, import.ExitCode);
        Assert.StartsWith("claims: bad.csv line 3, column paid_on: ", import.Errors, StringComparison.Ordinal);
        Assert.Single(import.Errors.TrimEnd().Split('\n'));
        Assert.Equal("INSURED_UNKNOWN", await ReasonAsync("H0000", "OB000001", facilityExists: true));
    }

    [Fact]
    public async Task Unknown_facility_is_an_answer_and_not_an_error()
    {
        Assert.Equal("FACILITY_UNKNOWN", await ReasonAsync("H-nowhere", "OU000001", facilityExists: false));
    }

    [Fact]
    public async Task Broken_line_sends_nothing()
    {
        long before = await system.RecordsAsync();
        string file = system.Write("broken.jsonl", """
            {"settle": {"requestId": "OL1", "facilityCode": "H", "insuredId": "P", "visitDate": "2025-01-05", "visitType": "ORDINARY", "totalFen": 1000, "inScopeFen": 1000}}
            {"settle": {"requestId": "OL2",

            """);

        CommandResult send = await system.RunAsync("send", file);

        Assert.Equal(1, send.ExitCode);
        Assert.StartsWith("claims: broken.jsonl line 2: ", send.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await system.RecordsAsync());
    }

    [Fact]
    public async Task Books_that_nobody_touched_verify_and_their_head_is_found_again()
    {
        Load load = new(system, "OV");
        await load.ImportAsync();
        await load.SendAsync("first");

        CommandResult first = await system.RunAsync("ledger", "verify", "--json", "--wait", "60");
        JsonElement head = first.Json.GetProperty("head");
        string noted = $"{head.GetProperty("link").GetInt64()}:{head.GetProperty("hash").GetString()}";
        CommandResult second = await system.RunAsync("ledger", "verify", "--json", "--expect", noted);
        CommandResult other = await system.RunAsync("ledger", "verify", "--json", "--expect", $"1:{new string('0', 64)}");

        RunningSystem.AssertDone(first);
        Assert.True(first.Json.GetProperty("ok").GetBoolean());
        Assert.Equal(
            ["CHAIN", "OUTSIDE_CHAIN", "POSITIONS", "JOURNALS", "BALANCES", "ACCUMULATORS"],
            first.Json.GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("code").GetString()));
        Assert.All(first.Json.GetProperty("checks").EnumerateArray(), check => Assert.True(check.GetProperty("examined").GetInt64() > 0));
        RunningSystem.AssertDone(second);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("computed anew", other.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_next_to_a_running_system_agrees()
    {
        CommandResult demo = await system.RunAsync("demo", "--visits", "3000", "--json");

        RunningSystem.AssertDone(demo);
        Assert.True(demo.Json.GetProperty("ok").GetBoolean());
        Assert.Equal(3000, demo.Json.GetProperty("visits").GetInt64());
        Assert.InRange(demo.Json.GetProperty("trialBalance").GetProperty("standingSettlements").GetInt64(), 2000, 3000);
    }

    private async Task<string?> ReasonAsync(string facility, string insured, bool facilityExists)
    {
        if (facilityExists)
        {
            string facilities = system.Write($"{facility}.csv", $"""
                facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
                {facility},示范卫生院,410182,township,1A,hospital,2024-01-01,

                """);
            RunningSystem.AssertDone(await system.RunAsync("import", "facilities", facilities));
        }
        string operations = system.Write($"{insured}.jsonl", $$$"""
            {"settle": {"requestId": "{{{insured}}}", "facilityCode": "{{{facility}}}", "insuredId": "{{{insured}}}", "visitDate": "2025-01-05", "visitType": "ORDINARY", "totalFen": 1000, "inScopeFen": 1000}}
            """);
        string answers = system.FilePath($"{insured}-answers.jsonl");
        RunningSystem.AssertDone(await system.RunAsync("send", operations, "--out", answers));
        JsonElement answer = JsonDocument.Parse(await File.ReadAllTextAsync(answers)).RootElement.GetProperty("settle");
        Assert.Equal("REFUSED", answer.GetProperty("decision").GetString());
        Assert.NotEqual("", answer.GetProperty("reasonText").GetString());
        return answer.GetProperty("reasonCode").GetString();
    }

    private async Task<Dictionary<string, int>> PidsAsync()
    {
        Dictionary<string, int> pids = [];
        foreach (string process in Processes)
            pids[process] = await system.PidOfAsync(process);
        return pids;
    }
}
