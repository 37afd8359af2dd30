using System.Globalization;
using Claims.V1;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>What a shard has stored of one insured, summed as an auditor compares it with the books.</summary>
public static class StoredAccumulators
{
    private const string StoredDay = "yyyyMMdd";

    /// <param name="fields">The insured's hash: field, value, field, value.</param>
    /// <returns>Without sums of 0.</returns>
    public static InsuredAccumulators Of(string insuredId, RedisValue[] fields)
    {
        InsuredAccumulators insured = new() { InsuredId = insuredId };
        SortedDictionary<int, UsedYear> years = [];
        for (int i = 0; i < fields.Length; i += 2)
        {
            string field = (string)fields[i]!;
            if (field[0] == 'u')
            {
                YearOf(int.Parse(field.AsSpan(1), CultureInfo.InvariantCulture)).UsedFen = (long)fields[i + 1];
            }
            else if (field[0] == 'd' && (long)fields[i + 1] != 0)
            {
                insured.Days.Add(DayOf(field, (long)fields[i + 1]));
            }
            else if (field[0] == 'q')
            {
                RecordHeader record = RecordHeader.Read((byte[])fields[i + 1]!);
                if (record.Kind is not RecordKind.Tombstone) insured.Records++;
                if (record is { Kind: RecordKind.Settlement, State: RecordState.Active })
                    YearOf(record.VisitDay / 10_000).StandingSettlements++;
            }
        }

        insured.Years.AddRange(years.Values.Where(year => year is not { UsedFen: 0, StandingSettlements: 0 }));
        List<BorneDay> days = [.. insured.Days.OrderBy(day => day.VisitDate, StringComparer.Ordinal)
            .ThenBy(day => day.FacilityCode, StringComparer.Ordinal)];
        insured.Days.Clear();
        insured.Days.AddRange(days);
        return insured;

        UsedYear YearOf(int year)
        {
            if (!years.TryGetValue(year, out UsedYear? found)) years.Add(year, found = new UsedYear { Year = year });
            return found;
        }
    }

    /// <summary>Field d, yyyymmdd, colon, facility.</summary>
    private static BorneDay DayOf(string field, long deductibleFen) => new()
    {
        VisitDate = DateOnly.ParseExact(field.AsSpan(1, StoredDay.Length), StoredDay, CultureInfo.InvariantCulture)
            .ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        FacilityCode = field[(StoredDay.Length + 2)..],
        DeductibleFen = deductibleFen,
    };
}
