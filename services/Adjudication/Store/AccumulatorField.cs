using System.Globalization;
using Claims.Rules;

namespace Claims.Adjudication.Store;

/// <summary>An accumulator among an insured's fields (<see cref="AccumulatorNames"/>).</summary>
/// <param name="Name">The field.</param>
/// <param name="Day">Of one that is kept by day; null otherwise.</param>
/// <param name="FacilityCode">Empty where it is not kept by facility.</param>
/// <param name="Amount">In fen, or in visits.</param>
public sealed record AccumulatorField(string Name, int Year, DateOnly? Day, string FacilityCode, long Amount)
{
    private const string StoredDay = "yyyyMMdd";

    /// <summary>Deductible borne.</summary>
    public bool IsBorne => Name[0] == 'b';

    /// <returns>Null where the field is no accumulator.</returns>
    /// <exception cref="StoreUnavailableException">It is one that this program does not write.</exception>
    public static AccumulatorField? Read(string field, ReadOnlySpan<byte> value)
    {
        try
        {
            return field.Length == 0 ? null : ReadSound(field, value);
        }
        catch (Exception met) when (StoredBytes.AreWrong(met))
        {
            throw StoredBytes.Unreadable(met);
        }
    }

    private static AccumulatorField? ReadSound(string field, ReadOnlySpan<byte> value)
    {
        if (!AccumulatorNames.Measures.Contains(field[0], StringComparison.Ordinal)) return null;
        int period = field.IndexOf(':', StringComparison.Ordinal) + 1;
        int facility = field.IndexOf(':', period);
        ReadOnlySpan<char> when = facility < 0 ? field.AsSpan(period) : field.AsSpan(period..facility);
        return new AccumulatorField(
            field,
            int.Parse(when[..4], NumberStyles.None, CultureInfo.InvariantCulture),
            when.Length == StoredDay.Length ? DateOnly.ParseExact(when, StoredDay, CultureInfo.InvariantCulture) : null,
            facility < 0 ? "" : field[(facility + 1)..],
            long.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture));
    }
}
