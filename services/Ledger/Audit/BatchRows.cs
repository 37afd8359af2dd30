using Claims.Ledger.SubLedger;
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Unicode;
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
    /// <param name="format">The format of the links that stand for the batches, or will.</param>
    /// <param name="recent">What need not be read, since this instance has written it; null to read everything.</param>
    public static async Task<Dictionary<long, BatchRows>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyCollection<long> batches, short format, RecentHashes? recent,
        CancellationToken cancellationToken)
    {
        Dictionary<long, BatchRows> read = batches.ToDictionary(batch => batch, _ => new BatchRows());
        using IncrementalHash rowHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] hash = new byte[SHA256.HashSizeInBytes];
        foreach (ChainedTable table in ChainedTable.All.Where(table => table.Since <= format))
        {
            IReadOnlyCollection<long> unread = table == ChainedTable.SubLedger && recent is not null ? TakeRecent(read, recent) : batches;
            if (unread.Count == 0) continue;
            byte[] prefix = PrefixOf(table, format);
            await using CopyRows rows = await CopyRows.OpenAsync(connection, table.RowsOf(unread, format), cancellationToken);
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

    /// <returns>The batches whose rows are still to be read.</returns>
    private static List<long> TakeRecent(Dictionary<long, BatchRows> read, RecentHashes recent)
    {
        List<long> unread = [];
        Span<byte> key = stackalloc byte[32];
        foreach ((long batch, BatchRows rows) in read)
        {
            if (recent.Find(batch) is not { } hashes)
            {
                unread.Add(batch);
                continue;
            }

            for (int row = 0; row < hashes.Count; row++)
            {
                (int shard, long sequence) = hashes.KeyOf(row);
                Utf8.TryWrite(key, CultureInfo.InvariantCulture, $"{shard}/{sequence}", out int length);
                rows.Add(ChainedTable.SubLedger, key[..length], hashes.HashOf(row));
            }
        }

        return unread;
    }

    /// <summary>The table's name and the count of fields: what stands before a row's fields in its hash.</summary>
    private static byte[] PrefixOf(ChainedTable table, short format)
    {
        byte[] prefix = [.. table.NameField, 0, 0];
        BinaryPrimitives.WriteInt16BigEndian(prefix.AsSpan(table.NameField.Length), (short)table.ColumnsOf(format).Length);
        return prefix;
    }

    private void Add(ChainedTable table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> hash)
    {
        _hash.AppendData(hash);
        RowIndex.Write(_index, table.Number, key, hash);
        Count++;
    }
}
