using System.Text.RegularExpressions;

namespace Claims.Policy;

/// <summary>Document number and clauses: <c>郑医保〔2021〕16号 一(一), 三.3; 豫医保办〔2023〕71号 五</c>.</summary>
public static partial class Citation
{
    private const string Clause = @"[一二三四五六七八九十]+(\([一二三四五六七八九十]+\))?(\.[0-9]+)?";

    public static bool IsWellFormed(string citation)
    {
        ArgumentNullException.ThrowIfNull(citation);
        return citation.Split("; ").All(document => Document().IsMatch(document));
    }

    [GeneratedRegex($@"^\p{{IsCJKUnifiedIdeographs}}+〔[0-9]{{4}}〕[0-9]+号 {Clause}(, {Clause})*$",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Document();
}
