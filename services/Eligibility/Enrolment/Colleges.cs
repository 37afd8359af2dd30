namespace Claims.Eligibility.Enrolment;

/// <summary>Kinds of college, whose full-time students' subsidies are shared each in its own way (郑医保〔2023〕6号 二).</summary>
internal static class Colleges
{
    private static readonly Dictionary<string, string> Labels = new(StringComparer.Ordinal)
    {
        ["city_college"] = "市属院校",
        ["provincial_college"] = "省属院校",
        ["central_college"] = "中央属院校",
    };

    public static IReadOnlyCollection<string> All => Labels.Keys;

    /// <summary>In Chinese; empty for none.</summary>
    public static string LabelOf(string college) => college.Length == 0 ? "" : Labels[college];
}
