using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class HotFacility
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "hot-facility",
        Description = "Two thirds of all visits are at one facility: its accounts in the books are no bottleneck.",
        Duration = TimeSpan.FromSeconds(60),
        Load = Arrivals.Constant(perSecond: 500),
        Mix = new Mix(HotFacility: 2.0 / 3),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
        ],
    };
}
