using Claims.Cli.Audit;
using Claims.Cli.Demo;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Invariants;
using Claims.V1;

namespace Claims.LoadTests.Tests;

/// <summary>A check that could not say no would be worth nothing: every invariant is shown books that break it.</summary>
public sealed class WholeSystemTests
{
    [Fact]
    public void Books_that_agree_pass_every_check() => Assert.All(new Run().Judge(), check => Assert.True(check.Holds, check.ToString()));

    [Fact]
    public void Lost_posting_is_noticed() => AssertFails(
        run => run.Entries.RemoveAt(run.Entries.FindLastIndex(entry => entry.InsuredId == run.Entries[0].InsuredId)),
        "acknowledged ⊆ posted ⊆ sent", "the ledger's years", "sub-ledger = trial balance");

    [Fact]
    public void Settlement_that_is_posted_twice_is_noticed() => AssertFails(
        run => run.Entries.Add(run.Entries[^1].Clone()),
        "acknowledged ⊆ posted ⊆ sent", "an insured's records", "the ledger's years", "sub-ledger = trial balance");

    [Fact]
    public void Request_that_nobody_sent_is_noticed() => AssertFails(
        run => run.Entries.Add(new SubLedgerEntry
        {
            RequestId = Traffic.SettleId(99),
            InsuredId = Workload.InsuredId(0),
            FacilityCode = Workload.FacilityCode(1),
        }),
        "acknowledged ⊆ posted ⊆ sent");

    [Fact]
    public void Posting_under_another_insured_is_noticed() => AssertFails(
        run => run.Entries[^1].InsuredId = Workload.InsuredId(Run.Insured + 1),
        "acknowledged ⊆ posted ⊆ sent", "the ledger's years", "sub-ledger = trial balance");

    [Fact]
    public void Posting_under_another_facility_is_noticed() => AssertFails(
        run => run.Entries[^1].FacilityCode = Workload.FacilityCode(Workload.Facilities + 1),
        "acknowledged ⊆ posted ⊆ sent", "the ledger's years", "sub-ledger = trial balance");

    [Fact]
    public void Visit_that_is_posted_under_the_id_of_a_cancellation_is_noticed() => AssertFails(
        run => run.Entries[^1].RequestId = Traffic.CancelId(run.Book.Find(run.Entries[^1].RequestId)!.Value),
        "acknowledged ⊆ posted ⊆ sent", "the ledger's years", "sub-ledger = trial balance");

    [Fact]
    public void Amount_other_than_the_answer_is_noticed()
    {
        AssertFails(run => run.Entries[^1].DeductibleFen += 1, "books = answers");
        AssertFails(run => run.Entries[^1].TotalFen += 1, "books = answers");
        AssertFails(run => run.Entries[^1].InScopeFen += 1, "books = answers");
        AssertFails(run => run.Entries[^1].SettlementId += "'", "books = answers");
    }

    [Fact]
    public void Payment_other_than_the_answer_is_noticed_also_where_every_sum_goes_with_it()
    {
        Run run = new();
        run.Entries[^1].FundPayFen += 1;
        run.Entries[^1].CapUsedAfterFen += 1;

        Assert.StartsWith("books = answers", Assert.Single(run.Judge(), check => !check.Holds).Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Refused_request_in_the_books_is_noticed() => AssertFails(
        run =>
        {
            int refused = run.Take(out SettleRequest request);
            run.Book.Answer(new SettleReply { RequestId = request.RequestId, Decision = Decision.Refused }, out _, out _);
            run.Post(refused, request, fundPayFen: 0, "S-refused");
        },
        "books = answers");

    [Fact]
    public void Operation_without_an_answer_may_be_in_the_books_or_not()
    {
        Run run = new();
        run.Post(run.Take(out SettleRequest posted), posted, fundPayFen: 0, "S-unanswered");
        run.Take(out _);

        Assert.All(run.Judge(), check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public void Cap_may_be_reached_and_the_lowest_that_was_named_is_the_one_that_holds()
    {
        Run run = new();
        int insured = run.InsuredOf(run.Entries[0]);
        run.Settle(Run.CapFen - run.Entries.FindLast(entry => run.InsuredOf(entry) == insured)!.CapUsedAfterFen, insured);
        Assert.All(run.Judge(), check => Assert.True(check.Holds, check.ToString()));

        foreach (long capFen in new[] { Run.CapFen - 1, Run.CapFen + 1 })
        {
            run.Take(out SettleRequest request);
            run.Book.Answer(
                new SettleReply { RequestId = request.RequestId, Decision = Decision.Settled, CapFen = capFen }, out _, out _);
        }

        Assert.Contains(run.Judge(), check => !check.Holds && check.Name == "no annual cap exceeded");
    }

    [Fact]
    public void Record_without_an_answer_that_ends_elsewhere_than_it_pays_is_noticed()
    {
        Run run = new();
        run.Post(run.Take(out SettleRequest request), request, fundPayFen: 700, "S-unanswered").CapUsedAfterFen += 5;

        Assert.StartsWith("an insured's records", Assert.Single(run.Judge(), check => !check.Holds).Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Cap_that_is_exceeded_is_noticed() => AssertFails(
        run => run.Settle(fundPayFen: Run.CapFen, insured: run.InsuredOf(run.Entries[0])), "no annual cap exceeded");

    [Fact]
    public void Record_that_does_not_begin_where_the_last_one_ended_is_noticed() => AssertFails(
        run =>
            (run.Entries[^1].CapUsedBeforeFen, run.Entries[^1].CapUsedAfterFen) =
            (run.Entries[^1].CapUsedBeforeFen + 5, run.Entries[^1].CapUsedAfterFen + 5),
        "books = answers", "an insured's records");

    [Fact]
    public void Answer_that_overtook_another_is_noticed() => AssertFails(run => run.Book.NoteOutOfOrder(), "an insured's records");

    [Fact]
    public void Replay_with_its_first_answer_passes_and_one_with_another_is_noticed()
    {
        Run same = new();
        Assert.Equal(AnswerKind.Replay, same.Replay(fundPayDelta: 0));
        Assert.All(same.Judge(), check => Assert.True(check.Holds, check.ToString()));
        AssertFails(run => run.Replay(fundPayDelta: 1), "a repeated request gets its first answer");
        AssertFails(run => run.Replay(fundPayDelta: 0, replayed: false), "a repeated request gets its first answer");
    }

    [Fact]
    public void Operation_beyond_the_first_piece_of_memory_is_one_of_its_own()
    {
        const int Piece = 1 << 16;
        AnswerBook book = new(new Traffic(new Mix(), Run.Insured));
        for (int number = 0; number <= Piece + 3; number++) Assert.Equal(number, book.Take(dueTicks: number));

        book.Answer(new SettleReply { RequestId = Traffic.SettleId(3), Decision = Decision.Settled }, out _, out long dueTicks);

        Assert.Equal((3, Known.Acknowledged, Known.Sent, Known.Never),
            (dueTicks, book.KnownOf(3), book.KnownOf(Piece + 3), book.KnownOf(Piece + 4)));
    }

    [Fact]
    public void Second_answer_that_nobody_asked_for_is_noticed() => AssertFails(
        run =>
            Assert.Equal(AnswerKind.Unexpected, run.Book.Answer(run.Replies[0], out _, out _)), "a repeated request gets its first answer");

    [Fact]
    public void Cancellation_takes_back_what_it_cancels()
    {
        Run run = new();
        run.Cancel(run.Settle(fundPayFen: 700, insured: null));

        Assert.All(run.Judge(), check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public void Cancellation_that_is_not_in_the_books_is_noticed()
    {
        Run run = new();
        run.Cancel(run.Settle(fundPayFen: 700, insured: null));
        run.Entries.RemoveAt(run.Entries.Count - 1);

        Assert.Contains(run.Judge(), check => !check.Holds && check.Name.StartsWith("acknowledged ⊆ posted", StringComparison.Ordinal));
    }

    [Fact]
    public void Ledger_year_with_another_sum_is_noticed() => AssertFails(run => run.YearDeltaFen = 1, "the ledger's years");

    [Fact]
    public void Ledger_year_with_another_count_is_noticed() => AssertFails(run => run.YearDeltaStanding = 1, "the ledger's years");

    [Fact]
    public void Ledger_year_of_a_stranger_or_a_second_one_of_an_insured_is_noticed()
    {
        AssertFails(run => run.YearsBesides.Add(new InsuredYear { InsuredId = Workload.InsuredId(Run.Insured) }), "the ledger's years");
        AssertFails(run => run.YearsBesides.Add(run.Sums().Years[0]), "the ledger's years");
    }

    [Fact]
    public void Insured_without_a_year_in_the_ledger_is_noticed() => AssertFails(run => run.YearsMissing = 1, "the ledger's years");

    [Fact]
    public void Trial_balance_with_other_sums_is_noticed() =>
        AssertFails(run => run.BalanceDeltaFen = 1, "sub-ledger = trial balance", "debit = credit");

    [Fact]
    public void Trial_balance_with_another_count_of_settlements_is_noticed() =>
        AssertFails(run => run.BalanceDeltaStanding = 1, "sub-ledger = trial balance");

    [Fact]
    public void Broken_chain_is_noticed() => AssertFails(run => run.ChainHolds = false, "the books verify");

    [Fact]
    public void Run_without_an_acknowledgement_does_not_pass()
    {
        AnswerBook empty = new(new Traffic(new Mix(), Run.Insured));

        IReadOnlyList<Check> checks = new WholeSystem(empty)
            .Judge(new TrialBalance { Balanced = true }, new AuditReport([], new ChainHead()));

        Assert.Contains(checks, check => !check.Holds && check.Name.StartsWith("acknowledged ⊆ posted", StringComparison.Ordinal));
    }

    private static void AssertFails(Action<Run> tamper, params string[] names)
    {
        Run run = new();
        run.FreezeSums();
        tamper(run);

        Check[] failed = [.. run.Judge().Where(check => !check.Holds)];

        Assert.True(names.Length == failed.Length, string.Join("\n", failed.Select(check => check.ToString())));
        Assert.All(failed.Zip(names), pair => Assert.StartsWith(pair.Second, pair.First.Name, StringComparison.Ordinal));
    }

    /// <summary>A handful of settlements of a few people, as the hospitals and the books have them.</summary>
    private sealed class Run
    {
        public const int Insured = 5;
        public const long CapFen = 30_000;
        private const int Visits = 12;

        private readonly Dictionary<int, long> _usedFen = [];
        private (long FundPayFen, long Standing, InsuredYear[] Years)? _frozen;

        public Run()
        {
            for (int visit = 0; visit < Visits; visit++) Settle(fundPayFen: 100 + visit, insured: null);
        }

        public AnswerBook Book { get; } = new(new Traffic(new Mix(), Insured));

        public List<SubLedgerEntry> Entries { get; } = [];

        public List<SettleReply> Replies { get; } = [];

        public long YearDeltaFen { get; set; }

        public long YearDeltaStanding { get; set; }

        public List<InsuredYear> YearsBesides { get; } = [];

        public long BalanceDeltaStanding { get; set; }

        public int YearsMissing { get; set; }

        public long BalanceDeltaFen { get; set; }

        public bool ChainHolds { get; set; } = true;

        public int Take(out SettleRequest request)
        {
            int number = Book.Take(dueTicks: 0);
            request = Book.Traffic.Settle(number);
            return number;
        }

        public int InsuredOf(SubLedgerEntry entry) => Book.VisitOf(Book.Find(entry.RequestId)!.Value).Insured;

        /// <param name="insured">Visits are drawn until one is theirs; null takes the first.</param>
        public int Settle(long fundPayFen, int? insured)
        {
            while (true)
            {
                int number = Take(out SettleRequest request);
                if (insured is { } wanted && Book.VisitOf(number).Insured != wanted) continue;
                SubLedgerEntry entry = Post(number, request, fundPayFen, $"S-{number}");
                Reply(request.RequestId, entry, Decision.Settled);
                return number;
            }
        }

        public SubLedgerEntry Post(int number, SettleRequest request, long fundPayFen, string settlementId)
        {
            int insured = Book.VisitOf(number).Insured;
            long used = _usedFen.GetValueOrDefault(insured);
            _usedFen[insured] = used + fundPayFen;
            SubLedgerEntry entry = new()
            {
                SettlementId = settlementId,
                RequestId = request.RequestId,
                FacilityCode = request.FacilityCode,
                InsuredId = request.InsuredId,
                TotalFen = request.TotalFen,
                InScopeFen = request.InScopeFen,
                FundPayFen = fundPayFen,
                CapUsedBeforeFen = used,
                CapUsedAfterFen = used + fundPayFen,
            };
            Entries.Add(entry);
            if (_frozen is not null) FreezeSums();
            return entry;
        }

        public void Cancel(int settlement)
        {
            int number = Book.Take(dueTicks: 0, cancelled: settlement);
            CancelRequest request = Book.Traffic.Cancel(number, settlement);
            SubLedgerEntry cancelled = Entries.Single(entry => entry.RequestId == request.OriginalRequestId);
            int insured = Book.VisitOf(number).Insured;
            long used = _usedFen[insured];
            _usedFen[insured] = used - cancelled.FundPayFen;
            SubLedgerEntry entry = new(cancelled)
            {
                SettlementId = $"S-{number}",
                RequestId = request.RequestId,
                FundPayFen = -cancelled.FundPayFen,
                TotalFen = -cancelled.TotalFen,
                CapUsedBeforeFen = used,
                CapUsedAfterFen = used - cancelled.FundPayFen,
            };
            Entries.Add(entry);
            Reply(request.RequestId, entry, Decision.Cancelled);
        }

        public AnswerKind Replay(long fundPayDelta, bool replayed = true)
        {
            SettleReply again = Replies[0].Clone();
            again.Replayed = replayed;
            again.FundPayFen += fundPayDelta;
            Book.SendAgain(0, dueTicks: 0);
            return Book.Answer(again, out _, out _);
        }

        /// <summary>What the ledger says of its sums stays as it is now, whatever becomes of the rows.</summary>
        public void FreezeSums() => _frozen = Sums();

        public IReadOnlyList<Check> Judge()
        {
            (long fundPayFen, long standing, InsuredYear[] sums) = _frozen ?? Sums();
            InsuredYear[] years = [.. sums.Skip(YearsMissing), .. YearsBesides];
            years[0].CappedFundPayFen += YearDeltaFen;
            years[0].StandingSettlements += YearDeltaStanding;
            WholeSystem whole = new(Book);
            Entries.ForEach(whole.Add);
            Array.ForEach(years, whole.Add);
            return whole.Judge(
                new TrialBalance
                {
                    Balanced = true,
                    DebitFen = fundPayFen + BalanceDeltaFen,
                    CreditFen = fundPayFen,
                    FundPaidFen = fundPayFen + BalanceDeltaFen,
                    StandingSettlements = standing + BalanceDeltaStanding,
                },
                new AuditReport([new Finding("CHAIN", "chain", ChainHolds, 1, "")], new ChainHead()));
        }

        public (long FundPayFen, long Standing, InsuredYear[] Years) Sums() =>
        (
            Entries.Sum(entry => entry.FundPayFen),
            Entries.Sum(entry => Standing(entry)),
            [.. Entries.GroupBy(entry => entry.InsuredId).Select(mine => new InsuredYear
            {
                InsuredId = mine.Key,
                Year = 2025,
                CappedFundPayFen = mine.Sum(entry => entry.FundPayFen),
                FundPayFen = mine.Sum(entry => entry.FundPayFen),
                StandingSettlements = mine.Sum(entry => Standing(entry)),
            })]
        );

        private long Standing(SubLedgerEntry entry) => Book.IsCancel(Book.Find(entry.RequestId)!.Value) ? -1 : 1;

        private void Reply(string requestId, SubLedgerEntry entry, Decision decision)
        {
            SettleReply reply = new()
            {
                RequestId = requestId,
                Decision = decision,
                SettlementId = entry.SettlementId,
                TotalFen = entry.TotalFen,
                InScopeFen = entry.InScopeFen,
                FundPayFen = entry.FundPayFen,
                CapUsedBeforeFen = entry.CapUsedBeforeFen,
                CapUsedAfterFen = entry.CapUsedAfterFen,
                CapFen = CapFen,
            };
            Assert.Equal(AnswerKind.First, Book.Answer(reply, out _, out _));
            Replies.Add(reply);
        }
    }
}
