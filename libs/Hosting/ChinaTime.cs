namespace Claims.Hosting;

/// <summary>China Standard Time: the days of visits, policies and entries are natural days in it.</summary>
public static class ChinaTime
{
    // No daylight saving since 1991.
    private static readonly TimeSpan Offset = TimeSpan.FromHours(8);

    public static DateOnly DayOf(DateTimeOffset instant) => DateOnly.FromDateTime(instant.ToOffset(Offset).DateTime);

    public static DateOnly Today(TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return DayOf(clock.GetUtcNow());
    }
}
