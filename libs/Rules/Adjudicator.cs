namespace Claims.Rules;

/// <summary>How the fund pays for a visit: the dated values that apply to it, already chosen by date, tier and visit type.</summary>
/// <param name="RateBasisPoints">5500 = 55%; 0 for a fixed allowance.</param>
/// <param name="TariffFen">Deductible per facility and day; 0 where the tier has none, and for a fixed allowance.</param>
/// <param name="CapFen">Annual cap in force, shown on every reply; it binds only where <paramref name="AllowanceFen"/> is null.</param>
/// <param name="AllowanceFen">The fixed sum of a maternity allowance, or null for a visit settled by rate.</param>
/// <param name="NotAgainWithinDays">Of an allowance: days within which no second one is paid; 0 where there is no such rule.</param>
public readonly record struct Terms(int RateBasisPoints, long TariffFen, long CapFen, long? AllowanceFen, int NotAgainWithinDays = 0)
{
    /// <summary>Whether what the fund pays counts against the annual cap.</summary>
    public bool Capped => AllowanceFen is null;
}

/// <summary>Where the insured stands before the visit.</summary>
/// <param name="CapUsedFen">What the fund has paid under the cap in the calendar year of the visit.</param>
/// <param name="BorneFen">Deductible already borne on the visit's day at the visit's facility.</param>
public readonly record struct Standing(long CapUsedFen, long BorneFen);

/// <summary>What the rules make of one visit. Amounts in fen.</summary>
/// <param name="DeductibleFen">Consumed by this visit.</param>
/// <param name="UncappedFen">What the fund would pay if there were no annual cap.</param>
/// <param name="FundPayFen">What the fund pays.</param>
public readonly record struct Settlement(long DeductibleFen, long UncappedFen, long FundPayFen)
{
    /// <summary>CAP_REACHED, CAP_EXHAUSTED or empty.</summary>
    public string ReasonCode => FundPayFen == UncappedFen ? "" : FundPayFen == 0 ? Reasons.CapExhausted : Reasons.CapReached;
}

/// <summary>The arithmetic of a settlement: pure, exact, in fen.</summary>
public static class Adjudicator
{
    /// <summary>
    /// Ordinary and prenatal visits: deductible = min(in scope, tariff not yet borne that day at that facility);
    /// fund pay = (in scope - deductible) x rate, rounded half up to the fen, at most what the cap leaves (郑医保〔2023〕6号 三).
    /// Maternity allowances: a fixed sum, at most the total, outside the cap (郑医保〔2023〕6号 四).
    /// </summary>
    /// <param name="totalFen">Above 0.</param>
    /// <param name="inScopeFen">0 to <paramref name="totalFen"/>; any int64, no product overflows.</param>
    public static Settlement Adjudicate(Terms terms, long totalFen, long inScopeFen, Standing before)
    {
        if (terms.AllowanceFen is { } allowanceFen)
        {
            long paidFen = Math.Min(allowanceFen, totalFen);
            return new Settlement(0, paidFen, paidFen);
        }

        long deductibleFen = Math.Min(inScopeFen, Math.Max(terms.TariffFen - before.BorneFen, 0));
        long uncappedFen = ShareHalfUp(inScopeFen - deductibleFen, terms.RateBasisPoints);
        long remainingFen = Math.Max(terms.CapFen - before.CapUsedFen, 0);
        return new Settlement(deductibleFen, uncappedFen, Math.Min(uncappedFen, remainingFen));
    }

    private static long ShareHalfUp(long amountFen, int rateBasisPoints) =>
        (long)((((Int128)amountFen * rateBasisPoints) + 5_000) / 10_000);
}
