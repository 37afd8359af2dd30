using Claims.Cli.LocalSystem;

namespace Cli.Tests;

/// <summary>Where a system is reached: hospitals' settings, firewalls and the handbook have these numbers.</summary>
public sealed class SystemLayoutTests
{
    [Theory]
    [InlineData(5100)]
    [InlineData(7300)]
    public void Ports_count_from_the_base_as_the_readme_has_them(int first)
    {
        SystemLayout layout = new("/nowhere", first);

        Assert.Equal(
            [1, 2, 3, 4, 6, 11, 12, 13, 14, 21, 22, 30, 31, 32, 33, 34, 35, 36, 37],
            new[]
            {
                layout.AdjudicationPort, layout.EligibilityPort, layout.LedgerPort, layout.GatewayPort, layout.AdjudicationOperatorsPort,
                layout.AdjudicationMetricsPort, layout.EligibilityMetricsPort, layout.LedgerMetricsPort, layout.GatewayMetricsPort,
                layout.RedisPort, layout.PostgresPort, layout.PrometheusPort, layout.AlertmanagerPort, layout.GrafanaPort,
                layout.TracesPort, layout.RedisExporterPort, layout.PostgresExporterPort, layout.NodeExporterPort, layout.TracesOtlpPort,
            }.Select(port => port - first));
    }

    [Fact]
    public void Each_service_is_addressed_by_its_own_port()
    {
        SystemLayout layout = new("/nowhere", 5100);

        Assert.Equal(
            [
                "http://127.0.0.1:5101", "http://127.0.0.1:5106", "http://127.0.0.1:5102", "http://127.0.0.1:5103",
                "http://127.0.0.1:5104",
            ],
            new[]
            {
                layout.AdjudicationAddress, layout.AdjudicationOperatorsAddress, layout.EligibilityAddress, layout.LedgerAddress,
                layout.GatewayAddress,
            });
    }
}
