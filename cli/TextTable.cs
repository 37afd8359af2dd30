using System.Text;

namespace Claims.Cli;

/// <summary>
/// A table in plain text, in which a Chinese character takes two columns. Spectre.Console 0.49 never returns from a table whose
/// Chinese cells are wider than the terminal, so tables are not left to it.
/// </summary>
public static class TextTable
{
    private const string Gap = "  ";

    /// <param name="columns">Headings; one that starts with '>' is of a column of figures, aligned to the right.</param>
    public static string Render(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        string[] headings = [.. columns.Select(column => column.TrimStart('>'))];
        IReadOnlyList<string>[] lines = [headings, .. rows];
        int[] widths = [.. Enumerable.Range(0, columns.Count).Select(column => lines.Max(line => WidthOf(line[column])))];

        StringBuilder text = new();
        foreach (IReadOnlyList<string> line in lines)
        {
            StringBuilder row = new();
            for (int column = 0; column < columns.Count; column++)
            {
                string padding = new(' ', widths[column] - WidthOf(line[column]));
                row.Append(Gap).Append(columns[column].StartsWith('>') ? padding + line[column] : line[column] + padding);
            }
            text.Append(row.ToString().TrimEnd()).Append('\n');
            if (ReferenceEquals(line, headings))
                text.Append(Gap).AppendJoin(Gap, widths.Select(width => new string('─', width))).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Columns of a terminal that a text takes.</summary>
    public static int WidthOf(string text) => text.EnumerateRunes().Sum(rune => IsWide(rune.Value) ? 2 : 1);

    // The wide and full-width blocks of Unicode's East Asian Width that Chinese text uses.
    private static bool IsWide(int codePoint) => codePoint is
        (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE4F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x20000 and <= 0x3FFFD);
}
