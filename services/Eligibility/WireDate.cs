using System.Globalization;

namespace Claims.Eligibility;

/// <summary>Dates as <c>eligibility.proto</c> has them.</summary>
internal static class WireDate
{
    private const string Form = "yyyy-MM-dd";

    /// <summary><c>yyyy-MM-dd</c>, empty for none.</summary>
    public static string Text(DateOnly? day) => day?.ToString(Form, CultureInfo.InvariantCulture) ?? "";

    /// <summary><c>yyyymmdd</c>.</summary>
    public static int Number(DateOnly day) => (((day.Year * 100) + day.Month) * 100) + day.Day;

    /// <returns>Null for an empty text.</returns>
    /// <exception cref="FormatException">It is not a date.</exception>
    public static DateOnly? Parse(string text) =>
        text.Length == 0 ? null : DateOnly.ParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.None);
}
