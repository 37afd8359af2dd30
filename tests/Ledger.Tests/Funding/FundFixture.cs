using Claims.Ledger.Funding;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Closing;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Ledger.Tests.Funding;

/// <summary>A ledger whose clock stands where the test puts it, with a registry that has as many heads as the test says.</summary>
internal sealed class Fund : IAsyncDisposable
{
    public const string District = "410105";
    public const string OtherDistrict = "410102";
    public const string County = "410122";
    public const string City = "410100";

    private int _keys;

    private Fund(string postgres, RunningLedger ledger, TestClock clock, Heads heads) =>
        (Postgres, Ledger, Clock, Heads) = (postgres, ledger, clock, heads);

    /// <summary>Connection string of the owner.</summary>
    public string Postgres { get; }

    public RunningLedger Ledger { get; }

    public TestClock Clock { get; }

    public Heads Heads { get; }

    public Income Income => Ledger.Get<Income>();

    public Payments Payments => Ledger.Get<Payments>();

    public VoucherBook Vouchers => Ledger.Get<VoucherBook>();

    public Plans Plans => Ledger.Get<Plans>();

    public BalanceReader Balances => Ledger.Get<BalanceReader>();

    public ClosedMonths Months => Ledger.Get<ClosedMonths>();

    public static async Task<Fund> OpenAsync(LedgerDatabase databases, DateOnly today, PolicyPack? policy = null)
    {
        TestClock clock = new(today);
        Heads heads = new();
        string postgres = await databases.CreateAsync();
        return new Fund(postgres, RunningLedger.Create(postgres, clock: clock, eligibility: heads, policy: policy), clock, heads);
    }

    public VoucherHead Head(string? key = null, DateOnly? businessDate = null, string request = "") =>
        new(key ?? $"K{Interlocked.Increment(ref _keys)}", request, "clerk", "", businessDate, RunningLedger.Caller);

    /// <summary>So many fen come in and lie on the city's expenditure account.</summary>
    public async Task FillCityAsync(long fen, string scheme = "resident")
    {
        await Income.ReceiveAsync(Head(), IncomeKind.IncomeOther, scheme, City, Payer.Unspecified, fen, CancellationToken.None);
        await Payments.TransferAsync(Head(), TransferRoute.SpecialToCity, scheme, City, fen, CancellationToken.None);
    }

    public Task<Voucher> PayAsync(string county, DateOnly month, string? key = null, string scheme = "resident") =>
        Payments.PayAsync(Head(key), scheme, county, month, CancellationToken.None);

    public Task<PaymentProposal> ProposeAsync(string county, DateOnly month, string scheme = "resident") =>
        Payments.ProposeAsync(scheme, county, month, CancellationToken.None);

    /// <summary>Debit less credit, by the trial balance; 0 for an account that is not there.</summary>
    public async Task<long> BalanceFenAsync(string account) =>
        (await Ledger.TrialBalanceAsync()).Accounts.SingleOrDefault(row => row.Code == account)?.BalanceFen ?? 0;

    public async Task AssertBalancedAsync() => Assert.True((await Ledger.TrialBalanceAsync()).Balanced);

    /// <summary>Settlements of the fund payments given, one a facility and day, booked in one batch.</summary>
    public Task<PublishedLog> BookAsync(PublishedLog log, params (string Facility, string County, string Date, long FundPayFen)[] visits) =>
        BookAsync(log, "resident", visits);

    /// <summary>The same of the scheme given.</summary>
    public async Task<PublishedLog> BookAsync(
        PublishedLog log, string scheme, params (string Facility, string County, string Date, long FundPayFen)[] visits)
    {
        foreach ((string facility, string county, string date, long fundPayFen) in visits)
        {
            log.AddSettlement(0, record =>
            {
                (record.FacilityCode, record.FacilityCounty, record.VisitDate) = (facility, county, date);
                record.VisitType = VisitType.DeliveryNatural;
                (record.Scheme, record.RateBp, record.CapUsedAfterFen) = (scheme, 0, 0);
                record.FundPayFen = record.TotalFen = record.InScopeFen = fundPayFen;
                record.FullSelfPayFen = 0;
            });
        }

        await BookAgainAsync(log);
        return log;
    }

    /// <summary>What the log has beyond the watermarks.</summary>
    public async Task BookAgainAsync(PublishedLog log)
    {
        if (!Ledger.Watermarks.Opened.IsCompleted) await Ledger.OpenAsync(log);
        await Ledger.BookNewAsync(log);
    }

    public async Task<PostgresException> RefusedAsync(string sql) => await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(sql));

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = Ledger.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public ValueTask DisposeAsync() => Ledger.DisposeAsync();
}

/// <summary>At noon in China, on the day that it is set to.</summary>
internal sealed class TestClock(DateOnly today) : TimeProvider
{
    public DateOnly Today { get; set; } = today;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(Today, new TimeOnly(12, 0), TimeSpan.FromHours(8)).ToUniversalTime();
}

/// <summary>Eligibility, as far as it counts heads.</summary>
internal sealed class Heads : Eligibility.EligibilityClient
{
    public Dictionary<(string County, int PlanYear), long> Paid { get; } = [];

    /// <summary>By category and college, where they are not all general.</summary>
    public Dictionary<(string County, int PlanYear), HeadsOf[]> Of { get; } = [];

    /// <summary>Eligibility as it was before it told categories.</summary>
    public bool Old { get; set; }

    public void Set(string county, int planYear, params (string Category, string College, long Paid)[] heads)
    {
        Of[(county, planYear)] = [.. heads.Select(of => new HeadsOf { Category = of.Category, College = of.College, Paid = of.Paid })];
        Paid[(county, planYear)] = heads.Sum(of => of.Paid);
    }

    /// <summary>Calls are refused as if the service were down.</summary>
    public bool Away { get; set; }

    /// <summary>What was asked last.</summary>
    public CountHeadsRequest Asked { get; private set; } = new();

    public override AsyncUnaryCall<CountHeadsReply> CountHeadsAsync(CountHeadsRequest request, CallOptions options)
    {
        Asked = request;
        CountHeadsReply reply = new();
        if (Paid.TryGetValue((request.County, request.PlanYear), out long paid))
            reply.Counties.Add([new CountyHeads { County = "410199", Enrolled = 1, Paid = 1 },
            new CountyHeads { County = request.County, Enrolled = paid + 7, Paid = paid, Of = { OfThem(request, paid) } }]);
        Task<CountHeadsReply> answer = Away
            ? Task.FromException<CountHeadsReply>(new RpcException(new Status(StatusCode.Unavailable, "away")))
            : Task.FromResult(reply);
        return new AsyncUnaryCall<CountHeadsReply>(
            answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    private IEnumerable<HeadsOf> OfThem(CountHeadsRequest request, long paid) =>
        Old ? [] : Of.GetValueOrDefault((request.County, request.PlanYear)) ?? [new HeadsOf { Category = "general", Paid = paid }];
}
