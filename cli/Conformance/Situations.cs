using System.Globalization;

namespace Claims.Cli.Conformance;

/// <summary>Every situation, in the order in which they are played.</summary>
public static class Situations
{
    // Amounts that differ by situation, so that a person can tell them apart.
    private const long LeastFen = 1000;
    private const long StepFen = 10;

    public static IReadOnlyList<Situation> All { get; } =
    [
        .. PlainSituations.All, .. UnansweredSituations.All, .. RefusedSituations.All, .. UndoingSituations.All, .. DaySituations.All,
    ];

    public static long FenOf(int number) => LeastFen + StepFen * number;

    /// <param name="only">Numbers from 1, ranges of them such as 3-7, and keys, each parted by commas; empty for all.</param>
    /// <exception cref="CommandException">One is no situation.</exception>
    public static IReadOnlyList<(int Number, Situation Situation)> Choose(string only)
    {
        ArgumentNullException.ThrowIfNull(only);
        (int Number, Situation Situation)[] all = [.. All.Select((situation, index) => (index + 1, situation))];
        string[] words = only.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0) return all;
        HashSet<int> chosen = [];
        foreach (string word in words)
        {
            (int Number, Situation Situation)[] found = [.. all.Where(one => one.Situation.Key == word)];
            string[] ends = word.Split('-');
            if (found.Length == 0 && ends.Length <= 2 && IsNumber(ends[0], out int from) && IsNumber(ends[^1], out int to))
                found = [.. all.Where(one => one.Number >= from && one.Number <= to)];
            if (found.Length == 0)
                throw new CommandException($"--only: '{word}' is no situation: name numbers from 1 to {all.Length}, ranges such as 3-7, or "
                    + $"keys such as {all[0].Situation.Key}.");
            chosen.UnionWith(found.Select(one => one.Number));
        }

        return [.. all.Where(one => chosen.Contains(one.Number))];
    }

    private static bool IsNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
