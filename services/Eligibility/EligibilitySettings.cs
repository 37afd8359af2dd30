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

    /// <summary>Files are imported into a PostgreSQL that may lose what it has answered, see <see cref="PostgresTrust"/>: for
    /// tests.</summary>
    public bool AcceptUnsafePostgres { get; init; }

    /// <summary>Directory of the policy pack's YAML files.</summary>
    [Required]
    public string PolicyDirectory { get; init; } = "";

    /// <summary>Whose pack of that directory is in force here.</summary>
    [Required]
    public string City { get; init; } = "zhengzhou";

    /// <summary>How long a clerk stays logged in at a clinic's page: a working day.</summary>
    [Range(1, 1_440)]
    public int ClinicSessionMinutes { get; init; } = 720;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        PolicySettings.Problems(PolicyDirectory, City).Select(fault => new ValidationResult(fault.Problem, [fault.Setting]));
}
