using System.Text;
using Claims.Policy;

namespace Claims.Cli;

/// <summary>
/// A table in plain text, in which a Chinese character takes two columns. One that is too wide has its longest texts broken into lines;
/// where that is not enough each row becomes a block, a line for each of its values. Spectre.Console 0.49 never returns from a table whose
/// Chinese cells are wider than the terminal, so tables are not left to it.
/// </summary>
public static class TextTable
{
    private const string Gap = "  ";

    // A text that is broken into narrower lines than these is harder to read than a block.
    private const int LeastText = 10;

    /// <param name="columns">Headings; one that starts with '>' is of a column of figures, aligned to the right.</param>
    public static string Render(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows) =>
        Render(columns, rows, Output.Width);

    /// <param name="width">Columns of the terminal. Only a word that is longer by itself goes beyond.</param>
    public static string Render(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows, int width)
    {
        string[] headings = [.. columns.Select(column => column.TrimStart('>'))];
        IReadOnlyList<string>[] lines = [headings, .. rows.Select(row => row.Select(PlainText.Shown).ToArray())];
        return Widths(lines, columns.Count, width) is { } widths
            ? Table(columns, lines, widths)
            : Blocks(headings, lines[1..], width);
    }

    /// <summary>Columns of a terminal that a text takes.</summary>
    public static int WidthOf(string text) => text.EnumerateRunes().Sum(rune => WidthOf(rune));

    /// <returns>Null where the texts cannot be made narrow enough.</returns>
    private static int[]? Widths(IReadOnlyList<string>[] lines, int columns, int width)
    {
        int[] widths = [.. Enumerable.Range(0, columns).Select(column => lines.Max(line => WidthOf(line[column])))];
        int[] least = [.. Enumerable.Range(0, columns).Select(column =>
            Math.Max(Math.Min(widths[column], LeastText), lines.Max(line => Words(line[column]).Max(word => WidthOf(word.TrimEnd())))))];
        while (widths.Sum() + columns * Gap.Length > width)
        {
            int widest = Enumerable.Range(0, columns).MaxBy(column => widths[column] > least[column] ? widths[column] : 0);
            if (widths[widest] <= least[widest]) return null;
            widths[widest]--;
        }

        return widths;
    }

    private static string Table(IReadOnlyList<string> columns, IReadOnlyList<string>[] lines, int[] widths)
    {
        StringBuilder text = new();
        foreach (IReadOnlyList<string> line in lines)
        {
            List<string>[] cells = [.. widths.Select((width, column) => Wrap(line[column], width))];
            for (int part = 0; part < cells.Max(cell => cell.Count); part++)
            {
                StringBuilder row = new();
                for (int column = 0; column < columns.Count; column++)
                {
                    string cell = part < cells[column].Count ? cells[column][part] : "";
                    string padding = new(' ', widths[column] - WidthOf(cell));
                    row.Append(Gap).Append(columns[column].StartsWith('>') ? padding + cell : cell + padding);
                }

                text.Append(row.ToString().TrimEnd()).Append('\n');
            }

            if (ReferenceEquals(line, lines[0]))
                text.Append(Gap).AppendJoin(Gap, widths.Select(width => new string('─', width))).Append('\n');
        }

        return text.ToString();
    }

    private static string Blocks(string[] headings, IReadOnlyList<string>[] rows, int width)
    {
        StringBuilder text = new();
        int name = headings.Max(WidthOf);
        foreach (IReadOnlyList<string> row in rows)
        {
            if (text.Length > 0) text.Append('\n');
            for (int column = 0; column < headings.Length; column++)
            {
                if (row[column].Length == 0) continue;
                string heading = headings[column] + new string(' ', name - WidthOf(headings[column]));
                foreach (string part in Wrap(row[column], width - name - 2 * Gap.Length))
                {
                    text.Append((Gap + heading + Gap + part).TrimEnd()).Append('\n');
                    heading = new string(' ', name);
                }
            }
        }

        if (rows.Length == 0)
            foreach (string part in Wrap(string.Join(Gap, headings), width - Gap.Length)) text.Append(Gap).Append(part).Append('\n');
        return text.ToString();
    }

    private static List<string> Wrap(string text, int width)
    {
        List<string> lines = [];
        StringBuilder line = new();
        foreach (string word in Words(text))
        {
            if (line.Length > 0 && WidthOf(line.ToString()) + WidthOf(word.TrimEnd()) > width)
            {
                lines.Add(line.ToString().TrimEnd());
                line.Clear();
            }

            line.Append(word);
        }

        lines.Add(line.ToString().TrimEnd());
        return lines;
    }

    /// <summary>What is not broken: up to a space, which stays with it, or one Chinese character.</summary>
    private static IEnumerable<string> Words(string text)
    {
        StringBuilder word = new();
        foreach (Rune rune in text.EnumerateRunes())
        {
            // No line begins with what closes.
            if (word.Length > 0 && !IsClosing(rune) && (IsWide(rune.Value) || (word[^1] == ' ' && rune.Value != ' ') || IsWide(word[^1])))
            {
                yield return word.ToString();
                word.Clear();
            }

            word.Append(rune.ToString());
        }

        yield return word.ToString();
    }

    private static bool IsClosing(Rune rune) => rune.Value is '，' or '。' or '；' or '：' or '、' or '）' or '」' or '〕' or '》' or ')';

    private static int WidthOf(Rune rune) => IsWide(rune.Value) ? 2 : 1;

    // The wide and full-width blocks of Unicode's East Asian Width that Chinese text uses.
    private static bool IsWide(int codePoint) => codePoint is
        (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE4F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x20000 and <= 0x3FFFD);
}
