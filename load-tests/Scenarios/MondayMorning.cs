using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class MondayMorning
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "monday-morning",
        Description = "A Monday morning in short: visits rise to the busiest hour of a country, stay there, and fall again.",
        Duration = TimeSpan.FromSeconds(120),
        Load = new Arrivals((0, 50), (0.4, 1_000), (0.7, 1_000), (1, 50)),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
            ServicesResidentAtMost(megabytes: 400),
        ],
    };
}
