using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace Claims.Hosting;

/// <summary>Settings that are missing or wrong: one sentence each, naming the setting and its environment variable.</summary>
public sealed class SettingsException(IReadOnlyList<string> errors) : Exception(string.Join(Environment.NewLine, errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>Reads a settings class from section <c>Claims</c>, property by property, so that every fault is reported and not only the
/// first.</summary>
internal static class SettingsReader
{
    public const string Section = "Claims";

    public static T Read<T>(IConfiguration configuration, List<string> errors) where T : class, new()
    {
        T settings = new();
        int errorsBefore = errors.Count;
        foreach (PropertyInfo property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.CanWrite))
        {
            ReadProperty(configuration.GetSection(Section).GetSection(property.Name), property, settings, errors);
        }

        if (errors.Count == errorsBefore && settings is IValidatableObject validatable)
        {
            foreach (ValidationResult result in validatable.Validate(new ValidationContext(settings)))
            {
                errors.Add($"{Named(result.MemberNames.FirstOrDefault() ?? "")} {result.ErrorMessage}.");
            }
        }

        return settings;
    }

    private static void ReadProperty(IConfigurationSection section, PropertyInfo property, object settings, List<string> errors)
    {
        // An empty variable is an unset one: shells and manifests do not always keep them apart.
        bool given = !string.IsNullOrWhiteSpace(section.Value) || section.GetChildren().Any();
        if (given)
        {
            try
            {
                property.SetValue(settings, section.Get(property.PropertyType));
            }
            catch (InvalidOperationException)
            {
                errors.Add($"{Named(property.Name)} is '{section.Value}', which is not {Kind(property.PropertyType)}.");
                return;
            }
        }
        else if (property.GetCustomAttribute<RequiredAttribute>() is not null && IsEmpty(property.GetValue(settings)))
        {
            errors.Add($"{Named(property.Name)} is missing.");
            return;
        }

        object? value = property.GetValue(settings);
        foreach (ValidationAttribute rule in property.GetCustomAttributes<ValidationAttribute>()
            .Where(rule => rule is not RequiredAttribute && !rule.IsValid(value)))
        {
            errors.Add($"{Named(property.Name)} is wrong: {rule.FormatErrorMessage(property.Name).TrimEnd('.')}.");
        }
    }

    // A required setting may have a default; 0, "" and an empty list are none.
    private static bool IsEmpty(object? value) => value switch
    {
        null => true,
        string text => text.Length == 0,
        System.Collections.ICollection items => items.Count == 0,
        ValueType number => number.Equals(Activator.CreateInstance(number.GetType())),
        _ => false,
    };

    // A shell keeps no variable with a dot in its name; dash even drops what it inherits.
    private static string Named(string property) =>
        $"Setting {Section}:{property} (environment "
            + $"variable {Section}__{property.Replace(":", "__", StringComparison.Ordinal).Replace('.', '_')})";

    private static string Kind(Type type) => Type.GetTypeCode(Nullable.GetUnderlyingType(type) ?? type) switch
    {
        TypeCode.Int32 or TypeCode.Int64 => "a whole number in range",
        TypeCode.Double or TypeCode.Decimal => "a number",
        TypeCode.Boolean => "true or false",
        _ => $"a {(Nullable.GetUnderlyingType(type) ?? type).Name}",
    };
}
