using System.ComponentModel.DataAnnotations;
using Claims.Kafka;

namespace Claims.Ledger;

/// <summary>Section <c>Claims</c> of the ledger's configuration.</summary>
public sealed class LedgerSettings : IValidatableObject
{
    /// <summary>Npgsql connection string of the ledger's own database.</summary>
    [Required]
    public string Postgres { get; init; } = "";

    /// <summary>librdkafka properties; <c>bootstrap.servers</c> is the one that must be there.</summary>
    public Dictionary<string, string> Kafka { get; init; } = [];

    /// <summary>Records in one transaction at most.</summary>
    [Range(1, 100_000)]
    public int BatchRecords { get; init; } = 5_000;

    /// <summary>How long the first record of a batch waits for more.</summary>
    [Range(0, 1_000)]
    public int BatchMilliseconds { get; init; } = 20;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        KafkaSettings.Problems(Kafka).Select(found => new ValidationResult(found.Problem, [found.Setting]));
}
