using System.Text.Json;
using Claims.Policy;
using Claims.V1;

namespace Claims.Eligibility.Tests;

/// <summary>Every expected answer of the shared vectors that facility, coverage or policy decides, from an import and a look-up.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class VectorTests(PostgresServer postgres)
{
    private static readonly HashSet<string> DecidedHere = new(StringComparer.Ordinal)
    {
        "FACILITY_UNKNOWN", "FACILITY_NOT_POOLED", "INSURED_UNKNOWN", "NOT_COVERED_ON_DATE", "WRONG_SCHEME",
        "OUTSIDE_POOLING_AREA", "IN_WAITING_PERIOD", "NO_POLICY_IN_FORCE", "VISIT_TYPE_NOT_COVERED",
    };

    [Theory]
    [InlineData("golden", 10)]
    [InlineData("city-11", 397)]
    public async Task Reason_is_the_expected_one(string folder, int refusalsExpected)
    {
        string directory = Path.Combine(AppContext.BaseDirectory, "vectors", folder);
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(await File.ReadAllTextAsync(Path.Combine(directory, "facilities.csv")));
        await registry.ImportInsuredAsync(await File.ReadAllTextAsync(Path.Combine(directory, "insured.csv")));
        PolicyPack policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

        string[] operations = await File.ReadAllLinesAsync(Path.Combine(directory, "ops.jsonl"));
        string[] answers = await File.ReadAllLinesAsync(Path.Combine(directory, "expected.jsonl"));
        Assert.Equal(operations.Length, answers.Length);
        int refusals = 0;
        for (int index = 0; index < operations.Length; index++)
        {
            using JsonDocument operation = JsonDocument.Parse(operations[index]);
            using JsonDocument answer = JsonDocument.Parse(answers[index]);
            JsonProperty request = operation.RootElement.EnumerateObject().Single();
            if (request.Name is not ("settle" or "preSettle")) continue;
            JsonElement reply = answer.RootElement.EnumerateObject().Single().Value;
            bool refused = reply.GetProperty("decision").GetString() == "REFUSED";
            string expected = refused ? reply.GetProperty("reasonCode").GetString()! : "";
            // A repeated or malformed request is answered before facility and coverage are looked at.
            if (refused ? !DecidedHere.Contains(expected) : IsReplay(reply)) continue;
            string actual = await ReasonAsync(registry, policy, request.Value);
            Assert.True(expected == actual, $"{folder}/ops.jsonl:{index + 1}: expected '{expected}', got '{actual}': {request.Value}");
            if (refused) refusals++;
        }

        Assert.Equal(refusalsExpected, refusals);
    }

    private static bool IsReplay(JsonElement reply) => reply.TryGetProperty("replayed", out JsonElement replayed) && replayed.GetBoolean();

    private static async Task<string> ReasonAsync(RegistryDatabase registry, PolicyPack policy, JsonElement request)
    {
        DateOnly day = DateOnly.ParseExact(request.GetProperty("visitDate").GetString()!, "yyyy-MM-dd");
        string facilityCode = request.GetProperty("facilityCode").GetString()!;
        string insuredId = request.GetProperty("insuredId").GetString()!;
        string visitType = request.GetProperty("visitType").GetString()!;
        LookupReply found = await registry.Registry.LookupAsync([facilityCode], [insuredId], [], inNumbers: false, CancellationToken.None);

        if (found.Facilities is not [{ } facility]) return "FACILITY_UNKNOWN";
        if (facility.PooledFrom.Length == 0 || day < Day(facility.PooledFrom)
            || (facility.PooledTo.Length > 0 && day > Day(facility.PooledTo))) return "FACILITY_NOT_POOLED";
        if (found.Insured is not [{ } insured]) return "INSURED_UNKNOWN";
        if (insured.Coverages.SingleOrDefault(coverage => coverage.PlanYear == day.Year) is not { } coverage) return "NOT_COVERED_ON_DATE";
        if (coverage.Scheme != "resident") return "WRONG_SCHEME";
        if (policy.CountiesOutsidePooling.ContainsKey(coverage.County)) return "OUTSIDE_POOLING_AREA";
        if (!coverage.Paid || day < Day(coverage.WaitingFrom)) return "NOT_COVERED_ON_DATE";
        if (day < Day(coverage.CoveredFrom)) return "IN_WAITING_PERIOD";
        if (day > Day(coverage.CoveredTo)) return "NOT_COVERED_ON_DATE";
        if (policy.OutpatientOn(day) is not { } terms) return "NO_POLICY_IN_FORCE";
        return terms.BenefitFor(visitType) is not null ? "" : "VISIT_TYPE_NOT_COVERED";
    }

    private static DateOnly Day(string date) => DateOnly.ParseExact(date, "yyyy-MM-dd");
}
