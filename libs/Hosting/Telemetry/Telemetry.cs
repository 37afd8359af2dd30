using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Claims.Hosting;

/// <summary>Collects the meters and traces named <c>Claims.*</c> and the runtime's own, from start to stop of the service.</summary>
internal sealed class Telemetry(ServiceName service, HostSettings settings) : IHostedService, IDisposable
{
    private static readonly double[] LatencyBucketsSeconds =
        [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

    private const int CollectTimeoutMilliseconds = 5_000;

    private readonly SemaphoreSlim _scraping = new(1);
    private readonly Scrape _scrape = new();
    private MeterProvider? _meters;
    private TracerProvider? _traces;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddService(service.Value, serviceNamespace: "claims");
        MeterProviderBuilder metering = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Claims.*", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql")
            .AddView(View)
            .AddReader(new BaseExportingMetricReader(_scrape));
        if (settings.OtlpEndpoint is { } collector)
        {
            metering.AddOtlpExporter(otlp => Address(otlp, collector));
            _traces = Sdk.CreateTracerProviderBuilder()
                .SetResourceBuilder(resource)
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(settings.TraceSampleRatio)))
                .AddSource("Claims.*", "Microsoft.AspNetCore", "System.Net.Http")
                .AddOtlpExporter(otlp => Address(otlp, collector))
                .Build();
        }

        _meters = metering.Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>All metrics as of now, in the exposition format; null when they could not be collected.</summary>
    public async Task<string?> ScrapeAsync(CancellationToken cancellationToken)
    {
        await _scraping.WaitAsync(cancellationToken);
        try
        {
            return _scrape.Collect?.Invoke(CollectTimeoutMilliseconds) == true ? _scrape.Text : null;
        }
        finally
        {
            _scraping.Release();
        }
    }

    public void Dispose()
    {
        _meters?.Dispose();
        _traces?.Dispose();
        _scraping.Dispose();
    }

    private static void Address(OtlpExporterOptions otlp, Uri collector)
    {
        otlp.Endpoint = collector;
        otlp.Protocol = OtlpExportProtocol.Grpc;
    }

    private static MetricStreamConfiguration? View(Instrument instrument)
    {
        // Some gauges of the runtime and of Npgsql end in "count", which Prometheus keeps for histograms.
        if (instrument.Name is "dotnet.assembly.count" or "dotnet.process.cpu.count" or "dotnet.timer.count") return MetricStreamConfiguration.Drop;
        if (instrument.Name == "db.client.connection.count") return new MetricStreamConfiguration { Name = "db.client.connections" };

        // OpenTelemetry's default buckets are for milliseconds; ours are seconds unless the instrument gives its own.
        return instrument is Histogram<double> { Advice: null } && (instrument.Unit == "s" || instrument.Name.EndsWith("_seconds", StringComparison.Ordinal))
            ? new ExplicitBucketHistogramConfiguration { Boundaries = LatencyBucketsSeconds }
            : null;
    }

    [ExportModes(ExportModes.Pull)]
    private sealed class Scrape : BaseExporter<Metric>, IPullMetricExporter
    {
        /// <summary>Set by the reader; gathers everything and exports it here.</summary>
        public Func<int, bool>? Collect { get; set; }

        public string Text { get; private set; } = "";

        public override ExportResult Export(in Batch<Metric> batch)
        {
            Text = PrometheusText.Write(batch);
            return ExportResult.Success;
        }
    }
}
