using System.Text;
using Claims.V1;

namespace Claims.SystemTests;

/// <summary>
/// A name and two insured ids that stand nowhere else go through everything that can be done with them. Afterwards they stand in the
/// stores, which are there for that, and in nothing that operators read or send on.
/// </summary>
public sealed class PersonalDataTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const string Covered = "410105199002307777";

    // No identity number, which the log masks wherever it stands.
    private const string Unknown = "X88776655448888";
    private const string Name = "卡那里试名";
    private const string Card = "C77778888777";
    private static readonly string[] Canaries = [Covered, Unknown, Name, Card];
    private static readonly string[] StoresOwn = ["redis", "postgres"];

    private int Gateway => system.PortBase + 4;

    [Fact]
    public async Task Personal_data_is_in_no_log_metric_state_or_report()
    {
        await ImportAsync();
        Adjudication.AdjudicationClient hospital = new(system.Connect(system.PortBase + 1));
        await SettleAndUndoAsync(hospital);
        await SendWhatIsWrongAsync();

        // With Adjudication away each service on the way says what it could not do, and for whom by the last four.
        await system.KillAsync("adjudication");
        foreach (string insured in (string[])[Covered, Unknown])
            await PostAsync("settle", Visit("R9", insured, "4000"));
        await system.KillAsync("ledger");
        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        await PostAsync("settle", Visit("R10", Covered, "4000"));

        StringBuilder read = new();
        foreach (string[] command in (string[][])
            [["ledger", "trial-balance", "--wait", "60"], ["ledger", "verify", "--json", "--wait", "60"], ["status", "--json"],
                ["rebuild", "--dry-run"]])
        {
            CommandResult told = await system.RunAsync(command);
            RunningSystem.AssertDone(told);
            read.Append(told.Output).Append(told.Errors);
        }

        using HttpClient http = new();
        for (int service = 1; service <= 4; service++)
            read.Append(await http.GetStringAsync(new Uri($"http://127.0.0.1:{system.PortBase + 10 + service}/metrics")));
        string logs = await ReadFilesAsync(read);

        string everything = read.ToString();
        Assert.DoesNotContain(Canaries, canary => everything.Contains(canary, StringComparison.Ordinal));
        // The controls: it was spoken of them, and all of it was read.
        foreach (string masked in (string[])["***7777", "***8888"]) Assert.Contains(masked, logs, StringComparison.Ordinal);
        foreach (string part in (string[])["claims_answers_total", "claims_ledger_chain_links_total", "\"processes\""])
            Assert.Contains(part, everything, StringComparison.Ordinal);
    }

    private async Task ImportAsync()
    {
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("facilities.csv",
            "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n"
            + "HPD1,示例,410105,community,none,community_health_centre,2024-01-01,\n")));
        const string Header = "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n";
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("insured.csv",
            $"{Header}{Covered},{Name},resident,410105,general,2025,2024-11-05,1990-02-03,\n")));
        foreach (string wrong in (string[])
            [$"{Covered},{Name},resident,410105,general,2025,yesterday,1990-02-03,",
                $"{Unknown},{Name},resident,999999,general,2025,2024-11-05,,",
                $"{Covered},{Name},resident,410105,general,2025,2024-11-05,,\n{Covered},{Name},resident,410105,general,2025,2024-11-05,,"])
            Assert.Equal(1, (await system.RunAsync("import", "insured", system.Write("wrong.csv", Header + wrong + "\n"))).ExitCode);
    }

    private static async Task SettleAndUndoAsync(Adjudication.AdjudicationClient hospital)
    {
        foreach (string insured in (string[])[Covered, Unknown])
        {
            SettleRequest visit = new()
            {
                RequestId = "R1",
                FacilityCode = "HPD1",
                InsuredId = insured,
                VisitDate = "2025-06-18",
                VisitType = VisitType.Ordinary,
                TotalFen = 12_000,
                InScopeFen = 12_000,
                VisitId = Card,
            };
            await hospital.PreSettleAsync(visit);
            await hospital.SettleAsync(visit);
            await hospital.SettleAsync(visit);
            visit.TotalFen = visit.InScopeFen = 13_000;
            await hospital.SettleAsync(visit);
            await hospital.GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = insured, Year = 2025 });
            await hospital.CancelAsync(
                new CancelRequest { RequestId = "C1", FacilityCode = "HPD1", InsuredId = insured, OriginalRequestId = "R1" });
            await hospital.ReverseAsync(
                new ReverseRequest { RequestId = "V1", FacilityCode = "HPD1", InsuredId = insured, OriginalRequestId = "never" });
            await hospital.GetSettlementAsync(new GetSettlementRequest { FacilityCode = "HPD1", InsuredId = insured, RequestId = Card });
        }
    }

    /// <summary>Through the gateway: what cannot be read, what names fields that there are none of, what is of nobody.</summary>
    private async Task SendWhatIsWrongAsync()
    {
        foreach (string body in (string[])
            [$$"""{"requestId":"R2","insuredId":"{{Covered}}","name":"{{Name}}"}""", $$"""{"requestId":"R2","insuredId":"{{Covered}}" """,
                $$"""{"requestId":"{{Covered}}","insuredId":{{Covered}}}""", Visit("R3", Covered, "\"4000.00\""),
                Visit("R4", Unknown, "-1"), Visit(Card, Covered + Unknown, "4000"),
                Visit("R5", Covered, "4000").Replace("HPD1", "NOWHERE", StringComparison.Ordinal)])
            await PostAsync("settle", body);
        await PostAsync($"settle?insured={Covered}&name={Uri.EscapeDataString(Name)}", Visit("R6", Covered, "4000"));
        await PostAsync($"{Covered}/{Uri.EscapeDataString(Name)}", "{}");
    }

    private static string Visit(string request, string insured, string totalFen) => $$"""
        {"requestId":"{{request}}","facilityCode":"HPD1","insuredId":"{{insured}}","visitDate":"2025-06-19","visitType":"ORDINARY",
        "totalFen":{{totalFen}},"inScopeFen":{{totalFen}},"visitId":"{{request}}"}
        """;

    private async Task PostAsync(string path, string body)
    {
        using HttpClient clinic = new();
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage told = await clinic.PostAsync(new Uri($"http://127.0.0.1:{Gateway}/v1/{path}"), content);
        Assert.NotEmpty(await told.Content.ReadAsStringAsync());
    }

    /// <summary>Every file of the system but those of the two stores.</summary>
    /// <returns>The logs.</returns>
    private async Task<string> ReadFilesAsync(StringBuilder read)
    {
        string data = system.FilePath("data");
        StringBuilder logs = new();
        foreach (string file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories))
        {
            string[] parts = Path.GetRelativePath(data, file).Split('/');
            if (StoresOwn.Contains(parts[0])) continue;
            await using FileStream open = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using StreamReader text = new(open, Encoding.UTF8);
            string found = await text.ReadToEndAsync();
            read.Append(found);
            if (parts[0] == "logs") logs.Append(found);
        }

        return logs.ToString();
    }
}
