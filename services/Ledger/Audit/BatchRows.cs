using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>What one batch wrote: the hash over its rows, and an index in which a row can be found by its hash.</summary>
internal sealed class BatchRows : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ArrayBufferWriter<byte> _index = new();

    /// <summary>SHA-256 over the rows' hashes in order; reading it ends the batch.</summary>
    public byte[] Hash => field ??= _hash.GetHashAndReset();

    public int Count { get; private set; }

    public ReadOnlySpan<byte> Index => _index.WrittenSpan;

    /// <summary>Reads the batches' rows as they are now.</summary>
    public static async Task<Dictionary<long, BatchRows>> ReadAsync(NpgsqlConnection connection, IReadOnlyCollection<long> batches, CancellationToken cancellationToken)
    {
        Dictionary<long, BatchRows> read = batches.ToDictionary(batch => batch, _ => new BatchRows());
        using IncrementalHash rowHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] hash = new byte[SHA256.HashSizeInBytes];
        foreach (ChainedTable table in ChainedTable.All)
        {
            byte[] prefix = PrefixOf(table);
            await using CopyRows rows = await CopyRows.OpenAsync(connection, table.RowsOf(batches), cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                long batch = BinaryPrimitives.ReadInt64BigEndian(rows.TakeField().Span);
                ReadOnlyMemory<byte> key = rows.TakeField();
                rowHash.AppendData(prefix);
                rowHash.AppendData(rows.Fields.Span);
                rowHash.GetHashAndReset(hash);
                read[batch].Add(table, key.Span, hash);
            }
        }

        return read;
    }

    public void Dispose() => _hash.Dispose();

    /// <summary>The table's name as a field, and the count of fields: what stands before a row's fields in its hash.</summary>
    private static byte[] PrefixOf(ChainedTable table)
    {
        byte[] name = Encoding.UTF8.GetBytes(table.Name);
        byte[] prefix = new byte[sizeof(int) + name.Length + sizeof(short)];
        BinaryPrimitives.WriteInt32BigEndian(prefix, name.Length);
        name.CopyTo(prefix, sizeof(int));
        BinaryPrimitives.WriteInt16BigEndian(prefix.AsSpan(sizeof(int) + name.Length), (short)table.Columns.Length);
        return prefix;
    }

    private void Add(ChainedTable table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> hash)
    {
        _hash.AppendData(hash);
        RowIndex.Write(_index, table.Number, key, hash);
        Count++;
    }
}
