using System.Buffers;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Kafka;

/// <summary>
/// One message of the topic: a SettledClaim, and those that follow it in the shard. A message for each record cost both services as
/// much as what they did with it, and a policy's hash is longer than a settlement's figures.
/// </summary>
public sealed class SettledMessage
{
    private const int MostRecords = 250;

    /// <summary>Far below what a broker takes; an array of 85 000 bytes would be collected with what is old.</summary>
    private const int MostBytes = 64_000;

    private static readonly int FollowingTag = (SettledClaim.FollowingFieldNumber << 3) | (int)WireFormat.WireType.LengthDelimited;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private SettledClaim? _shared;

    /// <summary>What a message says of itself; a reader refuses another.</summary>
    public const int Format = 2;

    public int Records { get; private set; }

    /// <summary>What has been added, until it is added to or cleared.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>Whether the record may stand behind those that the message has.</summary>
    public bool Takes(SettledClaim claim) => _shared is null || (Records < MostRecords && _bytes.WrittenCount < MostBytes
        && claim.Shard == _shared.Shard && claim.Epoch == _shared.Epoch && claim.Scheme == _shared.Scheme
        && claim.PolicyId == _shared.PolicyId && claim.PolicyHash == _shared.PolicyHash);

    /// <param name="claim">One that the message takes. It may be changed afterwards, and has lost what it shares with the first.</param>
    public void Add(SettledClaim claim)
    {
        Records++;
        if (_shared is null)
        {
            claim.WriteTo(_bytes);
            _shared = new SettledClaim
            {
                Shard = claim.Shard,
                Epoch = claim.Epoch,
                Scheme = claim.Scheme,
                PolicyId = claim.PolicyId,
                PolicyHash = claim.PolicyHash,
            };
            return;
        }

        claim.Shard = claim.Format = 0;
        claim.Epoch = claim.Scheme = claim.PolicyId = claim.PolicyHash = "";
        WriteVarint(FollowingTag);
        WriteVarint(claim.CalculateSize());
        claim.WriteTo(_bytes);
    }

    /// <returns>The message's bytes; what is added next is another message.</returns>
    public byte[] Take()
    {
        byte[] message = _bytes.WrittenSpan.ToArray();
        Clear();
        return message;
    }

    public void Clear()
    {
        _bytes.ResetWrittenCount();
        _shared = null;
        Records = 0;
    }

    /// <summary>The records of a message in their order, each with everything it says.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a SettledClaim.</exception>
    /// <exception cref="UnknownFormatException">The message is of a format that this program does not read.</exception>
    public static SettledClaim[] Read(ReadOnlySpan<byte> message)
    {
        SettledClaim first = SettledClaim.Parser.ParseFrom(message);
        if (first.Format != Format) throw new UnknownFormatException($"has format {first.Format}, and this ledger reads format {Format}");
        SettledClaim[] records = [first, .. first.Following];
        first.Following.Clear();
        first.Filling = ByteString.Empty;
        foreach (SettledClaim record in records.AsSpan(1))
        {
            record.Format = first.Format;
            record.Shard = first.Shard;
            record.Epoch = first.Epoch;
            record.Scheme = first.Scheme;
            record.PolicyId = first.PolicyId;
            record.PolicyHash = first.PolicyHash;
        }

        return records;
    }

    private void WriteVarint(int value)
    {
        uint rest = (uint)value;
        Span<byte> bytes = _bytes.GetSpan(5);
        int length = 0;
        for (; rest >= 0x80; rest >>= 7) bytes[length++] = (byte)((rest & 0x7F) | 0x80);
        bytes[length++] = (byte)rest;
        _bytes.Advance(length);
    }
}

/// <summary>A message of a format that this program does not read: the message completes the sentence "the record …".</summary>
public sealed class UnknownFormatException(string reason) : Exception(reason);
