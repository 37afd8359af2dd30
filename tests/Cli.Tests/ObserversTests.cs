using Claims.Cli;
using Claims.Cli.LocalSystem;

namespace Cli.Tests;

public sealed class ObserversTests
{
    [Fact]
    public void Prometheus_scrapes_every_service_and_exporter_of_the_system_and_tells_its_own_alertmanager()
    {
        string root = Repository.Root;
        Assert.Equal(
            $$"""
            global: { scrape_interval: 5s, evaluation_interval: 15s }
            rule_files: ["{{root}}/deploy/prometheus/claims.rules.yml"]
            alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:6131"] }] }] }
            scrape_configs:
              - job_name: adjudication
                static_configs: [{ targets: ["127.0.0.1:6111"], labels: { namespace: local } }]
              - job_name: eligibility
                static_configs: [{ targets: ["127.0.0.1:6112"], labels: { namespace: local } }]
              - job_name: ledger
                static_configs: [{ targets: ["127.0.0.1:6113"], labels: { namespace: local } }]
              - job_name: gateway
                static_configs: [{ targets: ["127.0.0.1:6114"], labels: { namespace: local } }]
              - job_name: redis
                static_configs: [{ targets: ["127.0.0.1:6134"], labels: { namespace: local } }]
              - job_name: postgres
                static_configs: [{ targets: ["127.0.0.1:6135"], labels: { namespace: local } }]
              - job_name: node
                static_configs: [{ targets: ["127.0.0.1:6136"], labels: { namespace: local } }]

            """,
            Observers.ScrapeConfiguration(new SystemLayout("/nowhere", 6100)));
    }

    [Fact]
    public void Every_observer_has_a_port_of_its_own_within_those_that_a_system_takes()
    {
        SystemLayout layout = new("/nowhere", 6100);
        int[] ports = [.. ProcessDefinitions.StartOrder.Concat(Observers.StartOrder)
            .SelectMany(process => ProcessDefinitions.PortsOf(layout, process)).Select(port => port.Port)];

        Assert.Equal(ports.Length, ports.Distinct().Count());
        Assert.All(ports, port => Assert.InRange(port, 6100, 6100 + SystemLayout.PortCount - 1));
        Assert.All(Observers.StartOrder, process => Assert.Single(ProcessDefinitions.PortsOf(layout, process)));
    }
}
