using System.Collections.Immutable;

namespace Claims.Rules;

/// <summary>What the rules make of one visit. Amounts in fen.</summary>
/// <param name="DeductibleFen">Consumed by this visit, before and after the rate.</param>
/// <param name="UncappedFen">What the fund would pay if no cap on what it pays, or on how often, were in the way.</param>
/// <param name="FundPayFen">What the fund pays.</param>
public readonly record struct Settlement(long DeductibleFen, long UncappedFen, long FundPayFen)
{
    /// <summary>CAP_REACHED, CAP_EXHAUSTED or empty.</summary>
    public string ReasonCode => FundPayFen == UncappedFen ? "" : FundPayFen == 0 ? Reasons.CapExhausted : Reasons.CapReached;
}

/// <summary>The arithmetic of a settlement: pure, exact, in fen. The script computes the same; each new answer is compared.</summary>
public static class Adjudicator
{
    /// <summary>
    /// In this order: entry; caps on cost; deductible before the rate; bands and rate; deductible after the rate; caps on the number of
    /// visits and on what the fund pays. Zhengzhou's day-and-facility deductible and annual cap are two of these (郑医保〔2023〕6号 三),
    /// its maternity allowances fixed sums, at most the total (郑医保〔2023〕6号 四).
    /// </summary>
    /// <param name="totalFen">Above 0.</param>
    /// <param name="inScopeFen">0 to <paramref name="totalFen"/>; no product overflows.</param>
    /// <param name="usedBefore">What each limit's accumulator holds, in the order of the terms' limits.</param>
    /// <param name="moved">Takes what each accumulator moves by.</param>
    public static Settlement Adjudicate(Terms terms, long totalFen, long inScopeFen, ReadOnlySpan<long> usedBefore, Span<long> moved)
    {
        moved.Clear();
        if (terms.FixedSumFen is null && inScopeFen < terms.EntryAtLeastFen) return default;
        ImmutableArray<LimitTerms> limits = terms.Limits;
        long base_ = inScopeFen;
        long deductibleFen = 0;
        long atMostFen = long.MaxValue;
        int atMost = -1;
        long costBeforeFen = 0;
        for (int index = 0; index < limits.Length; index++)
        {
            long left = Math.Max(limits[index].Limit - usedBefore[index], 0);
            switch (limits[index].Kind)
            {
                case LimitKind.Cost:
                    base_ = moved[index] = Math.Min(base_, left);
                    break;
                case LimitKind.AtMost:
                    (atMost, atMostFen) = (index, left);
                    break;
                case LimitKind.DeductibleInOrder or LimitKind.Deductible:
                    deductibleFen = moved[index] = Math.Min(base_, Math.Min(left, atMostFen));
                    if (atMost >= 0) moved[atMost] = deductibleFen;
                    break;
                case LimitKind.Bands:
                    (costBeforeFen, moved[index]) = (usedBefore[index], base_);
                    break;
            }
        }

        long uncappedFen = terms.FixedSumFen is { } fixedSumFen
            ? Math.Min(fixedSumFen, totalFen)
            : Shares(terms, costBeforeFen, base_, deductibleFen);
        long allowedFen = long.MaxValue;
        for (int index = 0; index < limits.Length; index++)
        {
            long left = Math.Max(limits[index].Limit - usedBefore[index], 0);
            switch (limits[index].Kind)
            {
                case LimitKind.DeductibleAfterInOrder or LimitKind.DeductibleAfter:
                    long afterFen = moved[index] = Math.Min(uncappedFen, Math.Min(left, atMostFen));
                    if (atMost >= 0) moved[atMost] = afterFen;
                    uncappedFen -= afterFen;
                    deductibleFen += afterFen;
                    break;
                case LimitKind.Count:
                    if (left == 0) allowedFen = 0;
                    break;
                case LimitKind.FundPay:
                    allowedFen = Math.Min(allowedFen, left);
                    break;
            }
        }

        long fundPayFen = Math.Min(uncappedFen, allowedFen);
        for (int index = 0; index < limits.Length; index++)
        {
            if (limits[index].Kind == LimitKind.FundPay) moved[index] = fundPayFen;
            else if (limits[index].Kind == LimitKind.Count) moved[index] = fundPayFen > 0 ? 1 : 0;
        }

        return new Settlement(deductibleFen, uncappedFen, fundPayFen);
    }

    /// <summary>The visit's cost lies in the bands after what was used before; the deductible is the first part of it.</summary>
    private static long Shares(Terms terms, long costBeforeFen, long costFen, long deductibleFen)
    {
        long from = costBeforeFen + deductibleFen;
        long to = costBeforeFen + costFen;
        long sharesFen = 0;
        foreach (RatePart part in terms.Parts)
        {
            long upTo = part.UpToFen == 0 ? to : Math.Min(part.UpToFen, to);
            if (upTo <= from) continue;
            sharesFen += ShareHalfUp(upTo - from, part.RateBasisPoints, terms.RoundingFen);
            from = upTo;
        }

        return sharesFen;
    }

    /// <summary>At most the amount itself, which rounding to more than a fen could pass.</summary>
    internal static long ShareHalfUp(long amountFen, int rateBasisPoints, int roundingFen)
    {
        Int128 unit = (Int128)10_000 * roundingFen;
        return Math.Min(amountFen, (long)((((Int128)amountFen * rateBasisPoints) + (unit / 2)) / unit) * roundingFen);
    }
}
