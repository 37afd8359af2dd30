using Claims.LoadTests.Chaos;
using Claims.LoadTests.Chaos.Faults;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class ScheduleTests
{
    private static readonly TimeSpan HalfAnHour = TimeSpan.FromMinutes(30);

    [Fact]
    public void Same_seed_makes_the_same_schedule_and_another_seed_another()
    {
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(77)]
    public void Every_kind_has_its_turn_and_acts_follow_one_another_until_the_end(int seed)
    {
        IReadOnlyList<Act> acts = Schedule.Of(seed, HalfAnHour, FaultKinds.All);

        Assert.Equal(FaultKinds.All.Select(kind => kind.Name).Order(),
            acts.SelectMany(act => act.Faults).Select(fault => fault.Kind).Distinct().Order());
        TimeSpan free = TimeSpan.Zero;
        foreach (Act act in acts)
        {
            Assert.True(act.At >= free, $"{act.At} is before {free}");
            Assert.All(act.Faults, fault => Assert.True(fault.At >= act.At));
            free = act.Faults.Max(fault => fault.At + fault.Duration);
            Assert.True(free <= HalfAnHour);
        }

        Assert.Contains(acts, act => act.Faults.Count == 2);
    }

    [Fact]
    public void Fault_that_loses_data_is_done_alone()
    {
        string[] alone = [.. FaultKinds.All.Where(kind => kind.Alone).Select(kind => kind.Name)];
        Act[] acts = [.. Enumerable.Range(0, 20).SelectMany(seed => Schedule.Of(seed, HalfAnHour, FaultKinds.All))];

        Assert.NotEmpty(alone);
        Assert.All(acts.Where(act => act.Faults.Any(fault => alone.Contains(fault.Kind))), act => Assert.Single(act.Faults));
    }

    [Fact]
    public void What_a_store_loses_by_itself_is_lost_alone() => Assert.Equal(
        ["emptied", "evicting", "insured deleted", "no append-only file", "put back", "rolled back", "wiped"],
        FaultKinds.All.Where(kind => kind.Alone).Select(kind => kind.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void System_is_left_alone_for_a_while_after_each_act() =>
        Assert.All(
            Schedule.Of(5, HalfAnHour, FaultKinds.All).Zip(Schedule.Of(5, HalfAnHour, FaultKinds.All).Skip(1)),
            acts => Assert.InRange(
                (acts.Second.At - acts.First.Faults.Max(fault => fault.At + fault.Duration)).TotalSeconds, 1.9, 5.1));

    [Fact]
    public void Targets_and_durations_are_those_of_the_kind()
    {
        foreach (PlannedFault fault in Schedule.Of(3, HalfAnHour, FaultKinds.All).SelectMany(act => act.Faults))
        {
            FaultKind kind = FaultKinds.All.Single(kind => kind.Name == fault.Kind);
            Assert.Contains(fault.Target, kind.Targets);
            Assert.InRange(fault.Duration, kind.Shortest, kind.Longest);
        }
    }

    [Fact]
    public void Rolling_restart_takes_one_service_after_the_other_in_the_order_of_an_update()
    {
        IReadOnlyList<Act> acts = new ChaosOptions(TimeSpan.FromMinutes(1), Seed: 1, PerSecond: 1, [], Rolling: true)
            .ScheduleOf(FaultKinds.All);

        Assert.All(acts, act => Assert.Equal((FaultKinds.Restarted, TimeSpan.Zero), (act.Faults.Single().Kind, act.Faults[0].Duration)));
        string[] round =
        [
            "eligibility", "eligibility-2", "ledger-1", "ledger-2", "adjudication-1", "adjudication-2", "gateway", "gateway-2",
        ];
        Assert.Equal(round.Concat(round).Concat(round), acts.Take(24).Select(act => act.Faults[0].Target));
    }

    private static string Text(int seed) =>
        string.Join('\n', Schedule.Of(seed, HalfAnHour, FaultKinds.All).SelectMany(act => act.Faults).Select(fault => fault.ToString()));
}
