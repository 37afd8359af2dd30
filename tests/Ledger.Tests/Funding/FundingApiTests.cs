using Claims.Hosting;
using Claims.Ledger;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using FundingClient = Claims.V1.Funding.FundingClient;

namespace Ledger.Tests.Funding;

/// <summary>The fund's money as it is served, by a service that works as its role.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class FundingApiTests(LedgerDatabase databases) : IAsyncLifetime
{
    private ServedLedger _served = null!;
    private FundingClient _funding = null!;
    private readonly Heads _heads = new();
    private string _postgres = "";
    private BooksReached? _reached;

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _served = await ServedLedger.StartAsync(_postgres, eligibility: _heads);
        _funding = _served.Funding;
    }

    public async Task DisposeAsync() => await _served.DisposeAsync();

    [Fact]
    public async Task Service_works_as_the_role_that_only_appends()
    {
        await using NpgsqlCommand who = _served.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SELECT current_user::text");
        Assert.Equal(LedgerServices.Role, await who.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Voucher_is_entered_once_read_back_and_reversed()
    {
        Voucher first = await _funding.ReceiveAsync(Interest("k", 250));
        Voucher again = await _funding.ReceiveAsync(Interest("k", 250));
        Voucher reversal = await _funding.ReverseVoucherAsync(
            new ReverseVoucherRequest { Header = Header("r"), VoucherId = first.VoucherId });

        Assert.False(first.Replayed);
        Assert.Equal(new Voucher(first) { Replayed = true }, again);
        Assert.Equal(("INTEREST_RECEIVED", "收到利息", 250L, "410100"), (first.Kind, first.KindName, first.AmountFen, first.County));
        Assert.Equal(["市级财政专户存款—城乡居民—郑州市本级", "利息收入—城乡居民—郑州市本级"], first.Postings.Select(posting => posting.Name));
        List<Voucher> listed = [];
        await foreach (Voucher voucher in _funding.ListVouchers(
            new ListVouchersRequest { County = "410100", From = first.PostingDate, To = first.PostingDate })
            .ResponseStream.ReadAllAsync()) listed.Add(voucher);
        Assert.Equal([new Voucher(first) { ReversedBy = reversal.VoucherId }, reversal], listed);
        Assert.Equal(0, (await _funding.GetBalancesAsync(new GetBalancesRequest { On = first.PostingDate })).Accounts.Sum(
            account => account.BalanceFen));
        await AssertStatusAsync(StatusCode.AlreadyExists, _funding.ReceiveAsync(Interest("k", 251)));
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            _funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header("r2"), VoucherId = first.VoucherId }));
        await AssertStatusAsync(StatusCode.NotFound,
            _funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header("r3"), VoucherId = 99 }));
    }

    [Fact]
    public async Task Request_that_makes_no_sense_is_invalid()
    {
        foreach (long fen in new[] { 0, -1, long.MaxValue })
            await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(Interest("k", fen)));
        foreach (string day in new[] { "2025-02-30", "yesterday" })
            await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(
                new ReceiveRequest(Interest("k", 1)) { Header = new VoucherHeader(Header("k")) { BusinessDate = day } }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(Interest("", 1)));
        await AssertStatusAsync(StatusCode.InvalidArgument,
            _funding.ReceiveAsync(new ReceiveRequest { Kind = IncomeKind.IncomeInterest, AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.InvalidArgument,
            _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Payer = Payer.CityTreasury }));
        await AssertStatusAsync(StatusCode.InvalidArgument,
            _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Scheme = "unheard-of" }));
        await AssertStatusAsync(StatusCode.InvalidArgument,
            _funding.PayAsync(new PayRequest { Header = Header("k"), County = "410105", Month = "2025-13" }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.TransferAsync(
            new TransferRequest { Header = Header("k"), Route = TransferRoute.SpecialToCity, County = "410122", AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.CloseMonthAsync(new CloseMonthRequest { Month = "2025" }));
    }

    /// <summary>Each leaves the request sensible, and makes it another one.</summary>
    [Fact]
    public async Task Key_stands_for_one_request_with_everything_that_it_says()
    {
        (_heads.Paid[("410105", 2024)], _heads.Paid[("410122", 2024)], _heads.Paid[("410105", 2025)]) = (2, 3, 4);
        AssessRequest assess = new() { Header = Header("assess"), Kind = AssessmentKind.Subsidy, County = "410105", Year = 2024 };
        await SettledAsync(assess, (request) => _funding.AssessAsync(request), (request, header) => request.Header = header,
            request => request.Kind = AssessmentKind.Contribution, request => request.Scheme = "employee", request =>
                request.County = "410122", request => request.Year = 2021);
        ReceiveRequest subsidy = new()
        {
            Header = Header("subsidy"),
            Kind = IncomeKind.IncomeSubsidy,
            County = "410105",
            Payer = Payer.CityTreasury,
            AmountFen = 100,
        };
        await SettledAsync(subsidy, request => _funding.ReceiveAsync(request), (request, header) => request.Header = header,
            request => request.Payer = Payer.CountyTreasury, request => request.Payer = Payer.CentralTreasury, request =>
                request.Payer = Payer.ProvinceTreasury,
            request => request.Scheme = "employee", request => request.County = "410122", request => request.AmountFen = 101,
            request => (request.Kind, request.Payer) = (IncomeKind.IncomeContribution, Payer.Unspecified));
        ReceiveRequest other = new() { Header = Header("other"), Kind = IncomeKind.IncomeOther, AmountFen = 1_000 };
        await SettledAsync(other, request => _funding.ReceiveAsync(request), (request, header) => request.Header = header,
            request => request.Kind = IncomeKind.IncomeInterest, request => request.Kind = IncomeKind.IncomeTransfer, request =>
                request.County = "410105");
        TransferRequest city = new() { Header = Header("city"), Route = TransferRoute.SpecialToCity, AmountFen = 500 };
        await SettledAsync(city, request => _funding.TransferAsync(request), (request, header) => request.Header = header,
            request => request.Route = TransferRoute.CityToSpecial, request => request.Scheme = "employee", request =>
                request.AmountFen = 499,
            request => (request.Route, request.County) = (TransferRoute.CityToCounty, "410122"));
        await BookAsync(("410122", 40), ("410182", 50), ("410105", 60));
        TransferRequest county =
            new() { Header = Header("county"), Route = TransferRoute.CityToCounty, County = "410122", AmountFen = 40, Reached = _reached };
        await SettledAsync(county, request => _funding.TransferAsync(request), (request, header) => request.Header = header,
            request => request.County = "410182", request => request.Route = TransferRoute.CountyToCity);
        PayRequest pay = new() { Header = Header("pay"), County = "410122", Month = "2025-03", Reached = _reached };
        Voucher paid = await SettledAsync(pay, request => _funding.PayAsync(request), (request, header) => request.Header = header,
            request => request.Scheme = "employee", request => request.County = "410105", request => request.Month = "2025-02");
        ReverseVoucherRequest reverse = new() { Header = Header("reverse"), VoucherId = paid.VoucherId };
        await SettledAsync(reverse, request => _funding.ReverseVoucherAsync(request), (request, header) => request.Header = header,
            request => request.VoucherId--);
    }

    /// <summary>The request makes a voucher and gets it again, and no other request gets it under its key.</summary>
    private static async Task<Voucher> SettledAsync<T>(
        T request, Func<T, AsyncUnaryCall<Voucher>> call, Action<T, VoucherHeader> head,
        params Action<T>[] changes) where T : Google.Protobuf.IDeepCloneable<T>
    {
        VoucherHeader header = ((dynamic)request).Header;
        Voucher voucher = await call(request);
        Assert.Equal((header.Key, header.Actor, header.Memo), (voucher.Key, voucher.Actor, voucher.Memo));
        Assert.Equal(voucher.VoucherId, (await call(request)).VoucherId);
        foreach (Action<T> change in changes)
        {
            T other = request.Clone();
            change(other);
            await AssertStatusAsync(StatusCode.AlreadyExists, call(other));
        }

        foreach (VoucherHeader another in new[]
        {
            new VoucherHeader(header) { Memo = "other" },
            new VoucherHeader(header) { BusinessDate = "2025-01-01" },
        })
        {
            T other = request.Clone();
            head(other, another);
            await AssertStatusAsync(StatusCode.AlreadyExists, call(other));
        }

        // Who asks again does not matter.
        T again = request.Clone();
        head(again, new VoucherHeader(header) { Actor = "another clerk" });
        Assert.Equal((voucher.VoucherId, "clerk", true),
            await call(again) is var replayed ? (replayed.VoucherId, replayed.Actor, replayed.Replayed) : default);
        return voucher;
    }

    [Fact]
    public async Task Request_is_bounded_field_by_field_and_the_refusal_names_the_field()
    {
        foreach ((string field, ReceiveRequest request) in new (string, ReceiveRequest)[]
        {
            ("header is missing", new(Interest("k", 1)) { Header = null }),
            ("key has not 1 to 100 characters", Interest("", 1)),
            ("key has not 1 to 100 characters", Interest(new string('k', 101), 1)),
            ("actor has not 1 to 100 characters", new(Interest("k", 1)) { Header = new() { Key = "k" } }),
            ("actor has not 1 to 100 characters", new(Interest("k", 1)) { Header = new() { Key = "k", Actor = new string('a', 101) } }),
            ("memo has more than 200 characters",
                new(Interest("k", 1)) { Header = new() { Key = "k", Actor = "a", Memo = new string('m', 201) } }),
            ("business_date is not yyyy-MM-dd",
                new(Interest("k", 1)) { Header = new() { Key = "k", Actor = "a", BusinessDate = "2025-1-1" } }),
            ("kind is not one of the kinds of income", new(Interest("k", 1)) { Kind = (IncomeKind)7 }),
            ("kind is not one of the kinds of income", new(Interest("k", 1)) { Kind = IncomeKind.Unspecified }),
            ("county is missing", new(Interest("k", 1)) { Kind = IncomeKind.IncomeContribution }),
            ("county is missing", new(Interest("k", 1)) { Kind = IncomeKind.IncomeSubsidy, Payer = Payer.CityTreasury }),
            ("payer names a treasury for subsidies and aid, and only for them",
                new(Interest("k", 1)) { Kind = IncomeKind.IncomeSubsidy, County = "410105" }),
            ("payer names a treasury for subsidies and aid, and only for them",
                new(Interest("k", 1)) { Kind = IncomeKind.IncomeSubsidy, County = "410105", Payer = (Payer)5 }),
            ("county is missing", new(Interest("k", 1)) { Kind = IncomeKind.IncomeAid, Payer = Payer.CityTreasury }),
            ("payer of aid is neither the city nor the county",
                new(Interest("k", 1)) { Kind = IncomeKind.IncomeAid, County = "410105", Payer = Payer.ProvinceTreasury }),
            ("payer of aid is neither the city nor the county",
                new(Interest("k", 1)) { Kind = IncomeKind.IncomeAid, County = "410105" }),
            ("payer names a treasury for subsidies and aid, and only for them", new(Interest("k", 1)) { Payer = Payer.CentralTreasury }),
            ("payer names a treasury for subsidies and aid, and only for them", new(Interest("k", 1)) { Payer = Payer.CountyTreasury }),
            ("the amount is not between 1 and 100000000000000 fen", Interest("k", 0)),
            ("the amount is not between 1 and 100000000000000 fen", Interest("k", 100_000_000_000_001)),
            ("scheme is not one of resident, employee", new(Interest("k", 1)) { Scheme = "Resident" }),
        })
        {
            await RefusedAsync(field, _funding.ReceiveAsync(request));
        }

        const string Year = "year is not between 1 and 9998";
        AssessRequest assess = new() { Header = Header("k"), Kind = AssessmentKind.Subsidy, County = "410105", Year = 2024 };
        await RefusedAsync("kind is neither CONTRIBUTION nor SUBSIDY",
            _funding.AssessAsync(new(assess) { Kind = AssessmentKind.Unspecified }));
        await RefusedAsync("kind is neither CONTRIBUTION nor SUBSIDY", _funding.AssessAsync(new(assess) { Kind = (AssessmentKind)3 }));
        foreach (int year in new[] { 0, 9_999 })
        {
            await RefusedAsync(Year, _funding.AssessAsync(new(assess) { Year = year }));
            await RefusedAsync(Year, _funding.ListPlansAsync(new() { Year = year }));
            await RefusedAsync(Year, _funding.SetPlanAsync(
                new() { County = "410105", Year = year, PlanFen = 1, Revision = 1, Actor = "a" }));
        }

        TransferRequest transfer = new() { Header = Header("k"), Route = TransferRoute.CityToCounty, County = "410122", AmountFen = 1 };
        await RefusedAsync("route is not one of the routes", _funding.TransferAsync(new(transfer) { Route = TransferRoute.Unspecified }));
        await RefusedAsync("route is not one of the routes", _funding.TransferAsync(new(transfer) { Route = (TransferRoute)5 }));
        await RefusedAsync("county is missing", _funding.TransferAsync(new(transfer) { County = "" }));
        await RefusedAsync("county is missing", _funding.TransferAsync(new(transfer) { Route = TransferRoute.CountyToCity, County = "" }));
        await RefusedAsync("county is not part of this route",
            _funding.TransferAsync(new(transfer) { Route = TransferRoute.CityToSpecial }));
        await RefusedAsync("the amount is not between 1 and 100000000000000 fen", _funding.TransferAsync(new(transfer) { AmountFen = 0 }));
        SetPlanRequest plan = new() { County = "410105", Year = 2025, PlanFen = 1, Revision = 1, Actor = "a" };
        await RefusedAsync("revision is not above 0", _funding.SetPlanAsync(new(plan) { Revision = 0 }));
        await RefusedAsync("the amount is not between 1 and 100000000000000 fen", _funding.SetPlanAsync(new(plan) { PlanFen = 0 }));
        await RefusedAsync("actor has not 1 to 100 characters", _funding.SetPlanAsync(new(plan) { Actor = "" }));
        await RefusedAsync("memo has more than 200 characters", _funding.SetPlanAsync(new(plan) { Memo = new string('m', 201) }));
        await RefusedAsync("to is before from", _funding.GetResultAsync(new() { From = "2025-03-02", To = "2025-03-01" }));
        await RefusedAsync("from is not yyyy-MM-dd", _funding.GetResultAsync(new() { To = "2025-03-01" }));
        await RefusedAsync("to is not yyyy-MM-dd", _funding.GetResultAsync(new() { From = "2025-03-02" }));
        await RefusedAsync("on is not yyyy-MM-dd", _funding.GetBalancesAsync(new()));
        foreach (string month in new[] { "", "2025-03-01", "9999-01" })
        {
            await RefusedAsync("month is not yyyy-MM", _funding.CloseMonthAsync(new() { Month = month }));
            await RefusedAsync("month is not yyyy-MM", _funding.PayAsync(new() { Header = Header("k"), County = "410105", Month = month }));
            await RefusedAsync("month is not yyyy-MM", _funding.ProposePaymentsAsync(new() { County = "410105", Month = month }));
            await RefusedAsync("month is not yyyy-MM", _funding.ProposeReplenishmentsAsync(new() { Month = month }));
        }

        foreach (string day in new[] { "x", "2025-02-29" })
        {
            Assert.Equal(
                (StatusCode.InvalidArgument, "from is not yyyy-MM-dd"),
                Told(await Assert.ThrowsAsync<RpcException>(() => _funding.ListVouchers(new() { From = day }).ResponseStream.MoveNext())));
            Assert.Equal(
                (StatusCode.InvalidArgument, "to is not yyyy-MM-dd"),
                Told(await Assert.ThrowsAsync<RpcException>(() => _funding.ListVouchers(new() { To = day }).ResponseStream.MoveNext())));
        }

        Voucher longest = await _funding.ReceiveAsync(
            new(Interest(new string('k', 100), 100_000_000_000_000))
            {
                Header = new() { Key = new string('k', 100), Actor = new string('a', 100), Memo = new string('m', 200) },
            });
        Assert.Equal((100_000_000_000_000, "resident"), (longest.AmountFen, longest.Scheme));
        Assert.Equal("9998-12", (await Assert.ThrowsAsync<RpcException>(
            () => _funding.CloseMonthAsync(new() { Month = "9998-12" }).ResponseAsync)).Status.Detail["the month ".Length..17]);
        Assert.Empty((await _funding.ListPlansAsync(new() { Year = 1 })).Plans);
        Assert.Equal("2001-01", (await _funding.CloseMonthAsync(new() { Month = "2001-01" })).ClosedThrough);

        static async Task RefusedAsync<T>(string detail, AsyncUnaryCall<T> call) =>
            Assert.Equal((StatusCode.InvalidArgument, detail), Told(await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)));

        static (StatusCode, string) Told(RpcException refused) => (refused.StatusCode, refused.Status.Detail);
    }

    [Fact]
    public async Task What_a_rule_refuses_is_a_failed_precondition_and_enters_nothing()
    {
        string tomorrow = ChinaTime.Today(TimeProvider.System).AddDays(1)
            .ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.ReceiveAsync(
            new ReceiveRequest(Interest("k", 1)) { Header = new VoucherHeader(Header("k")) { BusinessDate = tomorrow } }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.AssessAsync(
            new AssessRequest { Header = Header("k"), Kind = AssessmentKind.Subsidy, County = "410105", Year = 2022 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.AssessAsync(
            new AssessRequest { Header = Header("k"), Kind = AssessmentKind.Subsidy, County = "410181", Year = 2024 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            _funding.TransferAsync(new TransferRequest { Header = Header("k"), Route = TransferRoute.SpecialToCity, AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            _funding.PayAsync(new PayRequest { Header = Header("k"), County = "410105", Month = "2025-03" }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.CloseMonthAsync(new CloseMonthRequest { Month = "9998-12" }));
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            _funding.SetPlanAsync(new SetPlanRequest { County = "410181", Year = 2025, PlanFen = 1, Revision = 1, Actor = "clerk" }));
        Assert.Empty((await _funding.GetBalancesAsync(new GetBalancesRequest { On = tomorrow })).Accounts);
    }

    [Fact]
    public async Task Plan_that_is_set_shows_in_the_metrics()
    {
        int year = ChinaTime.Today(TimeProvider.System).Year;
        await _funding.SetPlanAsync(new SetPlanRequest { County = "410105", Year = year, PlanFen = 1_000, Revision = 1, Actor = "clerk" });
        await Assert.Single(_served.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>()
            .OfType<Claims.Ledger.Funding.PlanWatch>()).RefreshAsync(CancellationToken.None);

        using HttpClient http = new();
        string metrics = await http.GetStringAsync(new Uri(_served.Metrics, "/metrics"));

        Assert.Contains($"claims_ledger_plan_warning_percent{{county=\"410105\",year=\"{year}\"}} 0", metrics, StringComparison.Ordinal);
        Assert.Equal("金水区", Assert.Single((await _funding.ListPlansAsync(new ListPlansRequest { Year = year })).Plans).Name);
    }

    /// <summary>What H1 of each county is owed for March 2025.</summary>
    private async Task BookAsync(params (string County, long Fen)[] visits)
    {
        PublishedLog log = new(1);
        foreach ((string county, long fen) in visits)
        {
            log.AddSettlement(0, record =>
            {
                (record.FacilityCode, record.FacilityCounty, record.VisitDate, record.VisitType) =
                    ("H1", county, "2025-03-15", VisitType.DeliveryNatural);
                (record.RateBp, record.CapUsedAfterFen, record.FullSelfPayFen) = (0, 0, 0);
                record.TotalFen = record.InScopeFen = record.FundPayFen = fen;
            });
        }

        await using RunningLedger ledger = RunningLedger.Create(_postgres);
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);
        _reached = new BooksReached { Epoch = log.Epoch, Shards = { new ReachedShard { Sequence = visits.Length } } };
    }

    private static ReceiveRequest Interest(string key, long fen) =>
        new() { Header = Header(key), Kind = IncomeKind.IncomeInterest, AmountFen = fen };

    private static VoucherHeader Header(string key) => new() { Key = key, Actor = "clerk" };

    private static async Task AssertStatusAsync<T>(StatusCode expected, AsyncUnaryCall<T> call) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
}
