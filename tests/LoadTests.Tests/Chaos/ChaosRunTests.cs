using Claims.LoadTests.Chaos;
using Claims.LoadTests.Chaos.Calls;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class ChaosRunTests
{
    /// <summary>A short run of a seed that kills, freezes, silences and takes away; the long ones are `claims chaos`.</summary>
    [Fact]
    public async Task Short_run_of_a_fixed_seed_meets_its_faults_and_keeps_every_invariant()
    {
        ChaosOptions options = new(TimeSpan.FromSeconds(14), Seed: 157, PerSecond: 100,
            ["killed", "frozen", "line silent", "insured deleted", "clock", "line cut"]);
        List<string> told = [];

        ChaosResult result = await ChaosRun.RunAsync(options, told.Add, CancellationToken.None);

        string said = string.Join('\n', [.. told, .. result.Checks.Select(check => check.ToString())]);
        Assert.True(result.Holds, said);
        Assert.Null(result.Data);
        // On a slow machine the last ones may not be reached in time.
        Assert.True(result.Faults.Count >= 1 && result.Schedule.Sum(act => act.Faults.Count) == 4, said);
        Assert.InRange(result.Calls, 500, int.MaxValue);
        Assert.All([Reply.Settled, Reply.Cancelled, Reply.SettlementUndone, Reply.NothingToUndo],
            outcome => Assert.True(result.Outcomes.ContainsKey(outcome), said));
    }
}
