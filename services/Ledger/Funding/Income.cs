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
        OwedHeads owed = await policy.OwedAsync(kind, scheme, county, year, cancellationToken);
        string period = year.ToString("0000", CultureInfo.InvariantCulture);
        return await vouchers.EnterAsync(head, async (turn, token) =>
        {
            Dictionary<(string Account, string Of), AssessmentDraft> before =
                await AssessedAsync(turn.Connection, Receivables(kind, scheme, county), period, token);
            List<AssessmentDraft> assessed = [];
            foreach (OwedLine line in owed.Lines)
            {
                AccountKey receivable = Receivable(kind, line.Payer, scheme, county);
                bool known = before.Remove((receivable.Code, line.Of), out AssessmentDraft earlier);
                if (known && earlier.PerHeadFen != line.Fen)
                    throw new FundingRefusedException(
                        $"{period} was assessed on {receivable.Code} at {earlier.PerHeadFen} fen a head{Named(line.Of)}, and the policy "
                        + $"now says {line.Fen}: reverse those vouchers first");
                assessed.Add(new AssessmentDraft(receivable, line.Of, line.Heads - earlier.Heads, line.Fen, line.Source));
            }

            // Who was counted before and is none of these any more.
            assessed.AddRange(before.Values.Select(gone => gone with { Heads = -gone.Heads }));
            assessed.RemoveAll(line => line.Heads == 0);
            AccountKey income = new(kind == AssessmentKind.Contribution
                ? ChartOfAccounts.ContributionIncome
                : ChartOfAccounts.SubsidyIncome, scheme, county, null);
            PostingDraft[] postings =
            [
                .. assessed.GroupBy(line => line.Receivable).Select(lines =>
                    new PostingDraft(lines.Key, lines.Sum(line => line.Heads * line.PerHeadFen), 0)),
                new PostingDraft(income, 0, assessed.Sum(line => line.Heads * line.PerHeadFen)),
            ];
            postings = [.. postings.Where(posting => posting.DebitFen != 0 || posting.CreditFen != 0)];
            if (postings.Length == 0)
                throw new FundingRefusedException(
                    $"there is nothing to assess: what is owed for {county} and {year} is in the books already");
            return new VoucherDraft(kind == AssessmentKind.Contribution ? "CONTRIBUTION_ASSESSED" : "SUBSIDY_ASSESSED", scheme, county,
                period, postings)
            {
                Assessed = assessed,
                Unassessed = owed.Unknown,
            };
        }, cancellationToken);
    }

    /// <summary>Enters money that has come in. Contributions, subsidies and aid clear what was assessed, never more.</summary>
    /// <param name="payer">Who pays a subsidy or aid; unspecified for anything else.</param>
    /// <exception cref="FundingRefusedException">It is more than is receivable.</exception>
    public async Task<Voucher> ReceiveAsync(
        VoucherHead head, IncomeKind kind, string scheme, string county, Payer payer, long amountFen, CancellationToken cancellationToken)
    {
        if (await vouchers.FindAsync(head, cancellationToken) is { } already) return already;
        if (county != policy.WholeCity) policy.County(county);
        bool assessed = kind is IncomeKind.IncomeContribution or IncomeKind.IncomeSubsidy or IncomeKind.IncomeAid;
        (string voucherKind, AccountKey from) = kind switch
        {
            IncomeKind.IncomeContribution =>
                ("CONTRIBUTION_RECEIVED", Receivable(AssessmentKind.Contribution, Payer.Unspecified, scheme, county)),
            IncomeKind.IncomeSubsidy => ("SUBSIDY_RECEIVED", ChartOfAccounts.SubsidyReceivable(payer, scheme, county)),
            IncomeKind.IncomeAid => ("AID_RECEIVED", ChartOfAccounts.AidReceivable(payer, scheme, county)),
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

    private static string Named(string of) => of.Length == 0 ? "" : $" of '{of}'";

    private static AccountKey Receivable(AssessmentKind kind, Payer payer, string scheme, string county) =>
        kind == AssessmentKind.Subsidy ? ChartOfAccounts.SubsidyReceivable(payer, scheme, county)
        : payer == Payer.Unspecified ? new AccountKey(ChartOfAccounts.ContributionsReceivable, scheme, county, null)
        : ChartOfAccounts.AidReceivable(payer, scheme, county);

    private static string[] Receivables(AssessmentKind kind, string scheme, string county)
    {
        Payer[] payers = kind == AssessmentKind.Subsidy
            ? [Payer.CentralTreasury, Payer.ProvinceTreasury, Payer.CityTreasury, Payer.CountyTreasury]
            : [Payer.Unspecified, Payer.CityTreasury, Payer.CountyTreasury];
        return [.. payers.Select(payer => Receivable(kind, payer, scheme, county).Code)];
    }

    private static async Task<Dictionary<(string Account, string Of), AssessmentDraft>> AssessedAsync(
        NpgsqlConnection connection, string[] accounts, string period, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT account_code, heads_of, sum(heads)::bigint, per_head_fen, max(source) FROM assessed JOIN voucher USING (voucher_id)
            WHERE account_code = ANY ($1) AND period = $2 GROUP BY account_code, heads_of, per_head_fen HAVING sum(heads) <> 0
            """, connection)
        {
            Parameters = { new() { Value = accounts }, new() { Value = period } },
        };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        Dictionary<(string, string), AssessmentDraft> assessed = [];
        while (await row.ReadAsync(cancellationToken))
        {
            AssessmentDraft line =
                new(AccountKey.Parse(row.GetString(0)), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetString(4));
            assessed.Add((line.Receivable.Code, line.Of), line);
        }

        return assessed;
    }
}
