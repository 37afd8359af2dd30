using Claims.Cli.LocalSystem;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class Soak
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "soak",
        Description = "A steady rate for half an hour: memory of the services and handles of every process, flat over the second half.",
        WarmUp = TimeSpan.FromSeconds(20),
        Duration = TimeSpan.FromMinutes(30),
        Load = Arrivals.Constant(perSecond: 500),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
            ServicesResidentAtMost(megabytes: 400),

            // Fills up to 5 MB of records for each of 32 partitions, and then forgets the oldest.
            ResidentAtMost(ProcessDefinitions.Broker, megabytes: 500),

            // A collection more or less at the end of a short run is worth some megabytes.
            MemoryIsFlat(percent: 3, megabytes: 12),
            HandlesAreFlat(percent: 2, handles: 5),
        ],
    };
}
