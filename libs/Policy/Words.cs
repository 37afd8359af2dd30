using System.Globalization;

namespace Claims.Policy;

/// <summary>What the parts of a policy are called in Chinese, for notices, answers and statements alike.</summary>
public static class Words
{
    /// <summary>年度最高支付限额, 单日费用限额, 年度支付次数限额.</summary>
    public static string NameOf(Cap cap)
    {
        ArgumentNullException.ThrowIfNull(cap);
        return NameOf(cap.Per) + cap.Of switch
        {
            Measure.Cost => "费用限额",
            Measure.Count => "支付次数限额",
            _ => "最高支付限额",
        };
    }

    /// <summary>The same with whom it holds for, where it does not hold for all: 年度最高支付限额（省市县其他等级）.</summary>
    public static string NameOf(Cap cap, OutpatientPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(cap);
        ArgumentNullException.ThrowIfNull(policy);
        string[] labels =
        [
            .. policy.FacilityClasses.Where(one => cap.FacilityClasses.Contains(one.Name)).Select(one => one.Label),
            .. policy.PersonClasses.Where(one => cap.PersonClasses.Contains(one.Name)).Select(one => one.Label),
        ];
        return labels.Length == 0 ? NameOf(cap) : $"{NameOf(cap)}（{string.Join("、", labels)}）";
    }

    /// <summary>起付标准（每日每机构）, 起付标准（每年）; what is taken after the rate says so.</summary>
    public static string NameOf(Deductible deductible)
    {
        ArgumentNullException.ThrowIfNull(deductible);
        string place = deductible is { Per: not Period.Visit, AtFacility: true } ? "每机构" : "";
        return $"起付标准（{Each(deductible.Per)}{place}{(deductible.AfterRate ? "，按比例计算后扣除" : "")}）";
    }

    /// <summary>起付标准年度累计上限.</summary>
    public static string NameOf(AtMost atMost)
    {
        ArgumentNullException.ThrowIfNull(atMost);
        return $"起付标准{NameOf(atMost.Per)}累计上限";
    }

    /// <summary>费用分段（年度累计）.</summary>
    public static string NameOf(Bands bands)
    {
        ArgumentNullException.ThrowIfNull(bands);
        return $"费用分段（{NameOf(bands.Per)}{(bands.Per == Period.Visit ? "" : "累计")}）";
    }

    /// <summary>As an adjective: 单次, 单日, 月度, 季度, 年度.</summary>
    public static string NameOf(Period period) => period switch
    {
        Period.Visit => "单次",
        Period.Day => "单日",
        Period.Month => "月度",
        Period.Quarter => "季度",
        _ => "年度",
    };

    /// <summary>As an adverb: 每次, 每日, 每月, 每季度, 每年.</summary>
    public static string Each(Period period) => period switch
    {
        Period.Visit => "每次",
        Period.Day => "每日",
        Period.Month => "每月",
        Period.Quarter => "每季度",
        _ => "每年",
    };

    /// <summary>One period as the reply's <c>limits</c> name it: 2025, 2025-Q2, 2025-06, 2025-06-18; empty for a visit.</summary>
    public static string KeyOf(Period period, DateOnly day) => period switch
    {
        Period.Visit => "",
        Period.Day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Period.Month => day.ToString("yyyy-MM", CultureInfo.InvariantCulture),
        Period.Quarter => string.Create(CultureInfo.InvariantCulture, $"{day.Year:0000}-Q{((day.Month - 1) / 3) + 1}"),
        _ => day.ToString("yyyy", CultureInfo.InvariantCulture),
    };

    /// <summary>ORDINARY → 普通门诊.</summary>
    public static string VisitType(string visitType) => visitType switch
    {
        "ORDINARY" => "普通门诊",
        "PRENATAL_CHECK" => "产前检查",
        "DELIVERY_NATURAL" => "自然分娩",
        "DELIVERY_CAESAREAN" => "剖宫产",
        _ => visitType,
    };

    /// <summary>四舍五入到分, 到角 or 到元.</summary>
    public static string RoundedTo(Rounding rounding)
    {
        ArgumentNullException.ThrowIfNull(rounding);
        return rounding.UnitFen switch
        {
            100 => "四舍五入到元",
            10 => "四舍五入到角",
            _ => "四舍五入到分",
        };
    }

    /// <summary>A limit's amount as a person reads it: 300元, 5次.</summary>
    public static string Amount(Measure measure, long amount) =>
        measure == Measure.Count ? string.Create(CultureInfo.InvariantCulture, $"{amount}次") : Show.Yuan(amount);
}
