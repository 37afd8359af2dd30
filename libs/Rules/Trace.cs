using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;

namespace Claims.Rules;

/// <summary>What a settlement was reckoned from, and what it came to.</summary>
/// <param name="Uses">How the visit met each of the terms' limits.</param>
public readonly record struct Calculation(
    Terms Terms, FeeParts Fees, ReadOnlyMemory<LimitUse> Uses, Settlement Settlement, DateOnly VisitDate);

/// <summary>A settlement that was undone, or stands again: its own figures in fen, positive, and how its limits stand.</summary>
/// <param name="Uses">What the undoing found used, and what the settlement had moved.</param>
public readonly record struct Undone(
    string SettlementId, Terms Terms, long TotalFen, long DeductibleFen, long FundPayFen, ReadOnlyMemory<LimitUse> Uses);

/// <summary>The calculation in plain Chinese, one sentence a step, each with its document number and clause.</summary>
public static class Trace
{
    private static readonly string[] Steps =
        ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", .. Enumerable.Range(11, 30).Select(n => $"（{n}）")];

    // One text is written at a time by a thread, and a trace has 1 kB: the buffer is used again and never grows far.
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _text;

    public static string Of(in Calculation calculation) => Encoding.UTF8.GetString(Utf8Of(calculation));

    /// <returns>In UTF-8, until this thread writes the next.</returns>
    public static ReadOnlySpan<byte> Utf8Of(in Calculation calculation)
    {
        ArrayBufferWriter<byte> text = Begin();
        Terms terms = calculation.Terms;
        FeeParts fees = calculation.Fees;
        ReadOnlySpan<LimitUse> uses = calculation.Uses.Span;
        Settlement settlement = calculation.Settlement;
        long totalFen = fees.TotalFen;
        int step = 1;
        if (terms.FixedSumFen is { } fixedSumFen)
        {
            Number(text, step++);
            Write(text, $"{terms.BenefitLabel}定额{Yuan(fixedSumFen)}元，费用总额{Yuan(totalFen)}元，按两者中较低者支付，不设起付标准");
            Write(text, $"{(terms.Capped || terms.AnnualCap < 0 ? "" : "，不占门诊统筹年度限额")}（{terms.VisitTypeSource}）。");
        }
        else
        {
            Number(text, step++);
            Write(text, $"费用总额{Yuan(totalFen)}元，其中");
            AppendPart(text, "全自费", fees.FullSelfPayFen);
            AppendPart(text, "超限价", fees.OverLimitFen);
            AppendPart(text, "先行自付", fees.PreSelfPayFen);
            Write(text, $"政策范围内{Yuan(fees.InScopeFen)}元，以此为计算基数（{terms.VisitTypeSource}）。");
            if (fees.InScopeFen < terms.EntryAtLeastFen)
            {
                Number(text, step++);
                Write(text, $"单次政策范围内费用未达到{Yuan(terms.EntryAtLeastFen)}元，统筹基金不予支付（{terms.EntrySource}）。");
            }
            else
            {
                step = AppendShares(text, terms, fees.InScopeFen, uses, settlement, step);
            }
        }

        if (terms.FixedSumFen is not null || fees.InScopeFen >= terms.EntryAtLeastFen)
            step = AppendCaps(text, terms, uses, settlement, step);
        Number(text, step);
        Write(text, $"统筹基金支付{Yuan(settlement.FundPayFen)}元，个人负担{Yuan(totalFen - settlement.FundPayFen)}元。");
        return text.WrittenSpan;
    }

    public static string OfCancellation(in Undone undone)
    {
        ArrayBufferWriter<byte> text = Begin();
        Write(text, $"一、撤销结算{undone.SettlementId}，费用总额{Yuan(undone.TotalFen)}元。二、退回统筹基金支付{Yuan(undone.FundPayFen)}元，");
        Write(text, $"退回个人负担{Yuan(undone.TotalFen - undone.FundPayFen)}元。三、恢复起付标准{Yuan(undone.DeductibleFen)}元");
        AppendMoves(text, undone, -1, "恢复为");
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    public static string OfRestoration(in Undone restored)
    {
        ArrayBufferWriter<byte> text = Begin();
        Write(text, $"一、撤销已冲正，结算{restored.SettlementId}恢复有效，费用总额{Yuan(restored.TotalFen)}元。");
        Write(text, $"二、统筹基金支付{Yuan(restored.FundPayFen)}元，个人负担{Yuan(restored.TotalFen - restored.FundPayFen)}元。");
        Write(text, $"三、负担起付标准{Yuan(restored.DeductibleFen)}元");
        AppendMoves(text, restored, 1, "变为");
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    /// <summary>What is used of each cap that the settlement counts against, before and after.</summary>
    private static void AppendMoves(ArrayBufferWriter<byte> text, in Undone undone, int sign, string becomes)
    {
        ReadOnlySpan<LimitUse> uses = undone.Uses.Span;
        for (int index = 0; index < uses.Length; index++)
        {
            (_, long before, long moved) = uses[index];
            LimitTerms limit = undone.Terms.Limits[index];
            if (moved == 0) continue;
            switch (limit.Kind)
            {
                case LimitKind.Count:
                    Write(text, $"；{limit.Label}已用由{Digits(before)}次{becomes}{Digits(before + (sign * moved))}次");
                    break;
                case LimitKind.FundPay or LimitKind.Cost:
                    Write(text, $"；{limit.Label}已用由{Yuan(before)}元{becomes}{Yuan(before + (sign * moved))}元");
                    break;
            }
        }

        Write(text, $"。");
    }

    private static ArrayBufferWriter<byte> Begin()
    {
        ArrayBufferWriter<byte> text = _text ??= new ArrayBufferWriter<byte>(2_048);
        text.ResetWrittenCount();
        return text;
    }

    private static void AppendPart(ArrayBufferWriter<byte> text, string name, long fen)
    {
        if (fen > 0) Write(text, $"{name}{Yuan(fen)}元、");
    }

    /// <summary>Caps on cost, deductible before the rate, rate or bands, deductible after the rate.</summary>
    private static int AppendShares(
        ArrayBufferWriter<byte> text, Terms terms, long inScopeFen, ReadOnlySpan<LimitUse> uses, in Settlement settlement, int step)
    {
        long costFen = inScopeFen;
        long costBeforeFen = 0;
        long deductibleFen = 0;
        long deductibleAfterFen = 0;
        bool hasDeductible = false;
        for (int index = 0; index < uses.Length; index++)
        {
            LimitTerms limit = terms.Limits[index];
            switch (limit.Kind)
            {
                case LimitKind.Cost:
                    Number(text, step++);
                    Write(text, $"{limit.Label}{Yuan(limit.Limit)}元，此前已用{Yuan(uses[index].UsedBefore)}元，本次计入{Yuan(uses[index].Moved)}元");
                    if (uses[index].Moved < costFen) Write(text, $"，超出的{Yuan(costFen - uses[index].Moved)}元由个人负担");
                    Write(text, $"（{limit.Source}）。");
                    costFen = uses[index].Moved;
                    break;
                case LimitKind.DeductibleInOrder or LimitKind.Deductible:
                    hasDeductible = true;
                    deductibleFen = uses[index].Moved;
                    Number(text, step++);
                    AppendDeductible(text, terms, index, uses);
                    break;
                case LimitKind.Bands:
                    costBeforeFen = uses[index].UsedBefore;
                    break;
                case LimitKind.DeductibleAfterInOrder or LimitKind.DeductibleAfter:
                    hasDeductible = true;
                    deductibleAfterFen = uses[index].Moved;
                    break;
            }
        }

        if (!hasDeductible && terms.DeductibleSource.Length > 0)
        {
            Number(text, step++);
            Write(text, $"{terms.FacilityClassLabel}不设起付标准（{terms.DeductibleSource}）。");
        }

        long from = costBeforeFen + deductibleFen;
        long to = costBeforeFen + costFen;
        long sharesFen = 0;
        for (int band = 0; band < terms.Parts.Length; band++)
        {
            RatePart part = terms.Parts[band];
            bool single = terms.Parts.Length == 1;
            long upTo = part.UpToFen == 0 ? to : Math.Min(part.UpToFen, to);
            if (upTo <= from && !single) continue;
            long partFen = Math.Max(upTo - from, 0);
            // One share is what was decided; of several only their sum is stored.
            long shareFen = single
                ? settlement.UncappedFen + deductibleAfterFen
                : Adjudicator.ShareHalfUp(partFen, part.RateBasisPoints, terms.RoundingFen);
            Number(text, step++);
            Write(text, $"{terms.FacilityClassLabel}{terms.PersonClassLabel}");
            if (!single) Write(text, $"第{Digits(band + 1)}费用段");
            Write(text, $"支付比例{Percent(part.RateBasisPoints)}：");
            if (single) Write(text, $"（{Yuan(costFen)}－{Yuan(deductibleFen)}）");
            else Write(text, $"{Yuan(partFen)}");
            Write(text, $"×{Percent(part.RateBasisPoints)}＝{Yuan(shareFen)}元（{part.Source}）。");
            from = upTo;
            sharesFen += shareFen;
        }

        for (int index = 0; index < uses.Length; index++)
        {
            if (terms.Limits[index].Kind is not (LimitKind.DeductibleAfterInOrder or LimitKind.DeductibleAfter)) continue;
            Number(text, step++);
            Write(text, $"从{Yuan(sharesFen)}元中扣除：");
            AppendDeductible(text, terms, index, uses);
        }

        return step;
    }

    private static void AppendDeductible(ArrayBufferWriter<byte> text, Terms terms, int index, ReadOnlySpan<LimitUse> uses)
    {
        LimitTerms limit = terms.Limits[index];
        Write(text, $"{limit.Label}{Yuan(limit.Limit)}元");
        if (uses[index].UsedBefore > 0) Write(text, $"，此前已负担{Yuan(uses[index].UsedBefore)}元");
        if (index > 0 && terms.Limits[index - 1] is { Kind: LimitKind.AtMost } atMost)
            Write(text, $"，{atMost.Label}{Yuan(atMost.Limit)}元，此前已负担{Yuan(uses[index - 1].UsedBefore)}元");
        Write(text, $"，本次负担起付标准{Yuan(uses[index].Moved)}元（{limit.Source}）。");
    }

    /// <summary>Each cap on how often or how much the fund pays, and whether it cut.</summary>
    private static int AppendCaps(
        ArrayBufferWriter<byte> text, Terms terms, ReadOnlySpan<LimitUse> uses, in Settlement settlement, int step)
    {
        for (int index = 0; index < uses.Length; index++)
        {
            LimitTerms limit = terms.Limits[index];
            long left = uses[index].Left;
            switch (limit.Kind)
            {
                case LimitKind.Count:
                    Number(text, step++);
                    Write(text, $"{limit.Label}{Digits(limit.Limit)}次，此前已用{Digits(uses[index].UsedBefore)}次");
                    Write(text, $"{(left == 0 ? "，次数已用完，本次不再支付" : "，本次未超过次数")}（{limit.Source}）。");
                    break;
                case LimitKind.FundPay:
                    Number(text, step++);
                    Write(text, $"{limit.Label}{Yuan(limit.Limit)}元，此前已用{Yuan(uses[index].UsedBefore)}元");
                    if (left >= settlement.UncappedFen) Write(text, $"，本次未超过限额");
                    else if (left == 0) Write(text, $"，限额已用完，本次不再支付");
                    else Write(text, $"，本次只能支付剩余的{Yuan(left)}元");
                    Write(text, $"（{limit.Source}）。");
                    break;
            }
        }

        return step;
    }

    private static void Number(ArrayBufferWriter<byte> text, int step) => Write(text, $"{Steps[step - 1]}、");

    private static Amount Yuan(long fen) => new(fen);

    private static void Write(ArrayBufferWriter<byte> text, [InterpolatedStringHandlerArgument(nameof(text))] Words words)
    {
        // The words have written themselves into the text.
    }

    private static Rate Percent(int basisPoints) => new(basisPoints);

    private static Count Digits(long number) => new(number);

    /// <summary>Fen, written as yuan.</summary>
    private readonly record struct Amount(long Fen);

    /// <summary>A number without a unit.</summary>
    private readonly record struct Count(long Number);

    /// <summary>Basis points, written as per cent with as many decimals as there are.</summary>
    private readonly record struct Rate(int BasisPoints);

    /// <summary>Writes a sentence straight into the text: with a string for each of its dozen amounts, a trace cost more than the
    /// settlement.</summary>
    [InterpolatedStringHandler]
    private readonly ref struct Words
    {
        private readonly ArrayBufferWriter<byte> _text;

        // The lengths that the compiler passes are for handlers with a buffer of their own.
        public Words(int literalLength, int formattedCount, ArrayBufferWriter<byte> text) => _text = text;

        public void AppendLiteral(string words) => AppendFormatted(words);

        public void AppendFormatted(string words) => _text.Advance(Encoding.UTF8.GetBytes(words, _text.GetSpan(3 * words.Length)));

        public void AppendFormatted(Amount amount)
        {
            Append(amount.Fen / 100);
            long rest = amount.Fen % 100;
            Append(['.', (char)('0' + (rest / 10)), (char)('0' + (rest % 10))]);
        }

        public void AppendFormatted(Count count) => Append(count.Number);

        public void AppendFormatted(Rate rate)
        {
            int rest = rate.BasisPoints % 100;
            Append(rate.BasisPoints / 100);
            if (rest > 0) Append(['.', (char)('0' + (rest / 10))]);
            if (rest % 10 > 0) Append([(char)('0' + (rest % 10))]);
            Append(['%']);
        }

        private void Append(long number)
        {
            Utf8Formatter.TryFormat(number, _text.GetSpan(20), out int bytes);
            _text.Advance(bytes);
        }

        private void Append(ReadOnlySpan<char> characters)
        {
            Span<byte> bytes = _text.GetSpan(characters.Length);
            for (int i = 0; i < characters.Length; i++) bytes[i] = (byte)characters[i];
            _text.Advance(characters.Length);
        }
    }
}
