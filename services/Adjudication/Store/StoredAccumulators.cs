using Claims.V1;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>What a shard has stored of one insured, as an auditor compares it with the books. A record that a merge has brought is counted
/// where it was made.</summary>
public static class StoredAccumulators
{
    /// <param name="fields">The insured's hash: field, value, field, value.</param>
    /// <returns>Accumulators in the order of their names, without those that are 0.</returns>
    public static InsuredAccumulators Of(string insuredId, RedisValue[] fields)
    {
        InsuredAccumulators insured = new() { InsuredId = insuredId };
        List<HeldAccumulator> held = [];
        bool isMerged = false;
        for (int i = 0; i < fields.Length; i += 2)
        {
            string field = (string)fields[i]!;
            if (field[0] == 'q')
            {
                RecordHeader record = RecordHeader.Read((byte[])fields[i + 1]!);
                if (record.Kind is not RecordKind.Tombstone && !MovedNumbers.IsMoved(record.Sequence)) insured.Records++;
                if (record is { Kind: RecordKind.Settlement, State: RecordState.Active }) insured.StandingSettlements++;
            }
            else if (field == MergedInto.Field)
            {
                isMerged = MergedInto.Read((byte[])fields[i + 1]!) is not null;
            }
            else if (AccumulatorField.Read(field, (byte[])fields[i + 1]!) is { Amount: not 0 } accumulator)
            {
                held.Add(new HeldAccumulator { Name = accumulator.Name, Amount = accumulator.Amount });
            }
        }

        // What it had another one has now.
        if (isMerged)
        {
            insured.StandingSettlements = 0;
            held.Clear();
        }

        insured.Accumulators.AddRange(held.OrderBy(accumulator => accumulator.Name, StringComparer.Ordinal));
        return insured;
    }
}
