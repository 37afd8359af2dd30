using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace Claims.SystemTests;

/// <summary>What an operator does with a running system, and what he is told when it cannot be done.</summary>
public sealed class OperatorTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const string InsuredHeader = "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on";
    private static readonly string[] Processes = ["redis", "postgres", "broker", "eligibility", "ledger", "adjudication", "gateway"];

    [Fact]
    public async Task Up_leaves_alone_what_runs()
    {
        Dictionary<string, int> before = await PidsAsync();

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        Assert.Equal(before, await PidsAsync());
        Assert.Equal(Processes, before.Keys);
    }

    [Fact]
    public async Task Status_tells_since_when_a_process_runs_in_the_time_of_China()
    {
        JsonElement redis = (await system.RunAsync("status", "--json")).Json.GetProperty("processes")[0];
        string[] row = (await system.RunAsync("status")).Output.Split('\n')
            .Single(line => line.Contains("redis", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);

        DateTime inChina = redis.GetProperty("since").GetDateTimeOffset().UtcDateTime.AddHours(8);
        Assert.Equal(inChina.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), string.Join(' ', row[^2..]));
    }

    [Fact]
    public async Task Interrupted_up_stops_what_it_has_started_and_nothing_else()
    {
        Dictionary<string, int> before = await PidsAsync();
        (int nothingStarted, string saidOfNothing) = await InterruptedUpAsync("All of it ran already");
        Dictionary<string, int> after = await PidsAsync();
        await system.KillAsync("gateway");
        (int oneStarted, string saidOfOne) = await InterruptedUpAsync("Ctrl-C stops it.");
        CommandResult status = await system.RunAsync("status", "--json");

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        Assert.Equal((130, 130), (nothingStarted, oneStarted));
        Assert.Equal(before, after);
        Assert.DoesNotContain("stopped", saidOfNothing, StringComparison.Ordinal);
        Assert.Contains("gateway      stopped", saidOfOne, StringComparison.Ordinal);
        Assert.Contains("Goes on, since another command started it: redis, postgres, broker, eligibility, ledger, adjudication;", saidOfOne,
            StringComparison.Ordinal);
        Assert.Equal(["gateway"], StatesOf(status).Where(process => process.State != "ready").Select(process => process.Name));
    }

    /// <summary>A foreground <c>up</c> that gets Ctrl-C once it has said this.</summary>
    private async Task<(int ExitCode, string Said)> InterruptedUpAsync(string until)
    {
        using CancellationTokenSource bound = new(TimeSpan.FromMinutes(2));
        using Process up = system.Start("up");
        StringBuilder said = new();
        while (!said.ToString().Contains(until, StringComparison.Ordinal))
            said.AppendLine(await up.StandardOutput.ReadLineAsync(bound.Token) ?? throw new InvalidOperationException($"up ended: {said}"));
        ProcessIdentity.Of(up.Id)!.Value.Signal(ProcessSignal.Interrupt);
        said.Append(await up.StandardOutput.ReadToEndAsync(bound.Token));
        await up.WaitForExitAsync(bound.Token);
        return (up.ExitCode, said.ToString());
    }

    [Fact]
    public async Task Ready_up_serves_clinics_at_once_although_adjudication_was_away()
    {
        await system.KillAsync("adjudication");

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        using HttpClient clinic = new();
        using StringContent question = new("{\"insuredId\":\"OG000001\",\"year\":2025}", Encoding.UTF8, "application/json");
        using HttpResponseMessage answer =
            await clinic.PostAsync(new Uri($"http://127.0.0.1:{system.PortBase + 4}/v1/get-accumulators"), question);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Gateway_that_cannot_serve_clinics_is_not_ready_to_status()
    {
        await system.KillAsync("adjudication");

        CommandResult status = await system.RunAsync("status", "--json");

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        Assert.Equal([("adjudication", "ended"), ("gateway", "not ready")],
            StatesOf(status).Where(process => process.State != "ready").Select(process => (process.Name, process.State)));
    }

    [Fact]
    public async Task System_is_reached_by_its_address()
    {
        string address = $"http://localhost:{system.PortBase}";

        CommandResult status = await system.RunAsync("status", "--json", "--at", address);
        CommandResult balance = await system.RunAsync("ledger", "trial-balance", "--json", "--at", address);

        RunningSystem.AssertDone(status);
        Assert.Equal(["adjudication ready", "eligibility ready", "ledger ready"],
            status.Json.GetProperty("services").EnumerateArray()
                .Select(service => $"{service.GetProperty("name").GetString()} {service.GetProperty("state").GetString()}"));
        RunningSystem.AssertDone(balance);
    }

    [Theory]
    [InlineData(1, "claims.v1.Adjudication", "claims.v1.AdjudicationOperations")]
    [InlineData(2, "claims.v1.ClinicAccess", "claims.v1.ClinicRegistry", "claims.v1.Eligibility", "claims.v1.RegistryOffice")]
    [InlineData(3, "claims.v1.Acts", "claims.v1.Audit", "claims.v1.Funding", "claims.v1.Ledger", "claims.v1.LedgerShards",
        "claims.v1.PolicyImpact", "claims.v1.Recheck", "claims.v1.Reconciliation", "claims.v1.RefusalLog")]
    public async Task Services_are_described_by_reflection(int port, params string[] services)
    {
        using AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call =
            new ServerReflection.ServerReflectionClient(system.Connect(system.PortBase + port)).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(services, call.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name).Where(
            name => name.StartsWith("claims.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        await call.RequestStream.WriteAsync(new ServerReflectionRequest { FileContainingSymbol = services[0] });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        FileDescriptorProto[] files =
            [.. call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto.Select(FileDescriptorProto.Parser.ParseFrom)];
        Assert.Contains(files, file => file.Service.Any(service => $"{file.Package}.{service.Name}" == services[0]));
        await call.RequestStream.CompleteAsync();
    }

    [Fact]
    public async Task Lost_broker_is_replaced_and_its_clients_follow()
    {
        Dictionary<string, int> before = await PidsAsync();
        await system.KillAsync("broker");
        CommandResult without = await system.RunAsync("status", "--json");

        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));

        Assert.Equal((3, false), (without.ExitCode, without.Json.GetProperty("ready").GetBoolean()));
        Assert.Equal(["broker"], StatesOf(without).Where(process => process.State == "ended").Select(process => process.Name));

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

    /// <summary>The whole of Redis is lost, and every process ends: what was answered is answered again, to the letter.</summary>
    [Fact]
    public async Task Store_that_is_lost_is_rebuilt_and_answers_as_before()
    {
        const int Patients = 8;
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("lost-facilities.csv",
            "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\nLO1,市一院,410105,city,3A,hospital,2024-01-01,\n"
                + "LO2,社区中心,410122,community,none,community_health_centre,2024-01-01,\n")));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("lost-insured.csv", InsuredHeader + "\n"
            + string.Concat(Enumerable.Range(1, Patients).Select(number =>
                $"PL{number},李四,resident,410105,general,2025,2024-11-05,1980-01-01,\n")))));
        string operations = system.Write("lost.jsonl", string.Join('\n', Enumerable.Range(1, Patients).SelectMany(number => (object[])
        [
            new { settle = Visit($"LA{number}", "LO1", number, totalFen: number * 9_000, fullSelfPayFen: number * 1_000) },
            new { settle = Visit($"LB{number}", "LO2", number, totalFen: number * 20_000) },
            new { cancel = Undo($"LC{number}", number, $"LA{number}") },
            new { reverse = Undo($"LD{number}", number, number % 2 == 0 ? $"LC{number}" : $"LN{number}") },
            new { getAccumulators = new { insuredId = $"PL{number}", year = 2025 } },
        ]).Select(operation => JsonSerializer.Serialize(operation))));
        RunningSystem.AssertDone(await system.RunAsync("send", operations, "--out", system.FilePath("lost-first.jsonl")));
        RunningSystem.AssertDone(await system.RunAsync("send", operations, "--out", system.FilePath("lost-before.jsonl")));
        RunningSystem.AssertDone(await system.RunAsync("ledger", "verify"));
        CommandResult whole = await system.RunAsync("rebuild", "--dry-run", "--json");
        RunningSystem.AssertDone(await system.RunAsync("down"));
        Directory.Delete(Path.Combine(system.FilePath("data"), "redis", "appendonlydir"), recursive: true);

        CommandResult up = await system.RunAsync("up", "--detach");
        CommandResult dryRun = await system.RunAsync("rebuild", "--dry-run", "--json");
        CommandResult rebuilt = await system.RunAsync("rebuild", "--json");

        Assert.Equal((0, true), (whole.ExitCode, whole.Json.GetProperty("ok").GetBoolean()));
        Assert.Equal(3, up.ExitCode);
        Assert.Contains("adjudication runs and settles nothing: ", up.Errors, StringComparison.Ordinal);
        Assert.Contains("Run `claims rebuild` now.", up.Errors, StringComparison.Ordinal);
        Assert.Equal((1, false), (dryRun.ExitCode, dryRun.Json.GetProperty("ok").GetBoolean()));
        Assert.True(rebuilt.ExitCode == 0, rebuilt.ToString());
        JsonElement[] shards = [.. rebuilt.Json.GetProperty("shards").EnumerateArray()];
        Assert.Equal(Enumerable.Range(0, 32), shards.Select(shard => shard.GetProperty("shard").GetInt32()));
        Assert.All(shards, shard => Assert.Equal("rebuilt", shard.GetProperty("state").GetString()));
        Assert.All(shards, shard => Assert.Single(shard.GetProperty("lostNumbers").EnumerateArray()));
        Assert.Equal(
            Sum(whole, "records"), Sum(rebuilt, "records"));
        Assert.Equal(Sum(whole, "insuredCount"), Sum(rebuilt, "missingInsured"));

        RunningSystem.AssertDone(await system.RunAsync("ledger", "verify"));
        RunningSystem.AssertDone(await system.RunAsync("send", operations, "--out", system.FilePath("lost-after.jsonl")));
        Assert.Equal(
            await File.ReadAllTextAsync(system.FilePath("lost-before.jsonl")),
            await File.ReadAllTextAsync(system.FilePath("lost-after.jsonl")));
        CommandResult again = await system.RunAsync("rebuild");
        Assert.True(again.ExitCode == 0, again.ToString());
        Assert.Contains("The store has what the books say", again.Output, StringComparison.Ordinal);

        static object Visit(string requestId, string facilityCode, int number, int totalFen, int fullSelfPayFen = 0) => new
        {
            requestId,
            facilityCode,
            insuredId = $"PL{number}",
            visitDate = $"2025-03-0{number}",
            visitType = "ORDINARY",
            totalFen,
            inScopeFen = totalFen - fullSelfPayFen,
            fullSelfPayFen,
            visitId = requestId,
        };

        static object Undo(string requestId, int number, string originalRequestId) =>
            new { requestId, facilityCode = "LO1", insuredId = $"PL{number}", originalRequestId };

        static long Sum(CommandResult result, string name) =>
            result.Json.GetProperty("shards").EnumerateArray().Sum(shard => shard.GetProperty(name).GetInt64());
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
            ["CHAIN", "OUTSIDE_CHAIN", "POSITIONS", "JOURNALS", "BALANCES", "ACTS", "ACCUMULATORS"],
            first.Json.GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("code").GetString()));
        Assert.All(first.Json.GetProperty("checks").EnumerateArray(), check => Assert.True(check.GetProperty("examined").GetInt64() > 0));
        RunningSystem.AssertDone(second);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("computed anew", other.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fund_is_owed_filled_and_pays_a_facility_once()
    {
        string facilities = system.Write("fund-facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            OF01,示范卫生院,410185,township,1A,hospital,2024-01-01,

            """);
        string insured = system.Write("fund-insured.csv", $"""
            {InsuredHeader}
            OF000001,甲,resident,410185,general,2024,2023-11-05,1980-01-01,
            OF000001,甲,resident,410185,general,2025,2024-11-05,1980-01-01,
            OF000002,乙,resident,410185,general,2024,,1980-01-01,

            """);
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", facilities));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", insured));
        string operations = system.Write("fund.jsonl", """
            {"settle": {"requestId": "OF1", "facilityCode": "OF01", "insuredId": "OF000001", "visitDate": "2025-06-18", "visitType": "ORDINARY", "totalFen": 10000, "inScopeFen": 10000}}
            """);
        RunningSystem.AssertDone(await system.RunAsync("send", operations, "--out", system.FilePath("fund-answers.jsonl")));
        JsonElement before = (await LedgerAsync("trial-balance")).Json;

        JsonElement assessed = (await LedgerAsync(
            "income", "assess", "--kind", "subsidy", "--county", "410185", "--year", "2024", "--key", "A")).Json;
        await LedgerAsync("income", "receive", "--kind", "subsidy", "--payer", "central", "--county", "410185", "--amount-fen", "40200",
            "--key", "B");
        await LedgerAsync("pay", "transfer", "--route", "special-to-city", "--amount-fen", "40200", "--key", "C");
        JsonElement need = (await LedgerAsync("pay", "replenishments", "--month", "2025-06")).Json.GetProperty("counties").EnumerateArray()
            .Single(county => county.GetProperty("county").GetString() == "410185");
        await LedgerAsync("pay", "transfer", "--route", "city-to-county", "--county", "410185", "--amount-fen", "6500", "--key", "D");
        JsonElement proposal = (await LedgerAsync("pay", "run", "--county", "410185", "--month", "2025-06", "--dry-run")).Json;
        JsonElement paid = (await LedgerAsync("pay", "run", "--county", "410185", "--month", "2025-06", "--key", "E")).Json;
        JsonElement again = (await LedgerAsync("pay", "run", "--county", "410185", "--month", "2025-06", "--key", "E")).Json;
        CommandResult twice = await system.RunAsync("ledger", "pay", "run", "--county", "410185", "--month", "2025-06", "--key", "F");
        JsonElement after = (await LedgerAsync("trial-balance")).Json;

        Assert.Equal(78_000, assessed.GetProperty("amountFen").GetInt64());
        Assert.Equal((6_500, 6_500 + need.GetProperty("reserveFen").GetInt64()),
            (need.GetProperty("payableFen").GetInt64(), need.GetProperty("proposedFen").GetInt64()));
        Assert.Equal((6_500, true), (proposal.GetProperty("totalFen").GetInt64(), proposal.GetProperty("covered").GetBoolean()));
        Assert.Equal((6_500, false), (paid.GetProperty("amountFen").GetInt64(), paid.GetProperty("replayed").GetBoolean()));
        Assert.Equal((paid.GetProperty("voucherId").GetInt64(), true),
            (again.GetProperty("voucherId").GetInt64(), again.GetProperty("replayed").GetBoolean()));
        Assert.Equal((1, true), (twice.ExitCode, twice.Errors.StartsWith("claims: The ledger service says: ", StringComparison.Ordinal)));
        Assert.Equal(before.GetProperty("fundPaidFen").GetInt64(), after.GetProperty("fundPaidFen").GetInt64());
        Assert.Equal(33_700, BalanceFen(after, "1004.resident.410100"));
        Assert.Equal((0, 0), (BalanceFen(after, "1005.resident.410185"), BalanceFen(after, "2101.resident.410185.OF01")));
        Assert.Contains("支付定点机构", (await system.RunAsync("ledger", "vouchers", "--county", "410185")).Output, StringComparison.Ordinal);

        async Task<CommandResult> LedgerAsync(params string[] arguments)
        {
            CommandResult result = await system.RunAsync(["ledger", .. arguments, "--json"]);
            RunningSystem.AssertDone(result);
            return result;
        }

        static long BalanceFen(JsonElement trial, string account) =>
            trial.GetProperty("accounts").EnumerateArray().Single(row => row.GetProperty("code").GetString() == account)
                .GetProperty("balanceFen").GetInt64();
    }

    [Fact]
    public async Task Cancelled_visit_is_not_paid_while_a_paused_broker_keeps_it_from_the_books()
    {
        string facilities = system.Write("paused-facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            OP01,示范卫生院,410184,township,1A,hospital,2024-01-01,

            """);
        string insured = system.Write("paused-insured.csv", $"""
            {InsuredHeader}
            OP000001,甲,resident,410184,general,2025,2024-11-05,1980-01-01,

            """);
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", facilities));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", insured));
        await SendAsync("""{"settle": {"requestId": "OP1", "facilityCode": "OP01", "insuredId": "OP000001", "visitDate": "2025-06-18", "visitType": "ORDINARY", "totalFen": 10000, "inScopeFen": 10000}}""");
        string[] run = ["ledger", "pay", "run", "--county", "410184", "--month", "2025-06"];
        Assert.Equal(6_500, (await system.RunAsync([.. run, "--dry-run", "--json"])).Json.GetProperty("totalFen").GetInt64());

        string broker = (await system.PidOfAsync("broker")).ToString(CultureInfo.InvariantCulture);
        await SignalAsync("-STOP");
        CommandResult dry;
        CommandResult paid;
        try
        {
            await SendAsync(
                """{"cancel": {"requestId": "OP2", "facilityCode": "OP01", "insuredId": "OP000001", "originalRequestId": "OP1"}}""");
            dry = await system.RunAsync([.. run, "--dry-run", "--wait", "0"]);
            paid = await system.RunAsync([.. run, "--key", "OP", "--wait", "0"]);
        }
        finally
        {
            await SignalAsync("-CONT");
        }

        foreach (CommandResult refused in new[] { dry, paid })
            Assert.Equal((3, "claims: After 0 s the ledger is still 1 records behind adjudication.\n"), (refused.ExitCode, refused.Errors));
        Assert.Equal(0, (await system.RunAsync([.. run, "--dry-run", "--json"])).Json.GetProperty("totalFen").GetInt64());

        async Task SendAsync(string operation) =>
            RunningSystem.AssertDone(await system.RunAsync("send", system.Write("paused.jsonl", operation)));

        async Task SignalAsync(string signal)
        {
            using Process kill = Process.Start("kill", [signal, broker]);
            await kill.WaitForExitAsync();
            Assert.Equal(0, kill.ExitCode);
        }
    }

    [Fact]
    public async Task Clinic_settles_over_http_as_a_hospital_does_and_either_finds_the_answer_again()
    {
        string facilities = system.Write("clinic-facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            OC01,示范村卫生室,410182,village,none,clinic,2024-01-01,

            """);
        string insured = system.Write("clinic-insured.csv", $"""
            {InsuredHeader}
            OC000001,甲,resident,410182,general,2025,2024-11-05,1980-01-01,

            """);
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", facilities));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", insured));
        SettleRequest visit = new()
        {
            RequestId = "OC1",
            FacilityCode = "OC01",
            InsuredId = "OC000001",
            VisitDate = "2025-06-18",
            VisitType = VisitType.Ordinary,
            TotalFen = 10_000,
            InScopeFen = 10_000,
        };

        SettleReply overHttp = await PostAsync();
        SettleReply overGrpc = await new Adjudication.AdjudicationClient(system.Connect(system.PortBase + 1)).SettleAsync(visit);
        SettleReply again = await PostAsync();

        Assert.Equal((Decision.Settled, 6_500, false), (overHttp.Decision, overHttp.FundPayFen, overHttp.Replayed));
        Assert.Equal(new SettleReply(overHttp) { Replayed = true }, overGrpc);
        Assert.Equal(overGrpc, again);

        async Task<SettleReply> PostAsync()
        {
            using HttpClient clinic = new();
            using StringContent json = new(JsonFormatter.Default.Format(visit), Encoding.UTF8, "application/json");
            using HttpResponseMessage answer = await clinic.PostAsync(new Uri($"http://127.0.0.1:{system.PortBase + 4}/v1/settle"), json);
            string body = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, body);
            return JsonParser.Default.Parse<SettleReply>(body);
        }
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
        CommandResult status = await system.RunAsync("status", "--json");
        return StatesOf(status).ToDictionary(process => process.Name, process => process.Pid!.Value);
    }

    private static (string Name, string State, int? Pid)[] StatesOf(CommandResult status) =>
    [
        .. status.Json.GetProperty("processes").EnumerateArray().Select(process => (
            process.GetProperty("name").GetString()!,
            process.GetProperty("state").GetString()!,
            process.GetProperty("pid") is { ValueKind: JsonValueKind.Number } pid ? pid.GetInt32() : (int?)null)),
    ];
}
