using System.Globalization;
using Claims.Hosting;
using Claims.Ledger.GeneralLedger;
using Claims.Policy;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>
/// The way of the money out (郑政办〔2021〕24号 三(三)2): fiscal special account, city expenditure account, county expenditure accounts,
/// facilities.
/// </summary>
internal sealed class Payments(VoucherBook vouchers, FundPolicy policy, NpgsqlDataSource database, TimeProvider clock)
{
    private const int TimeoutSeconds = 60;
    private const int MonthsOfYear = 12;

    /// <summary>What a run would pay at this moment.</summary>
    /// <param name="month">First day of a month that has ended.</param>
    public async Task<PaymentProposal> ProposeAsync(string scheme, string county, DateOnly month, CancellationToken cancellationToken)
    {
        AccountKey account = PayingAccount(scheme, county);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot =
            await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        return await ProposeAsync(new BookTurn(connection, ChinaTime.Today(clock)), account, scheme, county, month, cancellationToken);
    }

    /// <summary>
    /// Pays what is owed to each facility for visits up to the month's end and has not been paid, less what it owes under other counties:
    /// that is set off, payable against payable. Whoever is owed nothing, or less than nothing, is left for a later month.
    /// </summary>
    /// <exception cref="FundingRefusedException">Nothing is owed, or the account does not hold enough: then no one is paid.</exception>
    public async Task<Voucher> PayAsync(VoucherHead head, string scheme, string county, DateOnly month, CancellationToken cancellationToken)
    {
        if (await vouchers.FindAsync(head, cancellationToken) is { } already) return already;
        AccountKey account = PayingAccount(scheme, county);
        return await vouchers.EnterAsync(head, async (turn, token) =>
        {
            PaymentProposal proposal = await ProposeAsync(turn, account, scheme, county, month, token);
            if (proposal is { TotalFen: 0, WithheldFen: 0 })
                throw new FundingRefusedException($"no facility of {county} is owed anything for visits up to the end of {proposal.Month}");
            if (!proposal.Covered)
                throw new FundingRefusedException(
                $"{account.Code} holds {proposal.BalanceFen} fen, and {proposal.TotalFen} fen are owed: replenish it first");
            return new VoucherDraft("FACILITY_PAYMENT", scheme, county, proposal.Month,
            [
                .. proposal.Facilities.Where(facility => facility.PayFen + facility.WithheldFen > 0).Select(facility =>
                    new PostingDraft(ChartOfAccounts.Payable(scheme, county, facility.FacilityCode),
                        facility.PayFen + facility.WithheldFen, 0)),
                .. proposal.Facilities.SelectMany(facility => facility.Withheld, (facility, debt) =>
                    new PostingDraft(ChartOfAccounts.Payable(scheme, debt.County, facility.FacilityCode), 0, debt.Fen)),
                .. proposal.TotalFen > 0 ? (PostingDraft[])[new PostingDraft(account, 0, proposal.TotalFen)] : [],
            ]);
        }, cancellationToken);
    }

    /// <summary>Moves money between accounts of the fund.</summary>
    /// <param name="county">The code of a county with an expenditure account of its own, or the city's where the route names none.</param>
    /// <exception cref="FundingRefusedException">The county would hold more than it owes and one month's reserve.</exception>
    public async Task<Voucher> TransferAsync(
        VoucherHead head, TransferRoute route, string scheme, string county, long amountFen, CancellationToken cancellationToken)
    {
        if (await vouchers.FindAsync(head, cancellationToken) is { } already) return already;
        AccountKey special = ChartOfAccounts.SpecialAccount(scheme, policy.WholeCity);
        AccountKey city = ChartOfAccounts.CityExpenditure(scheme, policy.WholeCity);
        (string kind, AccountKey from, AccountKey to) = route switch
        {
            TransferRoute.SpecialToCity => ("SPECIAL_TO_CITY", special, city),
            TransferRoute.CityToCounty => ("CITY_TO_COUNTY", city, CountyAccount(scheme, county)),
            TransferRoute.CountyToCity => ("COUNTY_TO_CITY", CountyAccount(scheme, county), city),
            TransferRoute.CityToSpecial => ("CITY_TO_SPECIAL", city, special),
            _ => throw new ArgumentOutOfRangeException(nameof(route), route, "is no route"),
        };
        return await vouchers.EnterAsync(head, async (turn, token) =>
        {
            if (await turn.BalanceFenAsync(from, token) is var balanceFen && balanceFen < amountFen)
                throw new FundingRefusedException($"{from.Code} holds {balanceFen} fen, less than {amountFen} fen");
            if (route == TransferRoute.CityToCounty
                && await ReplenishAsync(turn, scheme, policy.County(county), turn.Today, token) is var need && amountFen > need.ProposedFen)
                throw new FundingRefusedException(
                    $"at most {need.ProposedFen} fen: {county} owes {need.PayableFen} fen, may keep {need.ReserveFen} fen in reserve and "
                    + $"holds {need.BalanceFen} fen (郑政办〔2021〕24号 三(三)2)");
            return new VoucherDraft(kind, scheme, county, "", [new PostingDraft(to, amountFen, 0), new PostingDraft(from, 0, amountFen)]);
        }, cancellationToken);
    }

    /// <summary>What each county with an account of its own lacks, to pay for visits up to the month's end and keep its reserve.</summary>
    /// <param name="month">First day of a month.</param>
    public async Task<ReplenishmentProposals> ProposeReplenishmentsAsync(string scheme, DateOnly month, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot =
            await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        BookTurn turn = new(connection, ChinaTime.Today(clock));
        ReplenishmentProposals proposals = new()
        {
            CityBalanceFen = await turn.BalanceFenAsync(ChartOfAccounts.CityExpenditure(scheme, policy.WholeCity), cancellationToken),
        };
        foreach (County county in policy.CountiesWithAccounts)
            proposals.Counties.Add(await ReplenishAsync(turn, scheme, county, LastDay(month), cancellationToken));
        return proposals;
    }

    private static async Task<PaymentProposal> ProposeAsync(
        BookTurn turn, AccountKey account, string scheme, string county, DateOnly month, CancellationToken cancellationToken)
    {
        if (LastDay(month) >= turn.Today)
            throw new FundingRefusedException($"{month:yyyy-MM} has not ended: today is {turn.Today:yyyy-MM-dd} in China Standard Time");
        List<FacilityPayment> facilities = await OwedAsync(turn.Connection, scheme, county, LastDay(month), cancellationToken);
        PaymentProposal proposal = new()
        {
            County = county,
            Month = month.ToString("yyyy-MM", CultureInfo.InvariantCulture),
            Account = account.Code,
            BalanceFen = await turn.BalanceFenAsync(account, cancellationToken),
            TotalFen = facilities.Sum(facility => facility.PayFen),
            WithheldFen = facilities.Sum(facility => facility.WithheldFen),
            Facilities = { facilities },
        };
        proposal.Covered = proposal.TotalFen <= proposal.BalanceFen;
        return proposal;
    }

    private static async Task<Replenishment> ReplenishAsync(
        BookTurn turn, string scheme, County county, DateOnly upTo, CancellationToken cancellationToken)
    {
        List<FacilityPayment> facilities = await OwedAsync(turn.Connection, scheme, county.Code, upTo, cancellationToken);
        Replenishment need = new()
        {
            County = county.Code,
            Name = county.Name,
            BalanceFen = await turn.BalanceFenAsync(ChartOfAccounts.CountyExpenditure(scheme, county.Code), cancellationToken),
            PayableFen = facilities.Sum(facility => facility.PayFen),
            ReserveFen = Math.Max(0, await ExpenseFenAsync(
                turn.Connection, scheme, county.Code, turn.Today.Year - 1, cancellationToken) / MonthsOfYear),
        };
        need.ProposedFen = Math.Max(0, need.PayableFen + need.ReserveFen - need.BalanceFen);
        return need;
    }

    /// <summary>
    /// What was paid or set off is a debit of the payable, and every other entry on it, corrections included, a credit. A credit of a
    /// voucher sets off a debt, and counts at once: it stands for no visit of a month.
    /// </summary>
    private static async Task<List<FacilityPayment>> OwedAsync(
        NpgsqlConnection connection, string scheme, string county, DateOnly upTo, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT facility_code, coalesce(sum(credit_fen) FILTER (WHERE business_date <= $3 OR voucher_id IS NOT NULL),
                0)::bigint AS owed_fen, sum(debit_fen)::bigint AS paid_fen
            FROM account JOIN posting USING (account_code) JOIN journal USING (journal_id) LEFT JOIN voucher USING (journal_id)
            WHERE account.kind = $4 AND account.scheme = $1 AND account.county = $2
            GROUP BY facility_code ORDER BY facility_code COLLATE "C"
            """, connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters =
            {
                new() { Value = scheme },
                new() { Value = county },
                new() { Value = upTo },
                new() { Value = ChartOfAccounts.PayableToFacilities },
            },
        };
        List<FacilityPayment> facilities = [];
        await using (NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken))
        {
            while (await row.ReadAsync(cancellationToken))
            {
                (long owedFen, long paidFen) = (row.GetInt64(1), row.GetInt64(2));
                if (owedFen != paidFen) facilities.Add(new FacilityPayment
                {
                    FacilityCode = row.GetString(0),
                    OwedFen = owedFen,
                    PaidFen = paidFen,
                    PayFen = Math.Max(0, owedFen - paidFen),
                });
            }
        }

        ILookup<string, WithheldDebt> debts = await DebtsElsewhereAsync(connection, scheme, county, cancellationToken);
        foreach (FacilityPayment facility in facilities) Withhold(facility, debts[facility.FacilityCode]);
        return facilities;
    }

    private static void Withhold(FacilityPayment facility, IEnumerable<WithheldDebt> debts)
    {
        foreach (WithheldDebt debt in debts)
        {
            long fen = Math.Min(debt.Fen, facility.PayFen);
            if (fen == 0) return;
            facility.Withheld.Add(new WithheldDebt { County = debt.County, Fen = fen });
            facility.WithheldFen += fen;
            facility.PayFen -= fen;
        }
    }

    /// <summary>
    /// Per facility, what it has been paid beyond what it was owed under other counties of the scheme: a facility that has moved keeps the
    /// account of its old county. Whole balances: a later visit there that is not paid yet has made the debt smaller.
    /// </summary>
    private static async Task<ILookup<string, WithheldDebt>> DebtsElsewhereAsync(
        NpgsqlConnection connection, string scheme, string county, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT facility_code, county, debit_fen - credit_fen FROM account JOIN account_balance USING (account_code)
            WHERE kind = $3 AND scheme = $1 AND county <> $2 AND debit_fen > credit_fen ORDER BY county
            """, connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters = { new() { Value = scheme }, new() { Value = county }, new() { Value = ChartOfAccounts.PayableToFacilities } },
        };
        List<(string Facility, WithheldDebt Debt)> debts = [];
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            debts.Add((row.GetString(0), new WithheldDebt { County = row.GetString(1), Fen = row.GetInt64(2) }));
        return debts.ToLookup(debt => debt.Facility, debt => debt.Debt, StringComparer.Ordinal);
    }

    private static async Task<long> ExpenseFenAsync(
        NpgsqlConnection connection, string scheme, string county, int year, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT coalesce(sum(debit_fen - credit_fen), 0)::bigint FROM account JOIN posting USING (account_code)
                JOIN journal USING (journal_id)
            WHERE kind LIKE '5%' AND account.scheme = $1 AND county = $2 AND business_date BETWEEN make_date($3, 1, 1) AND make_date($3, 12,
                31)
            """, connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters = { new() { Value = scheme }, new() { Value = county }, new() { Value = year } },
        };
        return (long)(await read.ExecuteScalarAsync(cancellationToken))!;
    }

    private AccountKey PayingAccount(string scheme, string county) =>
        policy.County(county).Accounts == FundAccounts.City
            ? ChartOfAccounts.CityExpenditure(scheme, policy.WholeCity)
            : ChartOfAccounts.CountyExpenditure(scheme, county);

    private AccountKey CountyAccount(string scheme, string code) => policy.County(code) is { Accounts: FundAccounts.City } county
        ? throw new FundingRefusedException(
            $"{code} has no expenditure account of its own: the city's pays its facilities ({county.Source})")
        : ChartOfAccounts.CountyExpenditure(scheme, code);

    private static DateOnly LastDay(DateOnly month) => month.AddMonths(1).AddDays(-1);
}
