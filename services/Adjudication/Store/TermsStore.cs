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
/// The terms that stored settlements refer to by a 32-bit key, kept beside them, so that an old answer is given in its old words whatever
/// pack is loaded today.
/// </summary>
public sealed class TermsStore(IDatabase redis)
{
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<(int Shard, uint Key), KeptTerms> _known = new();

    // By reference: the desk hands in the same few objects again and again, and hashing their texts took longer than the rest.
    private readonly ConcurrentDictionary<Terms, uint> _keys = new(ReferenceEqualityComparer.Instance);

    /// <summary>The key of the terms in this shard, written there first where it is not known to be.</summary>
    /// <exception cref="StoreUnavailableException">Redis did not answer; nothing refers to the terms yet, so nothing
    /// happened.</exception>
    public ValueTask<uint> KeyOfAsync(ShardQueue shard, Terms terms)
    {
        uint key = _keys.GetOrAdd(terms, static c => KeyOf(JsonSerializer.SerializeToUtf8Bytes(c)));
        return _known.ContainsKey((shard.Shard, key))
            ? ValueTask.FromResult(key)
            : WriteAsync(shard, key, terms, JsonSerializer.SerializeToUtf8Bytes(terms));
    }

    /// <summary>The key of terms by their text, as it is stored.</summary>
    public static uint KeyOf(ReadOnlySpan<byte> text) => BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(text));

    /// <summary>The field that terms lie under in the shard's hash.</summary>
    public static string FieldOf(uint key) => key.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>Without a look into Redis.</summary>
    public bool TryRead(ShardQueue shard, uint key, [NotNullWhen(true)] out KeptTerms? kept) =>
        _known.TryGetValue((shard.Shard, key), out kept);

    /// <exception cref="StoreUnavailableException">Redis did not answer, or the store has lost the terms.</exception>
    public async ValueTask<Terms> ReadAsync(ShardQueue shard, uint key) => (await ReadKeptAsync(shard, key)).Terms;

    /// <exception cref="StoreUnavailableException">Redis did not answer, or the store has lost the terms.</exception>
    public async ValueTask<KeptTerms> ReadKeptAsync(ShardQueue shard, uint key)
    {
        if (TryRead(shard, key, out KeptTerms? kept)) return kept;
        RedisValue stored = await GuardAsync(redis.HashGetAsync(shard.Keys.Terms, FieldOf(key)), shard, Unanswered.Unknown);
        if (stored.IsNull) throw new StoreUnavailableException($"Shard {shard.Shard}: the terms of a stored settlement are missing.");
        byte[] text = (byte[])stored!;
        kept = new KeptTerms(Read(key, text), text);
        _known[(shard.Shard, key)] = kept;
        return kept;
    }

    /// <summary>Writes terms that records of one shard refer to in another, which those records are brought to.</summary>
    /// <exception cref="StoreUnavailableException">Redis did not answer, or the store has lost the terms; nothing refers to them there yet,
    /// so nothing happened.</exception>
    public async Task CopyAsync(ShardQueue from, ShardQueue to, IEnumerable<uint> keys)
    {
        foreach (uint key in keys)
        {
            KeptTerms kept = await ReadKeptAsync(from, key);
            await WriteAsync(to, key, kept.Terms, (byte[])[.. kept.Text.Span]);
        }
    }

    /// <exception cref="StoreUnavailableException">The text is not the one that was stored under the key, or none.</exception>
    public static Terms Read(uint key, byte[] text)
    {
        if (KeyOf(text) != key) throw StoredBytes.Unreadable(null);
        try
        {
            return JsonSerializer.Deserialize<Terms>(text) ?? throw StoredBytes.Unreadable(null);
        }
        catch (Exception met) when (StoredBytes.AreWrong(met) || met is NullReferenceException)
        {
            // Terms are put together from their parts, and one may be missing.
            throw StoredBytes.Unreadable(met);
        }
    }

    /// <summary>Forgets what was known to be written: after a shard was opened anew.</summary>
    public void Forget(int shard)
    {
        foreach ((int Shard, uint Key) entry in _known.Keys)
        {
            if (entry.Shard == shard) _known.TryRemove(entry, out _);
        }
    }

    private async ValueTask<uint> WriteAsync(ShardQueue shard, uint key, Terms terms, byte[] text)
    {
        Task<bool> written = shard.Scripts.HeldAsync(() => redis.HashSetAsync(shard.Keys.Terms, FieldOf(key), text));
        await GuardAsync(written, shard, Unanswered.NothingHappened);
        _known[(shard.Shard, key)] = new KeptTerms(terms, text);
        return key;
    }

    private static async Task<T> GuardAsync<T>(Task<T> call, ShardQueue shard, Unanswered why)
    {
        try
        {
            return await call.WaitAsync(CallLimit);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException($"Shard {shard.Shard}: Redis did not answer.", e, why);
        }
    }
}

/// <summary>Terms, and their text as it is stored.</summary>
public sealed record KeptTerms(Terms Terms, ReadOnlyMemory<byte> Text);
