using System.Globalization;
using System.Text;
using System.Text.Json;
using Claims.Adjudication.Store;
using Claims.Policy;
using Claims.Rules;

namespace Adjudication.Tests;

/// <summary>Terms of Zhengzhou's shape with other numbers: a deductible by day and facility, an annual cap, or a fixed sum.</summary>
internal static class SampleTerms
{
    public const string Deductible = "bordinary";

    public const string Year = "fordinary.year";

    public static Terms Of(int rateBasisPoints, long deductibleFen, long capFen, long? fixedSumFen = null, int notAgainWithinDays = 0,
        string facilityClass = "other", string facilityLabel = "省市县其他等级") => new(
        "策", "散", "生育医疗补助", "类型", facilityClass, facilityLabel, "", 0, "", fixedSumFen, notAgainWithinDays,
        fixedSumFen is null ? [new RatePart(0, rateBasisPoints, "比例")] : [], 1, fixedSumFen is null ? "起付" : "",
        fixedSumFen is not null
            ? [Cap(LimitKind.Shown, capFen)]
            : deductibleFen == 0
                ? [Cap(LimitKind.FundPay, capFen)]
                :
                [
                    new LimitTerms("deductible", "起付标准（每日每机构）", LimitKind.DeductibleInOrder, Period.Day, AtFacility: true, Deductible,
                        deductibleFen, "起付", IsAnnualCap: false),
                    Cap(LimitKind.FundPay, capFen),
                ]);

    /// <summary>As the store reads them back.</summary>
    public static Terms Rebuilt(Terms terms) => JsonSerializer.Deserialize<Terms>(JsonSerializer.Serialize(terms))!;

    /// <summary>What each limit's accumulator holds where so much of the cap is used and so much of the deductible borne.</summary>
    public static long[] Before(Terms terms, long capUsedFen, long borneFen) =>
        [.. terms.Limits.Select(limit => limit.Name == "deductible" ? borneFen : capUsedFen)];

    public static Settlement Adjudicate(Terms terms, long totalFen, long inScopeFen, long capUsedFen, long borneFen) =>
        Adjudicator.Adjudicate(terms, totalFen, inScopeFen, Before(terms, capUsedFen, borneFen), new long[terms.Limits.Length]);

    /// <summary>As an answer tells it.</summary>
    public static Calculation Calculate(Terms terms, FeeParts fees, long capUsedFen, long borneFen)
    {
        long[] before = Before(terms, capUsedFen, borneFen);
        long[] moved = new long[before.Length];
        Settlement settlement = Adjudicator.Adjudicate(terms, fees.TotalFen, fees.InScopeFen, before, moved);
        LimitUse[] uses = [.. terms.Limits.Select((limit, index) => new LimitUse(limit.Limit, before[index], moved[index]))];
        return new Calculation(terms, fees, uses, settlement, new DateOnly(2025, 6, 18));
    }

    /// <summary>As settle.lua keeps them: of terms by rate, of one part.</summary>
    public static StoredLimits Limits(params (char Kind, long Limit, long Before, long Moved, string Name)[] limits) => new(
        Encoding.ASCII.GetBytes(string.Join(' ', limits.Select(limit =>
            string.Create(CultureInfo.InvariantCulture, $"{limit.Before} {limit.Before + limit.Moved}")))),
        (byte[])
        [
            (byte)'P', 1, 0, 0, 1, (byte)limits.Length, .. Big(0), 0x15, 0x7C,
            .. limits.SelectMany(limit => (byte[])[(byte)limit.Kind, .. Big(limit.Limit), (byte)(limit.Name.Length > 0 ? 1 : 0)]),
            .. limits.Where(limit => limit.Name.Length > 0).SelectMany(limit =>
                (byte[])[(byte)Encoding.UTF8.GetByteCount(limit.Name), .. Encoding.UTF8.GetBytes(limit.Name)]),
        ]);

    private static LimitTerms Cap(LimitKind kind, long capFen) => new(
        "year", "年度最高支付限额", kind, Period.Year, AtFacility: false, Year, capFen, "限额", IsAnnualCap: true);

    private static byte[] Big(long number) => [.. Enumerable.Range(0, 6).Select(place => (byte)((number >> (8 * (5 - place))) & 0xFF))];
}
