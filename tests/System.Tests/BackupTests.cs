using System.Globalization;
using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>
/// A backup under way, and restores of it: with Redis kept nothing is lost, without it nothing that the books have, and no number is given
/// out again. The outbox keeps no booked record here, so that only the store itself has what restored books lack.
/// </summary>
public sealed class BackupTests : IAsyncLifetime
{
    private const int Unavailable = 3;

    // Sent eight times, verified as often: what is lost or doubled shows in a thousand visits as in more.
    private const int Visits = 1000;

    private readonly RunningSystem _system = new()
    {
        UpWith = ["--archive", "wal"],
        Variables = [("Claims__OutboxKeptPerShard", "0")],
    };

    private string Backup => _system.FilePath("backup");

    public Task InitializeAsync() => _system.InitializeAsync();

    public Task DisposeAsync() => _system.DisposeAsync();

    [Fact]
    public async Task Restored_system_answers_as_before_gives_no_number_out_twice_and_goes_on()
    {
        Load before = new(_system, "BA", Visits);
        Load after = new(_system, "BB", Visits);
        await before.ImportAsync();
        await after.ImportAsync();
        Answers first = await before.SendAsync("first");
        await _system.BooksAsync();
        CommandResult taken = await _system.RunAsync("backup", Backup, "--json");
        RunningSystem.AssertDone(taken);
        Assert.Equal(first.Lines.Count, taken.Json.GetProperty("records").GetInt64());
        string between = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        Answers second = await after.SendAsync("first");
        await _system.BooksAsync();
        Assert.Equal(1, (await _system.RunAsync("restore", Backup, "--replace")).ExitCode);

        // Redis is kept: what the books lack, it has.
        JsonElement restored = await RestoreAsync("backup", redisLost: false);
        Assert.Equal(first.Lines.Count, restored.GetProperty("records").GetInt64());
        Assert.True(restored.GetProperty("redisKept").GetBoolean());
        RunningSystem.AssertDone(await _system.RunAsync("up", "--detach"));
        await RebuildAsync();
        await AssertAnsweredAgainAsync(before, first, "kept");
        await AssertAnsweredAgainAsync(after, second, "kept");
        await before.AssertEachIsInTheBooksOnceAsync(first);
        await after.AssertEachIsInTheBooksOnceAsync(second);

        // Redis and PostgreSQL are lost, and the WAL has everything.
        restored = await RestoreAsync("latest", redisLost: true);
        Assert.Equal(first.Lines.Count + second.Lines.Count, restored.GetProperty("records").GetInt64());
        Assert.Equal(Unavailable, (await _system.RunAsync("up", "--detach")).ExitCode);
        await RebuildAsync();
        await AssertAnsweredAgainAsync(before, first, "latest");
        await AssertAnsweredAgainAsync(after, second, "latest");

        // Both are lost, and the books go to a moment at which only the first had been settled.
        restored = await RestoreAsync(between, redisLost: true, "--timeline", "1");
        Assert.Equal(first.Lines.Count, restored.GetProperty("records").GetInt64());
        Assert.False(restored.GetProperty("redisKept").GetBoolean());
        Assert.Equal(Unavailable, (await _system.RunAsync("up", "--detach")).ExitCode);
        await RebuildAsync();
        await AssertAnsweredAgainAsync(before, first, "moment");
        Answers anew = await after.SendAsync("anew");
        Assert.All(anew.Lines, answer => Assert.True(Answers.IsSettled(answer), answer.GetRawText()));
        Assert.Empty(Numbers(second).Intersect(Numbers(anew)));
        await before.AssertEachIsInTheBooksOnceAsync(first);
        await after.AssertEachIsInTheBooksOnceAsync(anew);
    }

    /// <summary>Down, and restored; the system that runs afterwards is the caller's to start.</summary>
    private async Task<JsonElement> RestoreAsync(string to, bool redisLost, params string[] more)
    {
        RunningSystem.AssertDone(await _system.RunAsync("down"));
        if (redisLost) Directory.Delete(Path.Combine(_system.FilePath("data"), "redis"), recursive: true);
        CommandResult unasked = await _system.RunAsync("restore", Backup);
        Assert.True(unasked.ExitCode == 1 && unasked.Errors.Contains("with --replace they are put aside", StringComparison.Ordinal),
            unasked.ToString());
        CommandResult restored = await _system.RunAsync(["restore", Backup, "--replace", "--to", to, "--json", .. more]);
        RunningSystem.AssertDone(restored);
        return restored.Json;
    }

    private async Task RebuildAsync() => RunningSystem.AssertDone(await _system.RunAsync("rebuild"));

    private static async Task AssertAnsweredAgainAsync(Load load, Answers earlier, string name)
    {
        Answers later = await load.SendAsync(name);
        Assert.All(later.Lines, answer => Assert.True(answer.GetProperty("replayed").GetBoolean(), answer.GetRawText()));
        Assert.Equal(earlier.Lines.Select(Answers.Substance), later.Lines.Select(Answers.Substance));
    }

    private static IEnumerable<string> Numbers(Answers answers) =>
        answers.Lines.Select(answer => answer.GetProperty("settlementId").GetString()!);
}
