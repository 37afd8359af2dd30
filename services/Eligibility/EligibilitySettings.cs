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

    /// <summary>Directory of the policy pack's YAML files.</summary>
    [Required]
    public string PolicyDirectory { get; init; } = "";

    /// <summary>Whose pack of that directory is in force here.</summary>
    [Required]
    public string City { get; init; } = "zhengzhou";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        PolicySettings.Problems(PolicyDirectory, City).Select(fault => new ValidationResult(fault.Problem, [fault.Setting]));
}
