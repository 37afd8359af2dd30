using System.Collections.Concurrent;
using System.Globalization;

namespace Claims.Adjudication.Store;

/// <summary>Days of visits as texts: the same few again and again, so each is made once.</summary>
public static class VisitDays
{
    private static readonly ConcurrentDictionary<int, string> Texts = new();

    /// <param name="day">yyyymmdd.</param>
    /// <returns>yyyy-MM-dd.</returns>
    public static string TextOf(int day) => Texts.GetOrAdd(day, static number =>
        string.Create(CultureInfo.InvariantCulture, $"{number / 10_000:D4}-{number / 100 % 100:D2}-{number % 100:D2}"));
}
