using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Claims.Rules;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// The citations that stored settlements refer to by a 32-bit key, kept beside them, so that an old answer is given in its
/// old words whatever pack is loaded today.
/// </summary>
public sealed class CitationStore(IDatabase redis)
{
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<(int Shard, uint Key), Citations> _known = new();

    // By reference: the desk hands in the same few objects again and again, and hashing their texts took longer than the rest.
    private readonly ConcurrentDictionary<Citations, uint> _keys = new(ReferenceEqualityComparer.Instance);

    /// <summary>The key of the citations in this shard, written there first where it is not known to be.</summary>
    /// <exception cref="StoreUnavailableException">Redis did not answer.</exception>
    public ValueTask<uint> KeyOfAsync(ShardQueue shard, Citations citations)
    {
        uint key = _keys.GetOrAdd(citations,
            static c => BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(c))));
        return _known.ContainsKey((shard.Shard, key)) ? ValueTask.FromResult(key) : WriteAsync(shard, key, citations);
    }

    /// <summary>Without a look into Redis.</summary>
    public bool TryRead(ShardQueue shard, uint key, [NotNullWhen(true)] out Citations? citations) =>
        _known.TryGetValue((shard.Shard, key), out citations);

    /// <exception cref="StoreUnavailableException">Redis did not answer, or the store has lost the citations.</exception>
    public async ValueTask<Citations> ReadAsync(ShardQueue shard, uint key)
    {
        if (TryRead(shard, key, out Citations? citations)) return citations;
        RedisValue stored = await GuardAsync(redis.HashGetAsync(shard.Keys.Citations, FieldOf(key)), shard);
        if (stored.IsNull) throw new StoreUnavailableException($"Shard {shard.Shard}: the citations of a stored settlement are missing.");
        citations = JsonSerializer.Deserialize<Citations>((byte[])stored!)!;
        _known[(shard.Shard, key)] = citations;
        return citations;
    }

    /// <summary>Forgets what was known to be written: after a shard was opened anew.</summary>
    public void Forget(int shard)
    {
        foreach ((int Shard, uint Key) entry in _known.Keys)
        {
            if (entry.Shard == shard) _known.TryRemove(entry, out _);
        }
    }

    private async ValueTask<uint> WriteAsync(ShardQueue shard, uint key, Citations citations)
    {
        await GuardAsync(redis.HashSetAsync(shard.Keys.Citations, FieldOf(key), JsonSerializer.SerializeToUtf8Bytes(citations)), shard);
        _known[(shard.Shard, key)] = citations;
        return key;
    }

    private static string FieldOf(uint key) => key.ToString("x8", CultureInfo.InvariantCulture);

    private static async Task<T> GuardAsync<T>(Task<T> call, ShardQueue shard)
    {
        try
        {
            return await call.WaitAsync(CallLimit);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException($"Shard {shard.Shard}: Redis did not answer.", e);
        }
    }
}
