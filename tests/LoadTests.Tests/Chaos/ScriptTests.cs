using Claims.LoadTests.Chaos.Calls;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class ScriptTests
{
    private const int Operations = 4_000;

    [Fact]
    public void Same_seed_and_hospital_do_the_same_and_others_something_else()
    {
        Assert.Equal(Steps(1, 0), Steps(1, 0));
        Assert.NotEqual(Steps(1, 0), Steps(2, 0));
        Assert.NotEqual(Steps(1, 0), Steps(1, 1));
    }

    [Fact]
    public void Hospital_sends_everything_that_is_to_be_met()
    {
        Op[] ops = [.. Steps(7, 3).Select(step => step.Op)];

        Assert.Contains(Steps(7, 3), step => step.AtOnceTwice);
        Assert.InRange(ops.Count(op => op.Kind == OpKind.Cancel), Operations / 20, Operations / 4);
        Assert.InRange(ops.Count(op => op.Kind == OpKind.Reverse), Operations / 20, Operations / 4);
        Assert.Contains(ops.GroupBy(op => op.Key), key => key.Distinct().Count() > 1);
        Assert.Contains(ops.GroupBy(op => op), same => same.Count() > 1);
        Assert.Contains(ops.Index(), late => late.Item.Kind == OpKind.Settle
            && ops.Take(late.Index).Any(op => op.Kind == OpKind.Reverse && op.Target == late.Item.Key.RequestId));
        Assert.Contains(ops.Where(op => op.VisitId.Length > 0).GroupBy(op => (op.Key.FacilityCode, op.VisitId)),
            visit => visit.Select(op => op.Key).Distinct().Count() > 1);
        Assert.Contains(ops.Where(op => op.Kind == OpKind.Settle).GroupBy(op => (op.Key.InsuredId, op.Key.FacilityCode, op.VisitDate)),
            day => day.Select(op => op.Key).Distinct().Count() > 2);
        Assert.Equal(City.Years, ops.Where(op => op.Kind == OpKind.Settle).Select(op => op.VisitDate.Year).Distinct().Order());
    }

    [Fact]
    public void Hospitals_see_people_of_their_own_all_of_whom_are_imported()
    {
        string[][] people = [.. Enumerable.Range(0, 3).Select(lane => Steps(7, lane)
            .Select(step => step.Op.Key.InsuredId).Where(insured => insured.All(char.IsAsciiDigit)).Distinct().ToArray())];

        Assert.Equal(people.SelectMany(lane => lane).Count(), people.SelectMany(lane => lane).Distinct().Count());
        Assert.True(people.SelectMany(lane => lane).Max(StringComparer.Ordinal)!.CompareTo(
            City.InsuredId(3 * Script.People(Operations))) < 0);
    }

    private static Script.Step[] Steps(int seed, int lane)
    {
        Script script = new(seed, lane, Operations);
        // Longer than planned: the last fault of a run may be late.
        return [.. Enumerable.Range(0, Operations + (Operations / 4)).Select(_ => script.Next(script.Today))];
    }
}
