using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Tampering = Claims.V1.BadRow.Types.Tampering;

namespace Claims.Ledger.Audit;

/// <summary>A row that a batch wrote.</summary>
/// <param name="Hash">The first 16 bytes, in hexadecimal.</param>
internal readonly record struct IndexedRow(byte Table, string Key, string Hash);

/// <summary>
/// The rows of a batch, one after the other: the table's number (1 byte), the length of the key (2 bytes), the key in UTF-8, the
/// first 16 bytes of the row's hash. It proves nothing by itself: the link's hash does. It names what the hash only notices.
/// </summary>
internal static class RowIndex
{
    private const int HashBytes = 16;

    public static void Write(IBufferWriter<byte> index, byte table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> hash)
    {
        Span<byte> entry = index.GetSpan(1 + sizeof(ushort) + key.Length + HashBytes);
        entry[0] = table;
        BinaryPrimitives.WriteUInt16BigEndian(entry[1..], checked((ushort)key.Length));
        key.CopyTo(entry[3..]);
        hash[..HashBytes].CopyTo(entry[(3 + key.Length)..]);
        index.Advance(3 + key.Length + HashBytes);
    }

    /// <returns>Null where the index itself cannot be read: it has been changed.</returns>
    public static List<IndexedRow>? Read(ReadOnlySpan<byte> index)
    {
        List<IndexedRow> rows = [];
        while (index.Length > 0)
        {
            if (index.Length < 3) return null;
            int keyBytes = BinaryPrimitives.ReadUInt16BigEndian(index[1..]);
            if (index.Length < 3 + keyBytes + HashBytes) return null;
            rows.Add(new IndexedRow(index[0], Encoding.UTF8.GetString(index.Slice(3, keyBytes)),
                Convert.ToHexStringLower(index.Slice(3 + keyBytes, HashBytes))));
            index = index[(3 + keyBytes + HashBytes)..];
        }

        return rows;
    }

    /// <summary>The first difference, as the rows stand in the chain.</summary>
    public static (IndexedRow Row, Tampering Tampering)? FirstDifference(List<IndexedRow> chained, List<IndexedRow> present)
    {
        HashSet<(byte, string)> chainedKeys = [.. chained.Select(row => (row.Table, row.Key))];
        for (int i = 0; i < Math.Max(chained.Count, present.Count); i++)
        {
            if (i == present.Count) return (chained[i], Tampering.Removed);
            if (i < chained.Count && chained[i] == present[i]) continue;
            if (!chainedKeys.Contains((present[i].Table, present[i].Key))) return (present[i], Tampering.Inserted);
            bool sameKey = i < chained.Count && chained[i].Table == present[i].Table && chained[i].Key == present[i].Key;
            if (sameKey) return (present[i], Tampering.Changed);
            return i < chained.Count ? (chained[i], Tampering.Removed) : (present[i], Tampering.Inserted);
        }

        return null;
    }
}
