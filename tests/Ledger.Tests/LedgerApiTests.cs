using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>The service as it is served: host, wire, PostgreSQL, broker.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class LedgerApiTests(LedgerDatabase databases) : IAsyncLifetime
{
    private const int Shards = 4;

    private readonly EmbeddedBroker _broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
    private string _postgres = "";
    private ServedLedger _served = null!;

    private Claims.V1.Ledger.LedgerClient Client => _served.Client;

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _served = await ServedLedger.StartAsync(_postgres, _broker);
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _broker.Dispose();
    }

    [Fact]
    public async Task First_proposal_becomes_the_store_for_every_caller()
    {
        string[] proposals = [.. Enumerable.Range(1, 8).Select(i => new string((char)('0' + i), 32))];

        Store[] stores = await Task.WhenAll(proposals.Select(
            proposal => Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = proposal, Shards = Shards }).ResponseAsync));

        Assert.Contains(Assert.Single(stores.Select(store => store.Epoch).Distinct()), proposals);
        Assert.All(stores, store => Assert.Equal(
            Enumerable.Range(0, Shards).Select(shard => new ShardWatermark { Shard = shard }), store.Watermarks));
        Assert.False(stores[0].Initialised);
        Assert.True((await Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = stores[0].Epoch })).Initialised);
        Store later = await Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = new string('f', 32), Shards = 2 });
        Assert.Equal((stores[0].Epoch, Shards, true), (later.Epoch, later.Shards, later.Initialised));
    }

    [Theory]
    [InlineData("", 4)]
    [InlineData("0123456789ABCDEF0123456789ABCDEF", 4)]
    [InlineData("0123456789abcdef0123456789abcdef", 0)]
    [InlineData("0123456789abcdef0123456789abcdef", 1025)]
    public async Task Proposal_that_is_no_store_is_refused(string epoch, int shards) =>
        await AssertStatusAsync(StatusCode.InvalidArgument,
            () => Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = epoch, Shards = shards }).ResponseAsync);

    [Fact]
    public async Task Another_store_cannot_be_confirmed_nor_watermarks_watched_before_one_is_opened()
    {
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            () => Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = new string('1', 32) }).ResponseAsync);
        using AsyncServerStreamingCall<Claims.V1.Watermarks> watch = Client.WatchWatermarks(new WatchWatermarksRequest());
        await AssertStatusAsync(StatusCode.FailedPrecondition, () => watch.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task Records_of_a_shard_that_the_store_has_not_are_refused_and_so_is_every_shard_before_one_is_opened()
    {
        Assert.Equal(new Status(StatusCode.FailedPrecondition, "no store has been opened"), await StoredRecordsAsync(0));
        await Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = new string('1', 32), Shards = Shards });

        Assert.Equal(StatusCode.OK, (await StoredRecordsAsync(0)).StatusCode);
        Assert.Equal(StatusCode.OK, (await StoredRecordsAsync(Shards - 1)).StatusCode);
        foreach (int shard in (int[])[-1, Shards])
            Assert.Equal(new Status(StatusCode.InvalidArgument, "shard is not one of the store's"), await StoredRecordsAsync(shard));

        Task<Status> StoredRecordsAsync(int shard) =>
            StatusAsync(Client.ListStoredRecords(new ListStoredRecordsRequest { Shard = shard }));
    }

    [Fact]
    public async Task Entries_from_no_year_are_refused()
    {
        Assert.Equal(StatusCode.OK, (await EntriesAsync(0)).StatusCode);
        Assert.Equal(StatusCode.OK, (await EntriesAsync(9_998)).StatusCode);
        foreach (int year in (int[])[-1, 9_999])
            Assert.Equal(new Status(StatusCode.InvalidArgument, "from_year is not between 0 and 9998"), await EntriesAsync(year));

        Task<Status> EntriesAsync(int year) => StatusAsync(Client.ListEntries(new ListEntriesRequest { FromYear = year }));
    }

    [Fact]
    public async Task Watch_over_a_session_that_is_lost_ends_and_the_next_one_has_the_watermarks()
    {
        await Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = new string('1', 32), Shards = Shards });
        await using NpgsqlDataSource owner = NpgsqlDataSource.Create(_postgres);
        await Eventually.HoldsAsync(async () => await SessionsAsync("count(*)") == 1, () => "no session was made");
        using CancellationTokenSource deadline = new(RunningLedger.Deadline);
        using AsyncServerStreamingCall<Claims.V1.Watermarks> watch =
            Client.WatchWatermarks(new WatchWatermarksRequest(), cancellationToken: deadline.Token);
        Assert.True(await watch.ResponseStream.MoveNext());

        Assert.Equal(1, await SessionsAsync("count(pg_terminate_backend(pid))"));

        await AssertStatusAsync(StatusCode.Unavailable, async () =>
        {
            while (await watch.ResponseStream.MoveNext()) Assert.NotEmpty(watch.ResponseStream.Current.Shards);
        });
        await Eventually.HoldsAsync(WatchesAgainAsync, () => "no watch succeeds any more");

        async Task<long> SessionsAsync(string what)
        {
            await using NpgsqlCommand command = owner.CreateCommand(
                $"SELECT {what} FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'claims-ledger %'");
            return (long)(await command.ExecuteScalarAsync())!;
        }

        async Task<bool> WatchesAgainAsync()
        {
            using AsyncServerStreamingCall<Claims.V1.Watermarks> again = Client.WatchWatermarks(new WatchWatermarksRequest());
            try
            {
                return await again.ResponseStream.MoveNext() && again.ResponseStream.Current.Shards.Count == Shards;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Books_are_read_back_as_they_were_published()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(40);
        SettledClaim cancelled = log.AddSettlement(3, record => record.InsuredId = "I-cancelled");
        log.AddMirror(cancelled, Kind.Cancellation);
        log.AddSettlement(3, record =>
        {
            record.InsuredId = "I-mother";
            record.VisitType = VisitType.DeliveryNatural;
            record.RateBp = 0;
            record.CapUsedAfterFen = 0;
        });
        await _served.PublishUntilBookedAsync(log);

        TrialBalance trial = await Client.GetTrialBalanceAsync(new GetTrialBalanceRequest());
        Assert.True(trial.Balanced);
        Assert.Equal((log.FundPaidFen, log.FundPaidFen, log.FundPaidFen), (trial.FundPaidFen, trial.DebitFen, trial.CreditFen));
        Assert.Equal(4 * 40 + 1, trial.StandingSettlements);
        Dictionary<string, TrialBalance.Types.Account> accounts = trial.Accounts.ToDictionary(account => account.Code);
        SettledClaim delivery = log.Shard(3)[^1];
        Assert.Equal(delivery.FundPayFen, accounts[$"5102.resident.{delivery.FacilityCounty}"].BalanceFen);
        Assert.StartsWith("待遇支出—生育补助—城乡居民—", accounts[$"5102.resident.{delivery.FacilityCounty}"].Name, StringComparison.Ordinal);
        Assert.Equal("应付定点机构款—城乡居民—中原区—H0", accounts["2101.resident.410102.H0"].Name);
        Assert.Equal(-log.Records.Where(record => record.FacilityCode == "H0").Sum(record => record.FundPayFen),
            accounts["2101.resident.410102.H0"].BalanceFen);

        List<InsuredYear> years = await ReadAsync(Client.ListInsuredYears(new ListInsuredYearsRequest()));
        Assert.Equal(log.Records.GroupBy(record => record.InsuredId).OrderBy(insured => insured.Key, StringComparer.Ordinal)
            .Select(insured => new InsuredYear
            {
                InsuredId = insured.Key,
                Year = 2024,
                FundPayFen = insured.Sum(record => record.FundPayFen),
                CappedFundPayFen = insured.Where(record => record.VisitType == VisitType.Ordinary).Sum(record => record.FundPayFen),
                StandingSettlements = insured.Sum(record => record.Kind == Kind.Cancellation ? -1 : 1),
            }), years);

        Assert.Empty(await ReadAsync(Client.ListEntries(new ListEntriesRequest { FromYear = 2025 })));
        Assert.Equal(log.Records.Count(), (await ReadAsync(Client.ListEntries(new ListEntriesRequest { FromYear = 2024 }))).Count);
        List<SubLedgerEntry> entries = await ReadAsync(Client.ListEntries(new ListEntriesRequest()));
        Assert.Equal(log.Records.Select(record => new SubLedgerEntry
        {
            Shard = record.Shard,
            Sequence = record.Sequence,
            SettlementId = record.SettlementId,
            FacilityCode = record.FacilityCode,
            InsuredId = record.InsuredId,
            RequestId = record.RequestId,
            VisitDate = record.VisitDate,
            FundPayFen = record.FundPayFen,
            Kind = record.Kind == Kind.Cancellation ? "CANCELLATION" : "SETTLEMENT",
            OriginalSettlementId = record.OriginalSettlementId,
            VisitType = record.VisitType,
            Tier = record.Tier,
            TotalFen = record.TotalFen,
            InScopeFen = record.InScopeFen,
            DeductibleFen = record.DeductibleFen,
            CapUsedBeforeFen = record.CapUsedBeforeFen,
            CapUsedAfterFen = record.CapUsedAfterFen,
            InsuredCounty = record.InsuredCounty,
            PolicyId = record.PolicyId,
            Limits = record.Limits,
        }), entries);
    }

    [Fact]
    public async Task Restarted_service_goes_on_from_its_watermarks()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(10);
        await _served.PublishUntilBookedAsync(log);
        await _served.DisposeAsync();
        log.AddSettlements(10);

        _served = await ServedLedger.StartAsync(_postgres, _broker);
        await _served.PublishUntilBookedAsync(log);

        Assert.Equal(log.FundPaidFen, (await Client.GetTrialBalanceAsync(new GetTrialBalanceRequest())).FundPaidFen);
    }

    [Fact]
    public async Task Year_that_has_ended_is_closed_over_the_wire_and_a_present_one_is_not()
    {
        await _served.PublishUntilBookedAsync(new PublishedLog(Shards).AddSettlements(2));

        Assert.Equal(2024, (await CloseAsync(2024)).ClosedThrough);
        Assert.Equal(2024, (await CloseAsync(2023)).ClosedThrough);
        await AssertStatusAsync(StatusCode.FailedPrecondition, () => CloseAsync(Claims.Hosting.ChinaTime.Today(TimeProvider.System).Year));
        await AssertStatusAsync(StatusCode.FailedPrecondition, () => CloseAsync(9_998));
        await AssertStatusAsync(StatusCode.InvalidArgument, () => CloseAsync(9_999));
        await AssertStatusAsync(StatusCode.InvalidArgument, () => CloseAsync(0));
        await AssertStatusAsync(StatusCode.InvalidArgument, () => CloseAsync(int.MaxValue));

        Task<CloseLedgerYearReply> CloseAsync(int year) => Client.CloseYearAsync(new CloseLedgerYearRequest { Year = year }).ResponseAsync;
    }

    private static async Task<List<T>> ReadAsync<T>(AsyncServerStreamingCall<T> call)
    {
        List<T> messages = [];
        await foreach (T message in call.ResponseStream.ReadAllAsync()) messages.Add(message);
        return messages;
    }

    private static async Task<Status> StatusAsync<T>(AsyncServerStreamingCall<T> call)
    {
        using (call)
        {
            try
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None)) continue;
                return call.GetStatus();
            }
            catch (RpcException exception)
            {
                return exception.Status;
            }
        }
    }

    private static async Task AssertStatusAsync(StatusCode expected, Func<Task> call) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
