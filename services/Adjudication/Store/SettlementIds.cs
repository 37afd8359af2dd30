using System.Globalization;

namespace Claims.Adjudication.Store;

/// <summary>settlement_id: year of the visit, shard, and the shard's sequence: <c>2024-07-0000000123</c>. Unique within a store.</summary>
public static class SettlementIds
{
    /// <param name="shard">Where the record lies; one that a merge has moved there names the shard that numbered it.</param>
    public static string Format(int visitYear, int shard, long sequence)
    {
        (int given, long number) = MovedNumbers.Given(shard, sequence);
        return string.Create(CultureInfo.InvariantCulture, $"{visitYear:D4}-{given:D2}-{number:D10}");
    }

    /// <returns>Null where the text is no id.</returns>
    public static (int VisitYear, int Shard, long Sequence)? Read(string settlementId)
    {
        string[] parts = settlementId.Split('-');
        return parts.Length == 3
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int shard)
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int year)
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)
            && !MovedNumbers.IsMoved(sequence) && Format(year, shard, sequence) == settlementId
            ? (year, shard, sequence)
            : null;
    }
}
