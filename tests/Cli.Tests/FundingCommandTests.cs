using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>Every option of the commands that move the fund's money against the request that is sent, and every field of the
/// answer.</summary>
[Collection(nameof(FakeSystem))]
public sealed class FundingCommandTests(FakeSystem system)
{
    private static readonly string[] Entry = ["--key", "K1", "--actor", "李会计", "--memo", "三月", "--on", "2025-03-04"];

    private static readonly VoucherHeader Header = new() { Key = "K1", Actor = "李会计", Memo = "三月", BusinessDate = "2025-03-04" };

    private static readonly Voucher Entered = new()
    {
        VoucherId = 1_234,
        Key = "K1",
        Kind = "ASSESS_SUBSIDY",
        KindName = "应收财政补助",
        Scheme = "resident",
        County = "410122",
        Period = "2025",
        Memo = "三月",
        Actor = "李会计",
        EnteredAt = "2025-03-05T01:02:03Z",
        PostingDate = "2025-03-05",
        BusinessDate = "2025-03-04",
        AmountFen = 78_000,
        ReversedBy = 77,
        Postings =
        {
            new VoucherPosting { Account = "1122", Name = "应收", DebitFen = 78_000 },
            new VoucherPosting { Account = "4101", Name = "收入", CreditFen = 78_000 },
        },
        Assessed =
        {
            new AssessedHeads { Account = "1122.central", Heads = 1_000, PerHeadFen = 78, Source = "郑医保〔2023〕6号 二", Of = "city_college" },
        },
        Unassessed =
        {
            new UnassessedHeads { Of = "provincial_college", Heads = 2_000, PerHeadFen = 6_700, Reason = "其余" },
            new UnassessedHeads { Heads = 3, Reason = "不在手" },
        },
    };

    public static TheoryData<string, string, IMessage> Entries
    {
        get
        {
            TheoryData<string, string, IMessage> entries = new()
            {
                {
                    "income assess --kind contribution --county 410105 --year 2024", "Assess",
                    new AssessRequest { Header = Header, Kind = AssessmentKind.Contribution, County = "410105", Year = 2024 }
                },
                {
                    "income assess --kind subsidy --county 410122 --year 2025", "Assess",
                    new AssessRequest { Header = Header, Kind = AssessmentKind.Subsidy, County = "410122", Year = 2025 }
                },
                { "reverse-voucher 41", "ReverseVoucher", new ReverseVoucherRequest { Header = Header, VoucherId = 41 } },
                {
                    "pay run --county 410122 --month 2025-02", "Pay",
                    new PayRequest { Header = Header, County = "410122", Month = "2025-02" }
                },
            };
            foreach ((string kind, IncomeKind sent) in new[]
            {
                ("contribution", IncomeKind.IncomeContribution), ("transfer", IncomeKind.IncomeTransfer),
                ("interest", IncomeKind.IncomeInterest), ("other", IncomeKind.IncomeOther),
            })
                entries.Add($"income receive --kind {kind} --county 410105 --amount-fen 99", "Receive",
                    new ReceiveRequest { Header = Header, Kind = sent, County = "410105", AmountFen = 99 });
            foreach ((string payer, Payer sent) in new[]
            {
                ("central", Payer.CentralTreasury), ("province", Payer.ProvinceTreasury), ("city", Payer.CityTreasury),
                ("county", Payer.CountyTreasury),
            })
                entries.Add($"income receive --kind subsidy --payer {payer} --county 410122 --amount-fen 98", "Receive", new ReceiveRequest
                {
                    Header = Header,
                    Kind = IncomeKind.IncomeSubsidy,
                    Payer = sent,
                    County = "410122",
                    AmountFen = 98,
                });
            entries.Add("income receive --kind aid --payer city --county 410122 --amount-fen 96", "Receive", new ReceiveRequest
            {
                Header = Header,
                Kind = IncomeKind.IncomeAid,
                Payer = Payer.CityTreasury,
                County = "410122",
                AmountFen = 96,
            });
            foreach ((string route, TransferRoute sent) in new[]
                {
                    ("special-to-city", TransferRoute.SpecialToCity), ("city-to-county", TransferRoute.CityToCounty),
                    ("county-to-city", TransferRoute.CountyToCity), ("city-to-special", TransferRoute.CityToSpecial)
                })
                entries.Add($"pay transfer --route {route} --county 410122 --amount-fen 97", "Transfer",
                    new TransferRequest { Header = Header, Route = sent, County = "410122", AmountFen = 97 });
            return entries;
        }
    }

    [Theory]
    [MemberData(nameof(Entries))]
    public async Task Entry_is_sent_with_every_option_and_shown_with_every_field(string command, string method, IMessage request)
    {
        Answer($"Funding/{method}", Entered);

        Ran ran = await system.RunAsync(["ledger", .. command.Split(' '), .. Entry, "--json"]);

        Assert.Equal(($"Funding/{method}", request), Assert.Single(system.Received));
        ran.IsJson(0, """
            {"voucherId":1234,"key":"K1","kind":"ASSESS_SUBSIDY","kindName":"应收财政补助","scheme":"resident","county":"410122","period":"2025","memo":"三月","actor":"李会计",
             "enteredAt":"2025-03-05T01:02:03Z","postingDate":"2025-03-05","businessDate":"2025-03-04","amountFen":78000,"reverses":null,"reversedBy":77,
             "postings":[{"account":"1122","name":"应收","debitFen":78000,"creditFen":0},{"account":"4101","name":"收入","debitFen":0,"creditFen":78000}],
             "assessed":[{"account":"1122.central","of":"city_college","heads":1000,"perHeadFen":78,"source":"郑医保〔2023〕6号 二"}],
             "unassessed":[{"of":"provincial_college","heads":2000,"perHeadFen":6700,"reason":"其余"},
             {"of":"","heads":3,"perHeadFen":0,"reason":"不在手"}],
             "replayed":false}
            """);
    }

    [Fact]
    public async Task Entry_without_options_has_today_and_the_user_and_is_shown_as_a_voucher()
    {
        Voucher again = Entered.Clone();
        again.Replayed = true;
        Answer("Funding/Receive", again);

        Ran ran = await system.RunAsync("ledger", "income", "receive", "--kind", "interest", "--amount-fen", "5", "--key", "K2");

        Assert.Equal(new ReceiveRequest
        {
            Header = new VoucherHeader { Key = "K2", Actor = Environment.UserName },
            Kind = IncomeKind.IncomeInterest,
            AmountFen = 5,
        }, Assert.Single(system.Received).Request);
        Assert.Equal(["account name debit 借方 credit 贷方", "1122 应收 ¥780.00", "4101 收入 ¥780.00",
            "1122.central: 1,000 heads 人 of city_college × ¥0.78 (郑医保〔2023〕6号 二)",
            "not assessed 未核定: 2,000 heads 人 of provincial_college × ¥67.00: 其余", "not assessed 未核定: 3 heads 人: 不在手"], ran.Lines[..6]);
        Assert.StartsWith("voucher 凭证 1,234 应收财政补助 ¥780.00, posted 记账日 2025-03-05, business 业务日 2025-03-04; entered before under this key",
            ran.Lines[6], StringComparison.Ordinal);
        Assert.DoesNotContain("entered before", (await RunAgainAsync()).Output, StringComparison.Ordinal);

        Task<Ran> RunAgainAsync()
        {
            Answer("Funding/Receive", Entered);
            return system.RunAsync("ledger", "income", "receive", "--kind", "interest", "--amount-fen", "5", "--key", "K2");
        }
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition)]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.AlreadyExists)]
    [InlineData(StatusCode.NotFound)]
    public async Task Refusal_is_told_in_the_ledgers_words_with_1(StatusCode status)
    {
        system.Begin().Answer<PayRequest>("Funding/Pay", _ => throw new RpcException(new Status(status, "the month has not ended.")));
        Ran ran = await system.RunAsync(["ledger", "pay", "run", "--county", "410122", "--month", "2025-02", .. Entry]);
        Assert.Equal((1, "The ledger service says: the month has not ended."), (ran.ExitCode, ran.Errors));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public async Task Dry_run_pays_nothing_and_ends_with_0_where_the_account_covers_it(bool covered, int exitCode)
    {
        Answer("Funding/ProposePayments", new PaymentProposal
        {
            County = "410122",
            Month = "2025-02",
            Account = "1003.410122",
            BalanceFen = 1_100,
            TotalFen = 2_200,
            WithheldFen = 600,
            Covered = covered,
            Facilities =
            {
                new FacilityPayment
                {
                    FacilityCode = "H1",
                    OwedFen = 5_100,
                    PaidFen = 3_200,
                    WithheldFen = 600,
                    PayFen = 1_900,
                    Withheld = { new WithheldDebt { County = "410105", Fen = 600 } },
                },
                new FacilityPayment { FacilityCode = "H2", OwedFen = 400, PaidFen = 100, PayFen = 300 },
            },
        });

        (await system.RunAsync("ledger", "pay", "run", "--county", "410122", "--month", "2025-02", "--dry-run", "--json")).IsJson(exitCode, $$"""
            {"county":"410122","month":"2025-02","account":"1003.410122","balanceFen":1100,"totalFen":2200,"withheldFen":600,"covered":{{(covered ? "true" : "false")}},
             "facilities":[{"facilityCode":"H1","owedFen":5100,"paidFen":3200,"withheldFen":600,"payFen":1900,"withheld":[{"county":"410105","fen":600}]},
                           {"facilityCode":"H2","owedFen":400,"paidFen":100,"withheldFen":0,"payFen":300,"withheld":[]}]}
            """);
        Assert.Equal(("Funding/ProposePayments", new ProposePaymentsRequest { County = "410122", Month = "2025-02" }),
            Assert.Single(system.Received));
        Assert.Equal([(0, 7L), (1, 9L)], system.Reached!.Shards.Select(shard => (shard.Shard, shard.Sequence)));
        Ran table = await system.RunAsync(["ledger", "pay", "run", "--county", "410122", "--month", "2025-02", "--dry-run", .. Entry]);
        Assert.Equal(exitCode, table.ExitCode);
        Assert.All(system.Received, received => Assert.Equal("Funding/ProposePayments", received.Call));
        Assert.Equal(
            [
                "facility 机构 owed 应付 paid 已付 withheld 抵扣 to pay 本次支付", "H1 ¥51.00 ¥32.00 ¥6.00 ¥19.00", "H2 ¥4.00 ¥1.00 ¥0.00 ¥3.00",
                "H1 owes ¥6.00 under 410105, which is withheld 抵扣其在410105多付的款项",
                $"410122 2025-02: to pay 支付合计 ¥22.00; 1003.410122 holds 账户余额 ¥11.00{(covered ? "" : ": NOT ENOUGH 余额不足")}",
            ],
            table.Lines);
    }

    [Fact]
    public async Task Replenishments_show_every_county_and_the_citys_account()
    {
        Answer("Funding/ProposeReplenishments", new ReplenishmentProposals
        {
            CityBalanceFen = 90_000,
            Counties =
            {
                new Replenishment
                {
                    County = "410122",
                    Name = "中牟县",
                    BalanceFen = 100,
                    PayableFen = 200,
                    ReserveFen = 300,
                    ProposedFen = 400,
                },
            },
        });

        (await system.RunAsync("ledger", "pay", "replenishments", "--month", "2025-02", "--json")).IsJson(0, """
            {"cityBalanceFen":90000,"counties":[{"county":"410122","name":"中牟县","balanceFen":100,"payableFen":200,"reserveFen":300,"proposedFen":400}]}
            """);
        Assert.Equal(new ProposeReplenishmentsRequest { Month = "2025-02" }, Assert.Single(system.Received).Request);
        Assert.Equal(
            ["410122 中牟县 ¥1.00 ¥2.00 ¥3.00 ¥4.00", "city expenditure account 市级支出户余额 ¥900.00"],
            (await system.RunAsync("ledger", "pay", "replenishments", "--month", "2025-02")).Lines[1..]);
    }

    [Fact]
    public async Task Plan_is_set_and_shown_with_every_field()
    {
        Plan plan = new()
        {
            County = "410122",
            Name = "中牟县",
            Year = 2025,
            Revision = 3,
            PlanFen = 500_000,
            SpentFen = 450_000,
            UsedBasisPoints = 9_012,
            WarningPercent = 90,
            Actor = "李会计",
            Memo = "三月",
            SetAt = "2025-03-05",
        };
        Answer("Funding/SetPlan", plan);
        const string json = """
            {"plans":[{"county":"410122","name":"中牟县","year":2025,"revision":3,"planFen":500000,"spentFen":450000,"usedBasisPoints":9012,"warningPercent":90,"actor":"李会计","memo":"三月","setAt":"2025-03-05"}]}
            """;
        (await system.RunAsync("ledger", "plan", "set", "--county", "410122", "--year", "2025", "--plan-fen", "500000", "--revision", "3",
            "--actor", "李会计", "--memo", "三月", "--json")).IsJson(0, json);
        Assert.Equal(new SetPlanRequest { County = "410122", Year = 2025, PlanFen = 500_000, Revision = 3, Actor = "李会计", Memo = "三月" },
            Assert.Single(system.Received).Request);

        Answer("Funding/ListPlans", new PlanList { Plans = { plan } });
        (await system.RunAsync("ledger", "plan", "show", "--year", "2025", "--json")).IsJson(0, json);
        Assert.Equal(new ListPlansRequest { Year = 2025 }, Assert.Single(system.Received).Request);
        Assert.Equal("410122 中牟县 ¥5,000.00 ¥4,500.00 90.12% ≥90% 3 李会计 三月",
            (await system.RunAsync("ledger", "plan", "show", "--year", "2025")).Lines[1]);
        plan.WarningPercent = 0;
        Assert.Equal("410122 中牟县 ¥5,000.00 ¥4,500.00 90.12% 3 李会计 三月",
            (await system.RunAsync("ledger", "plan", "show", "--year", "2025")).Lines[1]);
    }

    [Theory]
    [InlineData(null, DateKind.ByPosting)]
    [InlineData("posting", DateKind.ByPosting)]
    [InlineData("business", DateKind.ByBusiness)]
    public async Task Deficit_and_balances_are_asked_for_by_the_dates_of_the_entries_that_count(string? by, DateKind kind)
    {
        string[] option = by is null ? [] : ["--by", by];
        Answer("Funding/GetResult", new FundResult
        {
            Counties =
            {
                new CountyResult
                {
                    County = "410122",
                    Name = "中牟县",
                    ContributionsFen = 100,
                    SubsidiesFen = 200,
                    OtherIncomeFen = 300,
                    ExpenseFen = 700,
                    ResultFen = -100,
                },
                new CountyResult { County = "410105", Name = "金水区", ContributionsFen = 500, ExpenseFen = 500 },
            },
            Fund = new CountyResult
            {
                ContributionsFen = 1_100,
                SubsidiesFen = 1_200,
                OtherIncomeFen = 1_300,
                ExpenseFen = 1_400,
                ResultFen = 2_200,
            },
        });
        (await system.RunAsync(["ledger", "deficit", "--from", "2025-01-01", "--to", "2025-03-31", .. option, "--json"])).IsJson(0, """
            {"counties":[{"county":"410122","name":"中牟县","contributionsFen":100,"subsidiesFen":200,"otherIncomeFen":300,
                          "expenseFen":700,"resultFen":-100},
                         {"county":"410105","name":"金水区","contributionsFen":500,"subsidiesFen":0,"otherIncomeFen":0,
                          "expenseFen":500,"resultFen":0}],
             "fund":{"county":"","name":"","contributionsFen":1100,"subsidiesFen":1200,"otherIncomeFen":1300,"expenseFen":1400,"resultFen":2200}}
            """);
        Assert.Equal(new GetResultRequest { From = "2025-01-01", To = "2025-03-31", By = kind }, Assert.Single(system.Received).Request);
        Assert.Equal(
            ["410122 中牟县 ¥1.00 ¥2.00 ¥3.00 ¥7.00 ¥-1.00 缺口", "410105 金水区 ¥5.00 ¥0.00 ¥0.00 ¥5.00 ¥0.00",
                "fund 基金合计 ¥11.00 ¥12.00 ¥13.00 ¥14.00 ¥22.00"],
            (await system.RunAsync(["ledger", "deficit", "--from", "2025-01-01", "--to", "2025-03-31", .. option])).Lines[1..]);

        Answer("Funding/GetBalances", new Balances
        {
            On = "2025-03-31",
            Accounts = { new Balances.Types.Account { Code = "1003", Name = "支出户", DebitFen = 500, CreditFen = 200, BalanceFen = 300 } },
        });
        (await system.RunAsync(["ledger", "balance", "--on", "2025-03-31", .. option, "--json"])).IsJson(0, $$"""
            {"on":"2025-03-31","by":"{{by ?? "posting"}}","accounts":[{"code":"1003","name":"支出户","debitFen":500,"creditFen":200,"balanceFen":300}]}
            """);
        Assert.Equal(new GetBalancesRequest { On = "2025-03-31", By = kind }, Assert.Single(system.Received).Request);
        Assert.Equal("1003 支出户 ¥5.00 ¥2.00 ¥3.00",
            (await system.RunAsync(["ledger", "balance", "--on", "2025-03-31", .. option])).Lines[1]);
    }

    [Fact]
    public async Task Month_is_closed_and_vouchers_are_listed()
    {
        Answer("Funding/CloseMonth", new CloseMonthReply { ClosedThrough = "2025-03" });
        (await system.RunAsync("ledger", "close-month", "2025-02", "--yes", "--json")).IsJson(0, """{"closedThrough":"2025-03"}""");
        Assert.Equal(new CloseMonthRequest { Month = "2025-02" }, Assert.Single(system.Received).Request);
        Assert.StartsWith("Closed through 2025-03 已结账至2025-03: ",
            Assert.Single((await system.RunAsync("ledger", "close-month", "2025-02", "--yes")).Lines), StringComparison.Ordinal);

        Voucher reversal = Entered.Clone();
        (reversal.VoucherId, reversal.Reverses, reversal.ReversedBy, reversal.AmountFen) = (77, 1_234, 0, -78_000);
        system.Begin().List<ListVouchersRequest>("Funding/ListVouchers", _ => [Entered, reversal]);
        Ran ran = await system.RunAsync("ledger", "vouchers", "--county", "410122", "--from", "2025-03-01", "--to", "2025-03-31");
        Assert.Equal(new ListVouchersRequest { County = "410122", From = "2025-03-01", To = "2025-03-31" },
            Assert.Single(system.Received).Request);
        Assert.Equal(
            [
                "1,234 2025-03-05 2025-03-04 应收财政补助 410122 2025 ¥780.00 by 77 李会计 三月",
                "77 2025-03-05 2025-03-04 应收财政补助 410122 2025 ¥-780.00 of 1234 李会计 三月",
            ],
            ran.Lines[1..]);
        await system.RunAsync("ledger", "vouchers", "--number", "77");
        Assert.Equal(new ListVouchersRequest { VoucherId = 77 }, system.Received[1].Request);
    }

    private void Answer(string call, IMessage answer) => system.Begin().Answer<IMessage>(call, _ => answer);
}
