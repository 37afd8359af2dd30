using Claims.Kafka;
using Claims.Ledger.SubLedger;
using Google.Protobuf;
using Postgres;

namespace Ledger.Tests;

/// <summary>A running ledger whose database becomes an earlier copy of itself, as after `put back` by whoever runs PostgreSQL.</summary>
[Collection(PostingDatabaseCollection.Name)]
public sealed class PutBackTests(LedgerDatabase databases)
{
    private const int Shards = 4;

    [Fact]
    public async Task Ledger_books_again_what_the_copy_lacks_and_trusts_nothing_that_it_remembers()
    {
        string postgres = await databases.CreateAsync();
        string name = TestPostgres.NameOf(postgres);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        PublishedLog log = new PublishedLog(Shards).AddSettlements(10);
        await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        await WhileNobodyIsConnectedAsync(postgres, $"CREATE DATABASE {name}_copy TEMPLATE {name} STRATEGY FILE_COPY");

        // Of a facility and by terms that the copy does not know.
        for (int shard = 0; shard < Shards; shard++)
        {
            for (int number = 0; number < 10; number++)
            {
                log.AddSettlement(shard, record =>
                {
                    record.FacilityCode = "H9";
                    record.StoredTerms = ByteString.CopyFromUtf8("terms of the later visits");
                });
            }
        }

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        await WhileNobodyIsConnectedAsync(
            postgres, $"ALTER DATABASE {name} RENAME TO {name}_later", $"ALTER DATABASE {name}_copy RENAME TO {name}");
        await Eventually.HoldsAsync(() => ledger.Watermarks.Sequence(0) == 10 && ledger.Own.Shards.Count == Shards,
            () => $"watermark {ledger.Watermarks.Sequence(0)}, {ledger.Own.Shards.Count} shards");
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
        Assert.Empty(ledger.Watermarks.Stopped);
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM stored_terms"));
    }

    [Fact]
    public void Hashes_of_a_batch_from_before_the_forgetting_are_not_taken()
    {
        RecentHashes recent = new();
        int before = recent.Generation;
        recent.Add(before, 1, new SubLedgerHashes(0));
        Assert.NotNull(recent.Find(1));

        recent.Forget();
        recent.Add(before, 2, new SubLedgerHashes(0));

        Assert.Null(recent.Find(1));
        Assert.Null(recent.Find(2));
    }

    [Fact]
    public void Hashes_of_a_number_that_is_given_out_again_take_the_place_of_the_first()
    {
        RecentHashes recent = new();
        recent.Add(recent.Generation, 1, new SubLedgerHashes(0));
        SubLedgerHashes second = new(0);

        recent.Add(recent.Generation, 1, second);

        Assert.Same(second, recent.Find(1));
    }

    private async Task WhileNobodyIsConnectedAsync(string address, params string[] statements)
    {
        await databases.Postgres.CloseAsync(address);
        foreach (string statement in statements) await databases.Postgres.ExecuteAsync(statement);
        await databases.Postgres.ExecuteAsync($"ALTER DATABASE {TestPostgres.NameOf(address)} ALLOW_CONNECTIONS true");
    }
}
