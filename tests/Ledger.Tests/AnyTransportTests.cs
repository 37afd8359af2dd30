using Claims.Kafka;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>Whatever Kafka does to a log, the books come to the same.</summary>
[Collection(PostingDatabaseCollection.Name)]
public sealed class AnyTransportTests(LedgerDatabase databases)
{
    private const int Shards = 4;

    /// <summary>One plain run, then runs with everything that Kafka allows; each of one to three ledgers.</summary>
    [Fact]
    public async Task Same_log_through_any_transport_gives_the_same_books()
    {
        int seed = Environment.TickCount;
        PublishedLog log = MixedLog(seed);
        WholeBooks plain = await PlayAsync(log, random: null);
        for (int run = 1; run <= 4; run++)
        {
            WholeBooks disturbed = await PlayAsync(log, new Random(unchecked(seed * 31) + run));
            Assert.True(plain == disturbed, $"seed {seed}, run {run}: {plain} became {disturbed}");
        }
    }

    [Fact]
    public async Task Books_of_another_log_differ()
    {
        PublishedLog log = MixedLog(1);
        WholeBooks books = await PlayAsync(log, random: null);

        log.Shard(2)[5].RequestId = "another";

        Assert.NotEqual(books, await PlayAsync(log, random: null));
    }

    [Fact]
    public async Task Broker_that_drops_what_is_old_before_it_is_read_is_filled_again()
    {
        // The embedded broker keeps about 5 MB of a partition.
        PublishedLog log = new(1);
        for (int i = 0; i < 60; i++) log.AddSettlement(0, record => record.PolicyId = new string('p', 200_000));
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, 1);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        broker.FailNext(BrokerRequest.Fetch, [.. Enumerable.Repeat(BrokerError.Unknown, 30)]);
        for (int round = 0; round < 3; round++) kafka.Publish(log.Records);
        kafka.Flush();
        Assert.NotEqual(0, kafka.FirstOffset(0));

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    [Theory]
    [InlineData(BrokerRequest.Fetch, BrokerError.OffsetOutOfRange)]
    [InlineData(BrokerRequest.Fetch, BrokerError.UnknownTopicOrPartition)]
    [InlineData(BrokerRequest.Fetch, BrokerError.NotLeaderForPartition)]
    [InlineData(BrokerRequest.Fetch, BrokerError.Unknown)]
    [InlineData(BrokerRequest.ListOffsets, BrokerError.LeaderNotAvailable)]
    [InlineData(BrokerRequest.Metadata, BrokerError.BrokerNotAvailable)]
    public async Task Request_that_the_broker_refuses_loses_nothing(BrokerRequest request, BrokerError error)
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(50);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        if (request != BrokerRequest.Fetch) broker.FailNext(request, error, error);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        if (request == BrokerRequest.Fetch) broker.FailNext(request, error, error);

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        log.AddSettlements(10);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    /// <summary>Settlements, cancellations, restorations and requests without money, in every shard.</summary>
    private static PublishedLog MixedLog(int seed)
    {
        PublishedLog log = new(Shards, seed & int.MaxValue);
        Random random = new(seed);
        for (int i = 0; i < 400; i++)
        {
            int shard = random.Next(Shards);
            SettledClaim settled = log.AddSettlement(shard);
            if (random.Next(5) > 0) continue;
            log.AddMirror(settled, Kind.Cancellation);
            if (random.Next(2) == 0) log.AddMirror(settled, Kind.Restoration);
        }

        return log;
    }

    private async Task<WholeBooks> PlayAsync(PublishedLog log, Random? random)
    {
        string postgres = await databases.CreateAsync();
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        int batchRecords = random?.Next(1, 100) ?? 5_000;
        await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log, batchRecords);
        List<RunningLedger> peers = [];
        try
        {
            for (int i = random?.Next(3) ?? 0; i > 0; i--)
                peers.Add(await RunningLedger.JoinAsync(postgres, broker.BootstrapServers, log, batchRecords));
            if (random is not null) kafka.Publish(Disturbed(log, random));
            await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
            return await WholeBooks.ReadAsync(ledger.Database);
        }
        finally
        {
            foreach (RunningLedger peer in peers) await peer.DisposeAsync();
        }
    }

    /// <summary>
    /// What a topic may come to hold: each partition in order but for windows that were sent again, records twice, and holes;
    /// the partitions interleaved anyhow.
    /// </summary>
    private static IEnumerable<SettledClaim> Disturbed(PublishedLog log, Random random)
    {
        List<Queue<SettledClaim>> partitions =
            [.. Enumerable.Range(0, log.Shards).Select(shard => new Queue<SettledClaim>(OnePartition(log.Shard(shard), random)))];
        while (partitions.Count > 0)
        {
            Queue<SettledClaim> partition = partitions[random.Next(partitions.Count)];
            if (partition.TryDequeue(out SettledClaim? record)) yield return record;
            else partitions.Remove(partition);
        }
    }

    private static IEnumerable<SettledClaim> OnePartition(IReadOnlyList<SettledClaim> records, Random random)
    {
        for (int at = 0; at < records.Count; at++)
        {
            if (random.Next(50) == 0) continue;
            yield return records[at];
            if (random.Next(20) == 0) yield return records[at];
            if (random.Next(40) == 0) at = Math.Max(at - random.Next(30), -1);
        }
    }
}
