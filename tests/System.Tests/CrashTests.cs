using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>kill -9 of each process under load, then `claims up` on the same data: nothing acknowledged is lost or counted twice.</summary>
public sealed class CrashTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const long RecordsBeforeTheKill = 400;

    [Theory]
    [InlineData("adjudication", "KA")]
    [InlineData("eligibility", "KE")]
    [InlineData("ledger", "KL")]
    [InlineData("broker", "KB")]
    [InlineData("redis", "KR")]
    [InlineData("postgres", "KP")]
    public async Task Killed_process_loses_and_repeats_nothing_that_was_acknowledged(string process, string prefix)
    {
        Load load = new(system, prefix);
        await load.ImportAsync();
        long before = await system.RecordsAsync();

        Task<Answers> sending = load.SendAsync("first");
        await Eventually.HoldsAsync(async () => await system.RecordsAsync() >= before + RecordsBeforeTheKill || sending.IsCompleted);
        Assert.False(sending.IsCompleted, "the load was over before anything was killed");
        await system.KillAsync(process);
        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        Answers first = await sending;

        Answers second = await load.SendAsync("second");

        Assert.Equal(0, second.ExitCode);
        int acknowledged = 0;
        foreach ((JsonElement earlier, JsonElement later) in first.Lines.Zip(second.Lines))
        {
            Assert.True(Answers.IsSettled(later), later.GetRawText());
            if (!Answers.IsSettled(earlier))
            {
                Assert.True(Answers.IsError(earlier), earlier.GetRawText());
                continue;
            }
            acknowledged++;
            Assert.True(later.GetProperty("replayed").GetBoolean(), later.GetRawText());
            Assert.Equal(Answers.Substance(earlier), Answers.Substance(later));
        }
        Assert.InRange(acknowledged, RecordsBeforeTheKill, first.Lines.Count);
        await load.AssertEachIsInTheBooksOnceAsync(second);
    }
}
