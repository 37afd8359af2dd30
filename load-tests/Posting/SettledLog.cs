using System.Globalization;
using Claims.V1;
using Google.Protobuf;

namespace Claims.LoadTests.Posting;

/// <summary>What adjudication would have settled, numbered per shard and in the bytes of the topic.</summary>
public sealed class SettledLog
{
    private const int Facilities = 200;
    private const int InsuredPerShard = 2_000;
    private const int Days = 10;

    private static readonly string[] Counties = ["410102", "410103", "410105", "410122", "410182", "410184"];

    private readonly byte[][][] _records;

    private SettledLog(byte[][][] records) => _records = records;

    public int Shards => _records.Length;

    public int PerShard => _records[0].Length;

    public long Count => (long)Shards * PerShard;

    /// <summary>The record of this shard and sequence; sequences start at 1.</summary>
    public byte[] Record(int shard, long sequence) => _records[shard][sequence - 1];

    /// <param name="epoch">Of the store that the ledger keeps books for.</param>
    public static SettledLog Generate(string epoch, int shards, int perShard)
    {
        byte[][][] records = new byte[shards][][];
        Parallel.For(0, shards, shard =>
        {
            Random random = new(shard);
            records[shard] = [.. Enumerable.Range(1, perShard).Select(sequence => Settlement(epoch, shard, sequence, random).ToByteArray())];
        });
        return new SettledLog(records);
    }

    private static SettledClaim Settlement(string epoch, int shard, int sequence, Random random)
    {
        int facility = random.Next(Facilities);
        long totalFen = random.Next(2_000, 20_000);
        long fundPayFen = ((totalFen * 6_500) + 5_000) / 10_000;
        long usedFen = random.Next(0, 1_000);
        return new SettledClaim
        {
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
            PolicyId = "zhengzhou-outpatient@2024-01-01",
            PolicyHash = new string('0', 64),
            RequestFingerprint = ByteString.CopyFrom(new byte[16]),
        };
    }
}
