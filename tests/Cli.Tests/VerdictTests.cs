using Claims.Cli.Audit;
using Claims.Cli.Demo;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>A verdict that could not say no would be worth nothing: every comparison is shown a difference.</summary>
public sealed class VerdictTests
{
    private const int Visits = 4;

    [Fact]
    public void Accounts_that_agree_pass_every_check()
    {
        Assert.All(new Day().Judge(), check => Assert.True(check.Holds, check.Name));
    }

    [Fact]
    public void Missing_answer_is_noticed() => AssertFails(day => day.Sent.Add(Day.Visit("late", "P1")), "every visit has its answer");

    [Fact]
    public void Replay_with_other_money_is_noticed() => AssertFails(
        day =>
        {
            day.Sent.Add(day.Sent[0]);
            day.Answer(day.Sent[0], fundPayFen: 999, replayed: true);
        },
        "a repeated request gets its first answer");

    [Fact]
    public void Replay_with_the_same_money_counts_once()
    {
        Day day = new();
        day.Sent.Add(day.Sent[0]);
        day.Answer(day.Sent[0], fundPayFen: 100, replayed: true);

        Assert.All(day.Judge(), check => Assert.True(check.Holds, check.Name));
    }

    [Fact]
    public void Second_answer_with_the_same_money_that_is_no_replay_is_noticed() => AssertFails(
        day =>
        {
            day.Sent.Add(day.Sent[0]);
            day.Answer(day.Sent[0], fundPayFen: 100, replayed: false);
        },
        "a repeated request gets its first answer");

    /// <summary>Whoever has died with the first answer on its way gets the second, and the money counts by it.</summary>
    [Fact]
    public void Replay_whose_first_answer_was_lost_counts()
    {
        ReplyBook replies = new();

        replies.Add(Day.Visit("G1", "P1"), Day.Settled("G1", "P1", 100, replayed: true));

        Assert.Equal((1, 1, 0, 100), (replies.Replies, replies.Replayed, replies.ReplaysThatDiffer, replies.FundPayFen));
        Assert.Equal("S-G1", Assert.Single(replies.Settlements).Key);
    }

    [Theory]
    [InlineData(VisitType.Ordinary, 100)]
    [InlineData(VisitType.PrenatalCheck, 100)]
    [InlineData(VisitType.DeliveryNatural, 0)]
    [InlineData(VisitType.DeliveryCaesarean, 0)]
    public void Money_counts_in_the_year_of_the_visit_and_deliveries_not_against_the_cap(VisitType type, long cappedFen)
    {
        ReplyBook replies = new();
        SettleRequest visit = Day.Visit("G1", "P1");
        (visit.VisitType, visit.VisitDate) = (type, "2024-12-31");

        replies.Add(visit, Day.Settled("G1", "P1", 100, replayed: false));
        replies.Add(Day.Visit("G2", "P1"), new SettleReply { Decision = Decision.Refused, ReasonCode = "YEAR_CLOSED" });

        Assert.Equal((("P1", 2024), new YearTotals(cappedFen, 100, 1)), (Assert.Single(replies.Years).Key, replies.Years.Values.Single()));
        Assert.Equal("2024-12-31", Assert.Single(replies.Lines).VisitDate);
        Assert.Equal([(Decision.Settled, ""), (Decision.Refused, "YEAR_CLOSED")], replies.Outcomes.Keys);
    }

    [Fact]
    public void Day_on_which_nothing_was_sent_or_no_hospital_is_there_is_no_day_that_agrees()
    {
        IReadOnlyList<Check> checks = Verdict.Of([], new ReplyBook(), new Books(
            [], [], [], new TrialBalance { Balanced = true }, [], new AuditReport([], new ChainHead())));

        Assert.Equal(["every visit has its answer", "hospitals' books = ledger"],
            checks.Where(check => !check.Holds).Select(check => check.Name[..check.Name.IndexOfAny([',', '每'])].Trim()));
    }

    [Fact]
    public void Cap_that_is_reached_is_not_exceeded()
    {
        Day day = new();
        day.Accumulators[0].CapFen = day.Accumulators[0].FundPaidFen;

        Check check = day.Judge().Single(check => check.Name.StartsWith("no annual cap exceeded", StringComparison.Ordinal));

        Assert.Equal((true, "1 people reached it, 0 exceed it"), (check.Holds, check.Detail));
    }

    [Fact]
    public void Trial_balance_that_the_ledger_finds_unbalanced_is_noticed() => AssertFails(
        day => day.Balance.Balanced = false, "debit = credit");

    [Fact]
    public void Accumulator_that_differs_from_the_replies_is_noticed() => AssertFails(
        day => day.Accumulators[0].FundPaidFen += 1, "replies = accumulators", "accumulators = sub-ledger");

    [Fact]
    public void Insured_who_was_paid_for_but_not_asked_about_is_noticed() => AssertFails(
        day => day.Accumulators.RemoveAt(0), "replies = accumulators");

    [Fact]
    public void Cap_that_is_exceeded_is_noticed() => AssertFails(day => day.Accumulators[0].CapFen = 10, "no annual cap exceeded");

    [Fact]
    public void Sub_ledger_that_misses_an_insured_is_noticed() => AssertFails(
        day => day.Years.RemoveAt(0), "accumulators = sub-ledger", "sub-ledger = trial balance");

    [Fact]
    public void Acknowledged_settlement_that_was_never_posted_is_noticed() => AssertFails(
        day => day.Entries.RemoveAt(0), "acknowledged ⊆ posted ⊆ sent", "sub-ledger = trial balance");

    [Fact]
    public void Settlement_that_is_posted_twice_is_noticed() => AssertFails(
        day => day.Entries.Add(day.Entries[0]), "acknowledged ⊆ posted ⊆ sent", "sub-ledger = trial balance");

    [Fact]
    public void Posted_request_that_nobody_sent_is_noticed() => AssertFails(
        day => day.Entries[0].RequestId = "invented", "acknowledged ⊆ posted ⊆ sent");

    [Fact]
    public void Trial_balance_with_other_sums_is_noticed() =>
        AssertFails(day => day.Balance.FundPaidFen += 1, "sub-ledger = trial balance");

    [Fact]
    public void Trial_balance_with_another_number_of_settlements_is_noticed() =>
        AssertFails(day => day.Balance.StandingSettlements += 1, "sub-ledger = trial balance");

    [Fact]
    public void Entries_with_another_sum_are_noticed() => AssertFails(day => day.Entries[0].FundPayFen += 1, "sub-ledger = trial balance");

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 4)]
    public void Corrections_are_found_where_as_many_are_told_as_differ(bool found, long differing) =>
        Assert.Equal(found, Corrections(differing, Wrong("P1", WrongCause.Refused), Wrong("P1", WrongCause.Follows),
            Wrong("P2", WrongCause.OtherTier, "H9")).Holds);

    [Fact]
    public void Correction_of_whom_and_of_what_nobody_changed_is_noticed()
    {
        Assert.False(Corrections(1, Wrong("P2", WrongCause.OtherTerms)).Holds);
        Assert.False(Corrections(1, Wrong("P1", WrongCause.Follows)).Holds);
    }

    [Fact]
    public void Trial_balance_that_does_not_balance_is_noticed() => AssertFails(day => day.Balance.CreditFen += 1, "debit = credit");

    [Fact]
    public void Hospital_whose_lines_differ_although_its_totals_balance_is_noticed() => AssertFails(
        day =>
            day.Hospital.Reconciled = false,
            "hospitals' books = ledger");

    [Theory]
    [InlineData(false)]
    [InlineData(null)]
    public void Verification_that_fails_or_cannot_tell_is_noticed(bool? holds) => AssertFails(
        day => day.Chain = day.Chain with { Holds = holds }, "the books verify");

    // The registry has changed the insured P1 and the facility H9.
    private static Check Corrections(long differing, params WrongSettlement[] wrong) =>
        Verdict.CorrectionsFound(wrong, new RecheckTotals { Settlements = 9, Differing = differing }, ["H9"], ["P1"]);

    private static WrongSettlement Wrong(string insured, WrongCause cause, string facility = "H1") =>
        new() { InsuredId = insured, Cause = cause, FacilityCode = facility };

    private static void AssertFails(Action<Day> tamper, params string[] names)
    {
        Day day = new();
        tamper(day);

        Check[] failed = [.. day.Judge().Where(check => !check.Holds)];

        Assert.Equal(names.Length, failed.Length);
        Assert.All(failed.Zip(names), pair => Assert.StartsWith(pair.Second, pair.First.Name, StringComparison.Ordinal));
    }

    /// <summary>Four settlements of 100 fen, two people, and the books that agree with them.</summary>
    private sealed class Day
    {
        private readonly ReplyBook _replies = new();

        public Day()
        {
            for (int number = 0; number < Visits; number++)
            {
                SettleRequest visit = Visit($"G{number}", $"P{number % 2}");
                Sent.Add(visit);
                Answer(visit, fundPayFen: 100, replayed: false);
                Entries.Add(new SubLedgerEntry
                {
                    SettlementId = $"S-{visit.RequestId}",
                    FacilityCode = "H1",
                    InsuredId = visit.InsuredId,
                    RequestId = visit.RequestId,
                    FundPayFen = 100,
                });
            }
            foreach (string insured in new[] { "P0", "P1" })
            {
                Accumulators.Add(new Accumulators { InsuredId = insured, Year = 2025, FundPaidFen = 200, CapFen = 30000 });
                Years.Add(new InsuredYear
                {
                    InsuredId = insured,
                    Year = 2025,
                    CappedFundPayFen = 200,
                    FundPayFen = 200,
                    StandingSettlements = 2,
                });
            }
        }

        public List<SettleRequest> Sent { get; } = [];

        public List<Accumulators> Accumulators { get; } = [];

        public List<InsuredYear> Years { get; } = [];

        public List<SubLedgerEntry> Entries { get; } = [];

        public TrialBalance Balance { get; } =
            new() { Balanced = true, DebitFen = 400, CreditFen = 400, StandingSettlements = Visits, FundPaidFen = 400 };

        public FacilityOutcome Hospital { get; } =
            new() { FacilityCode = "H1", Reconciled = true, Lines = new LinesSummary { Reconciled = true, Lines = Visits } };

        public Finding Chain { get; set; } = new("CHAIN", "chain of hashes", Holds: true, Examined: 1, "");

        public static SettleRequest Visit(string requestId, string insured) => new()
        {
            FacilityCode = "H1",
            InsuredId = insured,
            RequestId = requestId,
            VisitDate = "2025-06-18",
            VisitType = VisitType.Ordinary,
        };

        public static SettleReply Settled(string requestId, string insured, long fundPayFen, bool replayed) => new()
        {
            Decision = Decision.Settled,
            InsuredId = insured,
            SettlementId = $"S-{requestId}",
            FundPayFen = fundPayFen,
            Replayed = replayed,
        };

        public void Answer(SettleRequest visit, long fundPayFen, bool replayed) =>
            _replies.Add(visit, Settled(visit.RequestId, visit.InsuredId, fundPayFen, replayed));

        public IReadOnlyList<Check> Judge() =>
            Verdict.Of(Sent, _replies, new Books(
            Accumulators, Years, Entries, Balance, [Hospital], new AuditReport([Chain], new ChainHead())));
    }
}
