using Claims.Ledger.SubLedger;
using Claims.V1;

namespace Claims.Ledger.GeneralLedger;

/// <summary>One side of a posting is 0; a negative sum is a red-letter entry on its own side.</summary>
internal readonly record struct PostingDraft(AccountKey Account, long DebitFen, long CreditFen);

/// <summary>What stands in one journal: each scheme has books of its own.</summary>
internal readonly record struct JournalKey(DateOnly BusinessDate, string Scheme);

/// <summary>What a batch of records comes to in the general ledger: per journal, summed by account.</summary>
internal static class JournalDrafts
{
    /// <returns>Without the journals and accounts on which the sums cancel out.</returns>
    public static Dictionary<JournalKey, List<PostingDraft>> Of(IEnumerable<BookableRecord> records)
    {
        Dictionary<(JournalKey Journal, AccountKey Account), long> debits = [];
        Dictionary<(JournalKey Journal, AccountKey Account), long> credits = [];
        foreach ((SettledClaim claim, DateOnly? visitDate) in records)
        {
            if (claim.FundPayFen == 0 || visitDate is not { } date) continue;
            JournalKey journal = new(date, claim.Scheme);
            Add(debits, (journal, ChartOfAccounts.Expense(claim)), claim.FundPayFen);
            Add(credits, (journal, ChartOfAccounts.Payable(claim)), claim.FundPayFen);
        }

        Dictionary<JournalKey, List<PostingDraft>> journals = [];
        foreach (((JournalKey journal, AccountKey account), long fen) in debits) Post(journals, journal, new PostingDraft(account, fen, 0));
        foreach (((JournalKey journal, AccountKey account), long fen) in credits)
            Post(journals, journal, new PostingDraft(account, 0, fen));
        return journals;
    }

    private static void Add(Dictionary<(JournalKey, AccountKey), long> sums, (JournalKey, AccountKey) key, long fen) =>
        sums[key] = sums.GetValueOrDefault(key) + fen;

    private static void Post(Dictionary<JournalKey, List<PostingDraft>> journals, JournalKey journal, PostingDraft posting)
    {
        if (posting is { DebitFen: 0, CreditFen: 0 }) return;
        if (!journals.TryGetValue(journal, out List<PostingDraft>? postings)) journals.Add(journal, postings = []);
        postings.Add(posting);
    }
}
