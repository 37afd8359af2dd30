using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

public static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Answer in JSON." };

    public static Option<string?> Policy() => new("--policy")
    {
        Description = "Directory of the policy's YAML files; without it $Claims__PolicyDirectory, else policy/ of this checkout.",
    };

    public static Option<string?> City() =>
        new("--city") { Description = $"Whose policy of that directory; without it $Claims__City, else {CityPolicy.DefaultCity}." };

    public static Option<DateOnly> Day(string name, string description) => new(name)
    {
        Description = description,
        Required = true,
        CustomParser = argument => ParseDay(argument) ?? default,
    };

    public static Option<DateOnly?> OptionalDay(string name, string description) =>
        new(name) { Description = description, CustomParser = ParseDay };

    /// <summary>A whole number from 1.</summary>
    /// <param name="otherwise">Where it is not named.</param>
    public static Option<T> AtLeastOne<T>(string name, string description, T? otherwise = default)
    {
        Option<T> option = new(name) { Description = description, DefaultValueFactory = _ => otherwise! };
        option.Must(number => number >= 1, "at least 1");
        return option;
    }

    /// <summary>Refuses a number of another range. That something is no number the parser tells by itself: its value would be thrown at
    /// whoever asks for it.</summary>
    /// <param name="range">Completes the sentence "… must be".</param>
    public static void Must<T>(this Option<T> option, Func<double, bool> holds, string range)
    {
        ArgumentNullException.ThrowIfNull(option);
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token]
                && double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && !holds(number))
                result.AddError($"{option.Name} must be {range}.");
        });
    }

    /// <summary>Of four digits: 25 is not 2025.</summary>
    public static Argument<int> Year(string name, string description)
    {
        Argument<int> argument = new(name) { Description = description };
        argument.Validators.Add(result => MustBeYear(name, result.Tokens, result.AddError));
        return argument;
    }

    public static Option<int> YearOption(string name, string description)
    {
        Option<int> option = new(name) { Description = description, Required = true };
        option.Validators.Add(result => MustBeYear(name, result.Tokens, result.AddError));
        return option;
    }

    public static Argument<string> Month(string name, string description)
    {
        Argument<string> argument = new(name) { Description = description };
        argument.Validators.Add(result => MustBeMonth(name, result.Tokens, result.AddError));
        return argument;
    }

    public static Option<string> MonthOption(string name, string description)
    {
        Option<string> option = new(name) { Description = description, Required = true };
        option.Validators.Add(result => MustBeMonth(name, result.Tokens, result.AddError));
        return option;
    }

    // That something is no number is told by NumberOptions.
    private static void MustBeYear(string name, IReadOnlyList<Token> tokens, Action<string> refuse)
    {
        if (tokens is [var token] && int.TryParse(token.Value, out int year) && year is < 1000 or > 9999)
            refuse($"{name} must be a year of four digits, such as 2025, not '{tokens[0].Value}'.");
    }

    private static void MustBeMonth(string name, IReadOnlyList<Token> tokens, Action<string> refuse)
    {
        if (tokens is [var token] && !DateOnly.TryParseExact($"{token.Value}-01", "yyyy-MM-dd", CultureInfo.InvariantCulture,
            DateTimeStyles.None, out _))
            refuse($"{name} must be a month of the form yyyy-MM, such as 2025-03, not '{token.Value}'.");
    }

    /// <summary>A file that is named on the command line and must be there.</summary>
    public static Argument<FileInfo> ExistingFile(string name, string description)
    {
        Argument<FileInfo> file = new Argument<FileInfo>(name) { Description = description }.AcceptExistingOnly();
        file.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && Directory.Exists(token.Value))
                result.AddError($"{name} must be a file, and {token.Value} is a directory.");
        });
        return file;
    }

    private static DateOnly? ParseDay(ArgumentResult argument)
    {
        if (DateOnly.TryParseExact(argument.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None,
            out DateOnly day)) return day;
        string option = argument.Parent is OptionResult named ? $"{named.Option.Name}: " : "";
        argument.AddError($"{option}'{argument.Tokens[0].Value}' is not a date of the form yyyy-MM-dd.");
        return null;
    }
}
