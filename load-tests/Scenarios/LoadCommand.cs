using System.CommandLine;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.LoadTests.Reports;

namespace Claims.LoadTests.Scenarios;

/// <summary>Runs scenarios one after the other, each against a system of its own, and leaves a report of each.</summary>
public static class LoadCommand
{
    private const int DefaultInsured = 100_000;
    private const int DefaultVisits = 1_000_000;
    private const string All = "all";

    public static Command Create()
    {
        Argument<string[]> names = new("name") { Description = "Scenarios, or all; see --list.", Arity = ArgumentArity.ZeroOrMore };
        names.AcceptOnlyFromAmong([All, .. AllScenarios.List.Select(scenario => scenario.Name)]);
        Option<bool> list = new("--list") { Description = "Name every scenario, what it does, and how long." };
        Option<int?> seconds = CommonOptions.AtLeastOne<int?>("--seconds", "Of load, instead of the scenario's own duration.");
        Option<double> rateScale = new("--rate-scale") { Description = "Multiplies every rate of arrivals.", DefaultValueFactory = _ => 1 };
        rateScale.Must(scale => scale > 0, "above 0");
        Option<int> insured = CommonOptions.AtLeastOne<int>("--insured", "People in the system.", DefaultInsured);
        Option<int> visits = CommonOptions.AtLeastOne<int>("--visits", "Settlements that wait in ledger-outage.", DefaultVisits);
        Option<DirectoryInfo?> report = new("--report")
        {
            Description = "Directory for the report instead of artifacts/load/<scenario>-<time>; of several scenarios, one below it each.",
        };
        Option<bool> json = CommonOptions.Json();
        Command command = new("load", "Put load scenarios on a whole system; exit code 0 only if every threshold and invariant holds.")
        {
            names, list, seconds, rateScale, insured, visits, report, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            string[] asked = result.GetValue(names) ?? [];
            if (result.GetValue(list) || asked.Length == 0)
            {
                List(result.GetValue(json));
                return ExitCodes.Done;
            }

            LoadOptions options = new(
                result.GetValue(seconds) is { } some ? TimeSpan.FromSeconds(some) : null, result.GetValue(rateScale),
                result.GetValue(insured), result.GetValue(visits));
            Scenario[] scenarios = [.. AllScenarios.List.Where(scenario => asked.Contains(All) || asked.Contains(scenario.Name))];
            return await RunAsync(scenarios, options, result.GetValue(report), result.GetValue(json), cancel);
        });
        return command;
    }

    /// <summary>Runs the scenarios and writes their reports.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        IReadOnlyList<Scenario> scenarios, LoadOptions options, DirectoryInfo? report, bool json, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(scenarios);
        Action<string> tell = json ? Output.Progress : Output.Line;
        List<RunResult> results = [];
        foreach (Scenario scenario in scenarios)
        {
            RunResult result = await ScenarioRunner.RunAsync(scenario, options, tell, cancellationToken);
            results.Add(result);
            string directory = DirectoryOf(result, report, scenarios.Count > 1);
            Directory.CreateDirectory(directory);
            await File.WriteAllTextAsync(Path.Combine(directory, "report.json"), Output.Json(ReportJson.Of(result)), cancellationToken);
            string page = Path.Combine(directory, "report.html");
            await File.WriteAllTextAsync(page, ReportHtml.Render(result), cancellationToken);
            if (!json) ReportText.Print(result);
            tell($"report: {page}");
        }

        int exitCode = ExitCodeOf(results);
        if (json) Output.WriteJson(new { Ok = exitCode == ExitCodes.Done, Runs = results.Select(ReportJson.Summary) });
        return exitCode;
    }

    /// <summary>Done only where every threshold and invariant of every run holds.</summary>
    public static int ExitCodeOf(IEnumerable<RunResult> results) => results.All(result => result.Holds) ? ExitCodes.Done : ExitCodes.Failed;

    private static string DirectoryOf(RunResult result, DirectoryInfo? asked, bool several)
    {
        string name = result.Scenario.Name;
        if (asked is not null) return several ? Path.Combine(asked.FullName, name) : asked.FullName;
        return Path.Combine(Repository.Root, "artifacts", "load",
            string.Create(CultureInfo.InvariantCulture, $"{name}-{result.StartedAt:yyyyMMdd-HHmmss}"));
    }

    private static void List(bool json)
    {
        if (json)
        {
            Output.WriteJson(AllScenarios.List.Select(
                scenario =>
                new { scenario.Name, scenario.Description, DurationSeconds = scenario.Duration.TotalSeconds, scenario.Load.Shape }));
            return;
        }

        Output.Table(["scenario", ">duration", "does"],
            AllScenarios.List.Select(scenario => new[] { scenario.Name, Text(scenario.Duration), scenario.Description }));
    }

    private static string Text(TimeSpan duration) => duration.TotalMinutes >= 2
        ? string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMinutes:0.#} min")
        : string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0} s");
}
