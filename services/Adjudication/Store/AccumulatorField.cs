using System.Globalization;

namespace Claims.Adjudication.Store;

/// <summary>An accumulator among an insured's fields: what the fund paid in a year, or the deductible borne at a facility on a
/// day.</summary>
/// <param name="Day">Null for the year's fund payments.</param>
public sealed record AccumulatorField(int Year, DateOnly? Day, string FacilityCode, long AmountFen)
{
    /// <returns>Null where the field is no accumulator.</returns>
    public static AccumulatorField? Read(string field, ReadOnlySpan<byte> value)
    {
        switch (field[0])
        {
            case 'u':
                return new AccumulatorField(int.Parse(field.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture), null, "",
                    Amount(value));
            case 'd':
                DateOnly day = DateOnly.ParseExact(field.AsSpan(1, 8), "yyyyMMdd", CultureInfo.InvariantCulture);
                return new AccumulatorField(day.Year, day, field[10..], Amount(value));
            default:
                return null;
        }
    }

    private static long Amount(ReadOnlySpan<byte> digits) => long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
