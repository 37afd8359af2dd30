using System.ComponentModel.DataAnnotations;
using Npgsql;

namespace Claims.Hosting;

/// <summary>An Npgsql connection string that names a server. Empty is none.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PostgresConnectionAttribute() : ValidationAttribute
{
    public override bool IsValid(object? value) => Problem(value as string) is null;

    // Never the string itself: it has a password.
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        Problem(value as string) is { } problem ? new ValidationResult(problem) : ValidationResult.Success;

    private static string? Problem(string? text)
    {
        const string Form = "it must be of the form Host=…;Port=…;Database=…;Username=…;Password=…";
        if (string.IsNullOrWhiteSpace(text)) return null;
        try
        {
            return string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(text).Host) ? $"Host is not in it; {Form}" : null;
        }
        catch (ArgumentException refused)
        {
            return refused.ParamName is { Length: > 0 } part ? $"'{part}' or its value is not known to Npgsql; {Form}" : Form;
        }
    }
}
