using System.ComponentModel.DataAnnotations;

namespace Claims.Hosting;

/// <summary>The settings that every service has, section <c>Claims</c>.</summary>
public sealed class HostSettings : IValidatableObject
{
    /// <summary>The service's own: gRPC, or HTTP for a service that says so. 0: any free port.</summary>
    [Required, Range(0, 65535)]
    public int Port { get; init; }

    /// <summary>HTTP/1: /metrics, /healthz/live, /healthz/ready. 0: any free port.</summary>
    [Required, Range(0, 65535)]
    public int MetricsPort { get; init; }

    /// <summary>Mutual TLS. Without it the service binds to loopback only.</summary>
    public TlsSettings Tls { get; init; } = new();

    /// <summary>OTLP collector over gRPC, <c>http://collector:4317</c>. Nothing is pushed while it is empty.</summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>Share of traces that are sent to the collector, 0 to 1, unless the caller has decided.</summary>
    [Range(0.0, 1.0)]
    public double TraceSampleRatio { get; init; } = 0.01;

    /// <summary>Calls in progress at once, streams included; one more is answered RESOURCE_EXHAUSTED, over HTTP 429.</summary>
    [Range(1, 1_000_000)]
    public int MaxConcurrentRequests { get; init; } = 10_000;

    /// <summary>How long calls in progress may take to finish after SIGTERM.</summary>
    [Range(1, 300)]
    public int DrainSeconds { get; init; } = 10;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Port != 0 && Port == MetricsPort)
        {
            yield return new ValidationResult($"is the same port as Claims:Port, {Port}", [nameof(MetricsPort)]);
        }

        if (OtlpEndpoint is { IsAbsoluteUri: false } || OtlpEndpoint is { Scheme: not ("http" or "https") })
        {
            yield return new ValidationResult("is not an http or https address", [nameof(OtlpEndpoint)]);
        }

        if (!Tls.IsConfigured) yield break;
        foreach (
            (string name,
            string? path) in new[] { ("Tls:Certificate", Tls.Certificate), ("Tls:Key", Tls.Key), ("Tls:ClientCa", Tls.ClientCa) })
        {
            if (string.IsNullOrEmpty(path))
            {
                yield return new ValidationResult(
                    "is missing: mutual TLS takes Tls:Certificate, Tls:Key and Tls:ClientCa together", [name]);
            }
            else if (!File.Exists(path))
            {
                yield return new ValidationResult($"names a file that does not exist: {path}", [name]);
            }
        }
    }
}

/// <summary>Paths of PEM files. The certificate identifies this service both as server and as client.</summary>
public sealed class TlsSettings
{
    public string? Certificate { get; init; }

    public string? Key { get; init; }

    /// <summary>The authorities whose certificates are accepted, from callers and from the services that this one calls.</summary>
    public string? ClientCa { get; init; }

    /// <summary>A file that says who the holders of certificates without a claims:// name are, <c>claims://facility/CODE NAME</c> a
    /// line.</summary>
    public string? Identities { get; init; }

    public bool IsConfigured => !string.IsNullOrEmpty(Certificate) || !string.IsNullOrEmpty(Key) || !string.IsNullOrEmpty(ClientCa);
}
