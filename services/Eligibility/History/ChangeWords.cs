using Claims.V1;

namespace Claims.Eligibility.History;

internal static class ChangeWords
{
    /// <summary>A change as the source of a sentence.</summary>
    public static string Source(this Change change) =>
        $"登记：{change.MadeAt} {change.MadeBy}{(change.Reason.Length > 0 ? $" {change.Reason}" : "")}";
}
