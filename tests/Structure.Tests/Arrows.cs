using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>Which folders a file of C# names: by using directives, by relative names such as <c>Store.Shards</c>, or in full.</summary>
internal static partial class Arrows
{
    /// <param name="root">Namespace of the project: <c>Claims.Ledger</c>.</param>
    /// <param name="folders">Folders of the project, whose names are those of their namespaces.</param>
    public static IEnumerable<string> NamedIn(string text, string root, IEnumerable<string> folders)
    {
        string code = TextsAndComments().Replace(text, match => match.Value.StartsWith('/') ? "" : "\"\"");
        string parent = Regex.Escape(root[(root.LastIndexOf('.') + 1)..]);
        foreach (string folder in folders)
        {
            // After a dot, as in V1.Funding, it is a member or a namespace of somebody else.
            if (Regex.IsMatch(code, $@"(?<![\w.])(global::)?((Claims\.)?{parent}\.)?{folder}(\.[A-Z]|\s*;)")) yield return folder;
        }
    }

    /// <summary>Rows of the table that lead back to where they began.</summary>
    public static IEnumerable<string> Circles(IReadOnlyDictionary<string, string[]> allowed) =>
        allowed.Keys.Where(folder => Reached(folder, allowed, []).Contains(folder));

    private static HashSet<string> Reached(string folder, IReadOnlyDictionary<string, string[]> allowed, HashSet<string> seen)
    {
        foreach (string next in allowed[folder].Where(seen.Add)) Reached(next, allowed, seen);
        return seen;
    }

    [GeneratedRegex("""\"{3,}[\s\S]*?\"{3,}|@"(?:[^"]|"")*"|"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*[\s\S]*?\*/""", RegexOptions.ExplicitCapture)]
    private static partial Regex TextsAndComments();
}
