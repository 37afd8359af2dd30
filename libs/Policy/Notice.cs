using System.Collections.Immutable;
using System.Globalization;

namespace Claims.Policy;

/// <param name="Source">Clause and ruling; empty where the line needs none.</param>
public sealed record NoticeLine(string Item, string Value, string Source);

public sealed record NoticeSection(string Title, ImmutableArray<NoticeLine> Lines);

/// <summary>A period of a policy in Chinese, in the order in which a notice states it.</summary>
public static class Notice
{
    private static readonly ImmutableSortedDictionary<string, string> AdminLevels = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["province"] = "省级",
        ["city"] = "市级",
        ["county"] = "县级",
        ["township"] = "乡镇",
        ["community"] = "社区",
        ["village"] = "村级",
    }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    private static readonly string[] AdminLevelsInOrder = ["province", "city", "county", "township", "community", "village"];

    public static ImmutableArray<NoticeSection> Of(OutpatientPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        List<NoticeSection> sections = [new("机构类别", [.. policy.FacilityClasses.Select(Line)])];
        if (policy.PersonClasses.Length > 1) sections.Add(new("人员类别", [.. policy.PersonClasses.Select(Line)]));
        sections.AddRange(policy.Benefits.Select(benefit => new NoticeSection(benefit.Label, [.. Lines(policy, benefit)])));
        sections.Add(new("计算", [new("四舍五入", $"统筹基金支付的每一部分{Words.RoundedTo(policy.Rounding)}", SourceOf(policy.Rounding))]));
        return [.. sections];
    }

    private static NoticeLine Line(FacilityClass one)
    {
        List<string> conditions = [];
        if (!one.AdminLevels.IsEmpty)
            conditions.Add(string.Join("、", AdminLevelsInOrder.Where(one.AdminLevels.Contains).Select(level => AdminLevels[level])));
        if (!one.Grades.IsEmpty) conditions.Add(string.Join("、", one.Grades.Select(Grade)));
        return new(one.Label, conditions.Count == 0 ? "以上各类以外的机构" : string.Join("，", conditions), "");
    }

    private static NoticeLine Line(PersonClass one)
    {
        List<string> conditions = [];
        if (one.AgeFrom is { } from) conditions.Add(string.Create(CultureInfo.InvariantCulture, $"就诊时年满{from}周岁"));
        if (one.AgeBelow is { } below) conditions.Add(string.Create(CultureInfo.InvariantCulture, $"就诊时未满{below}周岁"));
        if (!one.Categories.IsEmpty) conditions.Add($"参保类别为{string.Join("、", one.Categories)}");
        return new(one.Label, conditions.Count == 0 ? "以上各类以外的人员" : string.Join("，", conditions), "");
    }

    private static IEnumerable<NoticeLine> Lines(OutpatientPolicy policy, Benefit benefit)
    {
        foreach ((string visitType, string source) in benefit.VisitTypes) yield return new("就诊类型", Words.VisitType(visitType), source);
        if (benefit.EntryAtLeastFen is { Value: > 0 } entry)
            yield return new("单次门槛", $"政策范围内费用不足{Show.Yuan(entry.Value)}的，不予支付", SourceOf(entry));
        if (benefit.Deductible is { } deductible)
        {
            string shared = Shared(policy, deductible.Group, benefit);
            foreach (NoticeLine line in Rows(deductible.Fen, Words.NameOf(deductible) + shared, fen => fen == 0 ? "不设" : Show.Yuan(fen)))
                yield return line;
            if (deductible.AtMost is { } atMost)
            {
                foreach (NoticeLine line in Rows(atMost.Fen, Words.NameOf(atMost) + shared, Show.Yuan)) yield return line;
            }
        }

        if (benefit.Bands is { } bands) yield return new(Words.NameOf(bands), Edges(bands.EdgesFen.Value), SourceOf(bands.EdgesFen));
        if (benefit.RateBasisPoints is { } rates)
        {
            foreach (NoticeLine line in Rows(rates, "支付比例", basisPoints => Show.Percent((int)basisPoints))) yield return line;
        }

        if (benefit.FixedSum is { } sum)
        {
            foreach (NoticeLine line in Rows(sum.Fen, "定额补助", Show.Yuan)) yield return line;
            if (sum.NotAgainWithinDays is { } days)
            {
                yield return new(
                    "再次补助", string.Create(CultureInfo.InvariantCulture, $"两次就诊日期相隔不足{days.Value}天的，后一次不予支付"), SourceOf(days));
            }
        }

        foreach (Cap cap in benefit.Caps)
        {
            string name = Words.NameOf(cap, policy) + Shared(policy, cap.Group, benefit);
            Func<long, string> show = amount => Words.Amount(cap.Of, amount);
            foreach (NoticeLine line in Rows(cap.Limit, name, show, cap.FacilityClasses, cap.PersonClasses)) yield return line;
        }

        IEnumerable<NoticeLine> Rows(
            ValueTable table, string name, Func<long, string> show, ImmutableSortedSet<string>? facilities = null,
            ImmutableSortedSet<string>? persons = null) =>
            table.Compact(policy, benefit, facilities ?? [], persons ?? []).Select(row => new NoticeLine(
                string.Join(" ", new[] { name, string.Join("、", Labels(row)) }.Where(part => part.Length > 0)),
                show(row.Value.Value),
                SourceOf(row.Value)));
    }

    private static IEnumerable<string> Labels(CompactRow row)
    {
        if (row.Person is { } person) yield return person.Label;
        if (row.VisitType is { } visitType) yield return Words.VisitType(visitType);
        if (row.Facility is { } facility) yield return facility.Label;
        if (row.Band is { } band) yield return string.Create(CultureInfo.InvariantCulture, $"第{band}段");
    }

    private static string Edges(ImmutableArray<long> edgesFen)
    {
        IEnumerable<string> bands = edgesFen.Select((edge, index) => string.Create(CultureInfo.InvariantCulture,
            $"第{index + 1}段{(index == 0 ? "" : $"{Show.Yuan(edgesFen[index - 1])}以上")}至{Show.Yuan(edge)}"));
        return string.Join("，", bands.Append(string.Create(CultureInfo.InvariantCulture,
            $"第{edgesFen.Length + 1}段{Show.Yuan(edgesFen[^1])}以上")));
    }

    // A group's name is the names of its benefits joined by +, and for a cap its own after a dot.
    private static string Shared(OutpatientPolicy policy, string group, Benefit benefit)
    {
        string[] names = group.Split('.')[0].Split('+');
        string[] others = [.. policy.Benefits.Where(one => one != benefit && names.Contains(one.Name)).Select(one => one.Label)];
        return others.Length == 0 ? "" : $"（与{string.Join("、", others)}合并计算）";
    }

    private static string Grade(string grade) => grade switch
    {
        "none" => "未定级",
        [var level, .. var rest] => $"{"一二三"[level - '1']}级{rest switch
        {
            "A" => "甲等",
            "B" => "乙等",
            "C" => "丙等",
            _ => rest,
        }}",
        _ => grade,
    };

    private static string SourceOf<T>(Cited<T> cited) => SourceOf(cited.Source, cited.Ruling);

    private static string SourceOf(Rounding rounding) => SourceOf(rounding.Source ?? "", rounding.Ruling);

    private static string SourceOf(string source, string? ruling) =>
        ruling is null ? source : source.Length == 0 ? $"裁定 {ruling}" : $"{source}（裁定 {ruling}）";
}
