using Claims.Ledger.SubLedger;
using Claims.V1;

namespace Claims.Ledger.GeneralLedger;

/// <summary>One side of a posting is 0; a negative sum is a red-letter entry on its own side.</summary>
internal readonly record struct PostingDraft(AccountKey Account, long DebitFen, long CreditFen);

/// <summary>What a batch of records comes to in the general ledger: one journal per business date, summed by account.</summary>
internal static class JournalDrafts
{
    /// <returns>Ascending by date; dates and accounts on which the sums cancel out are left out.</returns>
    public static SortedDictionary<DateOnly, List<PostingDraft>> Of(IEnumerable<BookableRecord> records)
    {
        Dictionary<(DateOnly Date, AccountKey Account), long> debits = [];
        Dictionary<(DateOnly Date, AccountKey Account), long> credits = [];
        foreach ((SettledClaim claim, DateOnly? visitDate) in records)
        {
            if (claim.FundPayFen == 0 || visitDate is not { } date) continue;
            Add(debits, (date, ChartOfAccounts.Expense(claim)), claim.FundPayFen);
            Add(credits, (date, ChartOfAccounts.Payable(claim)), claim.FundPayFen);
        }

        SortedDictionary<DateOnly, List<PostingDraft>> journals = [];
        foreach (((DateOnly date, AccountKey account), long fen) in debits) Post(journals, date, new PostingDraft(account, fen, 0));
        foreach (((DateOnly date, AccountKey account), long fen) in credits) Post(journals, date, new PostingDraft(account, 0, fen));
        return journals;
    }

    private static void Add(Dictionary<(DateOnly, AccountKey), long> sums, (DateOnly, AccountKey) key, long fen) =>
        sums[key] = sums.GetValueOrDefault(key) + fen;

    private static void Post(SortedDictionary<DateOnly, List<PostingDraft>> journals, DateOnly date, PostingDraft posting)
    {
        if (posting is { DebitFen: 0, CreditFen: 0 }) return;
        if (!journals.TryGetValue(date, out List<PostingDraft>? postings)) journals.Add(date, postings = []);
        postings.Add(posting);
    }
}
