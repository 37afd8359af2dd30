using Claims.Hosting;

namespace Hosting.Tests;

public sealed class ChinaTimeTests
{
    [Theory]
    [InlineData("2025-06-17T15:59:59Z", "2025-06-17", "2025-06-17 23:59:59")]
    [InlineData("2025-06-17T16:00:00Z", "2025-06-18", "2025-06-18 00:00:00")]
    [InlineData("2024-12-31T16:00:00Z", "2025-01-01", "2025-01-01 00:00:00")]
    [InlineData("2025-06-18T23:30:00-05:00", "2025-06-19", "2025-06-19 12:30:00")]
    public void Instant_belongs_to_the_natural_day_in_China(string instant, string day, string text)
    {
        DateTimeOffset at = DateTimeOffset.Parse(instant, System.Globalization.CultureInfo.InvariantCulture);

        Assert.Equal((day, text), ($"{ChinaTime.DayOf(at):yyyy-MM-dd}", ChinaTime.Text(at)));
        Assert.Equal(day, $"{ChinaTime.Today(new Fixed(at)):yyyy-MM-dd}");
    }

    [Fact]
    public void Day_begins_eight_hours_before_it_does_in_Greenwich()
    {
        DateTimeOffset start = ChinaTime.StartOf(new DateOnly(2025, 1, 1));

        Assert.Equal((new DateTime(2024, 12, 31, 16, 0, 0), TimeSpan.Zero), (start.DateTime, start.Offset));
    }

    private sealed class Fixed(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now.ToUniversalTime();
    }
}
