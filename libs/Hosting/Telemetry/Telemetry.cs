using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Claims.Hosting;

/// <summary>The meters and traces named <c>Claims.*</c> and the runtime's own, from start to stop of the service.</summary>
internal static class Telemetry
{
    private static readonly double[] LatencyBucketsSeconds =
        [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

    /// <summary>Registers metrics for <see cref="MetricsScrape"/>, and an OTLP exporter of metrics and traces where one is set.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services, string service, HostSettings settings)
    {
        services.AddSingleton<MetricsScrape>();
        OpenTelemetryBuilder telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.Clear().AddService(service, serviceNamespace: "claims"))
            .WithMetrics(metering => metering
                .AddMeter("Claims.*", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql")
                .AddView(View)
                .AddReader(provider => new BaseExportingMetricReader(provider.GetRequiredService<MetricsScrape>())));
        if (settings.OtlpEndpoint is { } collector)
        {
            telemetry
                .WithMetrics(metering => metering.AddOtlpExporter(otlp => Address(otlp, collector)))
                .WithTracing(tracing => tracing
                    .SetSampler(new ParentBasedSampler(
                        new VisitSampler(new TraceIdRatioBasedSampler(settings.TraceSampleRatio))))
                    .AddSource("Claims.*", "Microsoft.AspNetCore", "Grpc.Net.Client", "System.Net.Http", "Npgsql")
                    .AddOtlpExporter(otlp => Address(otlp, collector)));
        }

        return services;
    }

    private static void Address(OtlpExporterOptions otlp, Uri collector)
    {
        otlp.Endpoint = collector;
        otlp.Protocol = OtlpExportProtocol.Grpc;
    }

    private static MetricStreamConfiguration? View(Instrument instrument)
    {
        // Some gauges of the runtime and of Npgsql end in "count", which Prometheus keeps for histograms.
        if (instrument.Name is "dotnet.assembly.count" or "dotnet.process.cpu.count" or "dotnet.timer.count")
            return MetricStreamConfiguration.Drop;
        if (instrument.Name == "db.client.connection.count") return new MetricStreamConfiguration { Name = "db.client.connections" };

        // OpenTelemetry's default buckets are for milliseconds; ours are seconds unless the instrument gives its own.
        return instrument is Histogram<double> { Advice: null }
            && (instrument.Unit == "s" || instrument.Name.EndsWith("_seconds", StringComparison.Ordinal))
            ? new ExplicitBucketHistogramConfiguration { Boundaries = LatencyBucketsSeconds }
            : null;
    }
}
