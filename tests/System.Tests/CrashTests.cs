using System.Text.Json;
using Claims.V1;

namespace Claims.SystemTests;

/// <summary>kill -9 of each process under load, then `claims up` on the same data: nothing acknowledged is lost or counted twice.</summary>
public sealed class CrashTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const long RecordsBeforeTheKill = 400;
    private static readonly TimeSpan LoadBound = TimeSpan.FromSeconds(60);

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
        await UntilAsync(async () => await system.RecordsAsync() >= before + RecordsBeforeTheKill || sending.IsCompleted);
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
        await AssertEachIsInTheBooksOnceAsync(load, second);
    }

    private async Task AssertEachIsInTheBooksOnceAsync(Load load, Answers answers)
    {
        SubLedgerEntry[] mine = [.. (await system.BooksAsync()).Where(entry => load.IsMine(entry.RequestId))];
        Assert.Equal(
            answers.Lines
                .Select(answer => (answer.GetProperty("settlementId").GetString()!, answer.GetProperty("fundPayFen").GetInt64()))
                .Order(),
            mine.Select(entry => (entry.SettlementId, entry.FundPayFen)).Order());
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long deadline = Environment.TickCount64 + (long)LoadBound.TotalMilliseconds;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < deadline, $"not within {LoadBound.TotalSeconds} s");
            await Task.Delay(20);
        }
    }
}
