using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;

namespace Claims.Rules;

/// <summary>What a settlement was reckoned from, and what it came to.</summary>
public readonly record struct Calculation(
    Terms Terms, Tier Tier, FeeParts Fees, Standing Before, Settlement Settlement, Citations Citations);

/// <summary>A settlement that was undone, or stands again. Its own figures in fen, positive, and the use of the annual cap before and
/// after.</summary>
public readonly record struct Undone(
    string SettlementId, long TotalFen, long DeductibleFen, long FundPayFen, long CapUsedBeforeFen, long CapUsedAfterFen);

/// <summary>The calculation in plain Chinese, one sentence a step, each with its document number and clause.</summary>
public static class Trace
{
    // One text is written at a time by a thread, and a trace has 1 kB: the buffer is used again and never grows far.
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _text;

    public static string Of(in Calculation calculation) => Encoding.UTF8.GetString(Utf8Of(calculation));

    /// <returns>In UTF-8, until this thread writes the next.</returns>
    public static ReadOnlySpan<byte> Utf8Of(in Calculation calculation)
    {
        ArrayBufferWriter<byte> text = Begin();
        (Terms terms, Tier tier, FeeParts fees, Standing before, Settlement settlement, Citations citations) = calculation;
        long totalFen = fees.TotalFen;
        long inScopeFen = fees.InScopeFen;
        if (terms.AllowanceFen is { } allowanceFen)
        {
            Write(text, $"一、生育医疗补助定额{Yuan(allowanceFen)}元，费用总额{Yuan(totalFen)}元，按两者中较低者支付，不设起付标准，不占门诊统筹年度限额（{citations.VisitType}）。");
            Write(text, $"二、统筹基金支付{Yuan(settlement.FundPayFen)}元，个人负担{Yuan(totalFen - settlement.FundPayFen)}元。");
            return text.WrittenSpan;
        }

        Write(text, $"一、费用总额{Yuan(totalFen)}元，其中");
        AppendPart(text, "全自费", fees.FullSelfPayFen);
        AppendPart(text, "超限价", fees.OverLimitFen);
        AppendPart(text, "先行自付", fees.PreSelfPayFen);
        Write(text, $"政策范围内{Yuan(inScopeFen)}元，以此为计算基数（{citations.VisitType}）。");
        AppendDeductibleStep(text, terms, before, settlement, citations);
        Write(text, $"三、{TierName(tier)}支付比例{Percent(terms.RateBasisPoints)}：（{Yuan(inScopeFen)}－{Yuan(settlement.DeductibleFen)}）×{Percent(terms.RateBasisPoints)}＝{Yuan(settlement.UncappedFen)}元（{citations.Rate}）。");
        AppendCapStep(text, terms, before, settlement, citations);
        Write(text, $"五、统筹基金支付{Yuan(settlement.FundPayFen)}元，个人负担{Yuan(totalFen - settlement.FundPayFen)}元。");
        return text.WrittenSpan;
    }

    public static string OfCancellation(in Undone undone)
    {
        ArrayBufferWriter<byte> text = Begin();
        Write(text, $"一、撤销结算{undone.SettlementId}，费用总额{Yuan(undone.TotalFen)}元。二、退回统筹基金支付{Yuan(undone.FundPayFen)}元，"
            + $"退回个人负担{Yuan(undone.TotalFen - undone.FundPayFen)}元。三、恢复起付标准{Yuan(undone.DeductibleFen)}元；"
            + $"年度已用限额由{Yuan(undone.CapUsedBeforeFen)}元恢复为{Yuan(undone.CapUsedAfterFen)}元。");
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    public static string OfRestoration(in Undone restored)
    {
        ArrayBufferWriter<byte> text = Begin();
        Write(text, $"一、撤销已冲正，结算{restored.SettlementId}恢复有效，费用总额{Yuan(restored.TotalFen)}元。二、统筹基金支付{Yuan(restored.FundPayFen)}元，"
            + $"个人负担{Yuan(restored.TotalFen - restored.FundPayFen)}元。三、"
            + $"年度已用限额由{Yuan(restored.CapUsedBeforeFen)}元变为{Yuan(restored.CapUsedAfterFen)}元。");
        return Encoding.UTF8.GetString(text.WrittenSpan);
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

    private static void AppendDeductibleStep(
        ArrayBufferWriter<byte> text, Terms terms, Standing before, Settlement settlement, Citations citations)
    {
        if (terms.TariffFen == 0)
        {
            Write(text, $"二、基层定点医疗机构不设起付标准（{citations.Deductible}）。");
            return;
        }

        Write(text, $"二、起付标准{Yuan(terms.TariffFen)}元");
        if (before.BorneFen > 0) Write(text, $"，当日在本机构已负担{Yuan(before.BorneFen)}元");
        Write(text, $"，本次负担起付标准{Yuan(settlement.DeductibleFen)}元（{citations.Deductible}）。");
    }

    private static void AppendCapStep(
        ArrayBufferWriter<byte> text, Terms terms, Standing before, Settlement settlement, Citations citations)
    {
        Write(text, $"四、年度最高支付限额{Yuan(terms.CapFen)}元，此前已用{Yuan(before.CapUsedFen)}元");
        switch (settlement.ReasonCode)
        {
            case Reasons.CapExhausted:
                Write(text, $"，限额已用完，本次不再支付");
                break;
            case Reasons.CapReached:
                Write(text, $"，本次只能支付剩余的{Yuan(settlement.FundPayFen)}元");
                break;
            default:
                Write(text, $"，本次未超过限额");
                break;
        }

        Write(text, $"（{citations.Cap}）。");
    }

    private static string TierName(Tier tier) => tier switch
    {
        Tier.Province3A => "省级三级甲等定点医疗机构",
        Tier.Grassroots => "基层定点医疗机构",
        Tier.Other => "省、市、县其他等级定点医疗机构",
        _ => throw new ArgumentOutOfRangeException(nameof(tier), tier, "has no name"),
    };

    private static Amount Yuan(long fen) => new(fen);

    private static void Write(ArrayBufferWriter<byte> text, [InterpolatedStringHandlerArgument(nameof(text))] Words words)
    {
        // The words have written themselves into the text.
    }

    private static Rate Percent(int basisPoints) => new(basisPoints);

    /// <summary>Fen, written as yuan.</summary>
    private readonly record struct Amount(long Fen);

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
