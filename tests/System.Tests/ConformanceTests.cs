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
        await ImportAsync();
        int port = FreePort.Take(2);
        string record = system.FilePath("calls.jsonl");
        using Process command = Begin(port, Played, "--record", record);
        using CancellationTokenSource bound = new(Bound);
        Task<string> output = command.StandardOutput.ReadToEndAsync(bound.Token);
        ScriptedHospital hospital = new(system.Connect(port), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1.1));
        List<Task> scripts = [];
        while (await command.StandardError.ReadLineAsync(bound.Token) is { } line)
        {
            if (Told(line) is var (number, key)) scripts.Add(hospital.PlayAsync(key, CounterOf(number, key)));
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

    [Fact]
    public async Task Conformance_that_is_interrupted_reports_what_it_has_judged()
    {
        await ImportAsync();
        int port = FreePort.Take(2);
        using Process command = Begin(port, "plain,refund");
        using CancellationTokenSource bound = new(Bound);
        Task<string> output = command.StandardOutput.ReadToEndAsync(bound.Token);
        ScriptedHospital hospital = new(system.Connect(port), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1.1));
        while (await command.StandardError.ReadLineAsync(bound.Token) is { } line)
        {
            if (Told(line) is not var (number, key)) continue;
            if (key == "plain") await hospital.PlayAsync(key, CounterOf(number, key));
            else Process.Start("kill", ["-INT", Text(command.Id)]).Dispose();
        }

        await command.WaitForExitAsync(bound.Token);
        JsonElement report = JsonDocument.Parse(await output).RootElement;
        Assert.Equal(
            (130, 1, 2), (command.ExitCode, report.GetProperty("handled").GetInt32(), report.GetProperty("asked").GetInt32()));
    }

    private async Task ImportAsync()
    {
        foreach (string kind in (string[])["facilities", "insured", "catalogue"])
        {
            RunningSystem.AssertDone(await system.RunAsync(
                "import", kind, Path.Combine(RunningSystem.Root, "samples", "conformance", $"{kind}.csv")));
        }
    }

    private Process Begin(int port, string only, params string[] more) => system.Start([
        "conformance", "--facility", Facility, "--against", $"127.0.0.1:{Text(system.PortBase + 1)}", "--listen", Text(port),
        "--only", only, "--wait", "60", "--json", .. more]);

    private static Counter CounterOf(int number, string key) => new(
        Facility, key == "cap" ? "CF000002" : Patient,
        DateOnly.FromDateTime(DateTimeOffset.UtcNow.ToOffset(TimeSpan.FromHours(8)).DateTime), 1000 + 10 * number);

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
