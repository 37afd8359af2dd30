using Claims.V1;
using Grpc.Core;
using Verdict = Claims.V1.AccumulatorsCheck.Types.Verdict;

namespace Ledger.Tests;

/// <summary>The comparison over the wire, with the books in PostgreSQL.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class AccumulatorsApiTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Comparison_is_of_the_books_with_what_adjudication_tells()
    {
        PublishedLog log = new PublishedLog(FakeOperations.Shards).AddSettlements(4);
        string postgres = await databases.CreateAsync();
        Dictionary<int, List<ShardAccumulators>> stored = [];
        await using (RunningLedger books = RunningLedger.Create(postgres))
        {
            await books.OpenAsync(log);
            await books.BookAsync(log);
            for (int shard = 0; shard < log.Shards; shard++)
                stored[shard] = await books.Get<Claims.Ledger.Audit.ShardFold>().OfAsync(shard, CancellationToken.None).ToListAsync();
        }

        await using ServedLedger served =
            await ServedLedger.StartAsync(postgres, adjudication: new FakeOperations(shard => [.. stored[shard], stored[shard][0]]));

        AccumulatorsCheck equal = await CheckAsync(served);
        stored[1][1].Insured.Records++;
        AccumulatorsCheck different = await CheckAsync(served);

        Assert.Equal((Verdict.Equal, (long)stored.Values.Sum(rows => rows.Count - 1)), (equal.Verdict, equal.Examined));
        Assert.Equal((Verdict.Different, 1), (different.Verdict, different.Shard));
        Assert.DoesNotContain(stored[1][1].Insured.InsuredId, different.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ledger_without_an_address_of_adjudication_names_the_setting()
    {
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync());

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(served));

        Assert.Equal(
            (StatusCode.FailedPrecondition, "the ledger cannot ask for the accumulators: set Claims__AdjudicationAddress"),
            (refused.StatusCode, refused.Status.Detail));
    }

    [Fact]
    public async Task Adjudication_that_does_not_answer_makes_the_comparison_unavailable_and_is_named()
    {
        FakeOperations away = new(_ => throw new RpcException(new Status(StatusCode.DeadlineExceeded, "too late")));
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync(), adjudication: away);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(served));

        Assert.Equal(new Status(StatusCode.Unavailable, "adjudication answered DeadlineExceeded: too late"), refused.Status);
    }

    private static async Task<AccumulatorsCheck> CheckAsync(ServedLedger served)
    {
        using AsyncServerStreamingCall<CompareAccumulatorsNews> call = served.Audit.CompareAccumulators(new CompareAccumulatorsRequest());
        return (await call.ResponseStream.ReadAllAsync().ToListAsync())[^1].Check;
    }
}
