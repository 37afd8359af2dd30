using System.Text;
using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>A page in Markdown: its links, and the anchors that others may link to, as GitHub names them.</summary>
internal sealed partial class Document
{
    private readonly string _path;
    private readonly List<string> _links = [];
    private readonly HashSet<string> _anchors = new(StringComparer.Ordinal);

    public Document(string path, string text)
    {
        _path = path;
        Prose = Fences().Replace(text, "");
        foreach (Match link in Links().Matches(Codes().Replace(Prose, ""))) _links.Add(link.Groups["target"].Value);
        foreach (Match heading in Headings().Matches(Prose)) AddAnchor(heading.Groups["text"].Value.Trim());
    }

    /// <summary>Without what stands between fences.</summary>
    public string Prose { get; }

    /// <param name="read">Another page of the repository; null where the path is that of no file or folder.</param>
    /// <returns>Links that lead nowhere.</returns>
    public IEnumerable<string> Broken(Func<string, Document?> read)
    {
        foreach (string link in _links.Where(link => !link.Contains("://", StringComparison.Ordinal)))
        {
            string[] parts = link.Split('#', 2);
            string folder = Path.GetDirectoryName(_path)!;
            string path = Path.GetFullPath(Path.Combine("/", folder, parts[0]));
            Document? target = parts[0].Length == 0 ? this : read(Path.GetRelativePath("/", path));
            if (target is null || (parts.Length > 1 && !target._anchors.Contains(parts[1]))) yield return $"{_path}: {link}";
        }
    }

    private void AddAnchor(string heading)
    {
        StringBuilder anchor = new();
        foreach (Rune rune in heading.ToLowerInvariant().EnumerateRunes())
        {
            if (rune.Value == ' ') anchor.Append('-');
            else if (Rune.IsLetterOrDigit(rune) || rune.Value is '-' or '_') anchor.Append(rune);
        }

        string name = anchor.ToString();
        for (int again = 1; !_anchors.Add(name); again++) name = $"{anchor}-{again}";
    }

    [GeneratedRegex("^ *```[^\n]*\n.*?^ *```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fences();

    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex Codes();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Links();

    [GeneratedRegex(@"^#{1,6} +(?<text>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Headings();
}
