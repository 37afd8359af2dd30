namespace Claims.SystemTests;

/// <summary>Independently worked answers, line by line, through import, send and the books.</summary>
public sealed class VectorTests
{
    [Theory]
    [InlineData("golden")]
    [InlineData("city-11")]
    [InlineData("counter")]
    public async Task Every_answer_is_the_expected_one(string set)
    {
        RunningSystem system = new();
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", RunningSystem.VectorFile(set, "facilities.csv")));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", RunningSystem.VectorFile(set, "insured.csv")));

        CommandResult sent =
            await system.RunAsync("send", RunningSystem.VectorFile(set, "ops.jsonl"), "--out", system.FilePath("answers.jsonl"), "--json");
        RunningSystem.AssertDone(sent);

        string[] expected = await File.ReadAllLinesAsync(RunningSystem.VectorFile(set, "expected.jsonl"));
        string[] answers = await File.ReadAllLinesAsync(system.FilePath("answers.jsonl"));
        Assert.Empty(ExpectedAnswers.Differences(expected, answers, sent.Json.GetProperty("repeated").GetInt64()));
        Assert.NotEmpty(await system.BooksAsync());
    }
}
