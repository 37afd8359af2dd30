using System.Globalization;
using Claims.Eligibility.History;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Eligibility.Enrolment;

/// <summary>What decides an insured's visit on a day, a sentence a fact. Names are not told.</summary>
internal static class InsuredExplanation
{
    private static readonly Dictionary<string, string> Categories = new(StringComparer.Ordinal)
    {
        ["general"] = "普通居民",
        ["student"] = "学生",
        ["newborn"] = "新生儿",
        ["residence_permit"] = "居住证持有人",
        ["destitute"] = "特困人员",
        ["low_income"] = "低保对象",
        ["relapse_risk"] = "农村易返贫致贫人口",
        ["disabled"] = "丧失劳动能力残疾人",
        ["low_income_edge"] = "低保边缘",
        ["child_in_difficulty"] = "困境儿童",
    };

    /// <param name="spans">Of every plan year.</param>
    public static Explanation Of(string insuredId, IReadOnlyList<RegisteredSpan> spans, DateOnly day, PolicyPack policy)
    {
        Explanation told = new();
        CoverageRules? rules = policy.CoverageFor(day.Year);
        foreach (RegisteredSpan span in spans.Where(span => span.Row.PlanYear == day.Year))
        {
            EnrolmentRow row = span.Row;
            string county = policy.Counties.TryGetValue(row.County, out County? known) ? known.Name : row.County;
            Say($"{day.Year}年度在{county}参加{(row.Scheme == "resident" ? "城乡居民医保" : "职工医保")}，"
                + $"类别为{Categories.GetValueOrDefault(row.Category, row.Category)}"
                + $"{(row.College.Length > 0 ? $"，就读于{Colleges.LabelOf(row.College)}" : "")}。", span.Change.Source());
            if (policy.CountiesOutsidePooling.TryGetValue(row.County, out string? outside)) Say($"{county}不在本市市级统筹范围内。", outside);
            if (rules is null) Say($"系统中没有{day.Year}年度的待遇享受期规定。", "");
            else SayBegin(row, rules);
            if (row.BeginsLater is { } begins) Say($"本段参保自{Days.Text(begins)}起。", span.Change.Source());
            if (row.EndedOn is { } ended) Say($"本段参保至{Days.Text(ended)}止，原因：{EndCauses.LabelOf(row.EndCause)}。", span.Change.Source());
        }

        Refusal? refusal = CoverageChecks.CheckInsured(policy, TermsOf(insuredId, spans, policy), day, out _);
        told.Holds = refusal is null;
        Say(refusal is null ? $"{Days.Text(day)}享受城乡居民医保待遇。" : refusal.Text, refusal?.Code ?? "");
        return told;

        void Say(string text, string source) => told.Sentences.Add(new Sentence { Text = text, Source = source });

        void SayBegin(EnrolmentRow row, CoverageRules rules)
        {
            string general = rules.WaitingDays?.Source ?? rules.TransferCoveredAfterDays.Source;
            if (row.PaidOn is not { } paid)
            {
                Say("尚未缴费，缴费之前不享受待遇。", general);
                return;
            }

            if (CoverageOf.Begin(row, rules) is not var (_, covered, rule))
            {
                Say($"{Days.Text(paid)}缴费，没有可以享受{row.PlanYear}年度待遇的规定。", general);
                return;
            }

            (string text, string source) = rule switch
            {
                BeginRule.PaidBefore => ($"{Days.Text(paid)}缴费，在{row.PlanYear}年之前，自{Days.Text(covered)}起享受待遇。", general),
                BeginRule.Newborn => ($"{Days.Text(covered)}出生，自出生之日起享受待遇。", rules.NewbornSource),
                BeginRule.Exempt => ($"{Days.Text(paid)}缴费，{Categories.GetValueOrDefault(row.Category, row.Category)}不设等待期，"
                    + $"自{Days.Text(covered)}起享受待遇。", rules.ExemptCategories[row.Category]),
                BeginRule.Transfer => (string.Create(CultureInfo.InvariantCulture,
                    $"原参保于{Days.Text(row.TransferEndedOn!.Value)}中断，{rules.TransferMonths.Value}个月内于{Days.Text(paid)}缴费，")
                    + $"不设等待期，自{Days.Text(covered)}起享受待遇。", rules.TransferMonths.Source),
                _ => (string.Create(CultureInfo.InvariantCulture,
                    $"{Days.Text(paid)}缴费，等待期{rules.WaitingDays!.Value.Value}天，自{Days.Text(covered)}起享受待遇。"), general),
            };
            Say(text, source);
        }
    }

    private static InsuredTerms? TermsOf(string insuredId, IReadOnlyList<RegisteredSpan> spans, PolicyPack policy)
    {
        if (spans.Count == 0) return null;
        LookupReply reply = new();
        InsuredAnswers answers = new(reply, [insuredId], inNumbers: true);
        foreach (RegisteredSpan span in spans)
            answers.Add(insuredId, span.Row, CoverageOf.Row(span.Row, policy.CoverageFor(span.Row.PlanYear)));
        return EligibilityTerms.Of(insuredId, reply.Enrolled[0]);
    }
}
