using System.Text.Json;
using Claims.V1;
using Grpc.Core;

namespace Claims.SystemTests;

/// <summary>Two processes of a service over the same stores: what one leaves, the other goes on with.</summary>
public sealed class SeveralInstancesTests(RunningSystem system) : IClassFixture<RunningSystem>
{
    private const int Shards = 32;
    private const long RecordsBeforeTheKill = 400;

    [Fact]
    public async Task Killed_ledger_leaves_its_shards_to_the_other_instance()
    {
        using ServiceInstance second = await system.StartSecondAsync("Claims.Ledger");
        LedgerShards.LedgerShardsClient shards = new(second.Calls);
        await Eventually.HoldsAsync(async () => (await HoldersAsync(shards)).SequenceEqual([Shards / 2, Shards / 2]));
        Load load = new(system, "SL");
        await load.ImportAsync();
        Task<Answers> sending = await SendingAsync(load);

        await system.KillAsync("ledger");
        await Eventually.HoldsAsync(async () => (await HoldersAsync(shards)).SequenceEqual([Shards]));
        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        await Eventually.HoldsAsync(async () => (await HoldersAsync(shards)).SequenceEqual([Shards / 2, Shards / 2]));

        await load.AssertEachIsInTheBooksOnceAsync(await sending);
    }

    [Fact]
    public async Task Killed_adjudication_leaves_its_outbox_to_the_other_instance()
    {
        using ServiceInstance second = await system.StartSecondAsync("Claims.Adjudication");
        AdjudicationOperations.AdjudicationOperationsClient operations = new(second.Calls);
        Load load = new(system, "SA");
        await load.ImportAsync();
        Task<Answers> sending = await SendingAsync(load);

        await system.KillAsync("adjudication");
        await Eventually.HoldsAsync(async () =>
        {
            Outbox outbox = await operations.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow.AddSeconds(10));
            return outbox.Shards.All(shard => shard.Ready && shard.Sequence == shard.Committed);
        });
        RunningSystem.AssertDone(await system.RunAsync("up", "--detach"));
        await sending;
        Answers again = await load.SendAsync("second");

        Assert.Equal(0, again.ExitCode);
        await load.AssertEachIsInTheBooksOnceAsync(again);
    }

    [Theory]
    [InlineData("SS", true)]
    [InlineData("SD", false)]
    public async Task Cancellations_sent_twice_at_once_through_two_instances_are_booked_once(string prefix, bool sameRequest)
    {
        const int Cancellations = 500;
        using ServiceInstance second = await system.StartSecondAsync("Claims.Adjudication");
        Adjudication.AdjudicationClient[] instances = [new(system.Connect(system.PortBase + 1)), new(second.Calls)];
        Load load = new(system, prefix);
        await load.ImportAsync();
        JsonElement[] settled = [.. (await load.SendAsync("settled")).Lines.Take(Cancellations)];

        (SettleReply One, SettleReply Other)[] replies = await Task.WhenAll(settled.Select(async (answer, number) =>
        {
            CancelRequest first = new()
            {
                RequestId = $"{prefix}c{number}",
                FacilityCode = load.Facility,
                InsuredId = answer.GetProperty("insuredId").GetString(),
                SettlementId = answer.GetProperty("settlementId").GetString(),
            };
            CancelRequest again = first.Clone();
            if (!sameRequest) again.RequestId = $"{prefix}d{number}";
            SettleReply[] both = await Task.WhenAll(instances.Zip([first, again], (instance, request) => CancelAsync(instance, request)));
            return (both[0], both[1]);
        }));

        foreach ((SettleReply one, SettleReply other) in replies)
        {
            SettleReply[] both = [one, other];
            Assert.Single(both, reply => reply is { Decision: Decision.Cancelled, Replayed: false });
            Assert.Single(both, reply =>
                sameRequest ? reply is { Decision: Decision.Cancelled, Replayed: true } : reply.ReasonCode == "ALREADY_CANCELLED");
        }

        SubLedgerEntry[] mine = [.. (await system.BooksAsync()).Where(entry => load.IsMine(entry.RequestId))];
        SubLedgerEntry[] mirrors = [.. mine.Where(entry => entry.Kind == "CANCELLATION")];
        Assert.Equal(settled.Select(answer => answer.GetProperty("settlementId").GetString()!).Order(),
            mirrors.Select(entry => entry.OriginalSettlementId).Order());
        Assert.Equal(settled.Sum(answer => -answer.GetProperty("fundPayFen").GetInt64()), mirrors.Sum(entry => entry.FundPayFen));
    }

    /// <summary>The load, once some of it has been settled and most has not.</summary>
    private async Task<Task<Answers>> SendingAsync(Load load)
    {
        long before = await system.RecordsAsync();
        Task<Answers> sending = load.SendAsync("first");
        await Eventually.HoldsAsync(async () => await system.RecordsAsync() >= before + RecordsBeforeTheKill || sending.IsCompleted);
        Assert.False(sending.IsCompleted, "the load was over before anything was killed");
        return sending;
    }

    /// <returns>How many shards each instance posts, most first.</returns>
    private static async Task<int[]> HoldersAsync(LedgerShards.LedgerShardsClient client)
    {
        ListShardsReply reply = await client.ListShardsAsync(new ListShardsRequest(), null, DateTime.UtcNow.AddSeconds(10));
        return [.. reply.Shards.Where(shard => shard.Instance.Length > 0).CountBy(shard => shard.Instance).Select(holder => holder.Value)
            .OrderDescending()];
    }

    /// <summary>Sends it again where the answer is that nothing is known: 1 000 calls at once may find an instance still opening its
    /// shards.</summary>
    private static async Task<SettleReply> CancelAsync(Adjudication.AdjudicationClient instance, CancelRequest request)
    {
        SettleReply? reply = null;
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                reply = await instance.CancelAsync(request, null, DateTime.UtcNow.AddSeconds(30));
                return true;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.ResourceExhausted)
            {
                return false;
            }
        });
        return reply!;
    }
}
