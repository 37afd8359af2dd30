using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class ClinicGateway
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "clinic-gateway",
        Description = "200 village clinics settle over HTTP, and one line in twenty drops before the answer: the same request again finds "
            + "it, and nothing is settled twice.",
        Duration = TimeSpan.FromSeconds(60),
        Load = new Clinics(Count: 200, PerSecond: 100, Drops: 0.05),
        Mix = new Mix(Replays: 0.01),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(99, milliseconds: 1_000),
            PostedWithin(seconds: 15),
            FigureAtLeast(Clinics.Dropped, 1),
            FigureAtLeast(Clinics.FoundAgain, 1),
            ResidentAtMost(ProcessDefinitions.Gateway, megabytes: 250),
        ],
    };
}
