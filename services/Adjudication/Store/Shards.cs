using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>Which shard an insured belongs to, and how a shard's keys are named.</summary>
public static class Shards
{
    /// <summary>
    /// FNV-1a (32 bits) over the UTF-8 bytes of insured_id, its halves folded by xor, modulo the number of shards.
    /// Part of the stored format: with another hash, every stored answer would be looked for in the wrong place.
    /// </summary>
    public static int Of(string insuredId, int shardCount)
    {
        Span<byte> utf8 = stackalloc byte[Encoding.UTF8.GetMaxByteCount(insuredId.Length)];
        int length = Encoding.UTF8.GetBytes(insuredId, utf8);
        uint hash = 2166136261;
        foreach (byte octet in utf8[..length])
        {
            hash = unchecked((hash ^ octet) * 16777619);
        }

        return (int)((hash ^ (hash >> 16)) % (uint)shardCount);
    }
}

/// <summary>The Redis keys of one shard. The hash tag puts them on one master of a cluster.</summary>
public sealed class ShardKeys(int shard)
{
    private readonly string _insuredPrefix = Name(shard, "i:");

    // Put before a visit's insured without a text for both together.
    private readonly RedisKey _insuredPrefixUtf8 = Encoding.UTF8.GetBytes(Name(shard, "i:"));

    public int Number => shard;

    /// <summary>Hash: epoch, seq (last number given out), committed (the ledger's watermark when the outbox was last trimmed), people (how
    /// many are <see cref="Known"/>), closed (the last closed year), lowest (the highest number that an instance knew of when the store was
    /// below it); while it is rebuilt, rebuild (its name) and was in place of
    /// epoch.</summary>
    public RedisKey Shard { get; } = Name(shard, "shard");

    /// <summary>Stream of records that the ledger has not committed yet; entry id = sequence.</summary>
    public RedisKey Outbox { get; } = Name(shard, "outbox");

    /// <summary>String with a time limit: the relay that may publish this shard's outbox.</summary>
    public RedisKey Lease { get; } = Name(shard, "lease");

    /// <summary>Hash: the terms that stored settlements refer to.</summary>
    public RedisKey Terms { get; } = Name(shard, "terms");

    /// <summary>Set: the keys of all insured that anything was ever stored of, so that one whose hash is gone is not taken for
    /// new.</summary>
    public RedisKey Known { get; } = Name(shard, "known");

    /// <summary>An empty string: written before the replicas are waited for (<see cref="ReplicaWait"/>), never read.</summary>
    public RedisKey Mark { get; } = Name(shard, "mark");

    /// <summary>What takes the place of <see cref="Outbox"/> once a rebuild is done.</summary>
    public RedisKey RebuiltOutbox { get; } = Name(shard, "outbox.rebuilt");

    /// <summary>What takes the place of <see cref="Known"/> once a rebuild is done.</summary>
    public RedisKey RebuiltKnown { get; } = Name(shard, "known.rebuilt");

    /// <summary>The hash of what is no one's: numbers that were lost.</summary>
    public RedisKey NoOne => Insured("");

    /// <summary>Never written. Asked for beside a key that exists, it makes Redis refuse while the shard is on two nodes at once.</summary>
    public RedisKey Nothing { get; } = Name(shard, "nothing");

    /// <summary>Hash: accumulators and stored requests of one insured.</summary>
    public RedisKey Insured(string insuredId) => ((RedisKey)insuredId).Prepend(_insuredPrefixUtf8);

    /// <summary>A pattern that the keys of all insured of the shard match.</summary>
    public RedisValue EveryInsured => _insuredPrefix + "*";

    public string InsuredIdOf(string insuredKey) => insuredKey[_insuredPrefix.Length..];

    /// <param name="insuredKey">In UTF-8; the prefix has a byte a character.</param>
    public string InsuredIdOf(ReadOnlySpan<byte> insuredKey) => Encoding.UTF8.GetString(insuredKey[_insuredPrefix.Length..]);

    private static string Name(int shard, string suffix) => string.Create(CultureInfo.InvariantCulture, $"{{s{shard:00}}}:{suffix}");
}
