using System.Globalization;
using Claims.Cli.Audit;
using Claims.V1;

namespace Claims.Cli.Demo;

/// <summary>One comparison of the verdict.</summary>
public sealed record Check(string Name, bool Holds, string Detail);

/// <summary>The books as the services give them after the day.</summary>
/// <param name="Accumulators">One for every insured of the city, for the year of the day.</param>
/// <param name="Reconciled">Every facility, line by line.</param>
public sealed record Books(
    IReadOnlyList<Accumulators> Accumulators,
    IReadOnlyList<InsuredYear> InsuredYears,
    IReadOnlyList<SubLedgerEntry> Entries,
    TrialBalance TrialBalance,
    IReadOnlyList<FacilityOutcome> Reconciled,
    AuditReport Audit);

/// <summary>Four independent accounts of one day must say the same: replies, accumulators, sub-ledger, general ledger.</summary>
public static class Verdict
{
    public static IReadOnlyList<Check> Of(IReadOnlyList<SettleRequest> sent, ReplyBook replies, Books books) =>
    [
        EveryVisitAnswered(sent, replies),
        ReplaysRepeat(replies),
        RepliesEqualAccumulators(replies, books),
        NoCapExceeded(books),
        AccumulatorsEqualSubLedger(replies, books),
        AcknowledgedPostedSent(sent, replies, books),
        SubLedgerEqualsTrialBalance(books),
        TrialBalanceBalances(books.TrialBalance),
        HospitalsReconcile(books.Reconciled),
        NothingTamperedWith(books.Audit),
    ];

    /// <summary>What a change of the registry has made wrong is found, and is of whom or what it changed.</summary>
    public static Check CorrectionsFound(
        IReadOnlyList<WrongSettlement> wrong, RecheckTotals totals, IEnumerable<string> facilities, IEnumerable<string> insured)
    {
        HashSet<string> changed = [.. facilities, .. insured];
        HashSet<string> followed = [.. wrong.Where(one => one.Cause is not WrongCause.Follows).Select(one => one.InsuredId)];
        long strange = wrong.Count(one => one.Cause is WrongCause.Follows
            ? !followed.Contains(one.InsuredId)
            : !changed.Contains(one.FacilityCode) && !changed.Contains(one.InsuredId));
        return new Check(
            "recheck finds what the registry's change made wrong 登记变更影响的结算均已查出",
            strange == 0 && wrong.Count == totals.Differing,
            $"{Count(totals.Settlements)} standing, {Count(totals.Differing)} differ, {Count(totals.Refused)} of them refused; "
                + $"{Count(strange)} strange");
    }

    private static Check EveryVisitAnswered(IReadOnlyList<SettleRequest> sent, ReplyBook replies) => new(
        "every visit has its answer 每笔就诊均有应答",
        sent.Count > 0 && replies.Replies == sent.Count,
        $"{Count(sent.Count)} sent, {Count(replies.Replies)} answered");

    private static Check ReplaysRepeat(ReplyBook replies) => new(
        "a repeated request gets its first answer 重复请求答复一致",
        replies.ReplaysThatDiffer == 0,
        $"{Count(replies.Replayed)} replays, {Count(replies.ReplaysThatDiffer)} differ");

    private static Check RepliesEqualAccumulators(ReplyBook replies, Books books)
    {
        long differ = books.Accumulators.Count(accumulators =>
            accumulators.FundPaidFen != replies.Years.GetValueOrDefault((accumulators.InsuredId, accumulators.Year)).CappedFundPayFen);
        // Whoever was paid for must be among the people asked about.
        HashSet<(string, int)> asked = [.. books.Accumulators.Select(accumulators => (accumulators.InsuredId, accumulators.Year))];
        differ += replies.Years.Keys.Count(year => !asked.Contains(year));
        return new Check(
            "replies = accumulators 应答 = 个人累计",
            differ == 0,
            $"{Count(books.Accumulators.Count)} people, {Count(differ)} "
                + $"differ; {Output.Yuan(books.Accumulators.Sum(a => a.FundPaidFen))} within the cap");
    }

    private static Check NoCapExceeded(Books books)
    {
        long exceeded = books.Accumulators.Count(accumulators => accumulators.FundPaidFen > accumulators.CapFen);
        long reached = books.Accumulators.Count(accumulators => accumulators.FundPaidFen == accumulators.CapFen);
        return new Check("no annual cap exceeded 无人超过年度限额", exceeded == 0,
            $"{Count(reached)} people reached it, {Count(exceeded)} exceed it");
    }

    private static Check AccumulatorsEqualSubLedger(ReplyBook replies, Books books)
    {
        Dictionary<(string, int), YearTotals> ledger = books.InsuredYears
            .Where(year => year.StandingSettlements > 0)
            .ToDictionary(
                year => (year.InsuredId, year.Year),
                year => new YearTotals(year.CappedFundPayFen, year.FundPayFen, year.StandingSettlements));
        long differ = ledger.Count(year => replies.Years.GetValueOrDefault(year.Key) != year.Value)
            + replies.Years.Keys.Count(year => !ledger.ContainsKey(year))
            + books.Accumulators.Count(accumulators =>
                accumulators.FundPaidFen != ledger.GetValueOrDefault((accumulators.InsuredId, accumulators.Year)).CappedFundPayFen);
        return new Check(
            "accumulators = sub-ledger 个人累计 = 明细账",
            differ == 0,
            $"{Count(ledger.Count)} people with settlements, {Count(differ)} "
                + $"differ; {Output.Yuan(ledger.Values.Sum(year => year.FundPayFen))} in all");
    }

    private static Check AcknowledgedPostedSent(IReadOnlyList<SettleRequest> sent, ReplyBook replies, Books books)
    {
        Dictionary<string, int> posted = [];
        foreach (SubLedgerEntry entry in books.Entries)
            posted[entry.SettlementId] = posted.GetValueOrDefault(entry.SettlementId) + 1;
        HashSet<(string, string, string)> requests = [.. sent.Select(visit => (visit.FacilityCode, visit.InsuredId, visit.RequestId))];
        long lost = replies.Settlements.Keys.Count(id => !posted.ContainsKey(id));
        long twice = posted.Values.Count(times => times != 1);
        long unknown = books.Entries.Count(entry => !requests.Contains((entry.FacilityCode, entry.InsuredId, entry.RequestId)));
        return new Check(
            "acknowledged ⊆ posted ⊆ sent, each once 已应答 ⊆ 已入账 ⊆ 已发送",
            lost == 0 && twice == 0 && unknown == 0,
            $"{Count(replies.Settlements.Count)} acknowledged, {Count(posted.Count)} posted; {Count(lost)} lost, {Count(twice)} "
                + $"twice, {Count(unknown)} never sent");
    }

    private static Check SubLedgerEqualsTrialBalance(Books books)
    {
        long fundPayFen = books.InsuredYears.Sum(year => year.FundPayFen);
        long standing = books.InsuredYears.Sum(year => year.StandingSettlements);
        TrialBalance balance = books.TrialBalance;
        return new Check(
            "sub-ledger = trial balance 明细账 = 总账",
            fundPayFen == balance.FundPaidFen && standing == balance.StandingSettlements
                && fundPayFen == books.Entries.Sum(entry => entry.FundPayFen),
            $"{Count(standing)} settlements and {Output.Yuan(fundPayFen)}, {Count(balance.StandingSettlements)} "
                + $"and {Output.Yuan(balance.FundPaidFen)}");
    }

    public static Check TrialBalanceBalances(TrialBalance balance) => new(
        "debit = credit 借贷平衡",
        balance.Balanced && balance.DebitFen == balance.CreditFen,
        $"{Output.Yuan(balance.DebitFen)}, {Output.Yuan(balance.CreditFen)}");

    private static Check HospitalsReconcile(IReadOnlyList<FacilityOutcome> facilities)
    {
        long lines = facilities.Sum(facility => facility.Lines?.Lines ?? 0);
        int differ = facilities.Count(facility => !facility.Reconciled);
        return new Check(
            "hospitals' books = ledger, line by line 医院对账（3201、3202）",
            facilities.Count > 0 && differ == 0,
            $"{Count(facilities.Count)} facilities, {Count(lines)} lines; {Count(differ)} facilities differ");
    }

    public static Check NothingTamperedWith(AuditReport audit) => new(
        "the books verify: chain, postings, accumulators 账册校验",
        audit.Holds,
        audit.Findings.Find(finding => finding.Holds != true) is { } bad
            ? $"{bad.Name}: {bad.Detail}"
            : $"{Count(audit.Head.Link)} links of the chain, nothing changed by hand");

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
