using System.Diagnostics;
using System.Text.Json;
using Claims.Cli;
using Claims.Cli.Audit;
using Claims.Cli.Demo;
using Claims.LoadTests.Chaos;
using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Faults;
using Claims.LoadTests.Chaos.Judging;
using Claims.V1;

namespace Claims.LoadTests.Tests.Chaos;

/// <summary>What a run is called in the end, and which of its own checks decide.</summary>
public sealed class ChaosResultTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public void Run_with_one_invariant_that_does_not_hold_fails_and_names_its_seed()
    {
        ChaosResult sound = Result(true, true), unsound = Result(true, false, true);

        Assert.Equal((ExitCodes.Done, "Every invariant holds."), (ChaosCommand.ExitCodeOf(sound), ChaosReport.VerdictOf(sound)));
        Assert.Equal(
            (ExitCodes.Failed, "AN INVARIANT DOES NOT HOLD; seed 12."), (ChaosCommand.ExitCodeOf(unsound), ChaosReport.VerdictOf(unsound)));
        Assert.True(JsonOf(sound).GetProperty("ok").GetBoolean());
        Assert.False(JsonOf(unsound).GetProperty("ok").GetBoolean());
        Assert.False(JsonOf(unsound).GetProperty("invariants")[1].GetProperty("holds").GetBoolean());
    }

    [Fact]
    public void Store_that_is_apart_and_process_that_stayed_away_each_do_not_hold()
    {
        Assert.All(ChaosRun.OwnChecks([], [], faults: 3), check => Assert.True(check.Holds, check.ToString()));
        Assert.Equal(
            [
                ("the store is what the books say", false, "shard 1"),
                ("every process comes back, and every call is answered again", true, "3 faults"),
            ],
            ChaosRun.OwnChecks(["shard 1"], [], faults: 3).Select(check => (check.Name, check.Holds, check.Detail)));
        Assert.Equal([true, false], ChaosRun.OwnChecks([], ["gateway"], faults: 3).Select(check => check.Holds));
    }

    [Fact]
    public void Rolling_restart_that_left_out_a_service_does_not_hold()
    {
        Assert.All(Rolling(["ledger-1", "gateway"], open: 0, Answered()), check => Assert.True(check.Holds, check.ToString()));
        Check left = Assert.Single(Rolling(["ledger-1"], open: 0, Answered()), check => !check.Holds);
        Assert.Equal(("every service was restarted", "not gateway"), (left.Name, left.Detail));
    }

    [Fact]
    public void Rolling_restart_over_which_a_call_was_given_up_or_none_was_answered_does_not_hold()
    {
        Assert.StartsWith("1 left open",
            Assert.Single(Rolling(["ledger-1", "gateway"], open: 1, Answered()), check => !check.Holds).Detail, StringComparison.Ordinal);
        Assert.Single(Rolling(["ledger-1", "gateway"], open: 0), check => !check.Holds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(false)]
    public void Books_whose_verification_finds_something_or_cannot_know_are_not_verified(bool? holds)
    {
        Finding chain = new("CHAIN", "chain", true, 1, ""), accumulators = new("ACCUMULATORS", "accumulators", holds, 1, "one is apart");

        Check verified = RecordingReader.CheckOf(new AuditReport([chain], new ChainHead { Link = 7 }));
        Check refuted = RecordingReader.CheckOf(new AuditReport([chain, accumulators], new ChainHead { Link = 7 }));

        Assert.Equal((true, "head 7"), (verified.Holds, verified.Detail));
        Assert.False(refuted.Holds);
        Assert.EndsWith(": one is apart", refuted.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Store_is_what_the_books_say_only_where_nothing_of_it_is_apart()
    {
        LostRecord lost = new() { Sequence = 3 };
        RebuildReport[] apart =
        [
            new() { Shard = 1, MissingInsured = 1 }, new() { Shard = 2, DifferingInsured = 1 }, new() { Shard = 3, UnknownInsured = 1 },
            new() { Shard = 4, RestDiffers = true }, new() { Shard = 5, Closed = "stamp" }, new() { Shard = 6, LostRecords = { lost } },
        ];

        Assert.Empty(Operator.Apart([new RebuildReport { Shard = 0, Records = 5, Insured = 2, UnbookedRecords = 1 }]));
        Assert.Equal(
            [
                "shard 1: 1 gone, 0 differ, 0 unknown", "shard 2: 0 gone, 1 differ, 0 unknown", "shard 3: 0 gone, 0 differ, 1 unknown",
                "shard 4: 0 gone, 0 differ, 0 unknown, the rest differs", "shard 5: 0 gone, 0 differ, 0 unknown, closed: stamp",
                "shard 6: 0 gone, 0 differ, 0 unknown, 1 records lost",
            ],
            Operator.Apart(apart));
    }

    private static Check[] Rolling(string[] restarted, int open, params Call[] calls) =>
        [.. ChaosRun.RollingChecks(["ledger-1", "gateway"], restarted, calls, open, Minute)];

    private static Call Answered()
    {
        Call call = new(new Op(OpKind.Settle, default)) { FirstSentTicks = Stopwatch.GetTimestamp() };
        call.Answered(new Reply(Reply.Settled, "", "S", 0, 0, 0, 0, 0), call.FirstSentTicks, call.FirstSentTicks + 1);
        return call;
    }

    private static JsonElement JsonOf(ChaosResult result) => JsonDocument.Parse(Output.Json(ChaosReport.JsonOf(result))).RootElement;

    private static ChaosResult Result(params bool[] holds) => new(
        new ChaosOptions(Minute, Seed: 12, PerSecond: 1, []), [], [], [], [], 0, 1, 1, 1, 0, 0, new Dictionary<string, long>(),
        new Dictionary<string, long>(), [], [.. holds.Select((one, number) => new Check($"check {number}", one, ""))], 0, null);
}
