using System.Reflection;
using System.Text.Json;
using Claims.Cli;
using Claims.Cli.Demo;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Invariants;
using Claims.LoadTests.Scenarios;
using Claims.LoadTests.Scenarios.Loads;
using Claims.PrivateServers;

namespace Claims.LoadTests.Tests;

public sealed class ScenarioTests
{
    [Fact]
    public void Names_of_scenarios_are_different_and_fit_the_command_line()
    {
        string[] names = [.. AllScenarios.List.Select(scenario => scenario.Name)];

        Assert.Equal(names.Distinct(), names);
        Assert.All(names, name => Assert.Matches("^[a-z]+(-[a-z]+)*$", name));
        Assert.All(AllScenarios.List, scenario => Assert.NotEmpty(scenario.Thresholds));
    }

    [Fact]
    public void All_scenarios_are_all_that_there_are_and_none_may_leave_an_operation_without_an_answer()
    {
        IEnumerable<Scenario> written = typeof(AllScenarios).Assembly.GetTypes()
            .Select(type => type.GetProperty(nameof(Scenario), BindingFlags.Public | BindingFlags.Static)?.GetValue(null))
            .OfType<Scenario>();

        Assert.Equal(
            written.Select(scenario => scenario.Name).Order(StringComparer.Ordinal),
            AllScenarios.List.Select(scenario => scenario.Name).Order(StringComparer.Ordinal));
        Assert.All(AllScenarios.List, scenario => Assert.Contains(Thresholds.EverythingAnswered, scenario.Thresholds));
    }

    [Fact]
    public void Visit_follows_from_its_number_alone_and_shares_are_kept()
    {
        Traffic traffic = new(new Mix(HotInsured: 0.2, HotFacility: 0.5), insured: 1_000);
        Visit[] visits = [.. Enumerable.Range(0, 20_000).Select(traffic.VisitOf)];

        Assert.Equal(visits, Enumerable.Range(0, 20_000).Select(new Traffic(traffic.Mix, 1_000).VisitOf));
        Assert.InRange(visits.Count(visit => visit.Insured == Traffic.HotInsured), 3_800, 4_300);
        Assert.InRange(visits.Count(visit => visit.Facility == Traffic.HotFacility), 9_700, 10_500);
        Assert.InRange(visits.Select(visit => visit.Insured).Distinct().Count(), 990, 1_000);
        Assert.All(visits, visit => Assert.InRange(visit.TotalFen, Workload.MinTotalFen, Workload.MaxTotalFen));
    }

    [Fact]
    public async Task Scenario_runs_against_a_whole_system_and_fails_by_its_thresholds_alone()
    {
        DirectoryInfo reports = Directory.CreateTempSubdirectory("claims-load-reports-");
        try
        {
            Scenario scenario = new()
            {
                Name = "short",
                Description = "Every kind of operation for a few seconds.",
                WarmUp = TimeSpan.FromSeconds(1),
                Duration = TimeSpan.FromSeconds(3),
                Load = Arrivals.Constant(200),
                Mix = new Mix(Cancels: 0.1, Replays: 0.1, HotInsured: 0.2),
                Thresholds = [Thresholds.EverythingAnswered, Thresholds.LatencyAtMost(50, milliseconds: 0)],
            };
            LoadOptions options = new(null, RateScale: 0.5, Insured: 200, Visits: 1);

            int exitCode = await LoadCommand.RunAsync([scenario], options, reports, json: false, CancellationToken.None);

            JsonElement report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(reports.FullName, "report.json"))).RootElement;
            Assert.True(exitCode == ExitCodes.Failed, report.ToString());
            Assert.Equal(["p50 ≤ 0 ms"], Failed(report));
            Assert.Equal(300, report.GetProperty("total").GetProperty("answered").GetInt64());
            Assert.True(report.GetProperty("seconds").GetArrayLength() >= 3, report.ToString());
            Assert.True(File.Exists(Path.Combine(reports.FullName, "report.html")));
        }
        finally
        {
            reports.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Books_that_cannot_be_read_are_a_check_that_does_not_hold()
    {
        using Services nobody = new(new SystemLayout("/nowhere", FreePort.Take(SystemLayout.PortCount)));

        IReadOnlyList<Check> checks = await ScenarioRunner.InvariantsAsync(
            nobody, new AnswerBook(new Traffic(new Mix(), insured: 1)), CancellationToken.None);

        Check unread = Assert.Single(checks);
        Assert.False(unread.Holds);
        Assert.StartsWith($"ledger at {nobody.Layout.LedgerAddress} does not answer", unread.Detail, StringComparison.Ordinal);
    }

    private static string[] Failed(JsonElement report) =>
    [
        .. report.GetProperty("thresholds").EnumerateArray().Concat(report.GetProperty("invariants").EnumerateArray())
            .Where(check => !check.GetProperty("holds").GetBoolean())
            .Select(check => check.GetProperty("name").GetString()!),
    ];
}
