using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Claims.Conformance.Scripts;
using Claims.PrivateServers;
using Claims.V1;

namespace Claims.SystemTests;

/// <summary>The command between a scripted hospital and a whole system.</summary>
public sealed class ConformanceTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const string Facility = "CF0001";
    private const string Patient = "CF000001";
    private const string Played =
        "plain,fee-lines,stream,dropped,dropped-reverse,busy,stream-broken,changed-retry,refused-future,cancel-blocked,cancel-again,refund,"
        + "cap,reconcile-agree,reconcile-lines";

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Hospital_that_handles_what_it_meets_passes_and_leaves_books_that_balance()
    {
        foreach (string kind in (string[])["facilities", "insured", "catalogue"])
        {
            RunningSystem.AssertDone(await system.RunAsync(
                "import", kind, Path.Combine(RunningSystem.Root, "samples", "conformance", $"{kind}.csv")));
        }

        int port = FreePort.Take(2);
        string record = system.FilePath("calls.jsonl");
        using Process command = system.Start("conformance", "--facility", Facility, "--against", $"127.0.0.1:{Text(system.PortBase + 1)}",
            "--listen", Text(port), "--only", Played, "--wait", "60", "--record", record, "--json");
        using CancellationTokenSource bound = new(Bound);
        Task<string> output = command.StandardOutput.ReadToEndAsync(bound.Token);
        ScriptedHospital hospital = new(system.Connect(port), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1.1));
        List<Task> scripts = [];
        while (await command.StandardError.ReadLineAsync(bound.Token) is { } line)
        {
            if (Told(line) is not var (number, key)) continue;
            string insured = key == "cap" ? "CF000002" : Patient;
            DateOnly today = DateOnly.FromDateTime(DateTimeOffset.UtcNow.ToOffset(TimeSpan.FromHours(8)).DateTime);
            Counter counter = new(Facility, insured, today, 1000 + 10 * number);
            scripts.Add(hospital.PlayAsync(key, counter));
        }

        await Task.WhenAll(scripts);
        await command.WaitForExitAsync(bound.Token);
        string said = await output;
        JsonElement report = JsonDocument.Parse(said).RootElement;
        Assert.Equal([], report.GetProperty("situations").EnumerateArray()
            .Where(one => one.GetProperty("verdict").GetString() != "handled").Select(one => one.ToString()));
        Assert.Equal((0, Played.Split(',').Length), (command.ExitCode, report.GetProperty("handled").GetInt32()));
        string[] recorded = await File.ReadAllLinesAsync(record, bound.Token);
        Assert.All(recorded, call => Assert.DoesNotContain(Patient, call, StringComparison.Ordinal));
        Assert.Contains(recorded, call => call.Contains("\"fault\":\"answer dropped\"", StringComparison.Ordinal));

        List<SubLedgerEntry> entries = await system.BooksAsync();
        Assert.Equal(entries.Count, entries.DistinctBy(entry => entry.SettlementId).Count());
        Assert.All(entries, entry => Assert.Equal(Facility, entry.FacilityCode));
    }

    /// <returns>Number and key of the situation that the line begins.</returns>
    private static (int Number, string Key)? Told(string line)
    {
        Match match = Regex.Match(
            line, @"^【(?<number>\d+)/\d+ (?<key>[a-z-]+)】", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        return match.Success
            ? (int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture), match.Groups["key"].Value)
            : null;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
