using Claims.Eligibility.History;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.Eligibility.Facilities;

/// <summary>What decides a visit at a facility on a day, a sentence a fact.</summary>
internal static class FacilityExplanation
{
    private static readonly Dictionary<AdminLevel, string> Levels = new()
    {
        [AdminLevel.Province] = "省级",
        [AdminLevel.City] = "市级",
        [AdminLevel.County] = "县级",
        [AdminLevel.Township] = "乡镇卫生院",
        [AdminLevel.Community] = "社区卫生服务机构",
        [AdminLevel.Village] = "村卫生室",
    };

    public static Explanation Of(FacilityRecord record, DateOnly day, PolicyPack policy)
    {
        Facility facility = new() { FacilityCode = record.FacilityCode };
        facility.Periods.AddRange(record.Periods);
        facility.Suspensions.AddRange(record.Suspensions.Select(suspension => suspension.Suspension));
        FacilityHistory history = EligibilityTerms.Of(facility);
        Explanation told = new();

        string registered = record.Change.Source();
        if (record.Periods.FirstOrDefault(period => Holds(period.ValidFrom, period.ValidTo, day)) is { } period)
        {
            string county = policy.Counties.TryGetValue(period.County, out County? known) ? known.Name : period.County;
            Say($"{period.Name}（{record.FacilityCode}）{Days.Text(day)}登记为{Levels[period.AdminLevel]}，"
                + $"等级{(period.Grade == "none" ? "未定" : period.Grade)}，属{county}"
                + $"{Between("，", period.ValidFrom, period.ValidTo)}。", registered);
            Say(period.PooledFrom.Length == 0
                ? "登记中没有门诊统筹协议。"
                : $"门诊统筹协议{Between("", period.PooledFrom, period.PooledTo)}。", registered);
        }
        else
        {
            Say($"登记中没有{record.FacilityCode}在{Days.Text(day)}的级别和等级。", registered);
        }

        foreach (SuspensionRecord suspension in record.Suspensions)
        {
            DateOnly from = WireDate.Parse(suspension.Suspension.SuspendedFrom)!.Value;
            Say($"自{Days.Text(from)}起暂停门诊统筹，原因：{suspension.Suspended.Reason}。", suspension.Suspended.Source());
            if (suspension.Resumed is not { } resumed) continue;
            Say($"自{Days.Text(WireDate.Parse(suspension.Suspension.ResumedFrom)!.Value)}起恢复，原因：{resumed.Reason}。", resumed.Source());
        }

        FacilityTerms? pooled = history.PooledOn(day);
        told.Holds = pooled is not null;
        if (pooled is null)
        {
            Say(history.NotPooledOn(day), "");
            return told;
        }

        if (policy.OutpatientOn(day) is not { } outpatient)
        {
            told.Holds = false;
            Say($"系统中没有{Days.Text(day)}适用的门诊统筹政策，不能结算。", "");
            return told;
        }

        FacilityClass tier = outpatient.FacilityClassOf(pooled.AdminLevel, pooled.Grade);
        foreach (PersonClass person in outpatient.PersonClasses)
        {
            Terms? found = new TermsCatalogue(policy).Find(outpatient, pooled.AdminLevel, pooled.Grade, person, VisitType.Ordinary);
            if (found is not { } terms) continue;
            string people = outpatient.PersonClasses.Length > 1 ? $"{person.Label}，" : "";
            foreach (RatePart part in terms.Parts)
                Say($"{people}{terms.BenefitLabel}按{tier.Label}结算，支付比例{part.RateBasisPoints / 100m:0.##}%。", part.Source);
            foreach (LimitTerms limit in terms.Limits.Where(limit => limit.Name == "deductible"))
                Say($"{people}{limit.Label}{limit.Limit / 100m:0.##}元。", limit.Source);
        }

        Say($"{Days.Text(day)}的就诊可以由门诊统筹结算。", "");
        return told;

        void Say(string text, string source) => told.Sentences.Add(new Sentence { Text = text, Source = source });
    }

    private static bool Holds(string from, string to, DateOnly day) =>
        !(WireDate.Parse(from) > day) && !(WireDate.Parse(to) < day);

    private static string Between(string before, string from, string to)
    {
        string begun = WireDate.Parse(from) is { } first ? $"自{Days.Text(first)}起" : "";
        string ends = WireDate.Parse(to) is { } last ? $"至{Days.Text(last)}止" : "";
        return begun.Length + ends.Length > 0 ? before + begun + ends : "";
    }
}
