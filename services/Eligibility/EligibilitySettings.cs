using System.ComponentModel.DataAnnotations;
using Claims.Hosting;
using Claims.Policy;

namespace Claims.Eligibility;

/// <summary>Section <c>Claims</c>, beside what every service has.</summary>
public sealed class EligibilitySettings : IValidatableObject
{
    /// <summary>Npgsql connection string.</summary>
    [Required, PostgresConnection]
    public string Postgres { get; init; } = "";

    /// <summary>The login that migrates and owns the tables, where <see cref="Postgres"/> is one that only works as the role; empty: that
    /// one.</summary>
    [PostgresConnection]
    public string PostgresOwner { get; init; } = "";

    /// <summary>Files are imported into a PostgreSQL that may lose what it has answered, see <see cref="PostgresTrust"/>: for
    /// tests.</summary>
    public bool AcceptUnsafePostgres { get; init; }

    /// <summary>Where the ledger answers, which writes down who imports what; empty only without TLS: then nobody does.</summary>
    [ServiceAddress]
    public string LedgerAddress { get; init; } = "";

    /// <summary>As every service has it: with mutual TLS, <see cref="LedgerAddress"/> is required.</summary>
    public TlsSettings Tls { get; init; } = new();

    /// <summary>Directory of the policy pack's YAML files.</summary>
    [Required]
    public string PolicyDirectory { get; init; } = "";

    /// <summary>Whose pack of that directory is in force here.</summary>
    [Required]
    public string City { get; init; } = "zhengzhou";

    /// <summary>How long a clerk stays logged in at a clinic's page: a working day.</summary>
    [Range(1, 1_440)]
    public int ClinicSessionMinutes { get; init; } = 720;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (LedgerAddress.Length == 0 && Tls.IsConfigured)
            yield return new ValidationResult("is missing: with mutual TLS imports are written down", [nameof(LedgerAddress)]);
        foreach ((string setting, string problem) in PolicySettings.Problems(PolicyDirectory, City))
            yield return new ValidationResult(problem, [setting]);
    }
}
