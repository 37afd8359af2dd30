using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>Independently worked answers, line by line, through import, send and the books.</summary>
public sealed class VectorTests
{
    [Theory]
    [InlineData("golden")]
    [InlineData("city-11")]
    public async Task Every_answer_is_the_expected_one(string set)
    {
        RunningSystem system = new();
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", RunningSystem.VectorFile(set, "facilities.csv")));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", RunningSystem.VectorFile(set, "insured.csv")));

        RunningSystem.AssertDone(
            await system.RunAsync("send", RunningSystem.VectorFile(set, "ops.jsonl"), "--out", system.FilePath("answers.jsonl")));

        string[] expected = await File.ReadAllLinesAsync(RunningSystem.VectorFile(set, "expected.jsonl"));
        string[] answers = await File.ReadAllLinesAsync(system.FilePath("answers.jsonl"));
        Assert.Equal(expected.Length, answers.Length);
        List<string> differences = [];
        for (int line = 0; line < expected.Length; line++)
            Compare(line + 1, expected[line], answers[line], differences);
        Assert.Empty(differences);
        Assert.NotEmpty(await system.BooksAsync());
    }

    private static void Compare(int line, string expectedLine, string answerLine, List<string> differences)
    {
        JsonProperty expected = JsonDocument.Parse(expectedLine).RootElement.EnumerateObject().Single();
        JsonProperty answer = JsonDocument.Parse(answerLine).RootElement.EnumerateObject().Single();
        Assert.Equal(expected.Name, answer.Name);
        foreach (JsonProperty field in expected.Value.EnumerateObject())
        {
            string found = answer.Value.TryGetProperty(field.Name, out JsonElement value) ? value.GetRawText() : "nothing";
            if (found != field.Value.GetRawText())
                differences.Add($"line {line}: {field.Name} is {found}, expected {field.Value.GetRawText()}");
        }
    }

    private sealed class DisposeAfter(Func<Task> dispose) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await dispose();
    }
}
