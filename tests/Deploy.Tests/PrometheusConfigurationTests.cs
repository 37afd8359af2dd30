using System.Collections.Frozen;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Deploy.Tests.Dashboards;

namespace Deploy.Tests;

public sealed partial class PrometheusConfigurationTests
{
    [Theory]
    [InlineData("prometheus/prometheus.yml", "127.0.0.1")]
    [InlineData("prometheus/prometheus.compose.yml", null)]
    public void Every_service_is_scraped_at_its_metrics_port(string file, string? host)
    {
        Yaml services = Assert.Single(Yaml.Read("compose/compose.yaml"))["services"];
        IEnumerable<(string, string)> expected = DeployedService.All.Select(service =>
            (service.Name, $"{host ?? service.Name}:{services[service.Name]["environment"]["Claims__MetricsPort"].Text}"));

        Yaml configuration = Assert.Single(Yaml.Read(file));
        Assert.Equal(expected, configuration["scrape_configs"].Items.Select(job =>
            (job["job_name"].Text, job["static_configs"].Items.Single()["targets"].Items.Single().Text)));
        Assert.Equal(["claims.rules.yml"], configuration["rule_files"].Items.Select(rules => rules.Text));
    }

    /// <summary>By the name that is exported, which follows from the instrument's name, kind and unit, and by labels that its project
    /// names.</summary>
    [Fact]
    public void Alerts_and_dashboards_ask_only_for_metrics_and_labels_that_somebody_exports()
    {
        Dictionary<string, string> exported = ExportedByServices();
        Assert.All(
            new[]
            {
                "claims_settle_duration_seconds_bucket", "claims_outgoing_breaker_open", "claims_ledger_gaps_total", "claims_answers_total",
                "claims_calls_in_progress", "claims_outbox_oldest_unbooked_age_seconds", "claims_facility_fund_fen_total",
            },
            known => Assert.Contains(known, exported.Keys));
        HashSet<string> others = [.. File.ReadLines(Path.Combine(Yaml.Root, "tests", "Deploy.Tests", "exported-by-others.txt"))
            .Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')[0])];
        HashSet<string> recorded = [.. Rules.Select(rule => rule.Find("record")?.Text).OfType<string>()];
        HashSet<string> asked = [];
        foreach (string expression in Rules.Select(rule => rule["expr"].Text).Concat(DashboardTests.Expressions))
        {
            string bare = Grouping().Replace(Span().Replace(Quoted().Replace(expression, "\"\""), ""), "");
            List<string> sources = [];
            foreach (Match selector in Selector().Matches(bare))
            {
                string metric = selector.Groups["metric"].Value;
                if (recorded.Contains(metric) || Words.Contains(metric)) continue;
                asked.Add(metric);
                Assert.True(exported.ContainsKey(metric) || others.Contains(metric), $"Nobody exports {metric}: {expression}");
                if (!exported.TryGetValue(metric, out string? source)) continue;
                sources.Add(source);
                Assert.DoesNotContain(
                    Selection().Matches(selector.Value).Select(match => match.Groups["label"].Value)
                        .Except(TargetLabels, StringComparer.Ordinal),
                    label => !source.Contains($"\"{label}\"", StringComparison.Ordinal));
            }

            if (sources.Count == 0) continue;
            Assert.DoesNotContain(
                Grouping().Matches(expression).SelectMany(match => match.Groups["labels"].Value.Split(", "))
                    .Except(TargetLabels, StringComparer.Ordinal),
                label => !sources.Exists(source => source.Contains($"\"{label}\"", StringComparison.Ordinal)));
        }

        Assert.Empty(others.Except(asked, StringComparer.Ordinal));
        Assert.InRange(asked.Count, 50, 200);
    }

    [Fact]
    public void Operations_document_lists_every_metric_of_the_services_and_no_other()
    {
        string document = File.ReadAllText(Path.Combine(Yaml.Root, "docs", "operations.md"));
        string section = document[document.IndexOf("\n## Metrics\n", StringComparison.Ordinal)..];
        section = section[..section.IndexOf("\n## Traces", StringComparison.Ordinal)];
        string[] listed = [.. section.Split('\n').Where(line => line.StartsWith("| `claims_", StringComparison.Ordinal))
            .SelectMany(line => MetricName().Matches(line.Split('|')[1]).Select(match => match.Value)).Order(StringComparer.Ordinal)];
        string[] families = [.. ExportedByServices().Keys.Select(name => name.EndsWith("_bucket", StringComparison.Ordinal)
                ? name[..^"_bucket".Length] : name)
            .Where(name => !name.EndsWith("_sum", StringComparison.Ordinal) && !name.EndsWith("_count", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

        Assert.Equal(families, listed);
    }

    /// <summary>As OpenMetrics has it: the unit last, of a counter before <c>_total</c>; base units.</summary>
    [Fact]
    public void Metrics_end_in_their_unit()
    {
        string[] units =
        [
            "seconds", "bytes", "ratio", "fen", "records", "batches", "visits", "shards", "percent", "info", "state", "version",
            // Of these the name says what is counted, or that it is so or not.
            "open", "broken", "progress",
        ];
        Assert.All(ExportedByServices().Keys.Where(name => !name.EndsWith("_total", StringComparison.Ordinal)), name =>
        {
            string family = name;
            foreach (string suffix in new[] { "_bucket", "_sum", "_count" })
                if (family.EndsWith(suffix, StringComparison.Ordinal)) family = family[..^suffix.Length];
            Assert.Contains(family[(family.LastIndexOf('_') + 1)..], units);
        });
    }

    [Fact]
    public void Alerts_look_at_every_service_under_the_name_it_is_scraped_by()
    {
        string names = string.Join('|', DeployedService.All.Select(service => service.Name));
        Assert.Equal($"up{{job=~\"(.*/)?({names})\"}} == 0", Alert("ClaimsServiceDown")["expr"].Text);
        string absent = Alert("ClaimsServiceAbsent")["expr"].Text;
        Assert.All(DeployedService.All, service =>
            Assert.Contains($"absent(claims_build_info{{component=\"{service.Name}\"}})", absent, StringComparison.Ordinal));
    }

    /// <summary>A promise can be held only where a bucket ends.</summary>
    [Fact]
    public void Answers_are_late_at_the_end_of_a_bucket()
    {
        string source = File.ReadAllText(Path.Combine(Yaml.Root, "services", "Adjudication", "AdjudicationMetrics.cs"));
        int instrument = source.IndexOf("\"claims_settle_duration_seconds\"", StringComparison.Ordinal);
        Assert.Matches("[\\[ ,]1[,\\] ]", source[instrument..source.IndexOf(';', instrument)]);
        Assert.All(Rules.Where(rule => rule.Find("record")?.Text.StartsWith("claims:answers_late", StringComparison.Ordinal) == true),
            rule => Assert.Contains("claims_settle_duration_seconds_bucket{le=\"1\"}", rule["expr"].Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_alert_says_how_urgent_it_is_what_happened_and_where_to_read_on()
    {
        string[] uids = [.. AllDashboards.All.Select(dashboard => dashboard.Uid)];
        string runbooks = File.ReadAllText(Path.Combine(Yaml.Root, "docs", "runbooks.md"));
        Assert.All(Alerts, alert =>
        {
            string name = alert["alert"].Text;
            Assert.Contains(alert["labels"]["severity"].Text, new[] { "critical", "warning", "info" });
            Assert.EndsWith(".", alert["annotations"]["summary"].Text, StringComparison.Ordinal);
            Assert.EndsWith(".", alert["annotations"]["description"].Text, StringComparison.Ordinal);
            Assert.Equal($"docs/runbooks.md#{name.ToLowerInvariant()}", alert["annotations"]["runbook_url"].Text);
            Assert.Contains(alert["annotations"]["dashboard_url"].Text["/d/".Length..], uids);
            string entry = Assert.Single(runbooks.Split("\n## "), part => part.StartsWith(name + "\n", StringComparison.Ordinal));
            Assert.All(new[] { "**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Mitigation.**" },
                part => Assert.Contains(part, entry, StringComparison.Ordinal));
        });
        Assert.Equal(Alerts.Select(alert => alert["alert"].Text).Order(StringComparer.Ordinal),
            runbooks.Split("\n## ").Skip(1).Select(part => part.Split('\n')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_alert_is_made_to_fire_by_a_case_of_its_own()
    {
        IEnumerable<string> cases = Assert.Single(Yaml.Read("prometheus/claims.rules.test.yml"))["tests"].Items
            .SelectMany(test => test.Find("alert_rule_test")?.Items ?? [])
            .Where(test => test.Find("exp_alerts") is not null).Select(test => test["alertname"].Text);
        Assert.Equal(Alerts.Select(alert => alert["alert"].Text).Order(StringComparer.Ordinal),
            cases.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    /// <summary>By Prometheus and Alertmanager themselves; `claims test` installs their Debian packages.</summary>
    [Theory]
    [InlineData("promtool", "check config prometheus.yml")]
    [InlineData("promtool", "check config prometheus.compose.yml")]
    [InlineData("promtool", "test rules claims.rules.test.yml")]
    [InlineData("amtool", "check-config alertmanager.yml")]
    public async Task Configuration_is_accepted_by_its_own_tool(string tool, string arguments) => await RunAsync(tool, arguments);

    [Theory]
    [InlineData("severity=critical alertname=ClaimsBooksLate", "on-call")]
    [InlineData("severity=warning alertname=ClaimsDiskFilling", "working-hours")]
    [InlineData("severity=info alertname=ClaimsPlanWarning", "record")]
    [InlineData("severity=info alertname=ClaimsWatchdog", "watchdog")]
    public async Task Alerts_go_to_whom_their_urgency_asks_for(string labels, string receiver) =>
        Assert.Equal(receiver, (await RunAsync("amtool", $"config routes test --config.file=alertmanager.yml {labels}")).Trim());

    /// <summary>A query with a fault in it would show an empty panel.</summary>
    [Fact]
    public async Task Queries_of_the_dashboards_are_ones_that_prometheus_reads()
    {
        string file = Path.GetTempFileName();
        try
        {
            IEnumerable<string> rules = DashboardTests.Expressions.Select((expression, index) =>
                $"  - record: panel:number{index}\n    expr: |\n      {Filled(expression)}");
            await File.WriteAllTextAsync(file, "groups:\n- name: panels\n  rules:\n" + string.Join('\n', rules) + "\n");
            await RunAsync("promtool", $"check rules {file}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    // What Grafana puts in place of its variables.
    private static string Filled(string expression) => expression.Replace("$__rate_interval", "1m", StringComparison.Ordinal)
        .Replace("$__range", "1h", StringComparison.Ordinal);

    private static async Task<string> RunAsync(string tool, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(tool, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.Combine(Yaml.Root, "deploy", "prometheus"),
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{tool} {arguments}\n{output}{await errors}");
        return output;
    }

    /// <summary>Each sample's name, and the source of the project that makes it.</summary>
    private static Dictionary<string, string> ExportedByServices()
    {
        Dictionary<string, string> exported = new(StringComparer.Ordinal);
        foreach (string project in new[] { "services", "libs" }
            .SelectMany(folder => Directory.GetDirectories(Path.Combine(Yaml.Root, folder))))
        {
            string source = string.Concat(Directory.GetFiles(project, "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
            foreach (string name in Instrument().Matches(source).SelectMany(Exported)) exported[name] = source;
        }

        return exported;
    }

    private static Yaml Alert(string name) => Alerts.Single(alert => alert["alert"].Text == name);

    private static IEnumerable<Yaml> Rules =>
        Assert.Single(Yaml.Read("prometheus/claims.rules.yml"))["groups"].Items.SelectMany(group => group["rules"].Items);

    private static IEnumerable<Yaml> Alerts => Rules.Where(rule => rule.Find("alert") is not null);

    /// <summary>The names of an instrument's samples, as PrometheusText writes them.</summary>
    private static IEnumerable<string> Exported(Match instrument)
    {
        string name = instrument.Groups["name"].Value;
        bool counter = instrument.Groups["kind"].Value is "Counter" or "ObservableCounter";
        if (counter && name.EndsWith("_total", StringComparison.Ordinal)) name = name[..^"_total".Length];
        string unit = instrument.Groups["unit"].Value switch { "s" => "_seconds", "ms" => "_milliseconds", "By" => "_bytes", _ => "" };
        if (!name.EndsWith(unit, StringComparison.Ordinal)) name += unit;
        return instrument.Groups["kind"].Value == "Histogram"
            ? [name + "_bucket", name + "_sum", name + "_count"]
            : [counter ? name + "_total" : name];
    }

    // Of PromQL.
    private static readonly FrozenSet<string> Words = FrozenSet.Create(StringComparer.Ordinal,
        "sum", "rate", "increase", "max", "min", "avg", "count", "topk", "absent", "vector", "time", "histogram_quantile", "avg_over_time",
        "or", "and", "bool");

    // What Prometheus adds, and the bound of a bucket.
    private static readonly string[] TargetLabels = ["le", "job", "instance", "namespace"];

    [GeneratedRegex("""Create(?<kind>(Observable)?(Counter|Gauge|UpDownCounter)|Histogram)(<\w+>)?\(\s*"(?<name>claims_\w+)"(,\s*(unit: )?"(?<unit>[^"]+)")?""",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Instrument();

    [GeneratedRegex(@"(?<metric>[a-zA-Z_][\w:]*)(\{[^}]*\})?", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Selector();

    [GeneratedRegex(@"by \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\[[^\]]*\]", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Span();

    [GeneratedRegex("\"[^\"]*\"", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quoted();

    [GeneratedRegex("(?<label>[a-z_]+)(=~|!~|!=|=)\"", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Selection();

    [GeneratedRegex("claims_[a-z0-9_]+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricName();
}
