using System.Globalization;

namespace Claims.Eligibility;

/// <summary>Dates as <c>eligibility.proto</c> has them.</summary>
internal static class WireDate
{
    /// <summary><c>yyyy-MM-dd</c>, empty for none.</summary>
    public static string Text(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";

    /// <summary><c>yyyymmdd</c>.</summary>
    public static int Number(DateOnly day) => (((day.Year * 100) + day.Month) * 100) + day.Day;
}
