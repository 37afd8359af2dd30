using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>Answers as lines of JSON against those worked out independently.</summary>
internal static class ExpectedAnswers
{
    private const string NewButReplayed = ": replayed is true, expected false";

    /// <param name="repeated">How many operations the sender sent again for want of an answer: that many may say that they are
    /// replayed.</param>
    /// <returns>Every field that differs, with its line.</returns>
    public static List<string> Differences(string[] expected, string[] answers, long repeated = 0)
    {
        Assert.Equal(expected.Length, answers.Length);
        List<string> differences = [];
        for (int line = 0; line < expected.Length; line++)
            Compare(line + 1, expected[line], answers[line], differences);
        List<string> replayed = differences.FindAll(difference => difference.EndsWith(NewButReplayed, StringComparison.Ordinal));
        return replayed.Count > repeated ? differences : [.. differences.Except(replayed, StringComparer.Ordinal)];
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
}
