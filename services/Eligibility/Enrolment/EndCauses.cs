namespace Claims.Eligibility.Enrolment;

/// <summary>Why a span of cover ended.</summary>
internal static class EndCauses
{
    public const string WithdrawnDuplicate = "withdrawn_duplicate";

    private static readonly Dictionary<string, string> Labels = new(StringComparer.Ordinal)
    {
        ["death"] = "死亡",
        ["employee_scheme"] = "转入职工医保",
        ["moved_away"] = "迁出",
        [WithdrawnDuplicate] = "重复参保退出",
        ["changed"] = "参保信息变更",
    };

    public static IReadOnlyCollection<string> All => Labels.Keys;

    /// <summary>In Chinese; empty for none.</summary>
    public static string LabelOf(string cause) => cause.Length == 0 ? "" : Labels[cause];
}
