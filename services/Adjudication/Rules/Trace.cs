using System.Globalization;
using System.Text;

namespace Claims.Adjudication.Rules;

/// <summary>The calculation in plain Chinese, one sentence a step, each with its document number and clause.</summary>
public static class Trace
{
    /// <param name="totalFen">The visit's total; <paramref name="inScopeFen"/> is the part within the scope of the policy.</param>
    public static string Of(Terms terms, Tier tier, long totalFen, long inScopeFen, Standing before, Settlement settlement, Citations citations)
    {
        StringBuilder text = new(capacity: 256);
        if (terms.AllowanceFen is { } allowanceFen)
        {
            text.Append(CultureInfo.InvariantCulture, $"一、生育医疗补助定额{Yuan(allowanceFen)}元，费用总额{Yuan(totalFen)}元，按两者中较低者支付，不设起付标准，不占门诊统筹年度限额（{citations.VisitType}）。");
            text.Append(CultureInfo.InvariantCulture, $"二、统筹基金支付{Yuan(settlement.FundPayFen)}元，个人负担{Yuan(totalFen - settlement.FundPayFen)}元。");
            return text.ToString();
        }

        text.Append(CultureInfo.InvariantCulture, $"一、费用总额{Yuan(totalFen)}元，其中政策范围内{Yuan(inScopeFen)}元，以此为计算基数（{citations.VisitType}）。");
        text.Append(DeductibleStep(terms, before, settlement, citations));
        text.Append(CultureInfo.InvariantCulture, $"三、{TierName(tier)}支付比例{Percent(terms.RateBasisPoints)}：（{Yuan(inScopeFen)}－{Yuan(settlement.DeductibleFen)}）×{Percent(terms.RateBasisPoints)}＝{Yuan(settlement.UncappedFen)}元（{citations.Rate}）。");
        text.Append(CapStep(terms, before, settlement, citations));
        text.Append(CultureInfo.InvariantCulture, $"五、统筹基金支付{Yuan(settlement.FundPayFen)}元，个人负担{Yuan(totalFen - settlement.FundPayFen)}元。");
        return text.ToString();
    }

    /// <param name="settlementId">The settlement that was undone; <paramref name="undone"/> has its figures, positive, and the standing before.</param>
    public static string OfCancellation(string settlementId, long totalFen, Accumulators.RecordHeader undone) => string.Create(CultureInfo.InvariantCulture,
        $"一、撤销结算{settlementId}，费用总额{Yuan(totalFen)}元。二、退回统筹基金支付{Yuan(undone.FundPayFen)}元，退回个人负担{Yuan(totalFen - undone.FundPayFen)}元。三、恢复起付标准{Yuan(undone.DeductibleFen)}元；年度已用限额由{Yuan(undone.CapUsedBeforeFen)}元恢复为{Yuan(undone.CapUsedBeforeFen - undone.CappedFundPayFen)}元。");

    /// <param name="settlementId">The settlement that stands again; <paramref name="restored"/> has its figures and the standing before.</param>
    public static string OfRestoration(string settlementId, long totalFen, Accumulators.RecordHeader restored) => string.Create(CultureInfo.InvariantCulture,
        $"一、撤销已冲正，结算{settlementId}恢复有效，费用总额{Yuan(totalFen)}元。二、统筹基金支付{Yuan(restored.FundPayFen)}元，个人负担{Yuan(totalFen - restored.FundPayFen)}元。三、年度已用限额由{Yuan(restored.CapUsedBeforeFen)}元变为{Yuan(restored.CapUsedBeforeFen + restored.CappedFundPayFen)}元。");

    private static string DeductibleStep(Terms terms, Standing before, Settlement settlement, Citations citations)
    {
        if (terms.TariffFen == 0) return $"二、基层定点医疗机构不设起付标准（{citations.Deductible}）。";
        string borne = before.BorneFen == 0 ? "" : $"，当日在本机构已负担{Yuan(before.BorneFen)}元";
        return $"二、起付标准{Yuan(terms.TariffFen)}元{borne}，本次负担起付标准{Yuan(settlement.DeductibleFen)}元（{citations.Deductible}）。";
    }

    private static string CapStep(Terms terms, Standing before, Settlement settlement, Citations citations)
    {
        string standing = $"四、年度最高支付限额{Yuan(terms.CapFen)}元，此前已用{Yuan(before.CapUsedFen)}元";
        string effect = settlement.ReasonCode switch
        {
            Reasons.CapExhausted => "，限额已用完，本次不再支付",
            Reasons.CapReached => $"，本次只能支付剩余的{Yuan(settlement.FundPayFen)}元",
            _ => "，本次未超过限额",
        };
        return $"{standing}{effect}（{citations.Cap}）。";
    }

    private static string TierName(Tier tier) => tier switch
    {
        Tier.Province3A => "省级三级甲等定点医疗机构",
        Tier.Grassroots => "基层定点医疗机构",
        _ => "省、市、县其他等级定点医疗机构",
    };

    private static string Yuan(long fen) => string.Create(CultureInfo.InvariantCulture, $"{fen / 100}.{fen % 100:00}");

    private static string Percent(int basisPoints) => string.Create(CultureInfo.InvariantCulture, $"{basisPoints / 100m:0.##}%");
}
