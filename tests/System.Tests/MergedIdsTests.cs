using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>A newborn's temporary id and the 18 digits that follow are one person, in every service.</summary>
public sealed class MergedIdsTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const string Temporary = "T410105250001";
    private const string Final = "410105202501010012";

    [Fact]
    public async Task Merged_ids_share_one_cap_and_the_books_and_a_lost_store_say_the_same()
    {
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("merge-facilities.csv",
            "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\nME1,市一院,410105,city,3A,hospital,2024-01-01,\n")));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("merge-insured.csv",
            "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n"
                + $"{Temporary},婴,resident,410105,general,2025,2024-11-05,2024-01-01,\n"
                + $"{Final},婴,resident,410105,general,2025,2024-11-05,2024-01-01,\n")));
        string before = system.Write("merge-before.jsonl", Lines(
            Settle("M1", Temporary, "2025-03-01", 40_000), Settle("M1", Final, "2025-03-02", 30_000)));
        RunningSystem.AssertDone(await system.RunAsync("send", before, "--out", system.FilePath("merge-before-out.jsonl")));

        CommandResult merged = await system.RunAsync("insured", "merge", Temporary, Final, "--reason", "落户", "--yes", "--json");

        RunningSystem.AssertDone(merged);
        Assert.False(merged.Json.GetProperty("doneBefore").GetBoolean());
        RunningSystem.AssertDone(await system.RunAsync("ledger", "verify"));
        string after = system.Write("merge-after.jsonl", Lines(
            Settle("M2", Temporary, "2025-03-03", 20_000),
            Settle("M1", Temporary, "2025-03-01", 40_000),
            new { cancel = new { requestId = "M3", facilityCode = "ME1", insuredId = Temporary, originalRequestId = "M2" } },
            new { getAccumulators = new { insuredId = Temporary, year = 2025 } },
            new { getAccumulators = new { insuredId = Final, year = 2025 } }));
        RunningSystem.AssertDone(await system.RunAsync("send", after, "--out", system.FilePath("merge-after-out.jsonl")));
        JsonElement[] answers = [.. File.ReadLines(system.FilePath("merge-after-out.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement.Clone())];
        Assert.Contains("\"replayed\":true", answers[1].GetRawText().Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        string used = Property(answers[3], "fundPaidFen");
        Assert.Equal(used, Property(answers[4], "fundPaidFen"));
        Assert.NotEqual("0", used);

        CommandResult verified = await system.RunAsync("ledger", "verify", "--json");
        RunningSystem.AssertDone(verified);
        CommandResult whole = await system.RunAsync("rebuild", "--dry-run", "--json");
        Assert.True(whole.ExitCode == 0, whole.ToString());
        CommandResult undo = await system.RunAsync("insured", "merge", Temporary, Final, "--reason", "有误", "--undo", "--yes");
        Assert.Equal(1, undo.ExitCode);
        Assert.Contains("since the two were merged", undo.Errors, StringComparison.Ordinal);

        // The temporary id's shard is lost, and made again from the books.
        RunningSystem.AssertDone(await system.RunAsync("down"));
        Directory.Delete(Path.Combine(system.FilePath("data"), "redis", "appendonlydir"), recursive: true);
        await system.RunAsync("up", "--detach");
        CommandResult rebuilt = await system.RunAsync("rebuild");
        Assert.True(rebuilt.ExitCode == 0, rebuilt.ToString());
        RunningSystem.AssertDone(await system.RunAsync("send", after, "--out", system.FilePath("merge-again-out.jsonl")));
        string[] again = [.. File.ReadLines(system.FilePath("merge-again-out.jsonl"))];
        Assert.Equal(used, Property(JsonDocument.Parse(again[3]).RootElement, "fundPaidFen"));
        RunningSystem.AssertDone(await system.RunAsync("ledger", "verify"));
    }

    private static string Lines(params object[] operations) =>
        string.Join('\n', operations.Select(operation => JsonSerializer.Serialize(operation)));

    private static object Settle(string requestId, string insuredId, string visitDate, int fen) => new
    {
        settle = new
        {
            requestId,
            facilityCode = "ME1",
            insuredId,
            visitDate,
            visitType = "ORDINARY",
            totalFen = fen,
            inScopeFen = fen,
        },
    };

    /// <summary>Wherever in the answer it is.</summary>
    private static string Property(JsonElement answer, string name)
    {
        foreach (JsonProperty property in answer.EnumerateObject())
        {
            if (property.Name == name) return property.Value.ToString();
            if (property.Value.ValueKind is JsonValueKind.Object && Property(property.Value, name) is { Length: > 0 } found) return found;
        }

        return "";
    }
}
