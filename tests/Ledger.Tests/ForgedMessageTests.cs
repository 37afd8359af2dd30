using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;

namespace Ledger.Tests;

[Collection(PostingDatabaseCollection.Name)]
public sealed class ForgedMessageTests(LedgerDatabase databases)
{
    private const int Shards = 2;

    [Fact]
    public async Task What_is_not_signed_is_skipped_and_what_is_signed_is_booked_or_stops_its_shard()
    {
        string keyFile = Path.GetTempFileName();
        await File.WriteAllTextAsync(keyFile, MessageKeys.NewKey());
        MessageKeys keys = MessageKeys.Load(keyFile);
        PublishedLog log = new PublishedLog(Shards).AddSettlements(2);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger =
            await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log, keyFile: keyFile);
        File.Delete(keyFile);
        SettledClaim forged = log.Shard(0)[0].Clone();
        forged.FundPayFen = forged.InScopeFen;

        kafka.Publish(0, forged.ToByteArray());
        kafka.Publish(0, [0xff, 0xff]);
        kafka.Publish(0, []);
        kafka.Publish(1, keys.Sign(0, log.Shard(0)[0].ToByteArray()));
        for (int shard = 0; shard < Shards; shard++)
            foreach (SettledClaim record in log.Shard(shard)) kafka.Publish(shard, keys.Sign(shard, record.ToByteArray()));
        await log.BookedAsync(ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
        Assert.Empty(ledger.Watermarks.Stopped);
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM poison_record"));

        SettledClaim unbookable = log.Shard(1)[0].Clone();
        (unbookable.Sequence, unbookable.InsuredId) = (3, "");
        kafka.Publish(1, keys.Sign(1, unbookable.ToByteArray()));
        await Eventually.HoldsAsync(() => ledger.Watermarks.Stopped.Count == 1, () => "no shard has stopped");
        Assert.Equal(1, ledger.Watermarks.Stopped.Single().Shard);
    }
}
