using Claims.Cli.LocalSystem;
using Claims.LoadTests.Scenarios.Loads;
using static Claims.LoadTests.Scenarios.Thresholds;

namespace Claims.LoadTests.Scenarios;

public static class LedgerOutage
{
    public static Scenario Scenario { get; } = new()
    {
        Name = "ledger-outage",
        Description = "The ledger is stopped while hospitals go on at full speed, until a million settlements wait; then it catches up.",
        Duration = TimeSpan.FromMinutes(30),
        Load = new LedgerStopped(new Streams(Count: 8, Window: 1_024)),
        Thresholds =
        [
            EverythingAnswered,
            RefusedAtMost(0),
            ServicesResidentAtMost(megabytes: 400),

            // Published ahead of the ledger are at most RelayWindow records of each shard.
            ResidentAtMost(ProcessDefinitions.Broker, megabytes: 500),

            // What waits, waits in Redis, with the stored answer of each.
            ResidentAtMost(ProcessDefinitions.Redis, megabytes: 300, bytesPerOperation: 1_000),
        ],
    };
}
