using System.Text.RegularExpressions;

namespace Claims.Hosting;

/// <summary>What may be written of a person into a log.</summary>
public static partial class Mask
{
    private const int DigitsShown = 4;

    /// <summary><c>410105198001011234</c> becomes <c>***1234</c>; an id of four characters or fewer shows nothing of itself:
    /// <c>***</c>.</summary>
    public static string Insured(string? insuredId) =>
        insuredId is { Length: > DigitsShown } ? string.Concat("***", insuredId.AsSpan(insuredId.Length - DigitsShown)) : "***";

    /// <summary>The text with every resident identity number (18 characters with a birth date in them) masked to its last four.</summary>
    public static string IdentityNumbers(string text) => IdentityNumber().Replace(text, static match => Insured(match.Value));

    [GeneratedRegex(@"(?<![0-9A-Za-z])[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdentityNumber();
}
