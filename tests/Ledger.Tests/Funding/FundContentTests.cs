using Claims.Ledger.Funding;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Funding;

/// <summary>Vouchers, proposals, results and balances field by field; two schemes, two counties and two years side by side.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class FundContentTests(LedgerDatabase databases)
{
    private static readonly DateOnly March = new(2025, 3, 1);
    private static readonly DateOnly Today = new(2025, 4, 10);

    [Fact]
    public async Task Vouchers_of_every_kind_have_their_accounts_names_and_dates()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.County, 2024)] = 3;

        Voucher subsidy = await fund.Income.AssessAsync(
            Head("k1"), AssessmentKind.Subsidy, "resident", Fund.County, 2024, CancellationToken.None);
        Assert.Equal(new CountHeadsRequest { Scheme = "resident", PlanYear = 2024, County = Fund.County }, fund.Heads.Asked);
        string source = subsidy.Assessed[0].Source;
        Assert.StartsWith("郑医保", source, StringComparison.Ordinal);
        Voucher expected = Expected(1, "k1", "SUBSIDY_ASSESSED", "核定财政补助", Fund.County, 234_000,
            ("1102.resident.410122", "应收财政补助—中央—城乡居民—中牟县", 120_600, 0), ("1103.resident.410122", "应收财政补助—省级—城乡居民—中牟县", 24_120, 0),
            ("1104.resident.410122", "应收财政补助—市级—城乡居民—中牟县", 16_500, 0), ("1105.resident.410122", "应收财政补助—区县（市）—城乡居民—中牟县", 72_780, 0),
            ("4002.resident.410122", "财政补贴收入—城乡居民—中牟县", 0, 234_000));
        expected.Period = "2024";
        foreach ((string account, long perHeadFen) in new[] { ("1102", 40_200L), ("1103", 8_040L), ("1104", 5_500L), ("1105", 24_260L) })
            expected.Assessed.Add(
                new AssessedHeads { Account = $"{account}.resident.410122", Heads = 3, PerHeadFen = perHeadFen, Source = source });
        Assert.Equal(expected, subsidy);

        fund.Heads.Paid[(Fund.County, 2025)] = 5;
        Voucher contribution = await fund.Income.AssessAsync(
            Head("k2"), AssessmentKind.Contribution, "resident", Fund.County, 2025, CancellationToken.None);
        expected = Expected(2, "k2", "CONTRIBUTION_ASSESSED", "核定保费收入", Fund.County, 200_000,
            ("1101.resident.410122", "应收基本医疗保险费—税务部门—城乡居民—中牟县", 200_000, 0), ("4001.resident.410122", "基本医疗保险费收入—城乡居民—中牟县", 0, 200_000));
        expected.Period = "2025";
        expected.Assessed.Add(new AssessedHeads
        {
            Account = "1101.resident.410122",
            Heads = 5,
            PerHeadFen = 40_000,
            Source = contribution.Assessed[0].Source,
        });
        Assert.Equal(expected, contribution);

        (string, string, long, long) special = ("1003.resident.410100", "市级财政专户存款—城乡居民—郑州市本级", 7, 0);
        foreach ((int number, IncomeKind kind, Payer payer, string county, string name, string text, string account,
            string accountName) in new[]
        {
            (3, IncomeKind.IncomeContribution, Payer.Unspecified, Fund.County, "CONTRIBUTION_RECEIVED", "收到保费", "1101.resident.410122",
                "应收基本医疗保险费—税务部门—城乡居民—中牟县"),
            (4, IncomeKind.IncomeSubsidy, Payer.CentralTreasury, Fund.County, "SUBSIDY_RECEIVED", "收到财政补助", "1102.resident.410122",
                "应收财政补助—中央—城乡居民—中牟县"),
            (5, IncomeKind.IncomeSubsidy, Payer.ProvinceTreasury, Fund.County, "SUBSIDY_RECEIVED", "收到财政补助", "1103.resident.410122",
                "应收财政补助—省级—城乡居民—中牟县"),
            (6, IncomeKind.IncomeSubsidy, Payer.CityTreasury, Fund.County, "SUBSIDY_RECEIVED", "收到财政补助", "1104.resident.410122",
                "应收财政补助—市级—城乡居民—中牟县"),
            (7, IncomeKind.IncomeSubsidy, Payer.CountyTreasury, Fund.County, "SUBSIDY_RECEIVED", "收到财政补助", "1105.resident.410122",
                "应收财政补助—区县（市）—城乡居民—中牟县"),
            (8, IncomeKind.IncomeTransfer, Payer.Unspecified, Fund.City, "TRANSFER_RECEIVED", "收到转移收入", "4003.resident.410100",
                "转移收入—城乡居民—郑州市本级"),
            (9, IncomeKind.IncomeInterest, Payer.Unspecified, Fund.City, "INTEREST_RECEIVED", "收到利息", "4004.resident.410100",
                "利息收入—城乡居民—郑州市本级"),
            (10, IncomeKind.IncomeOther, Payer.Unspecified, Fund.District, "OTHER_RECEIVED", "收到其他收入", "4005.resident.410105",
                "其他收入—城乡居民—金水区"),
        })
        {
            Voucher received = await fund.Income.ReceiveAsync(
                Head($"k{number}"), kind, "resident", county, payer, 7, CancellationToken.None);
            Assert.Equal(Expected(number, $"k{number}", name, text, county, 7, special, (account, accountName, 0, 7)), received);
        }

        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.County, "2025-03-20", 20), ("H.2", Fund.County, "2025-03-21", 9));
        foreach ((int number, TransferRoute route, string county, string name, string text, string to, string from) in new[]
        {
            (11, TransferRoute.SpecialToCity, Fund.City, "SPECIAL_TO_CITY", "财政专户拨付市级支出户", "1004.resident.410100", "1003.resident.410100"),
            (12, TransferRoute.CityToCounty, Fund.County, "CITY_TO_COUNTY", "市级支出户拨付县级支出户", "1005.resident.410122", "1004.resident.410100"),
            (13, TransferRoute.CountyToCity, Fund.County, "COUNTY_TO_CITY", "县级支出户退回市级支出户", "1004.resident.410100", "1005.resident.410122"),
            (14, TransferRoute.CityToSpecial, Fund.City, "CITY_TO_SPECIAL", "市级支出户退回财政专户", "1003.resident.410100", "1004.resident.410100"),
        })
        {
            Voucher moved = await fund.Payments.TransferAsync(Head($"k{number}"), route, "resident", county, 4, CancellationToken.None);
            (string, string, long, long)[] lines = [(to, NameOf(to), 4, 0), (from, NameOf(from), 0, 4)];
            Assert.Equal(Expected(number, $"k{number}", name, text, county, 4,
                [.. lines.OrderBy(line => line.Item1, StringComparer.Ordinal)]), moved);
        }

        await fund.Payments.TransferAsync(Head("k15"), TransferRoute.SpecialToCity, "resident", Fund.City, 40, CancellationToken.None);
        await fund.Payments.TransferAsync(Head("k16"), TransferRoute.CityToCounty, "resident", Fund.County, 29, CancellationToken.None);
        Voucher paid = await fund.Payments.PayAsync(Head("k17"), "resident", Fund.County, March, CancellationToken.None);
        expected = Expected(17, "k17", "FACILITY_PAYMENT", "支付定点机构", Fund.County, 29,
            ("1005.resident.410122", NameOf("1005.resident.410122"), 0, 29), ("2101.resident.410122.H.2", "应付定点机构款—城乡居民—中牟县—H.2", 9, 0),
            ("2101.resident.410122.H1", "应付定点机构款—城乡居民—中牟县—H1", 20, 0));
        expected.Period = "2025-03";
        Assert.Equal(expected, paid);

        Voucher reversal = await fund.Vouchers.ReverseAsync(Head("k18"), paid.VoucherId, CancellationToken.None);
        expected = Expected(18, "k18", "REVERSAL", "红字冲销", Fund.County, -29,
            ("1005.resident.410122", NameOf("1005.resident.410122"), 0, -29), ("2101.resident.410122.H.2", "应付定点机构款—城乡居民—中牟县—H.2", -9, 0),
            ("2101.resident.410122.H1", "应付定点机构款—城乡居民—中牟县—H1", -20, 0));
        (expected.Period, expected.Reverses) = ("2025-03", 17);
        Assert.Equal(expected, reversal);
        Voucher undone = await fund.Vouchers.ReverseAsync(Head("k19"), contribution.VoucherId, CancellationToken.None);
        Assert.Equal([new AssessedHeads
        {
            Account = "1101.resident.410122",
            Heads = -5,
            PerHeadFen = 40_000,
            Source = contribution.Assessed[0].Source,
        }], undone.Assessed);

        Assert.Equal([17L, 18L], await ListAsync(
            fund, new() { County = Fund.County }, new(2025, 4, 10), new(2025, 4, 10), from: 17, to: 18));
        Assert.Equal([11L, 15L], await ListAsync(fund, new() { Kind = "SPECIAL_TO_CITY" }));
        Assert.Equal([10L], await ListAsync(fund, new() { County = Fund.District }));
        Assert.Equal([5L], await ListAsync(fund, new() { VoucherId = 5 }));
        Assert.Equal(19, (await ListAsync(fund, new(), Today, Today)).Count);
        Assert.Empty(await ListAsync(fund, new(), Today.AddDays(1), null));
        Assert.Empty(await ListAsync(fund, new(), null, Today.AddDays(-1)));

        static VoucherHead Head(string key) => new(key, $"request {key}", $"clerk {key}", $"memo {key}", new DateOnly(2025, 4, 9),
            RunningLedger.Caller);

        static string NameOf(string account) => account[..4] switch
        {
            "1003" => "市级财政专户存款—城乡居民—郑州市本级",
            "1004" => "市级支出户存款—城乡居民—郑州市本级",
            _ => "县级支出户存款—城乡居民—中牟县",
        };

        static Voucher Expected(long id, string key, string kind, string kindName, string county, long fen,
            params (string Account, string Name, long Debit, long Credit)[] lines) => new()
            {
                VoucherId = id,
                Key = key,
                Kind = kind,
                KindName = kindName,
                Scheme = "resident",
                County = county,
                Memo = $"memo {key}",
                Actor = $"clerk {key}",
                EnteredAt = "2025-04-10T04:00:00Z",
                PostingDate = "2025-04-10",
                BusinessDate = "2025-04-09",
                AmountFen = fen,
                Postings =
            {
                lines.Select(line =>
                    new VoucherPosting { Account = line.Account, Name = line.Name, DebitFen = line.Debit, CreditFen = line.Credit }),
            },
            };

        static async Task<List<long>> ListAsync(
            Fund fund, ListVouchersRequest filter, DateOnly? first = null, DateOnly? last = null, long from = 0, long to = long.MaxValue) =>
            await fund.Vouchers.ListAsync(filter, first, last, CancellationToken.None).Select(voucher => voucher.VoucherId)
                .Where(id => id >= from && id <= to).ToListAsync();
    }

    [Fact]
    public async Task Scheme_neither_pays_another_ones_debts_nor_with_another_ones_money()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        PublishedLog log = new(1);
        await fund.BookAsync(log, "resident", ("H1", Fund.District, "2025-03-15", 300), ("H1", Fund.County, "2025-03-15", 23),
            ("H9", Fund.County, "2024-06-01", 1_200));
        await fund.BookAsync(log, "employee", ("H1", Fund.District, "2025-03-16", 70), ("H2", Fund.District, "2025-03-16", 5),
            ("H9", Fund.County, "2024-06-01", 2_400));
        await fund.FillCityAsync(10_000);

        Assert.Equal(
            new PaymentProposal
            {
                County = Fund.District,
                Month = "2025-03",
                Account = "1004.employee.410100",
                TotalFen = 75,
                Covered = false,
                Facilities =
                {
                    new FacilityPayment { FacilityCode = "H1", OwedFen = 70, PayFen = 70 },
                    new FacilityPayment { FacilityCode = "H2", OwedFen = 5, PayFen = 5 },
                },
            },
            await fund.ProposeAsync(Fund.District, March, "employee"));
        Assert.Equal(
            "1004.employee.410100 holds 0 fen, and 75 fen are owed: replenish it first",
            (await Assert.ThrowsAsync<FundingRefusedException>(() => fund.PayAsync(Fund.District, March, scheme: "employee"))).Message);
        Voucher paid = await fund.PayAsync(Fund.District, March);
        Assert.Equal(
            [new VoucherPosting { Account = "1004.resident.410100", CreditFen = 300 },
                new VoucherPosting { Account = "2101.resident.410105.H1", DebitFen = 300 }],
            paid.Postings.Select(posting => new VoucherPosting(posting) { Name = "" }));
        Assert.Equal((-70L, -5L), (await fund.BalanceFenAsync("2101.employee.410105.H1"),
            await fund.BalanceFenAsync("2101.employee.410105.H2")));
        await fund.FillCityAsync(80, "employee");
        Voucher employees = await fund.PayAsync(Fund.District, March, scheme: "employee");
        Assert.Equal(("employee", 75L, 5L, 9_700L),
            (employees.Scheme, employees.AmountFen, await fund.BalanceFenAsync("1004.employee.410100"),
            await fund.BalanceFenAsync("1004.resident.410100")));

        ReplenishmentProposals residents = await fund.Payments.ProposeReplenishmentsAsync("resident", March, CancellationToken.None);
        Assert.Equal(9_700, residents.CityBalanceFen);
        Assert.Equal(
            new Replenishment { County = Fund.County, Name = "中牟县", PayableFen = 1_223, ReserveFen = 100, ProposedFen = 1_323 },
            residents.Counties.Single(county => county.County == Fund.County));
        ReplenishmentProposals other = await fund.Payments.ProposeReplenishmentsAsync("employee", March, CancellationToken.None);
        Assert.Equal(
            (5L, new Replenishment { County = Fund.County, Name = "中牟县", PayableFen = 2_400, ReserveFen = 200, ProposedFen = 2_600 }),
            (other.CityBalanceFen, other.Counties.Single(county => county.County == Fund.County)));

        await fund.Payments.TransferAsync(fund.Head(), TransferRoute.CityToCounty, "resident", Fund.County, 1_323, CancellationToken.None);
        Assert.Equal(
            $"at most 0 fen: {Fund.County} owes 1223 fen, may keep 100 fen in reserve and holds 1323 fen (郑政办〔2021〕24号 三(三)2)",
            (await Assert.ThrowsAsync<FundingRefusedException>(() => fund.Payments.TransferAsync(
                fund.Head(), TransferRoute.CityToCounty, "resident", Fund.County, 1, CancellationToken.None))).Message);
        Assert.Equal(
            "1005.employee.410122 holds 0 fen, less than 1 fen",
            (await Assert.ThrowsAsync<FundingRefusedException>(() => fund.Payments.TransferAsync(
                fund.Head(), TransferRoute.CountyToCity, "employee", Fund.County, 1, CancellationToken.None))).Message);
    }

    [Fact]
    public async Task Plan_is_of_one_scheme_county_and_year_with_every_field()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        PublishedLog log = new(1);
        await fund.BookAsync(log, "resident", ("H1", Fund.District, "2025-01-01", 333), ("H1", Fund.District, "2024-12-31", 50),
            ("H2", Fund.County, "2025-12-31", 90));
        await fund.BookAsync(log, "employee", ("H1", Fund.District, "2025-12-31", 7));
        foreach ((string scheme, string county, int year, long fen, int revision) in new[]
        {
            ("resident", Fund.District, 2025, 900L, 1), ("resident", Fund.District, 2025, 1_000L, 2),
            ("resident", Fund.District, 2024, 50L, 1),
            ("resident", Fund.County, 2025, 100L, 1), ("employee", Fund.District, 2025, 10_000L, 1),
        })
        {
            Assert.Equal(fen, (await SetAsync(scheme, county, year, fen, revision)).PlanFen);
        }

        Assert.Equal(
            [
                PlanOf(Fund.District, "金水区", 2025, 2, 1_000, 333, 3_330, 0), PlanOf(Fund.County, "中牟县", 2025, 1, 100, 90, 9_000, 90),
            ],
            await fund.Plans.ListAsync("resident", 2025, CancellationToken.None));
        Assert.Equal([PlanOf(Fund.District, "金水区", 2024, 1, 50, 50, 10_000, 100)],
            await fund.Plans.ListAsync("resident", 2024, CancellationToken.None));
        Assert.Equal([PlanOf(Fund.District, "金水区", 2025, 1, 10_000, 7, 7, 0)],
            await fund.Plans.ListAsync("employee", 2025, CancellationToken.None));
        Assert.Empty(await fund.Plans.ListAsync("employee", 2024, CancellationToken.None));
        Assert.Equal(
            "410105 has no plan for 2026 yet: its first revision is 1",
            (await Assert.ThrowsAsync<FundingRefusedException>(() => SetAsync("resident", Fund.District, 2026, 5, 2))).Message);
        Assert.Equal(
            "the plan of 410105 for 2025 is at revision 2, 1000 fen: the next one is 3",
            (await Assert.ThrowsAsync<FundingRefusedException>(() => SetAsync("resident", Fund.District, 2025, 5, 2))).Message);

        Task<Plan> SetAsync(string scheme, string county, int year, long fen, int revision) => fund.Plans.SetAsync(
            scheme,
            new SetPlanRequest { County = county, Year = year, PlanFen = fen, Revision = revision, Actor = "clerk", Memo = "because" },
            RunningLedger.Caller, CancellationToken.None);

        static Plan PlanOf(string county, string name, int year, int revision, long planFen, long spentFen, long basisPoints,
            int percent) => new()
            {
                County = county,
                Name = name,
                Year = year,
                Revision = revision,
                PlanFen = planFen,
                SpentFen = spentFen,
                UsedBasisPoints = basisPoints,
                WarningPercent = percent,
                Actor = "clerk",
                Memo = "because",
                SetAt = "2025-04-10T04:00:00Z",
            };
    }

    [Fact]
    public async Task Result_and_balances_have_every_column_of_the_days_that_were_asked()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 1;
        await fund.Income.AssessAsync(
            fund.Head(businessDate: new(2025, 3, 1)), AssessmentKind.Subsidy, "resident", Fund.District, 2024, CancellationToken.None);
        await fund.Income.AssessAsync(fund.Head(businessDate: new(2025, 3, 31)), AssessmentKind.Contribution, "resident", Fund.District,
            2024, CancellationToken.None);
        foreach ((IncomeKind kind, int day, long fen) in new[]
        {
            (IncomeKind.IncomeTransfer, 1, 100L), (IncomeKind.IncomeInterest, 15, 20L), (IncomeKind.IncomeOther, 31, 3L),
        })
            await fund.Income.ReceiveAsync(
                fund.Head(businessDate: new(2025, 3, day)), kind, "resident", Fund.City, Payer.Unspecified, fen, CancellationToken.None);
        await fund.Income.ReceiveAsync(fund.Head(businessDate: new(2025, 3, 15)), IncomeKind.IncomeOther, "employee", Fund.City,
            Payer.Unspecified, 9_000, CancellationToken.None);
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.County, "2025-03-01", 70),
            ("H1", Fund.County, "2025-03-31", 7), ("H1", Fund.County, "2025-02-28", 600));
        await fund.BookAsync(log, ("H1", Fund.County, "2025-04-01", 5_000));
        fund.Clock.Today = Today.AddDays(1);
        log.AddMirror(log.Shard(0)[1], Kind.Cancellation);
        await fund.BookAgainAsync(log);

        CountyResult city = new() { County = Fund.City, Name = "郑州市本级", OtherIncomeFen = 123, ResultFen = 123 };
        CountyResult district =
            new() { County = Fund.District, Name = "金水区", ContributionsFen = 38_000, SubsidiesFen = 78_000, ResultFen = 116_000 };
        Assert.Equal(
            new FundResult
            {
                Counties = { city, district, new CountyResult { County = Fund.County, Name = "中牟县", ExpenseFen = 70, ResultFen = -70 } },
                Fund =
                    new() { ContributionsFen = 38_000, SubsidiesFen = 78_000, OtherIncomeFen = 123, ExpenseFen = 70, ResultFen = 116_053 },
            },
            await fund.Balances.ResultAsync("resident", March, new(2025, 3, 31), DateKind.ByBusiness, CancellationToken.None));
        foreach (DateKind posting in new[] { DateKind.ByPosting, DateKind.ByUnspecified })
        {
            Assert.Equal(
                new FundResult
                {
                    Counties =
                        { city, district, new CountyResult { County = Fund.County, Name = "中牟县", ExpenseFen = 5_677, ResultFen = -5_677 } },
                    Fund = new()
                    {
                        ContributionsFen = 38_000,
                        SubsidiesFen = 78_000,
                        OtherIncomeFen = 123,
                        ExpenseFen = 5_677,
                        ResultFen = 110_446,
                    },
                },
                await fund.Balances.ResultAsync("resident", Today, Today, posting, CancellationToken.None));
        }

        Assert.Equal(9_000, (await fund.Balances.ResultAsync("employee", March, Today, DateKind.ByBusiness, CancellationToken.None))
            .Fund.OtherIncomeFen);
        Assert.Equal(
            new Balances
            {
                On = "2025-03-01",
                Accounts =
                {
                    Account("1003.resident.410100", "市级财政专户存款—城乡居民—郑州市本级", 100, 0),
                    Account("1102.resident.410105", "应收财政补助—中央—城乡居民—金水区", 40_200, 0),
                    Account("1103.resident.410105", "应收财政补助—省级—城乡居民—金水区", 5_360, 0),
                    Account("1104.resident.410105", "应收财政补助—市级—城乡居民—金水区", 16_220, 0),
                    Account("1105.resident.410105", "应收财政补助—区县（市）—城乡居民—金水区", 16_220, 0),
                    Account("2101.resident.410122.H1", "应付定点机构款—城乡居民—中牟县—H1", 0, 670),
                    Account("4002.resident.410105", "财政补贴收入—城乡居民—金水区", 0, 78_000),
                    Account("4003.resident.410100", "转移收入—城乡居民—郑州市本级", 0, 100),
                    Account("5102.resident.410122", "待遇支出—生育补助—城乡居民—中牟县", 670, 0),
                },
            },
            await fund.Balances.OnAsync(March, DateKind.ByBusiness, CancellationToken.None));
        Assert.Empty((await fund.Balances.OnAsync(Today.AddDays(-1), DateKind.ByPosting, CancellationToken.None)).Accounts);
        Assert.Equal(5_677, (await fund.Balances.OnAsync(Today, DateKind.ByUnspecified, CancellationToken.None)).Accounts.Single(
            account => account.Code == "5102.resident.410122").BalanceFen);

        static Balances.Types.Account Account(string code, string name, long debit, long credit) =>
            new() { Code = code, Name = name, DebitFen = debit, CreditFen = credit, BalanceFen = debit - credit };
    }

    [Fact]
    public async Task Amount_per_head_that_has_changed_since_is_refused_until_the_old_vouchers_are_reversed()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        fund.Heads.Paid[(Fund.District, 2024)] = 4;
        Voucher first = await fund.Income.AssessAsync(
            fund.Head(), AssessmentKind.Contribution, "resident", Fund.District, 2024, CancellationToken.None);
        await fund.ExecuteAsync("ALTER TABLE assessed_head DISABLE TRIGGER append_only; UPDATE assessed_head SET per_head_fen = 37999; "
            + "ALTER TABLE assessed_head ENABLE TRIGGER append_only");
        fund.Heads.Paid[(Fund.District, 2024)] = 6;

        FundingRefusedException refused = await Assert.ThrowsAsync<FundingRefusedException>(AssessAsync);

        Assert.Equal("2024 was assessed on 1101.resident.410105 at 37999 fen a head, and the policy now says 38000: reverse those vouchers "
            + "first", refused.Message);
        await fund.Vouchers.ReverseAsync(fund.Head(), first.VoucherId, CancellationToken.None);
        Assert.Equal(6, Assert.Single((await AssessAsync()).Assessed).Heads);
        Assert.Equal(
            "there is nothing to assess: what is owed for 410105 and 2024 is in the books already",
            (await Assert.ThrowsAsync<FundingRefusedException>(AssessAsync)).Message);

        Task<Voucher> AssessAsync() =>
            fund.Income.AssessAsync(fund.Head(), AssessmentKind.Contribution, "resident", Fund.District, 2024, CancellationToken.None);
    }
}
