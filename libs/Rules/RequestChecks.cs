using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Claims.Policy;
using Claims.V1;

namespace Claims.Rules;

/// <summary>A request that has passed the checks that need nothing but the request and today's date.</summary>
/// <param name="Fees">The four parts; for a request with fee lines they are known only once the catalogue has been asked.</param>
/// <param name="Lines">The fee lines' parts, empty for a request without lines.</param>
public readonly record struct Visit(SettleRequest Request, DateOnly Date, FeeParts Fees, ImmutableArray<LineOutcome> Lines)
{
    public long TotalFen => Fees.TotalFen;
}

/// <summary>Checks of the request itself, in the order that decides which reason is given.</summary>
public static class RequestChecks
{
    /// <summary>Longest identifier of the national interface: request, facility and insured codes.</summary>
    public const int MaxCodeLength = 30;

    /// <param name="today">The natural day in China Standard Time.</param>
    /// <returns>The visit, or the first check that failed.</returns>
    public static (Visit? Visit, Refusal? Refusal) Check(SettleRequest request, DateOnly today)
    {
        if (CheckKey(request.RequestId, request.FacilityCode, request.InsuredId) is { } badKey) return (null, badKey);
        if (!DateOnly.TryParseExact(request.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date))
        {
            return (null, Refusal.Invalid("visit_date", "不是有效日期，应为 yyyy-MM-dd。"));
        }

        if (request.VisitType is VisitType.Unspecified || !Enum.IsDefined(request.VisitType))
        {
            return (null, Refusal.Invalid("visit_type", "缺失或不是已知的就诊类型。"));
        }

        if (request.VisitId.Length > 0 && CheckCode("visit_id", request.VisitId) is { } badVisit) return (null, badVisit);
        if (date > today) return (null, Refusal.Of(Reasons.VisitInFuture));
        if (CheckAmounts(request) is { } badAmount) return (null, badAmount);
        if (request.Lines.Count > 0)
        {
            Int128 lines = FeeLines.TotalOf(request.Lines);
            return request.TotalFen == 0 || lines == request.TotalFen || lines > long.MaxValue
                ? (new Visit(request, date, default, []), null)
                : (null, Apart(lines, request.TotalFen, $"{request.Lines.Count} 条费用明细"));
        }

        Int128 sum = (Int128)request.FullSelfPayFen + request.OverLimitFen + request.PreSelfPayFen + request.InScopeFen;
        FeeParts fees = new(request.FullSelfPayFen, request.OverLimitFen, request.PreSelfPayFen, request.InScopeFen);
        return sum == request.TotalFen ? (new Visit(request, date, fees, []), null) : (null, Apart(sum, request.TotalFen, "四部分费用"));
    }

    /// <summary>Whether what the lines amount to is what the sender states: a total or part of 0 is not stated.</summary>
    public static Refusal? CheckAgainstLines(SettleRequest request, FeeParts computed)
    {
        if (computed.TotalFen <= 0) return Refusal.Invalid("lines", "金额合计必须大于 0。");
        (long Stated, long Computed, string Name)[] pairs =
        [
            (request.TotalFen, computed.TotalFen, "费用总额"),
            (request.FullSelfPayFen, computed.FullSelfPayFen, "全自费"),
            (request.OverLimitFen, computed.OverLimitFen, "超限价"),
            (request.PreSelfPayFen, computed.PreSelfPayFen, "先行自付"),
            (request.InScopeFen, computed.InScopeFen, "政策范围内金额"),
        ];
        foreach ((long stated, long sum, string name) in pairs)
        {
            if (stated == 0 || stated == sum) continue;
            return new Refusal(Reasons.AmountsDoNotAddUp, $"费用明细计算的{name}为{Yuan(sum)}元，与上传的{Yuan(stated)}元不一致，请核对后重新上传。");
        }

        return null;
    }

    /// <summary>The key under which a request is answered once.</summary>
    public static Refusal? CheckKey(string requestId, string facilityCode, string insuredId) =>
        CheckCode("request_id", requestId) ?? CheckCode("facility_code", facilityCode) ?? CheckCode("insured_id", insuredId);

    /// <summary>An identifier has 1 to 30 characters, each of them seen as itself.</summary>
    public static Refusal? CheckCode(string field, string value)
    {
        if (value.Length == 0) return Refusal.Invalid(field, "缺失。");
        // A character may take two UTF-16 units; nothing longer than twice the limit needs counting.
        if (value.Length > 2 * MaxCodeLength) return TooLong();
        int characters = 0;
        bool control = false, hidden = false;
        foreach (Rune character in value.EnumerateRunes())
        {
            characters++;
            if (!PlainText.IsHidden(character)) continue;
            control |= Rune.IsControl(character);
            hidden = true;
        }

        if (characters > MaxCodeLength) return TooLong();
        return control ? Refusal.Invalid(field, "含有控制字符。") : hidden ? Refusal.Invalid(field, "含有不可见的字符。") : null;

        Refusal TooLong() => Refusal.Invalid(field, $"超过 {MaxCodeLength} 个字符。");
    }

    private static Refusal Apart(Int128 sum, long totalFen, string of) => new(
        Reasons.AmountsDoNotAddUp, $"{of}之和为{Yuan(sum)}元，与费用总额{Yuan(totalFen)}元不一致，请核对费用后重新上传。");

    private static string Yuan(Int128 fen) => string.Create(CultureInfo.InvariantCulture, $"{fen / 100}.{(int)(fen % 100):D2}");

    private static Refusal? CheckAmounts(SettleRequest request)
    {
        bool computed = request.Lines.Count > 0;
        if (request.TotalFen < 0 || (request.TotalFen == 0 && !computed)) return Refusal.Invalid("total_fen", "必须大于 0。");
        if (request.FullSelfPayFen < 0) return Refusal.Invalid("full_self_pay_fen", "不能为负数。");
        if (request.OverLimitFen < 0) return Refusal.Invalid("over_limit_fen", "不能为负数。");
        if (request.PreSelfPayFen < 0) return Refusal.Invalid("pre_self_pay_fen", "不能为负数。");
        return request.InScopeFen < 0 ? Refusal.Invalid("in_scope_fen", "不能为负数。") : null;
    }
}
