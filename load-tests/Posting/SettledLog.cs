using System.Globalization;
using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;

namespace Claims.LoadTests.Posting;

/// <summary>What adjudication would have settled, numbered per shard and in the messages of the topic.</summary>
public sealed class SettledLog
{
    private const int Facilities = 200;
    private const int InsuredPerShard = 2_000;
    private const int Days = 10;

    private static readonly string[] Counties = ["410102", "410103", "410105", "410122", "410182", "410184"];

    /// <summary>Records in one message: about what gathers in a beat of the relay at full speed.</summary>
    public const int MessageRecords = 100;

    private readonly byte[][][] _messages;

    private SettledLog(byte[][][] messages, int perShard)
    {
        _messages = messages;
        PerShard = perShard;
    }

    public int Shards => _messages.Length;

    public int PerShard { get; }

    public long Count => (long)Shards * PerShard;

    /// <summary>The message with the record of this shard and sequence; sequences start at 1.</summary>
    /// <returns>And its last sequence.</returns>
    public (byte[] Message, long Last) MessageOf(int shard, long sequence)
    {
        long message = (sequence - 1) / MessageRecords;
        return (_messages[shard][message], Math.Min((message + 1) * MessageRecords, PerShard));
    }

    /// <param name="epoch">The epoch of the store that the ledger keeps books for.</param>
    public static SettledLog Generate(string epoch, int shards, int perShard)
    {
        byte[][][] messages = new byte[shards][][];
        Parallel.For(0, shards, shard =>
        {
            Random random = new(shard);
            SettledMessage message = new();
            messages[shard] = [.. Enumerable.Range(1, perShard).Select(sequence => Settlement(epoch, shard, sequence, random))
                .Chunk(MessageRecords).Select(records =>
            {
                foreach (SettledClaim record in records) message.Add(record);
                return message.Take();
            })];
        });
        return new SettledLog(messages, perShard);
    }

    private static SettledClaim Settlement(string epoch, int shard, int sequence, Random random)
    {
        int facility = random.Next(Facilities);
        long totalFen = random.Next(2_000, 20_000);
        long fundPayFen = ((totalFen * 6_500) + 5_000) / 10_000;
        long usedFen = random.Next(0, 1_000);
        return new SettledClaim
        {
            Format = SettledMessage.Format,
            Shard = shard,
            Sequence = sequence,
            Epoch = epoch,
            Kind = SettledClaim.Types.Kind.Settlement,
            SettlementId = string.Create(CultureInfo.InvariantCulture, $"2025-{shard:00}-{sequence:000000000}"),
            FacilityCode = string.Create(CultureInfo.InvariantCulture, $"H{Counties[facility % Counties.Length]}{facility:00000}"),
            InsuredId = string.Create(CultureInfo.InvariantCulture, $"410105{shard:00}{random.Next(InsuredPerShard):0000000}"),
            RequestId = string.Create(CultureInfo.InvariantCulture, $"MZ20250618{sequence:00000000}"),
            VisitDate = string.Create(CultureInfo.InvariantCulture, $"2025-06-{9 + random.Next(Days):00}"),
            VisitType = VisitType.Ordinary,
            SettledAtUnixMs = 1_750_200_000_000 + sequence,
            Scheme = "resident",
            InsuredCounty = Counties[random.Next(Counties.Length)],
            FacilityCounty = Counties[facility % Counties.Length],
            Tier = "grassroots",
            TotalFen = totalFen,
            InScopeFen = totalFen,
            RateBp = 6_500,
            FundPayFen = fundPayFen,
            CapFen = 30_000,
            CapUsedBeforeFen = usedFen,
            CapUsedAfterFen = usedFen + fundPayFen,
            CountsAgainstCap = true,
            RoundingFen = 1,
            Limits = string.Create(CultureInfo.InvariantCulture, $"f 30000 {usedFen} {fundPayFen} fordinary.year:2025"),
            PolicyId = "zhengzhou-outpatient@2024-01-01",
            PolicyHash = new string('0', 64),
            RequestFingerprint = ByteString.CopyFrom(new byte[16]),
        };
    }
}
