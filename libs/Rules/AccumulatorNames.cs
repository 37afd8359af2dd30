using System.Globalization;
using System.Text;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>
/// Names of accumulators: measure and group, colon, period, and where it is kept by facility colon and facility:
/// <c>bordinary:20250618:H1</c>, <c>fordinary.year:2025</c>. Periods are yyyymmdd, yyyymm, yyyyQq and yyyy.
/// </summary>
public static class AccumulatorNames
{
    /// <summary>Deductible borne, cost, what the fund paid, visits that it paid for: the first letters of accumulators.</summary>
    public const string Measures = "bcfn";

    /// <summary>Bytes of a limit's accumulator; 0 where nothing accumulates.</summary>
    public static int BytesOf(LimitTerms limit, string facilityCode) => limit.Per == Period.Visit
        ? 0
        : Encoding.UTF8.GetByteCount(limit.Accumulator) + 1 + PeriodBytes(limit.Per)
            + (limit.AtFacility ? 1 + Encoding.UTF8.GetByteCount(facilityCode) : 0);

    public static int Write(LimitTerms limit, DateOnly date, string facilityCode, Span<byte> name)
    {
        if (limit.Per == Period.Visit) return 0;
        int bytes = Encoding.UTF8.GetBytes(limit.Accumulator, name);
        name[bytes++] = (byte)':';
        bytes += WritePeriod(limit.Per, date, name[bytes..]);
        if (!limit.AtFacility) return bytes;
        name[bytes++] = (byte)':';
        return bytes + Encoding.UTF8.GetBytes(facilityCode, name[bytes..]);
    }

    public static string NameOf(LimitTerms limit, DateOnly date, string facilityCode)
    {
        byte[] name = new byte[BytesOf(limit, facilityCode)];
        return Encoding.UTF8.GetString(name, 0, Write(limit, date, facilityCode, name));
    }

    /// <summary>2025, 2025-06, 2025-Q2, 2025-06-18; empty for one visit.</summary>
    public static string PeriodText(Period per, DateOnly date) => per == Period.Year ? YearText(date.Year) : Words.KeyOf(per, date);

    private static int PeriodBytes(Period per) => per switch
    {
        Period.Day => 8,
        Period.Month or Period.Quarter => 6,
        _ => 4,
    };

    private static int WritePeriod(Period per, DateOnly date, Span<byte> text)
    {
        if (per == Period.Quarter)
        {
            date.TryFormat(text, out int year, "yyyy", CultureInfo.InvariantCulture);
            text[year] = (byte)'Q';
            text[year + 1] = (byte)('0' + Quarter(date));
            return year + 2;
        }

        string format = per switch { Period.Day => "yyyyMMdd", Period.Month => "yyyyMM", _ => "yyyy" };
        date.TryFormat(text, out int bytes, format, CultureInfo.InvariantCulture);
        return bytes;
    }

    private static int Quarter(DateOnly date) => ((date.Month - 1) / 3) + 1;

    // The same few years again and again.
    private static readonly string[] Years = [.. Enumerable.Range(2000, 101).Select(year => year.ToString(CultureInfo.InvariantCulture))];

    private static string YearText(int year) =>
        year is >= 2000 and <= 2100 ? Years[year - 2000] : year.ToString(CultureInfo.InvariantCulture);
}
