using System.Diagnostics.Metrics;
using System.Net;
using Claims.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Hosting.Tests;

/// <summary>What probes and Prometheus are told, to the letter.</summary>
public sealed class OperationsEndpointTests
{
    [Theory]
    [InlineData(HealthStatus.Healthy, 200,
        """{"ready":true,"checks":{"other":{"ready":true,"reason":"as ever"},"store":{"ready":true,"reason":"it says so"}}}""")]
    [InlineData(HealthStatus.Degraded, 200,
        """{"ready":true,"checks":{"other":{"ready":true,"reason":"as ever"},"store":{"ready":true,"reason":"it says so"}}}""")]
    [InlineData(HealthStatus.Unhealthy, 503,
        """{"ready":false,"checks":{"other":{"ready":true,"reason":"as ever"},"store":{"ready":false,"reason":"it says so"}}}""")]
    public async Task Ready_is_every_check_that_counts_and_live_is_none(HealthStatus store, int status, string report)
    {
        await using InProcessService service =
            await InProcessService.StartAsync(new Behaviour(), builder => builder.Services.AddHealthChecks()
            .AddCheck("other", () => HealthCheckResult.Healthy("as ever"), tags: [Readiness.Tag])
            .AddCheck("store", () => new HealthCheckResult(store, "it says so"), tags: [Readiness.Tag])
            .AddCheck("curiosity", () => HealthCheckResult.Unhealthy("does not count")));
        using HttpClient client = new() { BaseAddress = service.Metrics };

        using HttpResponseMessage ready = await client.GetAsync(new Uri("/healthz/ready", UriKind.Relative));
        Assert.Equal((status, "application/json", report),
            ((int)ready.StatusCode, ready.Content.Headers.ContentType?.MediaType, await ready.Content.ReadAsStringAsync()));
        using HttpResponseMessage live = await client.GetAsync(new Uri("/healthz/live", UriKind.Relative));
        Assert.Equal((200, "text/plain", "live\n"),
            ((int)live.StatusCode, live.Content.Headers.ContentType?.MediaType, await live.Content.ReadAsStringAsync()));
    }

    [Theory]
    [InlineData("GET", "/healthz/live", HttpStatusCode.OK)]
    [InlineData("HEAD", "/healthz/live", HttpStatusCode.OK)]
    [InlineData("HEAD", "/metrics", HttpStatusCode.OK)]
    [InlineData("POST", "/healthz/live", HttpStatusCode.MethodNotAllowed)]
    [InlineData("PUT", "/healthz/ready", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/metrics", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/", HttpStatusCode.NotFound)]
    [InlineData("GET", "/healthz", HttpStatusCode.NotFound)]
    [InlineData("GET", "/metrics/", HttpStatusCode.NotFound)]
    public async Task Operations_port_answers_three_paths_to_who_only_asks(string method, string path, HttpStatusCode status)
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using HttpClient client = new();
        using HttpRequestMessage request = new(new HttpMethod(method), new Uri(service.Metrics, path));

        using HttpResponseMessage response = await client.SendAsync(request);

        Assert.Equal(status, response.StatusCode);
    }

    [Theory]
    [InlineData(HealthStatus.Healthy, 2)]
    [InlineData(HealthStatus.Degraded, 1)]
    [InlineData(HealthStatus.Unhealthy, 0)]
    public async Task State_is_the_worst_of_the_checks_that_count(HealthStatus store, int state)
    {
        HealthReport report = new(new Dictionary<string, HealthReportEntry>(StringComparer.Ordinal)
        {
            ["other"] = Entry(HealthStatus.Healthy, Readiness.Tag),
            ["store"] = Entry(store, Readiness.Tag),
            ["curiosity"] = Entry(HealthStatus.Unhealthy),
        }, TimeSpan.Zero);
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using HttpClient client = new();

        ServiceMetrics whole = service.Services.GetServices<IHealthCheckPublisher>().OfType<ServiceMetrics>().Single();
        await whole.PublishAsync(report, CancellationToken.None);
        Exposition metrics = Exposition.Parse(await client.GetStringAsync(new Uri(service.Metrics, "/metrics")));

        // Not by the exposition: in this process the services of other tests have the same series.
        Assert.Equal((state, null), (whole.State, whole.CertificateExpiryUnixSeconds));
        Assert.Equal("gauge", metrics.Families["claims_service_state"].Type);
        Sample build = Assert.Single(metrics.Families["claims_build_info"].Samples);
        Assert.Equal((1, "sample", Environment.Version.ToString()), (build.Value, build.Labels["component"], build.Labels["runtime"]));
        Assert.NotEqual("", build.Labels["version"]);

        static HealthReportEntry Entry(HealthStatus status, params string[] tags) => new(status, null, TimeSpan.Zero, null, null, tags);
    }

    [Fact]
    public async Task Durations_have_buckets_of_seconds_from_half_a_millisecond_and_others_those_of_their_instrument()
    {
        double[] seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, double.PositiveInfinity];
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using Meter meter = new($"Claims.Test.{Guid.NewGuid():N}");
        meter.CreateHistogram<double>("claims_test_by_unit", unit: "s").Record(0.3);
        meter.CreateHistogram<double>("claims_test_by_name_seconds").Record(0.3);
        meter.CreateHistogram("claims_test_own_seconds", unit: "s",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [3, 4] }).Record(0.3);
        meter.CreateHistogram<int>("claims_test_records").Record(3);
        using HttpClient client = new();

        Exposition metrics = Exposition.Parse(await client.GetStringAsync(new Uri(service.Metrics, "/metrics")));

        Assert.Equal(seconds, Bounds(metrics, "claims_test_by_unit_seconds"));
        Assert.Equal(seconds, Bounds(metrics, "claims_test_by_name_seconds"));
        Assert.Equal([3, 4, double.PositiveInfinity], Bounds(metrics, "claims_test_own_seconds"));
        Assert.DoesNotContain(0.0005, Bounds(metrics, "claims_test_records"));
        Assert.Equal(0, metrics.Value("claims_test_by_unit_seconds_bucket", ("le", "0.2")));
        Assert.Equal(1, metrics.Value("claims_test_by_unit_seconds_bucket", ("le", "0.5")));
    }

    [Fact]
    public async Task Metrics_are_those_of_the_system_and_of_what_it_stands_on()
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using Meter other = new("Other.Test");
        other.CreateCounter<int>("other_test").Add(1);
        using HttpClient client = new();

        Exposition metrics = Exposition.Parse(await client.GetStringAsync(new Uri(service.Metrics, "/metrics")));

        Assert.Contains("dotnet_process_memory_working_set_bytes", metrics.Families.Keys);
        Assert.DoesNotContain(metrics.Families.Keys, name => name.StartsWith("other_test", StringComparison.Ordinal));
        // Prometheus keeps this ending for histograms.
        Assert.DoesNotContain(metrics.Families.Keys, name => name.EndsWith("_count", StringComparison.Ordinal));
    }

    private static double[] Bounds(Exposition metrics, string family) =>
    [
        .. metrics.Families[family].Samples.Where(sample => sample.Labels.ContainsKey("le"))
            .Select(sample => sample.Labels["le"] is "+Inf"
                ? double.PositiveInfinity
                : double.Parse(sample.Labels["le"], System.Globalization.CultureInfo.InvariantCulture)),
    ];
}
