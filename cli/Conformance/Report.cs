using System.Globalization;

namespace Claims.Cli.Conformance;

/// <summary>What was found, for people and as data.</summary>
public static class Report
{
    public static string Mark(Verdict verdict) => verdict switch
    {
        Verdict.Handled => "通过",
        Verdict.NotHandled => "未通过",
        _ => "未测",
    };

    /// <summary>What was seen, what should have come, and where it is written; empty where there is nothing to say.</summary>
    public static string Why(Outcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        if (outcome.Verdict is Verdict.Handled) return "";
        string should = outcome.Should.Length > 0 ? $"。应当：{outcome.Should}" : "";
        string clause = outcome.Clause.Length > 0 ? $"（{outcome.Clause}）" : "";
        return $"：{outcome.Seen}{should}{clause}";
    }

    public static void Print(IReadOnlyList<Outcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        Output.Line("");
        Output.Table([">序号", "名称", "情形", "结论"], outcomes.Select(outcome => new[]
        {
            outcome.Number.ToString(CultureInfo.InvariantCulture), outcome.Situation.Key, outcome.Situation.Title, Mark(outcome.Verdict),
        }));
        foreach (Outcome outcome in outcomes.Where(outcome => outcome.Verdict is not Verdict.Handled))
            Output.Line($"{outcome.Number} {outcome.Situation.Title} {Mark(outcome.Verdict)}{Why(outcome)}");
        if (outcomes.Any(outcome => outcome.Situation.Look.Length > 0))
        {
            Output.Line("");
            Output.Line("须由人在窗口屏幕上查看，不计入结论：");
            foreach (Outcome outcome in outcomes.Where(outcome => outcome.Situation.Look.Length > 0))
                Output.Line($"{outcome.Number} {outcome.Situation.Title}：{outcome.Situation.Look}");
        }

        Output.Line("");
        Output.Line($"{Count(outcomes, Verdict.Handled)} 项通过，{Count(outcomes, Verdict.NotHandled)} 项未通过，"
            + $"{Count(outcomes, Verdict.NotTried)} 项未测。");
    }

    public static void PrintJson(string facility, int asked, IReadOnlyList<Outcome> outcomes) => Output.WriteJson(new
    {
        Facility = facility,
        Asked = asked,
        Handled = Count(outcomes, Verdict.Handled),
        NotHandled = Count(outcomes, Verdict.NotHandled),
        NotTried = Count(outcomes, Verdict.NotTried),
        Situations = outcomes.Select(outcome => new
        {
            outcome.Number,
            outcome.Situation.Key,
            outcome.Situation.Title,
            Verdict = outcome.Verdict switch
            {
                Verdict.Handled => "handled",
                Verdict.NotHandled => "not handled",
                _ => "not tried",
            },
            outcome.Seen,
            outcome.Should,
            outcome.Clause,
            ToLookAt = outcome.Situation.Look,
        }),
    });

    private static int Count(IReadOnlyList<Outcome> outcomes, Verdict verdict) => outcomes.Count(outcome => outcome.Verdict == verdict);
}
