using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class HospitalStreams
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "hospital-streams",
        Description = "Eight hospitals stream their visits as fast as they are answered: the most that the system settles.",
        Duration = TimeSpan.FromSeconds(60),
        Load = new Streams(Count: 8, Window: 1_024),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            AnsweredPerSecondAtLeast(1_000),
            LatencyAtMost(99, milliseconds: 10_000),
            PostedWithin(seconds: 120),
            ServicesResidentAtMost(megabytes: 400),
        ],
    };
}
