using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Claims.Cli.Commands;

/// <summary>What is no number is told in a sentence, by every command: System.CommandLine names the type that it could not make.</summary>
public static class NumberOptions
{
    /// <summary>Of this command and all below it.</summary>
    public static void Explain(Command command)
    {
        ArgumentNullException.ThrowIfNull(command);
        foreach (Option option in command.Options) Explain(option);
        foreach (Argument argument in command.Arguments) Explain(argument);
        foreach (Command below in command.Subcommands) Explain(below);
    }

    private static void Explain(Symbol symbol)
    {
        switch (symbol)
        {
            case Option<int> option:
                option.CustomParser ??= Whole<int>;
                break;
            case Option<int?> option:
                option.CustomParser ??= result => Whole<int>(result);
                break;
            case Option<long> option:
                option.CustomParser ??= Whole<long>;
                break;
            case Option<double> option:
                option.CustomParser ??= Fraction;
                break;
            case Argument<int> argument:
                argument.CustomParser ??= Whole<int>;
                break;
            case Argument<long> argument:
                argument.CustomParser ??= Whole<long>;
                break;
        }
    }

    private static T Whole<T>(ArgumentResult result) where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        string text = result.Tokens[0].Value;
        if (T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T number)) return number;
        result.AddError(BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? string.Create(CultureInfo.InvariantCulture, $"{NameOf(result)} must be from {T.MinValue} to {T.MaxValue}, not '{text}'.")
            : $"{NameOf(result)} must be a whole number, not '{text}'.");
        return default;
    }

    private static double Fraction(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
            return number;
        result.AddError($"{NameOf(result)} must be a number, not '{text}'.");
        return default;
    }

    private static string NameOf(ArgumentResult result) => result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
}
