namespace Claims.Ledger;

/// <summary>China Standard Time, by which the books date their entries.</summary>
internal static class ChinaTime
{
    // No daylight saving since 1991.
    private static readonly TimeSpan Offset = TimeSpan.FromHours(8);

    public static DateOnly DayOf(DateTimeOffset instant) => DateOnly.FromDateTime(instant.ToOffset(Offset).DateTime);
}
