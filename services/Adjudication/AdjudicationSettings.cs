using System.ComponentModel.DataAnnotations;
using Claims.Hosting;
using Claims.Kafka;
using Claims.Policy;
using StackExchange.Redis;

namespace Claims.Adjudication;

/// <summary>Settings of the Adjudication service, section <c>Claims</c>.</summary>
public sealed class AdjudicationSettings : IValidatableObject
{
    /// <summary>Where operators' methods are served, and nowhere else, so that hospitals' networks do not reach them. Without one they are
    /// served at the service's own port. 0: any free port.</summary>
    [Range(0, 65535)]
    public int? OperatorsPort { get; set; }

    /// <summary>StackExchange.Redis configuration: <c>host:port,password=…</c>, several hosts for a cluster.</summary>
    [Required]
    public string Redis { get; set; } = "";

    [Required, ServiceAddress]
    public string EligibilityAddress { get; set; } = "";

    [Required, ServiceAddress]
    public string LedgerAddress { get; set; } = "";

    [Required]
    public string PolicyDirectory { get; set; } = "";

    /// <summary>Which city's pack of the directory applies.</summary>
    [Required]
    public string City { get; set; } = "zhengzhou";

    /// <summary>Properties of librdkafka by name, <c>bootstrap.servers</c> among them.</summary>
    [Required]
    public Dictionary<string, string> Kafka { get; set; } = new(StringComparer.Ordinal);

    /// <summary>A file with the keys of the topic's messages, one a line: <see cref="MessageKeys"/>. Empty only on loopback, without
    /// TLS: then nothing is signed.</summary>
    public string KafkaKeyFile { get; set; } = "";

    /// <summary>As every service has it: with mutual TLS, <see cref="KafkaKeyFile"/> is required.</summary>
    public TlsSettings Tls { get; set; } = new();

    /// <summary>Fixed when a store is first opened.</summary>
    [Range(1, 1024)]
    public int Shards { get; set; } = 32;

    /// <summary>Replicas of each Redis master that must have a record before it is answered for: then replicas may take over by themselves.
    /// 0: an answer waits for the master's disk alone, and no replica may.</summary>
    [Range(0, 5)]
    public int RedisReplicas { get; set; }

    /// <summary>Records of one shard that the ledger may be behind before requests are turned away.</summary>
    [Range(1_000, 10_000_000)]
    public int OutboxMaxPerShard { get; set; } = 50_000;

    /// <summary>Records of one shard that stay in the outbox after the ledger has them: one that is put back to an earlier state gets them
    /// again. More than a day's of a city of ten million.</summary>
    [Range(0, 1_000_000)]
    public int OutboxKeptPerShard { get; set; } = 10_000;

    /// <summary>Records of one shard that may be published ahead of the ledger's watermark.</summary>
    [Range(1, 100_000)]
    public int RelayWindow { get; set; } = 5_000;

    /// <summary>How long coverage and facilities may be held without asking again.</summary>
    [Range(1, 3_600)]
    public int EligibilityCacheSeconds { get; set; } = 60;

    /// <summary>Insured held at most, and items of the catalogue; facilities a tenth of it. A minute at the busiest hour of the country
    /// asks for 60 000.</summary>
    [Range(1_000, 10_000_000)]
    public int EligibilityCacheEntries { get; set; } = 100_000;

    /// <summary>Requests that one stream may have in flight before it is no longer read.</summary>
    [Range(1, 100_000)]
    public int StreamInFlight { get; set; } = 1_024;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string setting, string problem) in KafkaSettings.Problems(Kafka)) yield return new ValidationResult(problem, [setting]);
        if (KafkaKeyFile.Length == 0 && Tls.IsConfigured)
            yield return new ValidationResult("is missing: with mutual TLS the topic's messages are signed", [nameof(KafkaKeyFile)]);
        if (MessageKeys.Problem(KafkaKeyFile) is { } unusable) yield return new ValidationResult(unusable, [nameof(KafkaKeyFile)]);
        foreach ((string setting, string problem) in PolicySettings.Problems(PolicyDirectory, City))
            yield return new ValidationResult(problem, [setting]);
        if (RedisProblem() is { } fault) yield return new ValidationResult(fault, [nameof(Redis)]);
    }

    // Never the text itself: it has a password.
    private string? RedisProblem()
    {
        const string Form = "it must be of the form HOST:PORT,password=…";
        if (string.IsNullOrWhiteSpace(Redis)) return null;
        try
        {
            return ConfigurationOptions.Parse(Redis).EndPoints.Count == 0 ? $"is wrong: it names no host; {Form}" : null;
        }
        catch (ArgumentException refused)
        {
            return refused.ParamName is { Length: > 0 } part
                ? $"is wrong: '{part}' or its value is not known to StackExchange.Redis; {Form}"
                : $"is wrong: {Form}";
        }
    }
}
