using System.Globalization;
using System.Text;
using System.Text.Json;
using Claims.V1;

namespace Claims.SystemTests;

/// <summary>Many visits of one test's own people at one facility of its own.</summary>
/// <param name="prefix">Two characters or so that no other test uses.</param>
/// <param name="visits">Enough that a process can be killed amid them, unless said otherwise.</param>
public sealed class Load(RunningSystem system, string prefix, int visits = 4500)
{
    private const int People = 300;

    public string Facility => $"H{prefix}01";

    private string OperationsFile => system.FilePath($"{prefix}-ops.jsonl");

    public async Task ImportAsync()
    {
        string facilities = system.Write($"{prefix}-facilities.csv", $"""
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            {Facility},示范卫生院,410182,township,1A,hospital,2024-01-01,

            """);
        StringBuilder insured = new("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
        for (int person = 0; person < People; person++)
            insured.Append(CultureInfo.InvariantCulture, $"{Insured(person)},示范,resident,410105,general,2025,2024-11-05,1980-01-01,\n");
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", facilities));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write($"{prefix}-insured.csv", insured.ToString())));

        StringBuilder operations = new();
        for (int visit = 0; visit < visits; visit++)
        {
            DateOnly day = new DateOnly(2025, 1, 1).AddDays(visit / People);
            long totalFen = 1000 + visit % 700;
            operations.Append(
                CultureInfo.InvariantCulture,
                $$$"""{"settle": {"requestId": "{{{prefix}}}{{{visit:00000}}}", "facilityCode": "{{{Facility}}}", "insuredId": "{{{Insured(visit % People)}}}", "visitDate": "{{{day:yyyy-MM-dd}}}", "visitType": "ORDINARY", "totalFen": {{{totalFen}}}, "inScopeFen": {{{totalFen}}}}}""");
            operations.Append('\n');
        }
        await File.WriteAllTextAsync(OperationsFile, operations.ToString());
    }

    public async Task<Answers> SendAsync(string name)
    {
        string file = system.FilePath($"{prefix}-{name}.jsonl");
        CommandResult result = await system.RunAsync("send", OperationsFile, "--out", file);
        Assert.True(result.ExitCode is 0 or 3, result.ToString());
        string[] lines = await File.ReadAllLinesAsync(file);
        Assert.Equal(visits, lines.Length);
        return new Answers(result.ExitCode, [.. lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("settle"))]);
    }

    public bool IsMine(string requestId) => requestId.StartsWith(prefix, StringComparison.Ordinal);

    public async Task AssertEachIsInTheBooksOnceAsync(Answers answers)
    {
        SubLedgerEntry[] mine = [.. (await system.BooksAsync()).Where(entry => IsMine(entry.RequestId))];
        Assert.Equal(
            answers.Lines
                .Select(answer => (answer.GetProperty("settlementId").GetString()!, answer.GetProperty("fundPayFen").GetInt64()))
                .Order(),
            mine.Select(entry => (entry.SettlementId, entry.FundPayFen)).Order());
    }

    private string Insured(int person) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{person:000000}");
}

/// <summary>The answers to a load, in the order of its operations.</summary>
public sealed record Answers(int ExitCode, IReadOnlyList<JsonElement> Lines)
{
    public static bool IsSettled(JsonElement answer) =>
        answer.TryGetProperty("decision", out JsonElement decision) && decision.GetString() == "SETTLED";

    public static bool IsError(JsonElement answer) => answer.TryGetProperty("error", out _);

    /// <summary>What must be the same in every answer to one request: identity and money.</summary>
    public static string Substance(JsonElement answer) => string.Join(
        '|',
        new[]
        {
            "requestId", "settlementId", "reasonCode", "totalFen", "inScopeFen", "deductibleFen", "rateBp", "fundPayFen", "selfPayFen",
            "capUsedBeforeFen", "capUsedAfterFen",
        }
            .Select(field => answer.GetProperty(field).GetRawText()));
}
