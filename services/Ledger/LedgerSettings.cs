using System.ComponentModel.DataAnnotations;
using Claims.Hosting;
using Claims.Kafka;
using Claims.Policy;

namespace Claims.Ledger;

/// <summary>Section <c>Claims</c> of the ledger's configuration.</summary>
public sealed class LedgerSettings : IValidatableObject
{
    /// <summary>Npgsql connection string of the ledger's own database.</summary>
    [Required, PostgresConnection]
    public string Postgres { get; init; } = "";

    /// <summary>Npgsql connection string of the login that owns the tables and migrates them; empty: that of
    /// <see cref="Postgres"/>.</summary>
    [PostgresConnection]
    public string PostgresOwner { get; init; } = "";

    /// <summary>Books are kept in a PostgreSQL that may lose what it has answered, see <see cref="PostgresTrust"/>: for tests.</summary>
    public bool AcceptUnsafePostgres { get; init; }

    /// <summary>Where Eligibility answers, whose heads assessments count; empty: nothing can be assessed.</summary>
    [ServiceAddress]
    public string EligibilityAddress { get; init; } = "";

    /// <summary>Where Adjudication answers, whose accumulators the books are compared with; empty: they cannot be compared.</summary>
    [ServiceAddress]
    public string AdjudicationAddress { get; init; } = "";

    /// <summary>The YAML files of the policy: the counties' names, amounts per head, and whose account pays.</summary>
    [Required]
    public string PolicyDirectory { get; init; } = "";

    /// <summary>Whose pack of the directory is in force.</summary>
    [Required]
    public string City { get; init; } = "zhengzhou";

    /// <summary>Per cent of a county's plan at which the ledger warns, ascending.</summary>
    [RegularExpression("[1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,9}",
        ErrorMessage = "it must be one to ten whole numbers from 1 to 999 with commas between them")]
    public string PlanWarningPercents { get; init; } = "80,90,100";

    /// <summary>Hours that must pass between the proposal to close a year of visits and its closing, in which it can be taken back. 0 only
    /// without TLS: then a year may be closed at once.</summary>
    [Range(0, 8_760)]
    public int YearCloseDelayHours { get; init; } = 72;

    /// <summary>librdkafka properties; <c>bootstrap.servers</c> is the one that must be there.</summary>
    public Dictionary<string, string> Kafka { get; init; } = [];

    /// <summary>A file with the keys of the topic's messages, one a line: <see cref="MessageKeys"/>. Empty only on loopback, without
    /// TLS: then nothing is signed.</summary>
    public string KafkaKeyFile { get; init; } = "";

    /// <summary>As every service has it: with mutual TLS, <see cref="KafkaKeyFile"/> is required.</summary>
    public TlsSettings Tls { get; init; } = new();

    /// <summary>How long a refusal can be asked for.</summary>
    [Range(1, 3_650)]
    public int RefusalDays { get; init; } = 90;

    /// <summary>Records in one transaction at most.</summary>
    [Range(1, 100_000)]
    public int BatchRecords { get; init; } = 10_000;

    /// <summary>How long the first record of a batch waits for more.</summary>
    [Range(0, 1_000)]
    public int BatchMilliseconds { get; init; } = 100;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string setting, string problem) in KafkaSettings.Problems(Kafka)) yield return new ValidationResult(problem, [setting]);
        if (KafkaKeyFile.Length == 0 && Tls.IsConfigured)
            yield return new ValidationResult("is missing: with mutual TLS the topic's messages are signed", [nameof(KafkaKeyFile)]);
        if (YearCloseDelayHours == 0 && Tls.IsConfigured)
            yield return new ValidationResult(
                "is 0: with mutual TLS the closing of a year can be taken back for an hour at least", [nameof(YearCloseDelayHours)]);
        if (MessageKeys.Problem(KafkaKeyFile) is { } unusable) yield return new ValidationResult(unusable, [nameof(KafkaKeyFile)]);
        foreach ((string setting, string problem) in PolicySettings.Problems(PolicyDirectory, City))
            yield return new ValidationResult(problem, [setting]);
        int[] percents = [.. PlanWarningPercents.Split(',').Select(text => int.TryParse(text, out int percent) ? percent : 0)];
        if (percents.Zip(percents.Skip(1)).Any(pair => pair.First >= pair.Second))
            yield return new ValidationResult($"is '{PlanWarningPercents}', which does not ascend", [nameof(PlanWarningPercents)]);
    }
}
