using System.Text.RegularExpressions;

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
    public void Alerts_ask_only_for_metrics_and_labels_that_the_services_export()
    {
        Dictionary<string, string> exported = new(StringComparer.Ordinal);
        foreach (string project in new[] { "services", "libs" }
            .SelectMany(folder => Directory.GetDirectories(Path.Combine(Yaml.Root, folder))))
        {
            string source = string.Concat(Directory.GetFiles(project, "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
            foreach (string name in Instrument().Matches(source).SelectMany(Exported)) exported[name] = source;
        }

        Assert.All(
            new[]
            {
                "claims_settle_duration_seconds_bucket", "claims_outgoing_breaker_open", "claims_ledger_gaps_total", "claims_answers_total",
                "claims_calls_in_progress",
            },
            known => Assert.Contains(known, exported.Keys));
        int asked = 0;
        foreach (string expression in Alerts.Select(alert => alert["expr"].Text))
        {
            foreach (string metric in MetricName().Matches(expression).Select(match => match.Value))
            {
                asked++;
                Assert.True(exported.TryGetValue(metric, out string? source), $"No service exports {metric}: {expression}");
                Assert.DoesNotContain(Labels(expression), label => !source.Contains($"\"{label}\"", StringComparison.Ordinal));
            }
        }

        Assert.Equal(14, asked);
    }

    [Fact]
    public void Alerts_look_at_every_service_under_the_name_it_is_scraped_by()
    {
        string expression = Alerts.Single(alert => alert["alert"].Text == "ClaimsServiceDown")["expr"].Text;
        Assert.Equal($"up{{job=~\"{string.Join('|', DeployedService.All.Select(service => service.Name))}\"}} == 0", expression);
    }

    /// <summary>A quantile can be compared with a number only where a bucket ends.</summary>
    [Fact]
    public void Slow_settlements_are_told_at_the_end_of_a_bucket()
    {
        string source = File.ReadAllText(Path.Combine(Yaml.Root, "services", "Adjudication", "AdjudicationMetrics.cs"));
        int instrument = source.IndexOf("\"claims_settle_duration_seconds\"", StringComparison.Ordinal);
        string threshold = Alerts.Single(alert => alert["alert"].Text == "ClaimsSettleSlow")["expr"].Text.Split("> ")[1];
        Assert.Matches($"[\\[ ,]{Regex.Escape(threshold)}[,\\] ]", source[instrument..source.IndexOf(';', instrument)]);
    }

    [Fact]
    public void Every_alert_says_how_urgent_it_is_and_what_happened()
    {
        Assert.All(Alerts, alert =>
        {
            Assert.Contains(alert["labels"]["severity"].Text, new[] { "page", "ticket" });
            Assert.EndsWith(".", alert["annotations"]["summary"].Text, StringComparison.Ordinal);
        });
    }

    private static IEnumerable<Yaml> Alerts =>
        Assert.Single(Yaml.Read("prometheus/claims.rules.yml"))["groups"].Items.SelectMany(group => group["rules"].Items);

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

    // What Prometheus itself adds is no label of the instrument.
    private static IEnumerable<string> Labels(string expression) =>
        Grouping().Matches(expression).SelectMany(match => match.Groups["labels"].Value.Split(','))
        .Concat(Selection().Matches(expression).Select(match => match.Groups["label"].Value))
        .Select(label => label.Trim()).Except(["le", "job", "instance"], StringComparer.Ordinal);

    [GeneratedRegex("""Create(?<kind>(Observable)?(Counter|Gauge|UpDownCounter)|Histogram)(<\w+>)?\(\s*"(?<name>claims_\w+)"(,\s*(unit: )?"(?<unit>[^"]+)")?""",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Instrument();

    [GeneratedRegex(@"by \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Grouping();

    [GeneratedRegex("(?<label>[a-z_]+)(=~|!~|!=|=)\"", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Selection();

    [GeneratedRegex("claims_[a-z_]+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricName();
}
