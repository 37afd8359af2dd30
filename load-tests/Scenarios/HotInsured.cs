using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class HotInsured
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "hot-insured",
        Description = "A fifth of all visits are of one insured, at all hospitals at once: settled one after the other, never beyond "
            + "the cap, each once.",
        Duration = TimeSpan.FromSeconds(60),
        Load = Arrivals.Constant(perSecond: 300),
        Mix = new Mix(HotInsured: 0.2),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
        ],
    };
}
