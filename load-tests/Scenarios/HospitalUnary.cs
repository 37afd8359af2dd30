using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class HospitalUnary
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "hospital-unary",
        Description = "Single calls over 1, 10, 100 and 500 connections in turn: what a call costs alone, and that many "
            + "connections cost no more.",
        Duration = TimeSpan.FromSeconds(80),
        Load = new Callers(1, 10, 100, 500),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            LatencyAtMost(50, milliseconds: 20, Callers.PhaseOf(1)),
            LatencyAtMost(99, milliseconds: 2_000, Callers.PhaseOf(500)),
            AnsweredPerSecondAtLeast(500, Callers.PhaseOf(500)),
            ServicesResidentAtMost(megabytes: 400),
        ],
    };
}
