using System.Collections.Immutable;
using Claims.V1;

namespace Claims.Rules;

/// <summary>One item of the catalogues for one period; dates inclusive, <paramref name="ValidTo"/> null while open.</summary>
/// <param name="FirstSelfPayBasisPoints">What the insured pays first of an item of class B.</param>
/// <param name="PriceLimitMilliFen">Price per unit above which the insured pays; null where there is none.</param>
public sealed record CatalogueTerms(
    string ItemCode, ItemClass Class, int FirstSelfPayBasisPoints, long? PriceLimitMilliFen, DateOnly ValidFrom, DateOnly? ValidTo);

/// <summary>The four parts of an amount, in fen; together they are the amount.</summary>
public readonly record struct FeeParts(long FullSelfPayFen, long OverLimitFen, long PreSelfPayFen, long InScopeFen)
{
    /// <exception cref="OverflowException">The amount is beyond int64.</exception>
    public long TotalFen => FullSelfPayFen + OverLimitFen + PreSelfPayFen + InScopeFen;

    public static FeeParts operator +(FeeParts a, FeeParts b) => new(
        a.FullSelfPayFen + b.FullSelfPayFen,
        a.OverLimitFen + b.OverLimitFen,
        a.PreSelfPayFen + b.PreSelfPayFen,
        a.InScopeFen + b.InScopeFen);
}

/// <summary>What became of a line: its parts, or why it cannot be computed.</summary>
/// <param name="ReasonCode">DUPLICATE_LINE_ID, LINE_AMOUNT_MISMATCH, ITEM_UNKNOWN, ITEM_NOT_IN_FORCE or empty.</param>
public sealed record LineOutcome(string LineId, FeeParts Parts, string ReasonCode);

/// <summary>
/// Fee lines split by the three catalogues, the whole city using the same (郑政办〔2021〕24号 三(二)). How a line is split is the
/// ruling fee-lines of the policy: class C in full to the insured; what is above the price limit to the insured; class B's first
/// self-pay of the rest; the remainder in scope. Each is rounded half up to the fen and the remainder takes the difference, so
/// that a line's parts add up to its amount.
/// </summary>
public static class FeeLines
{
    public const int Most = 500;

    private const int MicroYuanPerMilliFen = 10;

    /// <summary>Milli-fen or micro-yuan, times quantity x 10 000, per fen.</summary>
    private const long UnitsPerFenInMilliFen = 1_000L * 10_000L;
    private const long UnitsPerFenInMicroYuan = UnitsPerFenInMilliFen * MicroYuanPerMilliFen;

    /// <summary>The checks that need no catalogue: each line in itself, and the lines among themselves.</summary>
    /// <returns>Null where every line is sound.</returns>
    public static (Refusal Refusal, ImmutableArray<LineOutcome> Lines)? Check(IReadOnlyList<FeeLine> lines)
    {
        // Most requests have no lines, and pay nothing for the checks of lines.
        return lines.Count == 0 ? null : CheckEach(lines);
    }

    private static (Refusal Refusal, ImmutableArray<LineOutcome> Lines)? CheckEach(IReadOnlyList<FeeLine> lines)
    {
        if (lines.Count > Most) return (Refusal.Invalid("lines", $"超过 {Most} 条。"), []);
        for (int i = 0; i < lines.Count; i++)
        {
            FeeLine line = lines[i];
            Refusal? bad = RequestChecks.CheckCode($"lines[{i}].line_id", line.LineId)
                ?? RequestChecks.CheckCode($"lines[{i}].item_code", line.ItemCode)
                ?? (line.UnitPriceMilliFen < 0 ? Refusal.Invalid($"lines[{i}].unit_price_milli_fen", "不能为负数。") : null)
                ?? (line.UnitPriceMicroYuan < 0 ? Refusal.Invalid($"lines[{i}].unit_price_micro_yuan", "不能为负数。") : null)
                ?? (line is { UnitPriceMilliFen: > 0, UnitPriceMicroYuan: > 0 }
                    ? Refusal.Invalid($"lines[{i}].unit_price_micro_yuan", "与 unit_price_milli_fen 只能填一个。") : null)
                ?? (line.QuantityE4 <= 0 ? Refusal.Invalid($"lines[{i}].quantity_e4", "必须大于 0。") : null)
                ?? (line.AmountFen < 0 ? Refusal.Invalid($"lines[{i}].amount_fen", "不能为负数。") : null);
            if (bad is not null) return (bad, []);
        }

        HashSet<string> seen = new(StringComparer.Ordinal);
        ImmutableArray<LineOutcome> outcomes =
            [.. lines.Select(line => new LineOutcome(line.LineId, default, (seen.Add(line.LineId), IsProduct(line)) switch
        {
            (false, _) => Reasons.DuplicateLineId,
            (_, false) => Reasons.LineAmountMismatch,
            _ => "",
        }))];
        return Refuse(outcomes, lines);
    }

    /// <summary>The lines' amounts together; beyond int64 it is no amount of a request.</summary>
    public static Int128 TotalOf(IEnumerable<FeeLine> lines)
    {
        Int128 total = 0;
        foreach (FeeLine line in lines) total += line.AmountFen;
        return total;
    }

    /// <param name="itemsOf">Every period of an item's code; empty for an unknown one.</param>
    /// <returns>The lines' parts and their sum, or the refusal with the lines that are at fault.</returns>
    public static (Refusal? Refusal, ImmutableArray<LineOutcome> Lines, FeeParts Sum) Split(
        IReadOnlyList<FeeLine> lines, DateOnly visitDate, Func<string, ImmutableArray<CatalogueTerms>> itemsOf)
    {
        ImmutableArray<LineOutcome> outcomes = [.. lines.Select(line => Split(line, visitDate, itemsOf(line.ItemCode)))];
        if (Refuse(outcomes, lines) is { } refused) return (refused.Refusal, refused.Lines, default);

        if (TotalOf(lines) > long.MaxValue) return (Refusal.Invalid("lines", "金额合计超出范围。"), [], default);
        return (null, outcomes, outcomes.Aggregate(default(FeeParts), (sum, line) => sum + line.Parts));
    }

    private static LineOutcome Split(FeeLine line, DateOnly visitDate, ImmutableArray<CatalogueTerms> periods)
    {
        if (periods.IsEmpty) return new LineOutcome(line.LineId, default, Reasons.ItemUnknown);
        CatalogueTerms? item = periods.FirstOrDefault(
            period => period.ValidFrom <= visitDate && (period.ValidTo is null || visitDate <= period.ValidTo));
        if (item is null) return new LineOutcome(line.LineId, default, Reasons.ItemNotInForce);
        if (item.Class is ItemClass.ClassC) return new LineOutcome(line.LineId, new FeeParts(line.AmountFen, 0, 0, 0), "");

        long overLimitFen = item.PriceLimitMilliFen is { } limitMilliFen
            ? (long)Int128.Min(line.AmountFen, OverLimit(line, limitMilliFen))
            : 0;
        long restFen = line.AmountFen - overLimitFen;
        long preSelfPayFen = item.Class is ItemClass.ClassB
            ? (long)((((Int128)restFen * item.FirstSelfPayBasisPoints) + 5_000) / 10_000)
            : 0;
        return new LineOutcome(line.LineId, new FeeParts(0, overLimitFen, preSelfPayFen, restFen - preSelfPayFen), "");
    }

    private static bool IsProduct(FeeLine line) => AmountOf(line) == line.AmountFen;

    /// <summary>Price x quantity in fen, half up, in whichever unit the price is stated.</summary>
    private static Int128 AmountOf(FeeLine line) => line.UnitPriceMicroYuan > 0
        ? Product(line.UnitPriceMicroYuan, line.QuantityE4, UnitsPerFenInMicroYuan)
        : Product(line.UnitPriceMilliFen, line.QuantityE4, UnitsPerFenInMilliFen);

    /// <summary>What is above the price limit, in fen; 0 where the price is within it.</summary>
    private static Int128 OverLimit(FeeLine line, long limitMilliFen) => line.UnitPriceMicroYuan > 0
        ? Product(Int128.Max(line.UnitPriceMicroYuan - ((Int128)limitMilliFen * MicroYuanPerMilliFen), 0), line.QuantityE4,
            UnitsPerFenInMicroYuan)
        : Product(Math.Max(line.UnitPriceMilliFen - limitMilliFen, 0), line.QuantityE4, UnitsPerFenInMilliFen);

    private static Int128 Product(Int128 price, long quantityE4, long unitsPerFen) =>
        ((price * quantityE4) + (unitsPerFen / 2)) / unitsPerFen;

    /// <summary>The price as it is compared between requests: the same in either unit.</summary>
    public static Int128 PriceMicroYuan(FeeLine line) =>
        line.UnitPriceMicroYuan > 0 ? line.UnitPriceMicroYuan : (Int128)line.UnitPriceMilliFen * MicroYuanPerMilliFen;

    private static (Refusal Refusal, ImmutableArray<LineOutcome> Lines)? Refuse(
        ImmutableArray<LineOutcome> outcomes, IReadOnlyList<FeeLine> lines)
    {
        int first = outcomes.ToList().FindIndex(outcome => outcome.ReasonCode.Length > 0);
        if (first < 0) return null;
        LineOutcome fault = outcomes[first];
        string where = $"第 {first + 1} 条费用明细（line_id {fault.LineId}，项目 {lines[first].ItemCode}）";
        Refusal refusal = fault.ReasonCode switch
        {
            Reasons.DuplicateLineId => new Refusal(Reasons.InvalidRequest, $"请求字段 lines[{first}].line_id 重复：{where}的明细编号在本次请求中已出现。"),
            Reasons.LineAmountMismatch => new Refusal(Reasons.AmountsDoNotAddUp, $"{where}单价与数量之积不等于金额，请核对后重新上传。"),
            Reasons.ItemUnknown => new Refusal(Reasons.InvalidRequest, $"请求字段 lines[{first}].item_code 不在医保目录中：{where}，请核对项目编码。"),
            _ => new Refusal(Reasons.InvalidRequest, $"请求字段 lines[{first}].item_code 在就诊日期不在有效期内：{where}，请核对项目编码与就诊日期。"),
        };
        return (refusal, [.. outcomes.Where(outcome => outcome.ReasonCode.Length > 0)]);
    }
}
