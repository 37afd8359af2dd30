using System.Globalization;

namespace Claims.Cli.Backups;

/// <summary>Moments as these commands write and read them, so that one can be given back to another.</summary>
public static class Times
{
    private const string Form = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFK";

    /// <summary>UTC, to the microsecond.</summary>
    public static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>A moment with its offset from UTC; null where the text has none, or is no moment.</summary>
    public static DateTimeOffset? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // K takes a text without an offset for the machine's own time.
        bool hasOffset = text.EndsWith('Z') || (text.Length > 6 && text[^6] is '+' or '-');
        if (!hasOffset) return null;
        return DateTimeOffset.TryParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time)
            ? time
            : null;
    }
}
