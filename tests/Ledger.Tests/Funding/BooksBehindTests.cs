using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Funding;

/// <summary>Money moves on books that have what was acknowledged, or not at all.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class BooksBehindTests(LedgerDatabase databases) : IAsyncLifetime
{
    private readonly EmbeddedBroker _broker = EmbeddedBroker.Start(ClaimsTopic.Name, 2);
    private readonly PublishedLog _log = new(2);
    private ServedLedger _served = null!;
    private int _keys;

    public async Task InitializeAsync() =>
        _served = await ServedLedger.StartAsync(await databases.CreateAsync(), _broker);

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _broker.Dispose();
    }

    [Fact]
    public async Task Cancellation_that_a_paused_broker_has_not_taken_is_not_paid()
    {
        SettledClaim settled = Settle(1, 8_800);
        await _served.PublishUntilBookedAsync(_log);
        await FillCityAsync(100_000);
        _broker.TakeDown();
        _log.AddMirror(settled, Kind.Cancellation);

        const string Behind = "the books are behind: shard 1 is to be booked up to 2 and is up to 1; ask again once it is";
        await RefusedAsync(StatusCode.FailedPrecondition, Behind, _served.Funding.PayAsync(Run()));
        await RefusedAsync(StatusCode.FailedPrecondition, Behind, _served.Funding.ProposePaymentsAsync(DryRun()));
        Assert.Equal(2, await VouchersAsync());

        _broker.BringUp();
        await _served.PublishUntilBookedAsync(_log);
        Assert.Equal(0, (await _served.Funding.ProposePaymentsAsync(DryRun())).TotalFen);
        await RefusedAsync(
            StatusCode.FailedPrecondition, "no facility of 410105 is owed anything for visits up to the end of 2025-03",
            _served.Funding.PayAsync(Run()));

        Settle(0, 70);
        await _served.PublishUntilBookedAsync(_log);
        Assert.Equal(70, (await _served.Funding.ProposePaymentsAsync(DryRun())).TotalFen);
        Assert.Equal(70, (await _served.Funding.PayAsync(Run())).AmountFen);
    }

    [Fact]
    public async Task Run_that_does_not_name_every_shard_of_this_store_is_refused()
    {
        Settle(0, 100);
        await _served.PublishUntilBookedAsync(_log);
        await FillCityAsync(1_000);

        const string Missing = "reached does not name shard 1: take every shard's sequence from adjudication's GetOutbox";
        BooksReached first = new() { Epoch = _log.Epoch, Shards = { new ReachedShard { Shard = 0, Sequence = 1 } } };
        await RefusedAsync(StatusCode.InvalidArgument, Missing, _served.Funding.PayAsync(new PayRequest(Run()) { Reached = first }));
        await RefusedAsync(StatusCode.InvalidArgument, Missing,
            _served.Funding.ProposePaymentsAsync(new ProposePaymentsRequest(DryRun()) { Reached = first }));
        await RefusedAsync(StatusCode.InvalidArgument, Missing,
            _served.Funding.ProposeReplenishmentsAsync(new ProposeReplenishmentsRequest { Month = "2025-03", Reached = first }));
        TransferRequest transfer = new() { Header = Header(), Route = TransferRoute.CityToSpecial, AmountFen = 1 };
        await RefusedAsync(StatusCode.InvalidArgument, Missing,
            _served.Funding.TransferAsync(new TransferRequest(transfer) { Reached = first }));
        await RefusedAsync(StatusCode.InvalidArgument, Missing.Replace("shard 1", "shard 0", StringComparison.Ordinal),
            _served.Funding.PayAsync(new PayRequest(Run()) { Reached = null }));
        BooksReached elsewhere = new(Reached()) { Epoch = "another" };
        await RefusedAsync(
            StatusCode.FailedPrecondition, $"reached is of the store 'another', these books are kept for '{_log.Epoch}'",
            _served.Funding.PayAsync(new PayRequest(Run()) { Reached = elsewhere }));
        foreach (int shard in (int[])[-1, 2])
        {
            BooksReached beyond = Reached();
            beyond.Shards.Add(new ReachedShard { Shard = shard });
            await RefusedAsync(StatusCode.FailedPrecondition, $"reached names shard {shard}, the store has 2",
                _served.Funding.PayAsync(new PayRequest(Run()) { Reached = beyond }));
        }

        Assert.Equal(100, (await _served.Funding.PayAsync(Run())).AmountFen);
        await _served.Funding.TransferAsync(new TransferRequest(transfer) { Reached = Reached() });
    }

    [Fact]
    public async Task Books_of_no_store_yet_have_nothing_that_was_acknowledged()
    {
        ListPlansRequest plans = new() { Year = 2025, Reached = Reached() };
        await _served.Funding.ListPlansAsync(plans);
        plans.Reached.Shards[1].Sequence = 1;

        await RefusedAsync(StatusCode.FailedPrecondition, "these books are kept for no store yet", _served.Funding.ListPlansAsync(plans));
    }

    [Fact]
    public async Task Position_is_stated_of_books_that_have_what_the_caller_knows_of()
    {
        Settle(0, 100);
        await _served.PublishUntilBookedAsync(_log);
        BooksReached reached = Reached();
        BooksReached ahead = new() { Epoch = _log.Epoch, Shards = { new ReachedShard { Shard = 0, Sequence = 2 } } };

        foreach (Func<BooksReached?, Task> call in (Func<BooksReached?, Task>[])
        [
            async at => await _served.Funding.GetBalancesAsync(new GetBalancesRequest { On = "2025-03-31", Reached = at }),
            async at => await _served.Funding.GetResultAsync(new GetResultRequest { From = "2025-03-01", To = "2025-03-31", Reached = at }),
            async at => await _served.Funding.ListPlansAsync(new ListPlansRequest { Year = 2025, Reached = at }),
            async at =>
                await _served.Funding.SetPlanAsync(
                new SetPlanRequest { County = "410105", Year = 2025, PlanFen = 1, Revision = 1, Actor = "clerk", Reached = at }),
            async at => await _served.Funding.CloseMonthAsync(new CloseMonthRequest { Month = "2001-01", Reached = at }),
            async at =>
                await _served.Funding.ReceiveAsync(
                new ReceiveRequest { Header = Header(), Kind = IncomeKind.IncomeOther, AmountFen = 1, Reached = at }),
        ])
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => call(ahead));
            Assert.Equal((StatusCode.FailedPrecondition,
                "the books are behind: shard 0 is to be booked up to 2 and is up to 1; ask again once it is"),
                (refused.StatusCode, refused.Status.Detail));
            await call(reached);
            await call(null);
        }

        const string Assessing = "the books are behind: shard 0 is to be booked up to 2 and is up to 1; ask again once it is";
        await RefusedAsync(StatusCode.FailedPrecondition, Assessing, _served.Funding.AssessAsync(
            new AssessRequest { Header = Header(), Kind = AssessmentKind.Subsidy, County = "410105", Year = 2024, Reached = ahead }));
        await RefusedAsync(StatusCode.FailedPrecondition, Assessing,
            _served.Funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header(), VoucherId = 1, Reached = ahead }));
    }

    private SettledClaim Settle(int shard, long fen) => _log.AddSettlement(shard, record =>
    {
        (record.FacilityCode, record.FacilityCounty, record.VisitDate, record.VisitType) =
            ("H1", "410105", "2025-03-15", VisitType.DeliveryNatural);
        (record.RateBp, record.CapUsedAfterFen, record.FullSelfPayFen) = (0, 0, 0);
        record.TotalFen = record.InScopeFen = record.FundPayFen = fen;
    });

    private async Task FillCityAsync(long fen)
    {
        await _served.Funding.ReceiveAsync(new ReceiveRequest { Header = Header(), Kind = IncomeKind.IncomeOther, AmountFen = fen });
        await _served.Funding.TransferAsync(
            new TransferRequest { Header = Header(), Route = TransferRoute.SpecialToCity, AmountFen = fen, Reached = Reached() });
    }

    /// <summary>What adjudication has acknowledged, as its GetOutbox tells it.</summary>
    private BooksReached Reached() => new()
    {
        Epoch = _log.Epoch,
        Shards =
            { Enumerable.Range(0, _log.Shards).Select(shard => new ReachedShard { Shard = shard, Sequence = _log.Shard(shard).Count }) },
    };

    private PayRequest Run() => new() { Header = Header(), County = "410105", Month = "2025-03", Reached = Reached() };

    private ProposePaymentsRequest DryRun() => new() { County = "410105", Month = "2025-03", Reached = Reached() };

    private VoucherHeader Header() => new() { Key = $"K{++_keys}", Actor = "clerk" };

    private async Task<int> VouchersAsync()
    {
        int count = 0;
        await foreach (Voucher _ in _served.Funding.ListVouchers(new ListVouchersRequest()).ResponseStream.ReadAllAsync()) count++;
        return count;
    }

    private static async Task RefusedAsync<T>(StatusCode status, string detail, AsyncUnaryCall<T> call)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal((status, detail), (refused.StatusCode, refused.Status.Detail));
    }
}
