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

    [Fact]
    public void Alerts_ask_only_for_metrics_that_the_services_have()
    {
        string source = string.Concat(new[] { "services", "libs" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(Yaml.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(File.ReadAllText));
        List<string> asked = [.. Alerts.SelectMany(alert => MetricName().Matches(alert["expr"].Text)).Select(match => match.Value).Distinct(StringComparer.Ordinal)];

        Assert.NotEmpty(asked);
        Assert.DoesNotContain(asked, name => !Instruments(name).Any(instrument => source.Contains($"\"{instrument}\"", StringComparison.Ordinal)));
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

    private static IEnumerable<Yaml> Alerts => Assert.Single(Yaml.Read("prometheus/claims.rules.yml"))["groups"].Items.SelectMany(group => group["rules"].Items);

    // The exposition adds the suffix of its kind to the name that the instrument was given.
    private static IEnumerable<string> Instruments(string metric) =>
        new[] { "", "_bucket", "_sum", "_count", "_total" }.Where(suffix => metric.EndsWith(suffix, StringComparison.Ordinal)).Select(suffix => metric[..^suffix.Length]);

    [GeneratedRegex("claims_[a-z_]+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricName();
}
