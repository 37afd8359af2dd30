using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Claims.Kafka;

/// <summary>
/// The keys by which the ledger knows a message for one of Adjudication's: whoever can write to the broker cannot make one. A message ends
/// in field 100 of SettledClaim, an HMAC-SHA256 over all that stands before it, under a key of its shard's own: a message of one
/// partition is none of another.
/// </summary>
public sealed class MessageKeys
{
    private const int MacBytes = 32;

    // Field 100, length-delimited, 32 bytes: readers of the topic that have no key may pass over it.
    private static readonly byte[] Field = [0xA2, 0x06, MacBytes];

    private readonly byte[][] _keys;
    private readonly byte[]?[][] _ofShards;

    private MessageKeys(byte[][] keys)
    {
        _keys = keys;
        // As many as a store may have shards.
        _ofShards = [.. keys.Select(_ => (byte[]?[])new byte[1024][])];
    }

    /// <summary>Nothing is signed and everything is taken: on loopback, for trying.</summary>
    public static MessageKeys None { get; } = new([]);

    public bool AreGiven => _keys.Length > 0;

    /// <summary>What a signature adds to a message.</summary>
    public int SignatureBytes => AreGiven ? Field.Length + MacBytes : 0;

    /// <param name="path">A file with a key a line, 64 hexadecimal digits: the first signs, each is taken from others, so that keys can be
    /// changed while the system runs. Empty: <see cref="None"/>.</param>
    /// <exception cref="InvalidDataException">The file is not that.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static MessageKeys Load(string path)
    {
        if (path.Length == 0) return None;
        List<byte[]> keys = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            byte[] key = new byte[MacBytes];
            if (Convert.FromHexString(line.Trim(), key, out int used, out int written) != System.Buffers.OperationStatus.Done
                || used != 2 * MacBytes || written != MacBytes)
            {
                throw new InvalidDataException($"line {number} is not a key of 64 hexadecimal digits");
            }

            keys.Add(key);
        }

        return keys.Count > 0 ? new MessageKeys([.. keys]) : throw new InvalidDataException("it holds no key");
    }

    /// <summary>What is wrong with the file, as the rest of a sentence; null when nothing is.</summary>
    public static string? Problem(string path)
    {
        try
        {
            Load(path);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return $"names a file that cannot be used: {e.Message.TrimEnd('.')}";
        }
    }

    /// <summary>A line for such a file.</summary>
    public static string NewKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MacBytes));

    /// <returns>The message as it is published, signed by the first key: an array of its own.</returns>
    public byte[] Sign(int shard, ReadOnlySpan<byte> message)
    {
        byte[] signed = new byte[message.Length + SignatureBytes];
        message.CopyTo(signed);
        SignInPlace(shard, signed);
        return signed;
    }

    /// <param name="message">What is signed, and behind it room for <see cref="SignatureBytes"/>.</param>
    public void SignInPlace(int shard, Span<byte> message)
    {
        if (!AreGiven) return;
        Span<byte> signature = message[^SignatureBytes..];
        Field.CopyTo(signature);
        HMACSHA256.HashData(KeyOf(0, shard), message[..^SignatureBytes], signature[Field.Length..]);
    }

    /// <returns>The message without its signature; null where none of the keys has made it for this shard.</returns>
    public byte[]? Open(int shard, byte[] signed)
    {
        ArgumentNullException.ThrowIfNull(signed);
        if (!AreGiven) return signed;
        int length = signed.Length - Field.Length - MacBytes;
        if (length < 0 || !signed.AsSpan(length, Field.Length).SequenceEqual(Field)) return null;
        ReadOnlySpan<byte> message = signed.AsSpan(0, length);
        Span<byte> expected = stackalloc byte[MacBytes];
        for (int key = 0; key < _keys.Length; key++)
        {
            HMACSHA256.HashData(KeyOf(key, shard), message, expected);
            if (CryptographicOperations.FixedTimeEquals(expected, signed.AsSpan(length + Field.Length))) return message.ToArray();
        }

        return null;
    }

    private byte[] KeyOf(int key, int shard)
    {
        if (_ofShards[key][shard] is { } known) return known;
        byte[] number = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(number, shard);
        return _ofShards[key][shard] = HMACSHA256.HashData(_keys[key], number);
    }
}
