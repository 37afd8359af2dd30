using System.Globalization;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;
using Watermarks = Claims.Ledger.Posting.Watermarks;

namespace Ledger.Tests;

/// <summary>What one store of accumulators has numbered, shard by shard, and how its relay publishes it.</summary>
internal sealed class PublishedLog
{
    private readonly List<SettledClaim>[] _shards;
    private readonly Random _random;

    public PublishedLog(int shards, int seed = 1)
    {
        _shards = [.. Enumerable.Range(0, shards).Select(_ => new List<SettledClaim>())];
        _random = new Random(seed);
        Epoch = seed.ToString("x32", CultureInfo.InvariantCulture);
    }

    public string Epoch { get; }

    public int Shards => _shards.Length;

    public IEnumerable<SettledClaim> Records => _shards.SelectMany(records => records);

    public IReadOnlyList<SettledClaim> Shard(int shard) => _shards[shard];

    public long FundPaidFen => Records.Sum(record => record.FundPayFen);

    /// <summary>Of shard 0: its numbers from the first to the last have lost their records.</summary>
    public SettledClaim Lost(long first, long last) => new()
    {
        Format = SettledMessage.Format,
        Epoch = Epoch,
        Kind = Kind.NumbersLost,
        FirstSequence = first,
        Sequence = last,
        RequestId = $"{first}-{last}",
        SettledAtUnixMs = 1_711_000_000_000,
        Scheme = "resident",
        StoredRecord = ByteString.CopyFromUtf8("lost"),
    };

    /// <summary>Settlements of few insured at few facilities over few days, in every shard alike.</summary>
    public PublishedLog AddSettlements(int perShard)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            for (int i = 0; i < perShard; i++) AddSettlement(shard);
        }

        return this;
    }

    public SettledClaim AddSettlement(int shard, Action<SettledClaim>? change = null)
    {
        long sequence = _shards[shard].Count + 1;
        long inScopeFen = _random.Next(4_001, 40_000);
        long selfPayFen = _random.Next(0, 5_000);
        long fundPayFen = (inScopeFen * 6_500 + 5_000) / 10_000;
        int facility = _random.Next(6);
        SettledClaim record = new()
        {
            Format = SettledMessage.Format,
            Shard = shard,
            Sequence = sequence,
            Epoch = Epoch,
            Kind = Kind.Settlement,
            SettlementId = $"S{shard:00}-{sequence}",
            FacilityCode = $"H{facility}",
            InsuredId = $"I{shard}-{_random.Next(5)}",
            RequestId = $"R{shard}-{sequence}",
            VisitDate = $"2024-03-{_random.Next(1, 4):00}",
            VisitType = VisitType.Ordinary,
            SettledAtUnixMs = 1_711_000_000_000 + sequence,
            Scheme = "resident",
            InsuredCounty = "410102",
            FacilityCounty = facility < 3 ? "410102" : "410122",
            Tier = "grassroots",
            TotalFen = inScopeFen + selfPayFen,
            FullSelfPayFen = selfPayFen,
            InScopeFen = inScopeFen,
            RateBp = 6_500,
            FundPayFen = fundPayFen,
            CapFen = 10_000_000,
            CapUsedBeforeFen = 0,
            CapUsedAfterFen = fundPayFen,
            PolicyId = "zhengzhou-outpatient@2024-01-01",
            PolicyHash = new string('0', 64),
            RequestFingerprint = ByteString.CopyFrom(new byte[16]),
        };
        change?.Invoke(record);
        record.CountsAgainstCap = record.VisitType is VisitType.Ordinary or VisitType.PrenatalCheck;
        if (record is { CountsAgainstCap: true, ShortfallFen: 0 })
        {
            Int128 uncappedFen = ((((Int128)record.InScopeFen - record.DeductibleFen) * record.RateBp) + 5_000) / 10_000;
            record.ShortfallFen = (long)Int128.Max(uncappedFen - record.FundPayFen, 0);
        }

        if (record.Limits.Length == 0) record.Limits = LimitsOf(record);
        _shards[shard].Add(record);
        return record;
    }

    /// <summary>Zhengzhou's limits of a settlement as its amounts stand: the deductible that was borne, and the annual cap.</summary>
    public static string LimitsOf(SettledClaim record)
    {
        if (record.Kind == Kind.RequestOnly) return "";
        List<string> lines = [];
        string day = record.VisitDate.Replace("-", "", StringComparison.Ordinal);
        if (record.DeductibleFen != 0)
        {
            long limitFen = Math.Max(4_000, record.DeductibleFen);
            lines.Add($"D {limitFen} 0 {record.DeductibleFen} bordinary:{day}:{record.FacilityCode}");
        }

        if (record.CountsAgainstCap)
        {
            string year = record.VisitDate.Split('-')[0];
            lines.Add($"f {record.CapFen} {record.CapUsedBeforeFen} {record.FundPayFen} fordinary.year:{year}");
        }

        return string.Join('\n', lines);
    }

    /// <summary>The negative mirror of a settlement, or the settlement again.</summary>
    public SettledClaim AddMirror(SettledClaim original, Kind kind)
    {
        int sign = kind == Kind.Cancellation ? -1 : 1;
        SettledClaim mirror = original.Clone();
        mirror.Kind = kind;
        mirror.Sequence = _shards[original.Shard].Count + 1;
        mirror.SettlementId = $"M{original.Shard:00}-{mirror.Sequence}";
        mirror.OriginalSettlementId = original.SettlementId;
        mirror.RequestId = $"R{original.Shard}-{mirror.Sequence}";
        mirror.OriginalRequestId = original.RequestId;
        mirror.TotalFen *= sign;
        mirror.FullSelfPayFen *= sign;
        mirror.InScopeFen *= sign;
        mirror.DeductibleFen *= sign;
        mirror.FundPayFen *= sign;
        mirror.ShortfallFen *= sign;
        mirror.CapUsedBeforeFen = sign < 0 ? original.FundPayFen : 0;
        mirror.CapUsedAfterFen = sign < 0 ? 0 : original.FundPayFen;
        mirror.Limits = string.Join('\n', original.Limits.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            string[] parts = line.Split(' ');
            if (parts[0] == "f") parts[2] = $"{mirror.CapUsedBeforeFen}";
            parts[3] = $"{sign * long.Parse(parts[3], CultureInfo.InvariantCulture)}";
            return string.Join(' ', parts);
        }));
        _shards[original.Shard].Add(mirror);
        return mirror;
    }

    /// <summary>
    /// Publishes as adjudication's relay does: from the watermark + 1 on connecting, and again whenever a gap is
    /// announced; returns once the watermarks have reached the end of every shard.
    /// </summary>
    public async Task PublishUntilBookedAsync(KafkaPublisher kafka, Watermarks watermarks)
    {
        using CancellationTokenSource deadline = new(RunningLedger.Deadline);
        HashSet<int> connected = [];
        await foreach (Claims.V1.Watermarks news in watermarks.WatchAsync(deadline.Token))
        {
            foreach (ShardWatermark shard in news.Shards)
            {
                if (!connected.Add(shard.Shard) && !shard.Gap) continue;
                kafka.Publish(_shards[shard.Shard].Skip((int)shard.Sequence));
            }

            if (_shards.Index().All(shard => watermarks.Sequence(shard.Index) == shard.Item.Count)) return;
        }
    }

    public Task BookedAsync(Watermarks watermarks) => Eventually.HoldsAsync(
        () => _shards.Index().All(shard => watermarks.Sequence(shard.Index) == shard.Item.Count),
        () => string.Join(' ', _shards.Select((records, shard) => $"{watermarks.Sequence(shard)}/{records.Count}")));
}

/// <summary>A producer of the topic.</summary>
internal sealed class KafkaPublisher : IDisposable
{
    private readonly IProducer<Null, byte[]> _producer;
    private readonly EmbeddedBroker _broker;

    public KafkaPublisher(EmbeddedBroker broker)
    {
        _broker = broker;
        ProducerConfig configuration = new()
        {
            BootstrapServers = broker.BootstrapServers,
            EnableIdempotence = true,
            LingerMs = 3,
            ReconnectBackoffMaxMs = 2_000,
            QueueBufferingMaxMessages = 1_000_000,
            QueueBufferingMaxKbytes = 1_000_000,
        };
        _producer = new ProducerBuilder<Null, byte[]>(configuration).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
    }

    public void Publish(IEnumerable<SettledClaim> records)
    {
        foreach (SettledClaim record in records) Publish(record.Shard, record.ToByteArray());
    }

    public void Publish(int partition, byte[] value, Headers? headers = null) =>
        _producer.Produce(new TopicPartition(ClaimsTopic.Name, partition), new Message<Null, byte[]> { Value = value, Headers = headers });

    public void Flush() => Assert.Equal(0, _producer.Flush(RunningLedger.Deadline));

    /// <summary>Of what the broker still has.</summary>
    public long FirstOffset(int partition)
    {
        using IConsumer<Ignore, byte[]> consumer =
            new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig { BootstrapServers = _broker.BootstrapServers, GroupId = "test" })
            .SetErrorHandler((_, _) => { }).Build();
        return consumer.QueryWatermarkOffsets(new TopicPartition(ClaimsTopic.Name, partition), RunningLedger.Deadline).Low.Value;
    }

    public void Dispose() => _producer.Dispose();
}
