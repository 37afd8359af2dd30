using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.RegularExpressions;

namespace Claims.Cli.Commands;

/// <summary><c>claims help</c>: the handbook's pages in the terminal, whole or a section of one.</summary>
public static partial class HelpCommand
{
    public static Command Create()
    {
        // With a name of its own the list of commands does not have every page in it.
        Argument<string?> topic = new("topic")
        {
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "topic",
            Description = "A page of docs/; none: which there are.",
        };
        topic.CompletionSources.Add(_ => Pages().Select(page => new CompletionItem(page.Name)));
        Argument<string[]> section = new("section")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "Words of a heading: only the sections that have them.",
        };
        Command command = new("help", "A page of the handbook, or a section of it: claims help operations backup.") { topic, section };
        command.SetAction(result =>
        {
            if (result.GetValue(topic) is not { } name)
            {
                Output.Table(["topic", "page"], Pages().Select(page => new[] { page.Name, page.Title }));
                return ExitCodes.Done;
            }

            Page page = Pages().FirstOrDefault(page => page.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new CommandException(
                    $"There is no topic '{name}'; `claims help` lists them, `claims COMMAND --help` has every option.");
            string words = string.Join(' ', result.GetValue(section) ?? []);
            string[] lines = [.. SectionsWith(File.ReadAllLines(page.Path), words)];
            if (lines.Length == 0) throw new CommandException($"No heading of {name} has '{words}'. It has: {Headings(page)}.");
            foreach (string line in lines) Output.Line(Plain(line));
            return ExitCodes.Done;
        });
        return command;
    }

    private static IEnumerable<Page> Pages() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Select(path => new Page(Path.GetFileNameWithoutExtension(path), path, File.ReadLines(path).First().TrimStart('#', ' ')))
            .OrderBy(page => page.Name, StringComparer.Ordinal);

    private static string Headings(Page page) =>
        string.Join(", ", File.ReadLines(page.Path).Where(line => LevelOf(line) > 1).Select(line => line.TrimStart('#', ' ')));

    /// <summary>Each section whose heading has the words, with what is below it; all lines without words.</summary>
    internal static IEnumerable<string> SectionsWith(IReadOnlyList<string> lines, string words)
    {
        int shown = words.Length == 0 ? 0 : int.MaxValue;
        bool inCode = false;
        foreach (string line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal)) inCode = !inCode;
            int level = inCode ? 0 : LevelOf(line);
            if (level > 0 && words.Length > 0 && (shown == int.MaxValue || level <= shown))
                shown = line.Contains(words, StringComparison.OrdinalIgnoreCase) ? level : int.MaxValue;
            if (shown < int.MaxValue) yield return line;
        }
    }

    // Where a link leads is of no use in a terminal.
    private static string Plain(string line) => Link().Replace(line, "${text}");

    private static int LevelOf(string line)
    {
        int marks = line.TakeWhile(letter => letter == '#').Count();
        return marks is > 0 and < 7 && line.Length > marks && line[marks] == ' ' ? marks : 0;
    }

    [GeneratedRegex(@"\[(?<text>[^\]]+)\]\([^)]+\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Link();

    private sealed record Page(string Name, string Path, string Title);
}
