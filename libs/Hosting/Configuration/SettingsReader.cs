using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Claims.Hosting;

/// <summary>Settings that are missing or wrong: one sentence each, naming the setting and its environment variable.</summary>
/// <param name="reason">Without the setting, for whoever has it from elsewhere.</param>
public sealed class SettingsException(IReadOnlyList<string> errors, string? reason = null)
    : Exception(string.Join(Environment.NewLine, errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;

    public string Reason { get; } = reason ?? string.Join(" ", errors);
}

/// <summary>Reads a settings class from section <c>Claims</c>, property by property, so that every fault is reported and not only the
/// first.</summary>
internal static class SettingsReader
{
    public const string Section = "Claims";

    /// <summary>Names what no service reads, with the nearest name that one does.</summary>
    /// <param name="own">Settings classes of this service.</param>
    public static void RefuseUnknown(IConfiguration configuration, IReadOnlyList<Type> own, List<string> errors)
    {
        string[] ownNames = [.. own.SelectMany(type => Settable(type)).Select(property => property.Name)];
        foreach ((string name, string? value) in Given(configuration.GetSection(Section)))
        {
            // An empty variable is an unset one.
            if (string.IsNullOrWhiteSpace(value) || KnownSettings.IsKnown(name)
                || ownNames.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            errors.Add($"{Named(name.Replace("__", ":", StringComparison.Ordinal))} is not known; the nearest is "
                + $"{Section}__{KnownSettings.Nearest(name, ownNames)}.");
        }
    }

    /// <summary>A level of logging that there is not would end the start later, without its name.</summary>
    public static void RefuseUnknownLevels(IConfiguration configuration, List<string> errors)
    {
        foreach (IConfigurationSection level in configuration.GetSection("Logging:LogLevel").GetChildren())
        {
            if (!string.IsNullOrEmpty(level.Value) && !Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
                errors.Add($"Setting {level.Path} (environment variable {level.Path.Replace(":", "__", StringComparison.Ordinal)}) is "
                    + $"'{level.Value}', which is none of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        }
    }

    public static T Read<T>(IConfiguration configuration, List<string> errors) where T : class, new()
    {
        T settings = new();
        HashSet<string> faulty = new(StringComparer.Ordinal);
        foreach (PropertyInfo property in Settable(typeof(T)))
        {
            int before = errors.Count;
            ReadProperty(configuration.GetSection(Section).GetSection(property.Name), property, settings, errors);
            if (errors.Count > before) faulty.Add(property.Name);
        }

        // A rule over several settings sees the defaults of those that are wrong, and they have been named.
        if (settings is IValidatableObject validatable)
        {
            foreach (ValidationResult result in validatable.Validate(new ValidationContext(settings)))
            {
                string member = result.MemberNames.FirstOrDefault() ?? "";
                if (!faulty.Contains(member.Split(':')[0])) errors.Add($"{Named(member)} {result.ErrorMessage}.");
            }
        }

        return settings;
    }

    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    // Values with their names as in the environment, but those below Kafka, which librdkafka knows.
    private static IEnumerable<(string Name, string? Value)> Given(IConfigurationSection section, string before = "")
    {
        foreach (IConfigurationSection part in section.GetChildren())
        {
            string name = before + part.Key;
            if (part.Value is not null) yield return (name, part.Value);
            if (string.Equals(name, "Kafka", StringComparison.OrdinalIgnoreCase)) continue;
            foreach ((string, string?) below in Given(part, name + "__")) yield return below;
        }
    }

    private static void ReadProperty(IConfigurationSection section, PropertyInfo property, object settings, List<string> errors)
    {
        // An empty variable is an unset one: shells and manifests do not always keep them apart.
        bool given = !string.IsNullOrWhiteSpace(section.Value) || section.GetChildren().Any();
        if (given)
        {
            try
            {
                if (section.Get(property.PropertyType) is not { } read)
                {
                    errors.Add($"{Named(property.Name)} {(section.Value is null ? "has a value of its own and no parts"
                        : $"has parts, {Section}__{property.Name}__…, and no value of its own")}.");
                    return;
                }

                property.SetValue(settings, read);
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
            .Where(rule => rule is not RequiredAttribute))
        {
            if (rule.GetValidationResult(value, new ValidationContext(settings) { MemberName = property.Name }) is { } refused)
                errors.Add($"{Named(property.Name)} is wrong: {refused.ErrorMessage?.TrimEnd('.')}.");
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
        _ when type == typeof(Uri) => "an http or https address",
        _ => "of the right form",
    };
}
