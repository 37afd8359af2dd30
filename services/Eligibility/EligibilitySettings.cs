using System.ComponentModel.DataAnnotations;

namespace Claims.Eligibility;

/// <summary>Section <c>Claims</c>, beside what every service has.</summary>
public sealed class EligibilitySettings
{
    /// <summary>Npgsql connection string.</summary>
    [Required]
    public string Postgres { get; init; } = "";

    /// <summary>Directory of the policy pack's YAML files.</summary>
    [Required]
    public string PolicyDirectory { get; init; } = "";

    /// <summary>Whose pack of that directory is in force here.</summary>
    [MinLength(1)]
    public string City { get; init; } = "zhengzhou";
}
