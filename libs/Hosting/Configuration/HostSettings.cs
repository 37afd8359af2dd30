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

    /// <summary>Connections open at once, at each port; one more is closed. Each takes up to 85 kB with TLS.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 4_000;

    /// <summary>Connections of one caller: of the address until a certificate says whose it is. One more is closed.</summary>
    [Range(1, 1_000_000)]
    public int ConnectionsPerCaller { get; init; } = 1_000;

    /// <summary>Calls of one caller in progress at once, streams included; beyond it RESOURCE_EXHAUSTED, over HTTP 429. The load tests
    /// have 500, all of role local.</summary>
    [Range(1, 1_000_000)]
    public int CallsPerCaller { get; init; } = 2_000;

    /// <summary>Streams of one caller open at once. A hospital needs one for each of its instances.</summary>
    [Range(1, 1_000_000)]
    public int StreamsPerCaller { get; init; } = 100;

    /// <summary>Calls that one caller may begin in a second; twice as many after a pause. The messages of a stream do not count. A large
    /// hospital has some ten visits a second.</summary>
    [Range(1, 1_000_000)]
    public int CallsPerSecond { get; init; } = 1_000;

    /// <summary>Messages that one facility's or clinic's streams take together in a second, twice as many after a pause. What comes faster
    /// waits, and its sender with it. A hospital that makes up for a day's outage of 20 000 visits has done so in ten seconds.</summary>
    [Range(1, 1_000_000)]
    public int MessagesPerSecond { get; init; } = 2_000;

    /// <summary>A connection without a call, or a stream without a first message, is ended after so long.</summary>
    [Range(1, 3_600)]
    public int SilentSeconds { get; init; } = 60;

    /// <summary>A stream on which no message has come for so long is ended, after the answers that are owed.</summary>
    [Range(1, 604_800)]
    public int StreamIdleSeconds { get; init; } = 3_600;

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

        if (!string.IsNullOrEmpty(Tls.Revoked) && !File.Exists(Tls.Revoked))
            yield return new ValidationResult($"names a file that does not exist: {Tls.Revoked}", ["Tls:Revoked"]);
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

    /// <summary>A file with the lists of certificates that the authorities have taken back, CRLs in PEM.</summary>
    public string? Revoked { get; init; }

    public bool IsConfigured => !string.IsNullOrEmpty(Certificate) || !string.IsNullOrEmpty(Key) || !string.IsNullOrEmpty(ClientCa);
}
