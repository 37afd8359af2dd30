using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class Mixed
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "mixed",
        Description = "An ordinary day: 3 % of the operations cancel an earlier settlement, 1 % repeat an answered request and must "
            + "get its first answer.",
        Duration = TimeSpan.FromSeconds(60),
        Load = Arrivals.Constant(perSecond: 500),
        Mix = new Mix(Cancels: 0.03, Replays: 0.01),
        Thresholds =
        [
            EverythingAnswered,

            // A cancellation is refused while a later settlement of the day at that facility stands.
            RefusedAtMost(percent: 3),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
        ],
    };
}
