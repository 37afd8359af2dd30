using System.Data;
using System.Runtime.CompilerServices;
using Claims.V1;
using Google.Protobuf;
using Npgsql;

namespace Claims.Ledger.SubLedger;

/// <summary>What the books keep of a shard's store, so that the store can be rebuilt.</summary>
internal sealed class StoredRecordReader(NpgsqlDataSource database)
{
    // A shard is sorted before its first row.
    private const int TimeoutSeconds = 300;

    /// <summary>One state of the books: the position, every text of terms, then the records by insured and sequence.</summary>
    /// <param name="insuredId">Empty for everybody.</param>
    /// <exception cref="RecordNotKeptException">A record was booked before the books kept what the store has of it.</exception>
    public async IAsyncEnumerable<StoredRecords> OfAsync(
        int shard, string insuredId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        yield return new StoredRecords { Position = await PositionAsync(connection, shard, cancellationToken) };

        await using (NpgsqlCommand read = new("SELECT terms FROM stored_terms", connection))
        {
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
                yield return new StoredRecords { Terms = UnsafeByteOperations.UnsafeWrap(row.GetFieldValue<byte[]>(0)) };
        }

        await using NpgsqlCommand records = new("""
            SELECT sequence, coalesce(nullif(person_id, ''), insured_id) COLLATE "C" AS person, facility_code, request_id, stored_record,
                CASE WHEN person_id = '' THEN '' ELSE insured_id END
            FROM sub_ledger WHERE shard = $1 AND ($2 = '' OR (insured_id = $2 AND person_id = '') OR person_id = $2)
            ORDER BY person, sequence
            """, connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters = { new() { Value = shard }, new() { Value = insuredId } },
        };
        await using NpgsqlDataReader record = await records.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await record.ReadAsync(cancellationToken))
        {
            StoredRecords.Types.Record kept = new()
            {
                Sequence = record.GetInt64(0),
                InsuredId = record.GetString(1),
                FacilityCode = record.GetString(2),
                RequestId = record.GetString(3),
                StoredRecord = UnsafeByteOperations.UnsafeWrap(record.GetFieldValue<byte[]>(4)),
                StatedId = record.GetString(5),
            };
            if (kept.StoredRecord.IsEmpty) throw new RecordNotKeptException(shard, kept.Sequence);
            yield return new StoredRecords { Record = kept };
        }
    }

    private static async Task<StoredRecords.Types.Position> PositionAsync(
        NpgsqlConnection connection, int shard, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT coalesce((SELECT sequence FROM shard_watermark WHERE shard = $1), 0),
                coalesce((SELECT max(closed_through) FROM closed_year), 0)
            """, connection) { Parameters = { new() { Value = shard } } };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new StoredRecords.Types.Position { Sequence = row.GetInt64(0), ClosedThrough = row.GetInt32(1) };
    }
}

/// <summary>A record was booked without what the store has of it.</summary>
internal sealed class RecordNotKeptException(int shard, long sequence)
    : Exception($"record {sequence} of shard {shard} was booked by a version that did not keep its stored form: the store cannot be "
        + "rebuilt");
