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

    public async Task InitializeAsync()
    {
        string postgres = databases.Server.ConnectionString($"funding_{Guid.NewGuid():n}");
        _served = await ServedLedger.StartAsync(postgres);
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
        Voucher reversal = await _funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header("r"), VoucherId = first.VoucherId });

        Assert.False(first.Replayed);
        Assert.Equal(new Voucher(first) { Replayed = true }, again);
        Assert.Equal(("INTEREST_RECEIVED", "收到利息", 250L, "410100"), (first.Kind, first.KindName, first.AmountFen, first.County));
        Assert.Equal(["市级财政专户存款—城乡居民—郑州市本级", "利息收入—城乡居民—郑州市本级"], first.Postings.Select(posting => posting.Name));
        List<Voucher> listed = [];
        await foreach (Voucher voucher in _funding.ListVouchers(new ListVouchersRequest { County = "410100", From = first.PostingDate, To = first.PostingDate }).ResponseStream.ReadAllAsync()) listed.Add(voucher);
        Assert.Equal([new Voucher(first) { ReversedBy = reversal.VoucherId }, reversal], listed);
        Assert.Equal(0, (await _funding.GetBalancesAsync(new GetBalancesRequest { On = first.PostingDate })).Accounts.Sum(account => account.BalanceFen));
        await AssertStatusAsync(StatusCode.AlreadyExists, _funding.ReceiveAsync(Interest("k", 251)));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header("r2"), VoucherId = first.VoucherId }));
        await AssertStatusAsync(StatusCode.NotFound, _funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = Header("r3"), VoucherId = 99 }));
    }

    [Fact]
    public async Task Request_that_makes_no_sense_is_invalid()
    {
        foreach (long fen in new[] { 0, -1, long.MaxValue }) await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(Interest("k", fen)));
        foreach (string day in new[] { "2025-02-30", "yesterday" })
            await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Header = new VoucherHeader(Header("k")) { BusinessDate = day } }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(Interest("", 1)));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(new ReceiveRequest { Kind = IncomeKind.IncomeInterest, AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Payer = Payer.CityTreasury }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Scheme = "unheard-of" }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.PayAsync(new PayRequest { Header = Header("k"), County = "410105", Month = "2025-13" }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.TransferAsync(new TransferRequest { Header = Header("k"), Route = TransferRoute.SpecialToCity, County = "410122", AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.InvalidArgument, _funding.CloseMonthAsync(new CloseMonthRequest { Month = "2025" }));
    }

    [Fact]
    public async Task What_a_rule_refuses_is_a_failed_precondition_and_enters_nothing()
    {
        string tomorrow = ChinaTime.Today(TimeProvider.System).AddDays(1).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.ReceiveAsync(new ReceiveRequest(Interest("k", 1)) { Header = new VoucherHeader(Header("k")) { BusinessDate = tomorrow } }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.AssessAsync(new AssessRequest { Header = Header("k"), Kind = AssessmentKind.Subsidy, County = "410105", Year = 2024 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.AssessAsync(new AssessRequest { Header = Header("k"), Kind = AssessmentKind.Subsidy, County = "410181", Year = 2024 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.TransferAsync(new TransferRequest { Header = Header("k"), Route = TransferRoute.SpecialToCity, AmountFen = 1 }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.PayAsync(new PayRequest { Header = Header("k"), County = "410105", Month = "2025-03" }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.CloseMonthAsync(new CloseMonthRequest { Month = "9998-12" }));
        await AssertStatusAsync(StatusCode.FailedPrecondition, _funding.SetPlanAsync(new SetPlanRequest { County = "410181", Year = 2025, PlanFen = 1, Revision = 1, Actor = "clerk" }));
        Assert.Empty((await _funding.GetBalancesAsync(new GetBalancesRequest { On = tomorrow })).Accounts);
    }

    [Fact]
    public async Task Plan_that_is_set_shows_in_the_metrics()
    {
        int year = ChinaTime.Today(TimeProvider.System).Year;
        await _funding.SetPlanAsync(new SetPlanRequest { County = "410105", Year = year, PlanFen = 1_000, Revision = 1, Actor = "clerk" });
        await Assert.Single(_served.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<Claims.Ledger.Funding.PlanWatch>()).RefreshAsync(CancellationToken.None);

        using HttpClient http = new();
        string metrics = await http.GetStringAsync(new Uri(_served.Metrics, "/metrics"));

        Assert.Contains($"claims_ledger_plan_warning_percent{{county=\"410105\",year=\"{year}\"}} 0", metrics, StringComparison.Ordinal);
        Assert.Equal("金水区", Assert.Single((await _funding.ListPlansAsync(new ListPlansRequest { Year = year })).Plans).Name);
    }

    private static ReceiveRequest Interest(string key, long fen) => new() { Header = Header(key), Kind = IncomeKind.IncomeInterest, AmountFen = fen };

    private static VoucherHeader Header(string key) => new() { Key = key, Actor = "clerk" };

    private static async Task AssertStatusAsync<T>(StatusCode expected, AsyncUnaryCall<T> call) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
}
