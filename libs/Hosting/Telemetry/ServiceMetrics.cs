using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Claims.Hosting;

/// <summary>A service as a whole: its state as one number, its build, and until when its certificate holds.</summary>
internal sealed class ServiceMetrics : IHealthCheckPublisher, IDisposable
{
    private readonly Meter _meter = new("Claims.Hosting");
    private readonly Tls? _tls;
    private int _state;

    public ServiceMetrics(ServiceName service, IServiceProvider services)
    {
        _meter.CreateObservableGauge("claims_service_state", () => State,
            description: "0: not ready, 1: ready, but a part does not answer, 2: ready. As /healthz/ready, every five seconds.");
        (string version, string revision) = Build(Assembly.GetEntryAssembly());
        KeyValuePair<string, object?>[] build =
        [
            new("component", service.Value), new("version", version), new("revision", revision),
            new("runtime", Environment.Version.ToString()),
        ];
        _meter.CreateObservableGauge("claims_build_info", () => new Measurement<int>(1, build),
            description: "1; its labels say what runs.");
        _tls = services.GetService<Tls>();
        if (_tls is null) return;
        _meter.CreateObservableGauge("claims_certificate_expiry_timestamp_seconds", () => CertificateExpiryUnixSeconds ?? 0,
            description: "When the certificate that this service shows runs out, in seconds since 1970.");
    }

    /// <summary>0, 1 or 2: as <see cref="HealthStatus"/> counts.</summary>
    public int State => Volatile.Read(ref _state);

    /// <summary>Null without TLS.</summary>
    public long? CertificateExpiryUnixSeconds => _tls is null ? null : new DateTimeOffset(_tls.Certificate.NotAfter).ToUnixTimeSeconds();

    /// <summary>What is not asked for by probes does not count here either.</summary>
    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _state, (int)report.Entries.Values.Where(entry => entry.Tags.Contains(Readiness.Tag))
            .Select(entry => entry.Status).DefaultIfEmpty(HealthStatus.Healthy).Min());
        return Task.CompletedTask;
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>The SDK writes <c>VERSION+REVISION</c> where it builds from a checkout.</summary>
    private static (string Version, string Revision) Build(Assembly? assembly)
    {
        string text = assembly?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        string[] parts = text.Split('+', 2);
        return (parts[0], parts.Length > 1 ? parts[1] : "");
    }
}
