using System.Security.Cryptography;
using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Claims.Adjudication.Rebuilding;

/// <summary>An insured's hash as it was read.</summary>
/// <param name="Digest">Of the whole hash, as replace.lua makes it: it is replaced only where it still has this one.</param>
internal sealed record StoredInsured(Dictionary<string, byte[]> Fields, string Digest)
{
    private static readonly Script Replace = Script.FromResource("replace.lua");

    public static async Task<StoredInsured> ReadAsync(IDatabase redis, RedisKey key)
    {
        HashEntry[] entries = await redis.HashGetAllAsync(key);
        Dictionary<string, byte[]> fields = new(entries.Length, StringComparer.Ordinal);
#pragma warning disable CA5350 // What Redis' scripts offer; it tells a change from none, and protects nothing.
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        foreach (HashEntry entry in entries)
        {
            byte[] value = (byte[])entry.Value!;
            digest.AppendData((byte[])entry.Name!);
            digest.AppendData(value);
            fields[(string)entry.Name!] = value;
        }

        return new StoredInsured(fields, Convert.ToHexStringLower(digest.GetHashAndReset()));
    }

    /// <summary>Records behind a position in the books, as they were appended, by sequence. What a merge has brought comes with the merge's
    /// own.</summary>
    /// <param name="booked">What the books have.</param>
    /// <exception cref="RebuildException">One that they do not have cannot be read.</exception>
    public IEnumerable<(string Request, byte[] Appended)> Behind(long position, InsuredFold booked) => Fields
        .Where(field => field.Key[0] == 'q' && !booked.Fields.ContainsKey(field.Key)
            && ReadableHeaderOf(field.Value) is { Kind: not RecordKind.Tombstone } header && header.Sequence > position
            && !MovedNumbers.IsMoved(header.Sequence))
        .Select(field => (field.Key, RecordHeader.AsAppended(field.Value)))
        .OrderBy(record => RecordHeader.ReadSequence(record.Item2));

    private static RecordHeader ReadableHeaderOf(byte[] record) =>
        record.Length >= RecordHeader.Bytes && record[0] == RecordHeader.Format
            ? RecordHeader.Read(record)
            : throw new RebuildException($"a stored record has format {(record.Length == 0 ? 0 : record[0])}, which this program does not "
                + "read, and the books do not have it");

    /// <summary>Puts these fields in the place of what was read.</summary>
    /// <param name="holder">What holds the shard: its field in the shard's key, <c>rebuild</c> or <c>epoch</c>, and the field's
    /// value.</param>
    /// <returns>False where the hash has changed since it was read; then nothing is done.</returns>
    public async Task<bool> ReplaceAsync(
        ShardQueue shard, RedisKey key, (string Field, string Value) holder, IReadOnlyDictionary<string, byte[]> fields) =>
        (long)await shard.Scripts.CallAsync(
            Replace, [shard.Keys.Shard, key, shard.Keys.Known],
            [holder.Field, holder.Value, Digest, .. fields.SelectMany(field => new RedisValue[] { field.Key, field.Value })]) == 1;

    public bool Is(IReadOnlyDictionary<string, byte[]> fields) => fields.Count == Fields.Count
        && fields.All(field => Fields.TryGetValue(field.Key, out byte[]? value) && value.AsSpan().SequenceEqual(field.Value));
}
