using System.Globalization;

namespace Claims.Adjudication.Store;

/// <summary>settlement_id: year of the visit, shard, and the shard's sequence: <c>2024-07-0000000123</c>. Unique within a store.</summary>
public static class SettlementIds
{
    public static string Format(int visitYear, int shard, long sequence) =>
        string.Create(CultureInfo.InvariantCulture, $"{visitYear:D4}-{shard:D2}-{sequence:D10}");

    /// <returns>Null where the text is not an id of this shard.</returns>
    public static (int VisitYear, long Sequence)? Read(string settlementId, int shard)
    {
        string[] parts = settlementId.Split('-');
        return parts.Length == 3
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int idShard) && idShard == shard
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int year)
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)
            && Format(year, shard, sequence) == settlementId
            ? (year, sequence)
            : null;
    }
}
