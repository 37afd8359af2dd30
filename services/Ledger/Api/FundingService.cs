using System.Globalization;
using Claims.Hosting;
using Claims.Ledger.Funding;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Closing;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>The fund's money over gRPC. UNAVAILABLE whenever PostgreSQL or Eligibility cannot be asked: the same request under the same key
/// may be repeated.</summary>
internal sealed class FundingService(
    VoucherBook vouchers, Income income, Payments payments, Plans plans, BalanceReader balances, ClosedMonths closedMonths,
    FundPolicy policy,
    ReachedBooks books, ILogger<FundingService> logger)
    : V1.Funding.FundingBase
{
    private const int MostKeyCharacters = 100;
    private const int MostMemoCharacters = 200;
    private const int LastYear = 9998;

    // Far beyond any fund, and far from the end of a bigint.
    private const long MostFen = 100_000_000_000_000;

    private static readonly string[] Schemes = ["resident", "employee"];

    public override Task<Voucher> Assess(AssessRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(request.Kind is AssessmentKind.Contribution or AssessmentKind.Subsidy, "kind is neither CONTRIBUTION nor SUBSIDY");
        Require(request.Year is >= 1 and <= LastYear, $"year is not between 1 and {LastYear}");
        string scheme = Scheme(request.Scheme);
        VoucherHead head = Head(context, request.Header, "assess", request.Kind, scheme, request.County, request.Year);
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return await income.AssessAsync(head, request.Kind, scheme, request.County, request.Year, context.CancellationToken);
    });

    public override Task<Voucher> Receive(ReceiveRequest request, ServerCallContext context) => Answer(async () =>
    {
        bool ofCounty = request.Kind is IncomeKind.IncomeContribution or IncomeKind.IncomeSubsidy or IncomeKind.IncomeAid;
        Require(ofCounty || request.Kind is IncomeKind.IncomeTransfer or IncomeKind.IncomeInterest or IncomeKind.IncomeOther,
            "kind is not one of the kinds of income");
        Require(!ofCounty || request.County.Length > 0, "county is missing");
        Require(request.Kind == IncomeKind.IncomeAid
            || (request.Kind == IncomeKind.IncomeSubsidy) == (request.Payer is >= Payer.CentralTreasury and <= Payer.CountyTreasury),
            "payer names a treasury for subsidies and aid, and only for them");
        Require(request.Kind != IncomeKind.IncomeAid || request.Payer is Payer.CityTreasury or Payer.CountyTreasury,
            "payer of aid is neither the city nor the county");
        RequireAmount(request.AmountFen);
        string scheme = Scheme(request.Scheme);
        string county = request.County.Length > 0 ? request.County : policy.WholeCity;
        VoucherHead head = Head(context, request.Header, "receive", request.Kind, scheme, county, request.Payer, request.AmountFen);
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return await income.ReceiveAsync(head, request.Kind, scheme, county, request.Payer, request.AmountFen, context.CancellationToken);
    });

    public override Task<Voucher> Transfer(TransferRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(request.Route is >= TransferRoute.SpecialToCity and <= TransferRoute.CityToSpecial, "route is not one of the routes");
        bool ofCounty = request.Route is TransferRoute.CityToCounty or TransferRoute.CountyToCity;
        Require(ofCounty == request.County.Length > 0, ofCounty ? "county is missing" : "county is not part of this route");
        RequireAmount(request.AmountFen);
        string scheme = Scheme(request.Scheme);
        string county = ofCounty ? request.County : policy.WholeCity;
        VoucherHead head = Head(context, request.Header, "transfer", request.Route, scheme, county, request.AmountFen);
        await books.RequireEveryShardAsync(request.Reached, context.CancellationToken);
        return await payments.TransferAsync(head, request.Route, scheme, county, request.AmountFen, context.CancellationToken);
    });

    public override Task<ReplenishmentProposals> ProposeReplenishments(ProposeReplenishmentsRequest request, ServerCallContext context) =>
        Answer(async () =>
        {
            (string scheme, DateOnly month) = (Scheme(request.Scheme), Month(request.Month));
            await books.RequireEveryShardAsync(request.Reached, context.CancellationToken);
            return await payments.ProposeReplenishmentsAsync(scheme, month, context.CancellationToken);
        });

    public override Task<PaymentProposal> ProposePayments(ProposePaymentsRequest request, ServerCallContext context) =>
        Answer(async () =>
        {
            (string scheme, DateOnly month) = (Scheme(request.Scheme), Month(request.Month));
            await books.RequireEveryShardAsync(request.Reached, context.CancellationToken);
            return await payments.ProposeAsync(scheme, request.County, month, context.CancellationToken);
        });

    public override Task<Voucher> Pay(PayRequest request, ServerCallContext context) => Answer(async () =>
    {
        string scheme = Scheme(request.Scheme);
        DateOnly month = Month(request.Month);
        await books.RequireEveryShardAsync(request.Reached, context.CancellationToken);
        return await payments.PayAsync(
            Head(context, request.Header, "pay", scheme, request.County, request.Month), scheme, request.County, month,
            context.CancellationToken);
    });

    public override Task<Voucher> ReverseVoucher(ReverseVoucherRequest request, ServerCallContext context) =>
        Answer(async () =>
        {
            VoucherHead head = Head(context, request.Header, "reverse", request.VoucherId);
            await books.RequireAsync(request.Reached, context.CancellationToken);
            return await vouchers.ReverseAsync(head, request.VoucherId, context.CancellationToken);
        });

    public override Task ListVouchers(
        ListVouchersRequest request, IServerStreamWriter<Voucher> responseStream, ServerCallContext context) => Answer(async () =>
    {
        await foreach (Voucher voucher in vouchers.ListAsync(
            request, OptionalDay(request.From, "from"), OptionalDay(request.To, "to"), context.CancellationToken))
            await responseStream.WriteAsync(voucher);
        return true;
    });

    public override Task<Plan> SetPlan(SetPlanRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(request.Year is >= 1 and <= LastYear, $"year is not between 1 and {LastYear}");
        Require(request.Revision > 0, "revision is not above 0");
        RequireAmount(request.PlanFen);
        RequirePerson(request.Actor, request.Memo);
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return await plans.SetAsync(Scheme(request.Scheme), request, context.Caller().ToString(), context.CancellationToken);
    });

    public override Task<PlanList> ListPlans(ListPlansRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(request.Year is >= 1 and <= LastYear, $"year is not between 1 and {LastYear}");
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return new PlanList { Plans = { await plans.ListAsync(Scheme(request.Scheme), request.Year, context.CancellationToken) } };
    });

    public override Task<FundResult> GetResult(GetResultRequest request, ServerCallContext context) => Answer(async () =>
    {
        (DateOnly from, DateOnly to) = (Day(request.From, "from"), Day(request.To, "to"));
        Require(from <= to, "to is before from");
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return await balances.ResultAsync(Scheme(request.Scheme), from, to, request.By, context.CancellationToken);
    });

    public override Task<Balances> GetBalances(GetBalancesRequest request, ServerCallContext context) =>
        Answer(async () =>
        {
            DateOnly on = Day(request.On, "on");
            await books.RequireAsync(request.Reached, context.CancellationToken);
            return await balances.OnAsync(on, request.By, context.CancellationToken);
        });

    public override Task<CloseMonthReply> CloseMonth(CloseMonthRequest request, ServerCallContext context) => Answer(async () =>
    {
        DateOnly month = Month(request.Month);
        await books.RequireAsync(request.Reached, context.CancellationToken);
        return new CloseMonthReply
        {
            ClosedThrough = (await closedMonths.CloseAsync(month, context.Caller().ToString(), context.CancellationToken))
                .ToString("yyyy-MM", CultureInfo.InvariantCulture),
        };
    });

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (Exception refused) when (refused is FundingRefusedException or PolicyException or MonthStaysOpenException)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, refused.Message));
        }
        catch (KeyUsedException used)
        {
            throw new RpcException(new Status(StatusCode.AlreadyExists, used.Message));
        }
        catch (VoucherUnknownException unknown)
        {
            throw new RpcException(new Status(StatusCode.NotFound, unknown.Message));
        }
        catch (PostgresNotTrustedException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
        catch (NpgsqlException exception)
        {
            throw logger.Unavailable(exception, "the books cannot be asked at the moment");
        }
    }

    private static VoucherHead Head(ServerCallContext context, VoucherHeader? header, params object[] request)
    {
        Require(header is not null, "header is missing");
        Require(header!.Key.Length is > 0 and <= MostKeyCharacters, $"key has not 1 to {MostKeyCharacters} characters");
        RequirePerson(header.Actor, header.Memo);
        DateOnly? businessDate = OptionalDay(header.BusinessDate, "business_date");
        // The memo comes last: it alone may contain the separator.
        string content = string.Join('|',
            [.. request.Select(part => Convert.ToString(part, CultureInfo.InvariantCulture)), header.BusinessDate, header.Memo]);
        return new VoucherHead(header.Key, content, header.Actor, header.Memo, businessDate, context.Caller().ToString());
    }

    private static void RequirePerson(string actor, string memo)
    {
        Require(actor.Length is > 0 and <= MostKeyCharacters, $"actor has not 1 to {MostKeyCharacters} characters");
        Require(memo.Length <= MostMemoCharacters, $"memo has more than {MostMemoCharacters} characters");
    }

    private static void RequireAmount(long fen) => Require(fen is > 0 and <= MostFen, $"the amount is not between 1 and {MostFen} fen");

    private static string Scheme(string scheme)
    {
        Require(scheme.Length == 0 || Schemes.Contains(scheme, StringComparer.Ordinal),
            $"scheme is not one of {string.Join(", ", Schemes)}");
        return scheme.Length > 0 ? scheme : Schemes[0];
    }

    private static DateOnly? OptionalDay(string text, string field) => text.Length == 0 ? null : Day(text, field);

    private static DateOnly Day(string text, string field)
    {
        Require(DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day),
            $"{field} is not yyyy-MM-dd");
        return day;
    }

    private static DateOnly Month(string text)
    {
        Require(DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly month)
            && month.Year <= LastYear, "month is not yyyy-MM");
        return month;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new RpcException(new Status(StatusCode.InvalidArgument, otherwise));
    }
}
