using Claims.V1;
using Grpc.Core;

namespace Ledger.Tests.Impact;

/// <summary>A recheck over the wire: what the registry is asked, and what is told of its answers.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class RegistryRecheckApiTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Each_wrong_settlement_is_told_once_whichever_shard_it_is_of()
    {
        PublishedLog log = new PublishedLog(2).AddSettlements(2);
        await using ServedLedger served = await ServeAsync(log, new Unpaid());

        List<RecheckNews> news = await RunAsync(served);

        Assert.Equal(
            log.Records.Select(record => (record.SettlementId, record.InsuredId, WrongCause.Refused, "NOT_COVERED_ON_DATE")),
            news.Where(one => one.Settlements is not null).SelectMany(one => one.Settlements.Settlements)
                .Select(one => (one.SettlementId, one.InsuredId, one.Cause, one.ReasonCode)));
        Assert.Equal(
            new RecheckTotals { Settlements = 4, Differing = 4, Refused = 4, FundPaidBeforeFen = log.FundPaidFen }, news[^1].Totals);
    }

    [Fact]
    public async Task Registry_that_does_not_answer_makes_nothing_wrong()
    {
        await using ServedLedger served = await ServeAsync(new PublishedLog(1).AddSettlements(1), new Unpaid { IsAway = true });

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => RunAsync(served));

        Assert.Equal(new Status(StatusCode.Unavailable, "the registry cannot be asked at the moment"), refused.Status);
    }

    [Fact]
    public async Task Recheck_from_no_day_or_without_a_registry_is_refused_by_name()
    {
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync());

        RpcException noDay = await Assert.ThrowsAsync<RpcException>(() => RunAsync(served, "2025-02-30"));
        RpcException noRegistry = await Assert.ThrowsAsync<RpcException>(() => RunAsync(served, "2025-02-28"));

        Assert.Equal(new Status(StatusCode.InvalidArgument, "from is not of the form yyyy-MM-dd"), noDay.Status);
        Assert.Equal(
            new Status(StatusCode.FailedPrecondition, "this ledger has no Claims:EligibilityAddress: the registry cannot be asked"),
            noRegistry.Status);
    }

    /// <summary>How many there are is an estimate of PostgreSQL's: it is never below what was read.</summary>
    [Theory]
    [InlineData(0, new long[0])]
    [InlineData(1, new long[] { 1_000, 1_002 })]
    public async Task Progress_is_told_of_the_portions_between_which_a_second_has_passed(int seconds, long[] told)
    {
        await using ServedLedger served = await ServeAsync(
            new PublishedLog(2).AddSettlements(501), new Unpaid(), new LeapingClock(TimeSpan.FromSeconds(seconds)));
        using AsyncServerStreamingCall<RecheckNews> call = served.Recheck.Run(new RecheckRequest());

        RecheckProgress[] progress = await call.ResponseStream.ReadAllAsync().Where(news => news.Progress is not null)
            .Select(news => news.Progress).ToArrayAsync();

        Assert.Equal(told, progress.Select(one => one.Entries));
        Assert.All(progress, one => Assert.InRange(one.Of, one.Entries, long.MaxValue));
    }

    private async Task<ServedLedger> ServeAsync(PublishedLog log, Unpaid registry, TimeProvider? time = null)
    {
        string postgres = await databases.CreateAsync();
        await using RunningLedger books = RunningLedger.Create(postgres);
        await books.OpenAsync(log);
        await books.BookAsync(log);
        return await ServedLedger.StartAsync(postgres, eligibility: registry, time: time);
    }

    private static async Task<List<RecheckNews>> RunAsync(ServedLedger served, string from = "")
    {
        using AsyncServerStreamingCall<RecheckNews> call = served.Recheck.Run(new RecheckRequest { From = from });
        List<RecheckNews> news = [];
        await foreach (RecheckNews one in call.ResponseStream.ReadAllAsync()) if (one.Progress is null) news.Add(one);
        return news;
    }

    /// <summary>A registry in which every facility is pooled and nobody has paid.</summary>
    private sealed class Unpaid : Eligibility.EligibilityClient
    {
        public bool IsAway { get; init; }

        public override AsyncUnaryCall<LookupReply> LookupAsync(LookupRequest request, CallOptions options)
        {
            LookupReply reply = new()
            {
                Facilities =
                {
                    request.FacilityCodes.Select(code => new Facility
                    {
                        FacilityCode = code,
                        AdminLevel = AdminLevel.Township,
                        PooledFrom = "2024-01-01",
                    }),
                },
                Enrolled =
                {
                    request.InsuredIds.Select((_, position) => new Enrolled
                    {
                        Position = position,
                        Enrolments = { new Enrolment { PlanYear = 2024, County = "410102" } },
                    }),
                },
            };
            Task<LookupReply> answer = IsAway
                ? Task.FromException<LookupReply>(new RpcException(new Status(StatusCode.Unavailable, "away")))
                : Task.FromResult(reply);
            return new AsyncUnaryCall<LookupReply>(
                answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }
    }
}
