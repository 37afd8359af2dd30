namespace Claims.Cli.Conformance;

public enum Verdict
{
    Handled,
    NotHandled,
    NotTried,
}

/// <summary>What a judge can say of the calls seen so far.</summary>
/// <param name="Verdict">Null while it depends on what comes next.</param>
/// <param name="Seen">Chinese; what was seen.</param>
/// <param name="Should">Chinese; what should have come, or is to come.</param>
public sealed record Finding(Verdict? Verdict, string Seen = "", string Should = "", string Clause = "")
{
    /// <summary>As long as nothing else comes.</summary>
    public static Finding Handled { get; } = new(Conformance.Verdict.Handled);

    /// <summary>The situation has not come about.</summary>
    public static Finding Idle { get; } = new(Conformance.Verdict.NotTried, "没有看到本情形所需的调用");

    /// <summary>The situation has come about, and this is still to come.</summary>
    public static Finding Awaits(string seen, string should, string clause) => new(null, seen, should, clause);

    /// <summary>Whatever comes next.</summary>
    public static Finding Wrong(string seen, string should, string clause) =>
        new(Conformance.Verdict.NotHandled, seen, should, clause);
}

/// <summary>Where it is written what should come.</summary>
public static class Clauses
{
    private const string Integration = "docs/his-integration.md#";

    public const string States = Integration + "the-states-of-a-visit-at-the-counter";
    public const string Limits = Integration + "time-limits";
    public const string Fields = Integration + "fields-and-where-they-stand-in-the-national-interface";
    public const string Day = Integration + "reconciling-the-day";
    public const string Keep = Integration + "what-to-keep";
    public const string Reasons = "docs/reasons.md#reasons";

    public static IReadOnlyList<string> All { get; } = [States, Limits, Fields, Day, Keep, Reasons];
}
