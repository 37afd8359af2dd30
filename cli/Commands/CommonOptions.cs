using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

public static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Answer in JSON." };

    public static Option<string?> Policy() => new("--policy") { Description = "Directory of the policy's YAML files; without it $Claims__PolicyDirectory, else policy/ of this checkout." };

    public static Option<string?> City() => new("--city") { Description = $"Whose policy of that directory; without it $Claims__City, else {CityPolicy.DefaultCity}." };

    public static Option<DateOnly> Day(string name, string description) => new(name)
    {
        Description = description,
        Required = true,
        CustomParser = argument => ParseDay(argument) ?? default,
    };

    public static Option<DateOnly?> OptionalDay(string name, string description) => new(name) { Description = description, CustomParser = ParseDay };

    /// <summary>A whole number from 1.</summary>
    /// <param name="otherwise">Where it is not named.</param>
    public static Option<T> AtLeastOne<T>(string name, string description, T? otherwise = default)
    {
        Option<T> option = new(name) { Description = description, DefaultValueFactory = _ => otherwise! };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T>() is < 1) result.AddError($"{name} must be at least 1.");
        });
        return option;
    }

    /// <summary>A file that is named on the command line and must be there.</summary>
    public static Argument<FileInfo> ExistingFile(string name, string description) =>
        new Argument<FileInfo>(name) { Description = description }.AcceptExistingOnly();

    private static DateOnly? ParseDay(ArgumentResult argument)
    {
        if (DateOnly.TryParseExact(argument.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)) return day;
        argument.AddError($"'{argument.Tokens[0].Value}' is not a date of the form yyyy-MM-dd.");
        return null;
    }
}
