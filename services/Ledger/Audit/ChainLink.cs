using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Claims.Ledger.Audit;

/// <summary>The end of a chain: a link and its hash, 32 bytes; link 0 is the beginning, whose hash stands for the store.</summary>
internal sealed record ChainEnd(long Link, byte[] Hash)
{
    /// <summary>Before the first link: the chain of one store says nothing about another's.</summary>
    public static ChainEnd Beginning(string epoch) => new(0, SHA256.HashData(Encoding.UTF8.GetBytes($"claims ledger chain\n{epoch}")));

    public string HashText => Convert.ToHexStringLower(Hash);

    public bool Is(long link, ReadOnlySpan<byte> hash) => Link == link && hash.SequenceEqual(Hash);
}

/// <summary>A row of <c>chain_link</c>.</summary>
/// <param name="ChainedAt">To the microsecond, as PostgreSQL keeps it.</param>
internal sealed record ChainLink(
    long Link, long BatchId, short Format, DateTimeOffset ChainedAt, byte[] PreviousHash, byte[] Hash, byte[] RowIndex)
{
    /// <summary>How the rows of the links that this program adds are encoded: 2, since the sub-ledger keeps shortfall and
    /// counts_against_cap; 3, since it keeps limits and visit_id; 4, since it keeps stored_record; 5, since it keeps person_id and
    /// note, and acts are written down; 6, since heads are assessed by what is owed for each.</summary>
    public const short CurrentFormat = 6;

    /// <summary>Whether this program can replay links of the format.</summary>
    public static bool IsKnown(short format) => format is >= 1 and <= CurrentFormat;

    private const int FixedBytes = sizeof(short) + (3 * sizeof(long)) + sizeof(int);

    /// <summary>
    /// SHA-256 over the previous hash, format (int16), link, batch_id, chained_at (microseconds since 1970, int64 each), number
    /// of rows (int32), and the hash over the rows' hashes; numbers in network order.
    /// </summary>
    public static byte[] HashOf(ReadOnlySpan<byte> previousHash, short format, long link, long batchId, DateTimeOffset chainedAt,
        BatchRows rows)
    {
        Span<byte> text = stackalloc byte[(2 * SHA256.HashSizeInBytes) + FixedBytes];
        previousHash.CopyTo(text);
        Span<byte> rest = text[SHA256.HashSizeInBytes..];
        BinaryPrimitives.WriteInt16BigEndian(rest, format);
        BinaryPrimitives.WriteInt64BigEndian(rest[2..], link);
        BinaryPrimitives.WriteInt64BigEndian(rest[10..], batchId);
        BinaryPrimitives.WriteInt64BigEndian(rest[18..], (chainedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
        BinaryPrimitives.WriteInt32BigEndian(rest[26..], rows.Count);
        rows.Hash.CopyTo(rest[FixedBytes..]);
        return SHA256.HashData(text);
    }

    public static ChainLink Of(ChainEnd previous, long batchId, DateTimeOffset now, BatchRows rows)
    {
        DateTimeOffset chainedAt = new(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        byte[] hash = HashOf(previous.Hash, CurrentFormat, previous.Link + 1, batchId, chainedAt, rows);
        return new ChainLink(previous.Link + 1, batchId, CurrentFormat, chainedAt, previous.Hash, hash, rows.Index.ToArray());
    }
}
