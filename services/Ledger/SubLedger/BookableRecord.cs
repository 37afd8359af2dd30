using System.Globalization;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Claims.Ledger.SubLedger;

/// <summary>A record whose amounts agree with each other: it can be booked as it stands.</summary>
/// <param name="VisitDate">The business date; null for records without money that name none.</param>
internal sealed record BookableRecord(SettledClaim Claim, DateOnly? VisitDate)
{
    private const int FingerprintBytes = 16;

    // More than any policy has: only so many roundings are taken for possible.
    private const int MostBands = 16;

    // What is summed in the books stays far below this: caps and allowances are at most 10^9 fen. Below it, no sum over a
    // batch leaves int64. A visit's total and parts are only kept, and may be any amount that adjudication settles.
    private const long LargestSummedFen = 100_000_000_000_000;

    // What a stored record has room for: 6 bytes. Sums of two stay within int64.
    private const long LargestLimit = (1L << 48) - 1;

    private static readonly long LatestUnixMilliseconds = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <exception cref="UnbookableRecordException">Why not, without any personal data.</exception>
    public static BookableRecord Check(SettledClaim claim)
    {
        ReadOnlySpan<long> amounts = [claim.TotalFen, claim.FullSelfPayFen, claim.OverLimitFen, claim.PreSelfPayFen, claim.InScopeFen,
            claim.DeductibleFen, claim.FundPayFen, claim.ShortfallFen];
        if (claim.VisitType is not (>= VisitType.Unspecified and <= VisitType.DeliveryCaesarean)) throw UnknownVisitType(claim);
        if (claim.Kind is Kind.NumbersLost) return CheckNumbersLost(claim, amounts);
        if (claim.Kind is Kind.MergeOut or Kind.MergeIn or Kind.UnmergeIn or Kind.UnmergeOut) return CheckMerge(claim, amounts);
        Require(claim.FirstSequence == 0 && claim.Note.Length == 0, "is one visit's and has a first_sequence or a note");
        if (claim.Kind is not (Kind.Settlement or Kind.Cancellation or Kind.Restoration or Kind.RequestOnly))
            throw new UnbookableRecordException($"has the unknown kind {(int)claim.Kind}");
        Require(claim.InsuredId.Length > 0 && claim.FacilityCode.Length > 0 && claim.RequestId.Length > 0,
            "lacks insured_id, facility_code or request_id");
        Require(claim.SettledAtUnixMs is > 0 && claim.SettledAtUnixMs <= LatestUnixMilliseconds, "has no settled_at_unix_ms");
        if (claim.RequestFingerprint.Length is not (0 or FingerprintBytes))
            throw new UnbookableRecordException($"has a request_fingerprint of {claim.RequestFingerprint.Length} bytes");
        DateOnly? visitDate = Date(claim.VisitDate);
        Require(!amounts.Contains(long.MinValue), "has an amount out of range");
        Require(claim.DeductibleFen is >= -LargestSummedFen and <= LargestSummedFen && claim.FundPayFen is >= -LargestSummedFen
            and <= LargestSummedFen, "has an amount out of range");

        if (claim.Kind == Kind.RequestOnly)
        {
            Require(!amounts.ContainsAnyExcept(0L), "is REQUEST_ONLY and carries money");
            return new BookableRecord(claim, visitDate);
        }

        Require(visitDate is not null, "lacks visit_date");
        Require(claim.SettlementId.Length > 0, "lacks settlement_id");
        Require(claim.Kind == Kind.Settlement || claim.OriginalSettlementId.Length > 0, "lacks original_settlement_id");
        if (claim.VisitType == VisitType.Unspecified) throw UnknownVisitType(claim);
        Require(claim.Scheme.Length > 0 && IsCounty(claim.FacilityCounty), "lacks scheme or facility_county");
        if (claim.RateBp is not (>= 0 and <= 10_000)) throw new UnbookableRecordException($"has a rate of {claim.RateBp} basis points");
        CheckAmounts(claim, claim.Kind == Kind.Cancellation ? -1 : 1);
        return new BookableRecord(claim, visitDate);
    }

    private static UnbookableRecordException UnknownVisitType(SettledClaim claim) =>
        new($"has the unknown visit_type {(int)claim.VisitType}");

    /// <summary>They are no one's, and carry nothing.</summary>
    private static BookableRecord CheckNumbersLost(SettledClaim claim, ReadOnlySpan<long> amounts)
    {
        Require(claim.FirstSequence > 0 && claim.FirstSequence <= claim.Sequence,
            "is NUMBERS_LOST without a first_sequence up to sequence");
        Require(claim.SettledAtUnixMs >= 0 && claim.SettledAtUnixMs <= LatestUnixMilliseconds,
            "is NUMBERS_LOST with a settled_at_unix_ms out of range");
        Require(claim.InsuredId.Length == 0 && claim.FacilityCode.Length == 0 && claim.Limits.Length == 0
            && !amounts.ContainsAnyExcept(0L), "is NUMBERS_LOST and carries money, or is somebody's");
        return new BookableRecord(claim, null);
    }

    /// <summary>No money: what is settled under another id from now on.</summary>
    private static BookableRecord CheckMerge(SettledClaim claim, ReadOnlySpan<long> amounts)
    {
        Require(claim.FirstSequence > 0 && claim.FirstSequence <= claim.Sequence, "is a merge without a first_sequence up to sequence");
        Require(claim.InsuredId.Length > 0 && claim.RequestId.Length > 0 && claim.FacilityCode.Length == 0 && claim.PersonId.Length == 0
            && claim.VisitDate.Length == 0 && !amounts.ContainsAnyExcept(0L), "is a merge and carries money, or is a facility's");
        Require(claim.SettledAtUnixMs is > 0 && claim.SettledAtUnixMs <= LatestUnixMilliseconds, "has no settled_at_unix_ms");
        string[] note = claim.Note.Split('\n');
        Require(note.Length >= 3 && note[0].Length > 0 && note[0] != claim.InsuredId && note[1].Length > 0 && note[2].Length > 0,
            "is a merge that does not say with whom, by whom and why");
        int sign = claim.Kind is Kind.MergeIn or Kind.UnmergeOut ? 1 : -1;
        BookedLimitReader moved = new(claim.Limits);
        while (moved.MoveNext())
        {
            Require(moved.Kind is 't' or 'S' && moved.Kind == 'S' == moved.Accumulator.IsEmpty, "is a merge and moves a limit");
            Require(sign * moved.Moved >= 0 && moved.UsedBefore >= 0 && moved.Moved is >= -LargestLimit and <= LargestLimit,
                "moves an accumulator the wrong way, or out of range");
        }

        return new BookableRecord(claim, null);
    }

    /// <summary>
    /// The ledger's own bound, by another reading than adjudication's: what no rule could have given is refused. What was decided within
    /// it is booked as it was decided.
    /// </summary>
    private static void CheckAmounts(SettledClaim claim, int sign)
    {
        long total = sign * claim.TotalFen;
        long inScope = sign * claim.InScopeFen;
        long deductible = sign * claim.DeductibleFen;
        long fundPay = sign * claim.FundPayFen;

        Require(total > 0, "has a total with the wrong sign, or none");
        Require(sign * claim.FullSelfPayFen >= 0 && sign * claim.OverLimitFen >= 0 && sign * claim.PreSelfPayFen >= 0 && inScope >= 0,
            "has a part with the wrong sign");
        Require((Int128)claim.FullSelfPayFen + claim.OverLimitFen + claim.PreSelfPayFen + claim.InScopeFen == claim.TotalFen,
            "has parts that do not add up to the total");
        Require(deductible >= 0 && deductible <= inScope, "has a deductible outside 0 to in_scope");
        Require(fundPay >= 0 && fundPay <= total, "has a fund payment outside 0 to the total");
        Require(sign * claim.ShortfallFen >= 0, "has a shortfall with the wrong sign");
        (bool afterRate, bool inBands, bool capNamed) = KindsOf(claim, fundPay);
        if (claim.RateBp > 0) CheckShare(claim, afterRate, inBands, inScope, deductible, fundPay);
        CheckLimits(claim, sign, deductible, fundPay);
        if (!claim.CountsAgainstCap) return;
        Require(claim.CapUsedBeforeFen >= 0 && claim.CapUsedAfterFen - claim.CapUsedBeforeFen == claim.FundPayFen,
            "moves the cap by another sum than it pays");
        if (claim.Kind == Kind.Settlement)
            Require(claim.CapUsedAfterFen <= Math.Max(claim.CapFen, claim.CapUsedBeforeFen), "pays beyond the cap");
        Require(capNamed, "counts against a cap that is not among its limits");
    }

    private static (bool AfterRate, bool InBands, bool CapNamed) KindsOf(SettledClaim claim, long fundPay)
    {
        (bool afterRate, bool inBands, bool capNamed) = (false, false, false);
        BookedLimitReader limit = new(claim.Limits);
        while (limit.MoveNext())
        {
            afterRate |= limit.Kind is 'A' or 'a';
            inBands |= limit.Kind is 'b';
            // Below the entry sum the cap is but shown, and nothing is paid.
            bool isCap = limit.Kind == 'f' || (limit.Kind == 's' && fundPay == 0);
            capNamed |= isCap && limit.Limit == claim.CapFen && limit.UsedBefore == claim.CapUsedBeforeFen;
        }

        return (afterRate, inBands, capNamed);
    }

    /// <summary>The highest rate of the visit's bands, and what rounding may add to each band.</summary>
    private static void CheckShare(SettledClaim claim, bool afterRate, bool inBands, long inScope, long deductible, long fundPay)
    {
        int bands = inBands ? MostBands : 1;
        long rounding = Math.Max(claim.RoundingFen, 1);
        Int128 share = (Int128)(afterRate ? inScope : inScope - deductible) * claim.RateBp;
        Int128 most = RoundHalfUp(share, 10_000 * rounding) * rounding + ((bands - 1) * rounding) - (afterRate ? deductible : 0);
        Require(fundPay <= most, "pays more than the rate allows");
    }

    /// <summary>What the fund pays moves every cap on it, and none beyond itself; nothing else moves by what no visit could.</summary>
    private static void CheckLimits(SettledClaim claim, int sign, long deductible, long fundPay)
    {
        bool isSettlement = claim.Kind == Kind.Settlement;
        bool mayCut = false;
        long borne = 0;
        BookedLimitReader limit = new(claim.Limits);
        while (limit.MoveNext())
        {
            Require(limit.Kind is not ('t' or 'S'), "has a limit that only a merge has");
            bool inRange = limit.Limit <= LargestLimit && limit.UsedBefore <= LargestLimit
                && limit.Moved is >= -LargestLimit and <= LargestLimit;
            Require(inRange, "has a limit out of range");
            long moved = sign * limit.Moved;
            Require(moved >= 0 && limit.UsedBefore >= 0 && limit.Limit >= 0, "moves a limit the wrong way");
            mayCut |= limit.Kind is 'f' or 'n';
            if (limit.Kind is 'D' or 'd' or 'A' or 'a') borne += moved;
            Require(limit.Kind != 'n' || moved == (fundPay > 0 ? 1 : 0), "counts another number of visits than one that was paid for");
            // A fixed sum has no rate, and neither deductible nor bands.
            Require(claim.RateBp > 0 || fundPay == 0 || limit.Kind is not ('m' or 'D' or 'd' or 'A' or 'a' or 'b'), "pays at a rate of 0");
            Require(limit.Kind != 'f' || moved == fundPay, "moves a cap by another sum than it pays");
            Require(limit.Kind != 's' || moved == 0, "moves a limit that is but shown");
            if (isSettlement && limit.Kind != 'b')
                Require(limit.UsedBefore + moved <= Math.Max(limit.Limit, limit.UsedBefore), "goes beyond a limit");
        }

        Require(borne == deductible, "moves deductibles by another sum than it bears");
        Require(mayCut || claim.ShortfallFen == 0, "has a shortfall and no cap");
    }

    private static Int128 RoundHalfUp(Int128 value, long divisor) => (value + (divisor / 2)) / divisor;

    private static bool IsCounty(string code) => code.Length == 6 && !code.AsSpan().ContainsAnyExceptInRange('0', '9');

    private static DateOnly? Date(string text)
    {
        if (text.Length == 0) return null;
        Require(DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date),
            "has a visit_date that is not yyyy-MM-dd");
        return date;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new UnbookableRecordException(otherwise);
    }
}

/// <summary>A record that cannot be booked; the message completes the sentence "the record …" and names no one.</summary>
internal sealed class UnbookableRecordException(string reason) : Exception(reason);
