using System.Data;
using System.Runtime.CompilerServices;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>What the accumulators of a shard must be, folded from its sub-ledger.</summary>
internal sealed class ShardFold(NpgsqlDataSource database)
{
    // Sorting and folding a shard come before its first row.
    private const int TimeoutSeconds = 300;

    /// <summary>The shard's last sequence first, then per insured in the order of insured_id.</summary>
    public async IAsyncEnumerable<ShardAccumulators> OfAsync(int shard, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using (NpgsqlCommand position = Command(
            "SELECT coalesce(max(sequence), 0) FROM sub_ledger WHERE shard = $1", shard, connection))
        {
            yield return new ShardAccumulators { Sequence = (long)(await position.ExecuteScalarAsync(cancellationToken))! };
        }

        await using NpgsqlCommand fold = Command("""
            SELECT coalesce(nullif(person_id, ''), insured_id) COLLATE "C" AS person, kind, limits FROM sub_ledger WHERE shard = $1
                ORDER BY person
            """, shard, connection);
        InsuredAccumulators? insured = null;
        SortedDictionary<string, long> held = new(StringComparer.Ordinal);
        await using NpgsqlDataReader row = await fold.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            string id = row.GetString(0);
            if (insured is not null && insured.InsuredId != id) yield return new ShardAccumulators { Insured = Finished(insured, held) };
            if (insured?.InsuredId != id) insured = new InsuredAccumulators { InsuredId = id };
            insured.Records++;
            insured.StandingSettlements += row.GetString(1) switch { "SETTLEMENT" or "RESTORATION" => 1, "CANCELLATION" => -1, _ => 0 };
            foreach (BookedLimit limit in BookedLimit.Read(row.GetString(2)))
            {
                // Of a merge: the settlements that stand under another id from now on.
                if (limit.Kind == 'S') insured.StandingSettlements += limit.Moved;
                if (limit.Accumulator.Length > 0) held[limit.Accumulator] = held.GetValueOrDefault(limit.Accumulator) + limit.Moved;
            }
        }

        if (insured is not null) yield return new ShardAccumulators { Insured = Finished(insured, held) };
    }

    private static InsuredAccumulators Finished(InsuredAccumulators insured, SortedDictionary<string, long> held)
    {
        foreach ((string name, long amount) in held)
        {
            if (amount != 0) insured.Accumulators.Add(new HeldAccumulator { Name = name, Amount = amount });
        }

        held.Clear();
        return insured;
    }

    private static NpgsqlCommand Command(string sql, int shard, NpgsqlConnection connection)
    {
        NpgsqlCommand command = new(sql, connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = shard });
        return command;
    }
}
