using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Claims.Cli.Commands;

/// <summary>The fund's money: <c>claims ledger income|pay|plan|deficit|balance|close-month|vouchers|reverse-voucher</c>.</summary>
internal static class LedgerFunding
{
    // A closing adds up every posting; the rest answers far sooner.
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);

    private static readonly Dictionary<string, Payer> Payers = new(StringComparer.Ordinal)
    {
        ["central"] = Payer.CentralTreasury,
        ["province"] = Payer.ProvinceTreasury,
        ["city"] = Payer.CityTreasury,
        ["county"] = Payer.CountyTreasury,
    };

    private static readonly Dictionary<string, IncomeKind> IncomeKinds = new(StringComparer.Ordinal)
    {
        ["contribution"] = IncomeKind.IncomeContribution,
        ["subsidy"] = IncomeKind.IncomeSubsidy,
        ["transfer"] = IncomeKind.IncomeTransfer,
        ["interest"] = IncomeKind.IncomeInterest,
        ["other"] = IncomeKind.IncomeOther,
    };

    private static readonly Dictionary<string, AssessmentKind> AssessmentKinds = new(StringComparer.Ordinal)
    {
        ["contribution"] = AssessmentKind.Contribution,
        ["subsidy"] = AssessmentKind.Subsidy,
    };

    private static readonly Dictionary<string, TransferRoute> Routes = new(StringComparer.Ordinal)
    {
        ["special-to-city"] = TransferRoute.SpecialToCity,
        ["city-to-county"] = TransferRoute.CityToCounty,
        ["county-to-city"] = TransferRoute.CountyToCity,
        ["city-to-special"] = TransferRoute.CityToSpecial,
    };

    private static readonly Dictionary<string, DateKind> DateKinds = new(StringComparer.Ordinal)
    {
        ["posting"] = DateKind.ByPosting,
        ["business"] = DateKind.ByBusiness,
    };

    // Every command waits until the books have what was acknowledged before it began; the list of what was entered does not depend on that.
    private static readonly Option<int> Wait = LedgerCommand.WaitOption();

    public static IEnumerable<Command> Commands()
    {
        Command[] commands =
        [
            new("income", "Book what the fund is owed, and what has come in.") { Assess(), Receive() },
            new("pay", "Move the fund's money out: to the counties, to the facilities.") { Run(), Replenishments(), Transfer() },
            new("plan", "The plan per county and year, and how far it is used.") { SetPlan(), ShowPlans() },
            Deficit(), Balance(), CloseMonth(), Reverse(),
        ];
        foreach (Command command in commands) AddWait(command);
        return [.. commands, Vouchers()];
    }

    private static void AddWait(Command command)
    {
        foreach (Command part in command.Subcommands) AddWait(part);
        if (command.Subcommands.Count == 0) command.Add(Wait);
    }

    private static Command Assess()
    {
        Option<string> kind = OneOf("--kind", "What is owed", AssessmentKinds.Keys);
        Option<string> county = County(required: true);
        Option<int> year = Year("Plan year of contributions, calendar year of subsidies");
        return Entering("assess", "Book what is owed for a county and year: heads × the amount per head of the policy, less what was booked before", [kind, county, year], (parsed, funding, header, options) =>
            funding.AssessAsync(new AssessRequest { Header = header, Kind = AssessmentKinds[parsed.GetRequiredValue(kind)], County = parsed.GetRequiredValue(county), Year = parsed.GetRequiredValue(year) }, options));
    }

    private static Command Receive()
    {
        Option<string> kind = OneOf("--kind", "What has come in", IncomeKinds.Keys);
        Option<string> county = County(required: false);
        Option<string> payer = OneOf("--payer", "Whose subsidy", Payers.Keys, required: false);
        Option<long> amount = AmountFen();
        return Entering("receive", "Book money that has come in on the fiscal special account", [kind, county, payer, amount], (parsed, funding, header, options) =>
            funding.ReceiveAsync(new ReceiveRequest
            {
                Header = header,
                Kind = IncomeKinds[parsed.GetRequiredValue(kind)],
                County = parsed.GetValue(county) ?? "",
                Payer = parsed.GetValue(payer) is { } named ? Payers[named] : Payer.Unspecified,
                AmountFen = parsed.GetRequiredValue(amount),
            }, options));
    }

    private static Command Transfer()
    {
        Option<string> route = OneOf("--route", "From which account to which", Routes.Keys);
        Option<string> county = County(required: false);
        Option<long> amount = AmountFen();
        return Entering("transfer", "Move money between accounts of the fund", [route, county, amount], (parsed, funding, header, options) =>
            funding.TransferAsync(new TransferRequest { Header = header, Route = Routes[parsed.GetRequiredValue(route)], County = parsed.GetValue(county) ?? "", AmountFen = parsed.GetRequiredValue(amount) }, options));
    }

    private static Command Reverse()
    {
        Argument<long> voucher = new("voucher") { Description = "Number of the voucher." };
        Command command = Entering("reverse-voucher", "Enter the red-letter mirror of a voucher; once", [], (parsed, funding, header, options) =>
            funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = header, VoucherId = parsed.GetRequiredValue(voucher) }, options));
        command.Add(voucher);
        return command;
    }

    private static Command Run()
    {
        Option<string> county = County(required: true);
        Option<string> month = MonthOption();
        Option<bool> dryRun = new("--dry-run") { Description = "Show what would be paid, and enter nothing." };
        (Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) = HeaderOptions();
        Option<bool> json = CommonOptions.Json();
        Command command = new("run", "Pay a county's facilities what is owed for visits up to a month's end and has not been paid") { county, month, dryRun, key, actor, memo, on, json };
        command.Validators.Add(parsed =>
        {
            if (!parsed.GetValue(dryRun) && string.IsNullOrEmpty(parsed.GetValue(key))) parsed.AddError("Option '--key' is required without --dry-run.");
        });
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            if (!parsed.GetValue(dryRun))
            {
                Voucher voucher = await funding.PayAsync(
                    new PayRequest { Header = Header(parsed, key, actor, memo, on), County = parsed.GetRequiredValue(county), Month = parsed.GetRequiredValue(month) }, options);
                return Show(voucher, parsed.GetValue(json));
            }

            PaymentProposal proposal = await funding.ProposePaymentsAsync(new ProposePaymentsRequest { County = parsed.GetRequiredValue(county), Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    proposal.County,
                    proposal.Month,
                    proposal.Account,
                    proposal.BalanceFen,
                    proposal.TotalFen,
                    proposal.WithheldFen,
                    proposal.Covered,
                    Facilities = proposal.Facilities.Select(facility => new
                    {
                        facility.FacilityCode,
                        facility.OwedFen,
                        facility.PaidFen,
                        facility.WithheldFen,
                        facility.PayFen,
                        Withheld = facility.Withheld.Select(debt => new { debt.County, debt.Fen }),
                    }),
                });
            }
            else
            {
                Output.Table(["facility 机构", ">owed 应付", ">paid 已付", ">withheld 抵扣", ">to pay 本次支付"], proposal.Facilities.Select(facility =>
                    new[] { facility.FacilityCode, Output.Yuan(facility.OwedFen), Output.Yuan(facility.PaidFen), Output.Yuan(facility.WithheldFen), Output.Yuan(facility.PayFen) }));
                foreach ((FacilityPayment facility, WithheldDebt debt) in proposal.Facilities.SelectMany(facility => facility.Withheld, (facility, debt) => (facility, debt)))
                    Output.Line($"{facility.FacilityCode} owes {Output.Yuan(debt.Fen)} under {debt.County}, which is withheld 抵扣其在{debt.County}多付的款项");
                Output.Line($"{proposal.County} {proposal.Month}: to pay 支付合计 {Output.Yuan(proposal.TotalFen)}; {proposal.Account} holds 账户余额 {Output.Yuan(proposal.BalanceFen)}{(proposal.Covered ? "" : ": NOT ENOUGH 余额不足")}");
            }

            return proposal.Covered ? ExitCodes.Done : ExitCodes.Failed;
        }, cancel));
        return command;
    }

    private static Command Replenishments()
    {
        Option<string> month = MonthOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("replenishments", "What each county's expenditure account lacks, to pay up to a month's end and keep its reserve") { month, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            ReplenishmentProposals proposals = await funding.ProposeReplenishmentsAsync(new ProposeReplenishmentsRequest { Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    proposals.CityBalanceFen,
                    Counties = proposals.Counties.Select(county => new { county.County, county.Name, county.BalanceFen, county.PayableFen, county.ReserveFen, county.ProposedFen }),
                });
                return ExitCodes.Done;
            }

            Output.Table(["county 县（市、区）", "", ">balance 账户余额", ">payable 待支付", ">reserve 备付金", ">proposed 建议拨付"], proposals.Counties.Select(county =>
                new[] { county.County, county.Name, Output.Yuan(county.BalanceFen), Output.Yuan(county.PayableFen), Output.Yuan(county.ReserveFen), Output.Yuan(county.ProposedFen) }));
            Output.Line($"city expenditure account 市级支出户余额 {Output.Yuan(proposals.CityBalanceFen)}");
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static Command SetPlan()
    {
        Option<string> county = County(required: true);
        Option<int> year = Year("Year of the visits");
        Option<long> plan = new("--plan-fen") { Description = "The plan of the year, in fen", Required = true };
        Option<int> revision = new("--revision") { Description = "Number of this revision: 1 for the first, then one more each time", Required = true };
        (_, Option<string> actor, Option<string> memo, _) = HeaderOptions();
        Option<bool> json = CommonOptions.Json();
        Command command = new("set", "Set or revise the plan of a county and year; earlier revisions stay on record") { county, year, plan, revision, actor, memo, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            Plan set = await funding.SetPlanAsync(new SetPlanRequest
            {
                County = parsed.GetRequiredValue(county),
                Year = parsed.GetRequiredValue(year),
                PlanFen = parsed.GetRequiredValue(plan),
                Revision = parsed.GetRequiredValue(revision),
                Actor = parsed.GetRequiredValue(actor),
                Memo = parsed.GetRequiredValue(memo),
            }, options);
            return Show([set], parsed.GetValue(json));
        }, cancel));
        return command;
    }

    private static Command ShowPlans()
    {
        Option<int> year = Year("Year of the visits");
        Option<bool> json = CommonOptions.Json();
        Command command = new("show", "Every county's plan of a year, what has been spent of it, and the threshold that is reached") { year, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
            Show((await funding.ListPlansAsync(new ListPlansRequest { Year = parsed.GetRequiredValue(year) }, options)).Plans, parsed.GetValue(json)), cancel));
        return command;
    }

    private static Command Deficit()
    {
        Option<DateOnly> from = CommonOptions.Day("--from", "First day, yyyy-MM-dd");
        Option<DateOnly> to = CommonOptions.Day("--to", "Last day, yyyy-MM-dd");
        Option<string> by = ByOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("deficit", "Income less expense, per county and for the fund; a deficit is reported, not divided") { from, to, by, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            FundResult result = await funding.GetResultAsync(new GetResultRequest { From = Iso(parsed.GetRequiredValue(from)), To = Iso(parsed.GetRequiredValue(to)), By = DateKinds[parsed.GetRequiredValue(by)] }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { Counties = result.Counties.Select(Json), Fund = Json(result.Fund) });
                return ExitCodes.Done;
            }

            Output.Table(["county 县（市、区）", "", ">contributions 保费", ">subsidies 财政补贴", ">other 其他收入", ">expense 支出", ">result 结余"],
                result.Counties.Append(result.Fund).Select(county => new[]
                {
                    county.County.Length > 0 ? county.County : "fund 基金合计", county.Name, Output.Yuan(county.ContributionsFen), Output.Yuan(county.SubsidiesFen),
                    Output.Yuan(county.OtherIncomeFen), Output.Yuan(county.ExpenseFen), $"{Output.Yuan(county.ResultFen)}{(county.ResultFen < 0 ? " 缺口" : "")}",
                }));
            return ExitCodes.Done;
        }, cancel));
        return command;

        static object Json(CountyResult county) => new { county.County, county.Name, county.ContributionsFen, county.SubsidiesFen, county.OtherIncomeFen, county.ExpenseFen, county.ResultFen };
    }

    private static Command Balance()
    {
        Option<DateOnly> on = CommonOptions.Day("--on", "Day up to and including which entries count, yyyy-MM-dd");
        Option<string> by = ByOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("balance", "Every account's balance on a day of the past") { on, by, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            Balances balances = await funding.GetBalancesAsync(new GetBalancesRequest { On = Iso(parsed.GetRequiredValue(on)), By = DateKinds[parsed.GetRequiredValue(by)] }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { balances.On, By = parsed.GetRequiredValue(by), Accounts = balances.Accounts.Select(account => new { account.Code, account.Name, account.DebitFen, account.CreditFen, account.BalanceFen }) });
                return ExitCodes.Done;
            }

            Output.Table(["account", "name", ">debit 借方", ">credit 贷方", ">balance 余额"], balances.Accounts.Select(account =>
                new[] { account.Code, account.Name, Output.Yuan(account.DebitFen), Output.Yuan(account.CreditFen), Output.Yuan(account.BalanceFen) }));
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static Command CloseMonth()
    {
        Argument<string> month = new("month") { Description = "Month of the entries, yyyy-MM." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("close-month", "Close a month of entries for good, with its balances: nothing is posted into it any more.") { month, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, options) =>
        {
            CloseMonthReply closed = await funding.CloseMonthAsync(new CloseMonthRequest { Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json)) Output.WriteJson(new { closed.ClosedThrough });
            else Output.Line($"Closed through {closed.ClosedThrough} 已结账至{closed.ClosedThrough}: nothing is posted into that month or an earlier one any more.");
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static Command Vouchers()
    {
        Option<string> county = County(required: false);
        Option<DateOnly?> from = CommonOptions.OptionalDay("--from", "First day of entry, yyyy-MM-dd");
        Option<DateOnly?> to = CommonOptions.OptionalDay("--to", "Last day of entry, yyyy-MM-dd");
        Option<long> number = new("--number") { Description = "Only this voucher, with its postings" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("vouchers", "The vouchers of income, transfers and payments, in the order of entry") { county, from, to, number, json };
        command.SetAction((parsed, cancel) => CallAsync(null, async (funding, options) =>
        {
            List<Voucher> vouchers = [];
            using AsyncServerStreamingCall<Voucher> call = funding.ListVouchers(new ListVouchersRequest
            {
                County = parsed.GetValue(county) ?? "",
                From = Iso(parsed.GetValue(from)),
                To = Iso(parsed.GetValue(to)),
                VoucherId = parsed.GetValue(number),
            }, options);
            while (await call.ResponseStream.MoveNext(cancel)) vouchers.Add(call.ResponseStream.Current);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { Vouchers = vouchers.Select(Json) });
                return ExitCodes.Done;
            }

            if (parsed.GetValue(number) != 0 && vouchers is [var one]) return Show(one, json: false);
            Output.Table([">no. 编号", "posted 记账日", "business 业务日", "kind 种类", "county", "period 期间", ">amount 金额", "reversal 冲销", "by 经办", "memo 摘要"], vouchers.Select(voucher => new[]
            {
                Number(voucher.VoucherId), voucher.PostingDate, voucher.BusinessDate, voucher.KindName, voucher.County, voucher.Period, Output.Yuan(voucher.AmountFen),
                voucher.Reverses != 0 ? $"of {voucher.Reverses}" : voucher.ReversedBy != 0 ? $"by {voucher.ReversedBy}" : "", voucher.Actor, voucher.Memo,
            }));
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static Command Entering(string name, string description, Option[] options, Func<ParseResult, Funding.FundingClient, VoucherHeader, CallOptions, AsyncUnaryCall<Voucher>> enter)
    {
        (Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) = HeaderOptions();
        key.Required = true;
        Option<bool> json = CommonOptions.Json();
        Command command = new(name, description);
        foreach (Option option in (Option[])[.. options, key, actor, memo, on, json]) command.Add(option);
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (funding, call) => Show(await enter(parsed, funding, Header(parsed, key, actor, memo, on), call), parsed.GetValue(json)), cancel));
        return command;
    }

    /// <param name="parsed">Says how long to wait for the books; null: the answer does not depend on what was settled.</param>
    private static async Task<int> CallAsync(ParseResult? parsed, Func<Funding.FundingClient, CallOptions, Task<int>> call, CancellationToken cancellationToken)
    {
        using Services services = new(SystemLayout.FromEnvironment());
        string address = services.Layout.LedgerAddress;
        BooksReached? reached = parsed is null ? null : await LedgerCommand.WaitUntilPostedAsync(services, TimeSpan.FromSeconds(parsed.GetValue(Wait)), cancellationToken);
        try
        {
            CallInvoker ledger = services.Connect(address);
            if (reached is not null) ledger = ledger.Intercept(new BooksReachedInterceptor(reached));
            return await call(new Funding.FundingClient(ledger), new CallOptions(deadline: DateTime.UtcNow + CallBound, cancellationToken: cancellationToken));
        }
        catch (RpcException e)
        {
            throw LedgerCommand.Refusal("ledger", address, e);
        }
    }

    private static int Show(Voucher voucher, bool json)
    {
        if (json)
        {
            Output.WriteJson(Json(voucher));
            return ExitCodes.Done;
        }

        Output.Table(["account", "name", ">debit 借方", ">credit 贷方"], voucher.Postings.Select(posting => new[]
        {
            posting.Account, posting.Name, posting.DebitFen != 0 ? Output.Yuan(posting.DebitFen) : "", posting.CreditFen != 0 ? Output.Yuan(posting.CreditFen) : "",
        }));
        foreach (AssessedHeads heads in voucher.Assessed) Output.Line($"{heads.Account}: {Number(heads.Heads)} heads 人 × {Output.Yuan(heads.PerHeadFen)} ({heads.Source})");
        Output.Line($"voucher 凭证 {Number(voucher.VoucherId)} {voucher.KindName} {Output.Yuan(voucher.AmountFen)}, posted 记账日 {voucher.PostingDate}, business 业务日 {voucher.BusinessDate}{(voucher.Replayed ? "; entered before under this key 此前已入账" : "")}");
        return ExitCodes.Done;
    }

    private static int Show(IReadOnlyCollection<Plan> plans, bool json)
    {
        if (json)
        {
            Output.WriteJson(new { Plans = plans.Select(plan => new { plan.County, plan.Name, plan.Year, plan.Revision, plan.PlanFen, plan.SpentFen, plan.UsedBasisPoints, plan.WarningPercent, plan.Actor, plan.Memo, plan.SetAt }) });
            return ExitCodes.Done;
        }

        Output.Table(["county 县（市、区）", "", ">plan 年度计划", ">spent 已支出", ">used 进度", ">warning 预警", ">revision 版次", "by 经办", "memo 摘要"], plans.Select(plan => new[]
        {
            plan.County, plan.Name, Output.Yuan(plan.PlanFen), Output.Yuan(plan.SpentFen), string.Create(CultureInfo.InvariantCulture, $"{plan.UsedBasisPoints / 100m:0.00}%"),
            plan.WarningPercent > 0 ? $"≥{plan.WarningPercent}%" : "", Number(plan.Revision), plan.Actor, plan.Memo,
        }));
        return ExitCodes.Done;
    }

    private static object Json(Voucher voucher) => new
    {
        voucher.VoucherId,
        voucher.Key,
        voucher.Kind,
        voucher.KindName,
        voucher.Scheme,
        voucher.County,
        voucher.Period,
        voucher.Memo,
        voucher.Actor,
        voucher.EnteredAt,
        voucher.PostingDate,
        voucher.BusinessDate,
        voucher.AmountFen,
        Reverses = voucher.Reverses == 0 ? (long?)null : voucher.Reverses,
        ReversedBy = voucher.ReversedBy == 0 ? (long?)null : voucher.ReversedBy,
        Postings = voucher.Postings.Select(posting => new { posting.Account, posting.Name, posting.DebitFen, posting.CreditFen }),
        Assessed = voucher.Assessed.Select(heads => new { heads.Account, heads.Heads, heads.PerHeadFen, heads.Source }),
        voucher.Replayed,
    };

    private static VoucherHeader Header(ParseResult parsed, Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) => new()
    {
        Key = parsed.GetRequiredValue(key),
        Actor = parsed.GetRequiredValue(actor),
        Memo = parsed.GetRequiredValue(memo),
        BusinessDate = Iso(parsed.GetValue(on)),
    };

    private static (Option<string> Key, Option<string> Actor, Option<string> Memo, Option<DateOnly?> On) HeaderOptions() =>
    (
        new("--key") { Description = "The caller's key of this entry: the same command again under it enters nothing, another one is refused" },
        new("--actor") { Description = "Who enters it", DefaultValueFactory = _ => Environment.UserName },
        new("--memo") { Description = "At most 200 characters", DefaultValueFactory = _ => "" },
        CommonOptions.OptionalDay("--on", "Business date, yyyy-MM-dd; today unless given")
    );

    private static Option<string> County(bool required) => new("--county") { Description = "6-digit county code", Required = required };

    private static Option<int> Year(string description) => new("--year") { Description = description, Required = true };

    private static Option<long> AmountFen() => new("--amount-fen") { Description = "In fen: 100 fen are 1 yuan", Required = true };

    private static Option<string> MonthOption() => new("--month") { Description = "Month of the visits, yyyy-MM", Required = true };

    private static Option<string> ByOption()
    {
        Option<string> by = OneOf("--by", "Which date of an entry counts", DateKinds.Keys, required: false);
        by.DefaultValueFactory = _ => "posting";
        return by;
    }

    private static Option<string> OneOf(string name, string description, IEnumerable<string> values, bool required = true)
    {
        Option<string> option = new(name) { Description = description, Required = required };
        option.AcceptOnlyFromAmong([.. values]);
        return option;
    }

    private static string Iso(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";

    private static string Number(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
