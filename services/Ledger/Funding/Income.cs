using System.Collections.Immutable;
using System.Globalization;
using Claims.Ledger.GeneralLedger;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>
/// Income of the fund (郑政办〔2021〕24号 三(三)1): contributions that the tax bureau collects, fiscal subsidies, transfers, interest, other.
/// All of it comes in on the city's fiscal special account.
/// </summary>
internal sealed class Income(VoucherBook vouchers, FundPolicy policy)
{
    /// <summary>Enters what is owed for a year: the receivable per payer, and the income.</summary>
    /// <exception cref="FundingRefusedException">The heads are those that have been assessed already, or the amount per head has changed
    /// since.</exception>
    /// <exception cref="Policy.PolicyException">The county or an amount is not known.</exception>
    public async Task<Voucher> AssessAsync(
        VoucherHead head, AssessmentKind kind, string scheme, string county, int year, CancellationToken cancellationToken)
    {
        // A repeat is answered as it was, whatever the registry or the policy have become.
        if (await vouchers.FindAsync(head, cancellationToken) is { } already) return already;
        ImmutableArray<PerHead> amounts = kind == AssessmentKind.Contribution
            ? policy.Contribution(scheme, county, year)
            : policy.Subsidy(scheme, county, year);
        long heads = await policy.HeadsAsync(scheme, county, year, cancellationToken);
        string period = year.ToString("0000", CultureInfo.InvariantCulture);
        return await vouchers.EnterAsync(head, async (turn, token) =>
        {
            List<AssessmentDraft> assessed = [];
            foreach (PerHead amount in amounts)
            {
                AccountKey receivable = Receivable(amount.Payer, scheme, county);
                long before = await AssessedHeadsAsync(turn.Connection, receivable, period, amount.Fen, token);
                if (heads != before) assessed.Add(new AssessmentDraft(receivable, heads - before, amount.Fen, amount.Source));
            }

            if (assessed.Count == 0)
                throw new FundingRefusedException(
                $"there is nothing to assess: {heads} heads of {county} for {year} are in the books already");
            AccountKey income = new(kind == AssessmentKind.Contribution
                ? ChartOfAccounts.ContributionIncome
                : ChartOfAccounts.SubsidyIncome, scheme, county, null);
            return new VoucherDraft(kind == AssessmentKind.Contribution ? "CONTRIBUTION_ASSESSED" : "SUBSIDY_ASSESSED", scheme, county,
                period,
            [
                .. assessed.Select(line => new PostingDraft(line.Receivable, line.Heads * line.PerHeadFen, 0)),
                new PostingDraft(income, 0, assessed.Sum(line => line.Heads * line.PerHeadFen)),
            ])
            {
                Assessed = assessed,
            };
        }, cancellationToken);
    }

    /// <summary>Enters money that has come in. Contributions and subsidies clear what was assessed, never more.</summary>
    /// <param name="payer">Who pays a subsidy; unspecified for anything else.</param>
    /// <exception cref="FundingRefusedException">It is more than is receivable.</exception>
    public async Task<Voucher> ReceiveAsync(
        VoucherHead head, IncomeKind kind, string scheme, string county, Payer payer, long amountFen, CancellationToken cancellationToken)
    {
        if (await vouchers.FindAsync(head, cancellationToken) is { } already) return already;
        if (county != policy.WholeCity) policy.County(county);
        bool assessed = kind is IncomeKind.IncomeContribution or IncomeKind.IncomeSubsidy;
        (string voucherKind, AccountKey from) = kind switch
        {
            IncomeKind.IncomeContribution => ("CONTRIBUTION_RECEIVED", Receivable(Payer.Unspecified, scheme, county)),
            IncomeKind.IncomeSubsidy => ("SUBSIDY_RECEIVED", Receivable(payer, scheme, county)),
            IncomeKind.IncomeTransfer => ("TRANSFER_RECEIVED", new AccountKey(ChartOfAccounts.TransferIncome, scheme, county, null)),
            IncomeKind.IncomeInterest => ("INTEREST_RECEIVED", new AccountKey(ChartOfAccounts.InterestIncome, scheme, county, null)),
            IncomeKind.IncomeOther => ("OTHER_RECEIVED", new AccountKey(ChartOfAccounts.OtherIncome, scheme, county, null)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "is no kind of income"),
        };
        return await vouchers.EnterAsync(head, async (turn, token) =>
        {
            if (assessed && await turn.BalanceFenAsync(from, token) is var receivableFen && amountFen > receivableFen)
                throw new FundingRefusedException(
                    $"{amountFen} fen are more than the {receivableFen} fen that are receivable on {from.Code}: assess first");
            return new VoucherDraft(voucherKind, scheme, county, "",
                [new PostingDraft(ChartOfAccounts.SpecialAccount(scheme, policy.WholeCity), amountFen, 0),
                new PostingDraft(from, 0, amountFen)]);
        }, cancellationToken);
    }

    private static AccountKey Receivable(Payer payer, string scheme, string county) => payer == Payer.Unspecified
        ? new AccountKey(ChartOfAccounts.ContributionsReceivable, scheme, county, null)
        : ChartOfAccounts.SubsidyReceivable(payer, scheme, county);

    private static async Task<long> AssessedHeadsAsync(
        NpgsqlConnection connection, AccountKey receivable, string period, long perHeadFen, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT per_head_fen, sum(heads)::bigint FROM assessment JOIN voucher USING (voucher_id)
            WHERE account_code = $1 AND period = $2 GROUP BY per_head_fen HAVING sum(heads) <> 0
            """, connection)
        {
            Parameters = { new() { Value = receivable.Code }, new() { Value = period } },
        };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        long heads = 0;
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetInt64(0) != perHeadFen)
                throw new FundingRefusedException(
                    $"{period} was assessed on {receivable.Code} at {row.GetInt64(0)} fen a head, and the policy now says {perHeadFen}: "
                    + $"reverse those vouchers first");
            heads = row.GetInt64(1);
        }

        return heads;
    }
}
