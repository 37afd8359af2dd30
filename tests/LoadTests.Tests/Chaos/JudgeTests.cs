using Claims.Cli.Demo;
using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Judging;

namespace Claims.LoadTests.Tests.Chaos;

/// <summary>Canaries: a judge that could not say no would be worth nothing. Each rule of the system is switched off in a simulated run,
/// and each record of one is bent.</summary>
public sealed class JudgeTests
{
    private const string Posted = "acknowledged ⊆ posted ⊆ sent";
    private const string OneOutcome = "one outcome a key";
    private const string BooksAreAnswers = "books = answers";
    private const string RowsAreTheModels = "the books are what one model makes of them";
    private const string AnswersAreTheModels = "every answer is the model's";
    private const string Order = "what was answered before another was asked";
    private const string Cap = "no annual cap exceeded";
    private const string SameDay = "a day's deductible is borne once";
    private const string Pairs = "undone pairs are zero";
    private const string Debits = "debits = credits";
    private const string Accumulators = "accumulators = fold of the ledger = model";
    private const string Years = "the ledger's years = fold of its rows";
    private const string NoGap = "no gap";
    private const string Drained = "the backlog is drained";
    private const string Answered = "every request has its answer";
    private const string Statuses = "no status but those of the contract";

    private static readonly Recording Whole = SimulatedRun.Of();

    private static readonly Dictionary<string, (Func<Row, bool> Which, Func<Row, Row> Bend, string[] Noticed)> Bends = new()
    {
        ["a settlement under another id"] = (Pays, row => row with { SettlementId = $"{row.SettlementId}'" }, [BooksAreAnswers]),
        ["more deductible"] = (Pays, row => row with { DeductibleFen = row.DeductibleFen + 1 }, [BooksAreAnswers, RowsAreTheModels]),
        ["more paid"] = (Pays, row => row with { FundPayFen = row.FundPayFen + 1 }, [BooksAreAnswers, RowsAreTheModels]),
        ["more used before"] = (Pays, row => row with { UsedBeforeFen = row.UsedBeforeFen + 1 }, [BooksAreAnswers, RowsAreTheModels, Cap]),
        ["more used after"] = (Pays, row => row with { UsedAfterFen = row.UsedAfterFen + 1 }, [BooksAreAnswers, RowsAreTheModels, Cap]),
        ["another sum of the bill"] = (Pays, row => row with { TotalFen = row.TotalFen + 1 }, [RowsAreTheModels]),
        ["another day"] = (Pays, row => row with { VisitDate = row.VisitDate!.Value.AddDays(-300) }, [RowsAreTheModels]),
        ["a settlement that the hospital was not told"] =
            (row => row.Kind == Row.RequestOnly, row => row with { Kind = Row.Cancellation }, [BooksAreAnswers, RowsAreTheModels]),
        ["an undoing without a trace"] = (Undoes, row => row with { Kind = Row.RequestOnly }, [BooksAreAnswers, RowsAreTheModels]),
        ["an undoing as a restoration"] = (Undoes, row => row with { Kind = Row.Restoration }, [BooksAreAnswers, RowsAreTheModels]),
        ["a restoration of something else"] = (row => row.Kind == Row.Restoration,
            row => row with { OriginalSettlementId = Whole.Rows.First(Pays).SettlementId }, [BooksAreAnswers, Pairs]),
        ["an undoing of something else"] =
            (Undoes, row => row with { OriginalSettlementId = Whole.Rows.Last(Pays).SettlementId }, [Pairs]),
        ["an undoing of more than was paid"] = (Undoes, row => row with { FundPayFen = row.FundPayFen - 1 }, [Pairs]),
        // The last of its year: none begins where it ended.
        ["an undoing of more than there is"] = (
            row => Undoes(row) && row == Whole.Rows.Last(other => other.Key.InsuredId == row.Key.InsuredId
                && other.Kind != Row.RequestOnly && other.VisitDate?.Year == row.VisitDate?.Year),
            row => row with { FundPayFen = -row.UsedBeforeFen - 1, UsedAfterFen = -1 }, [Cap]),
        ["an undoing of more deductible than was borne"] =
            (Undoes, row => row with { DeductibleFen = row.DeductibleFen - 5_000 }, [Pairs, SameDay]),
    };

    [Fact]
    public void Run_of_a_system_that_keeps_to_everything_passes_every_check()
    {
        Assert.All(SimulatedRun.Judge(Whole), check => Assert.True(check.Holds, check.ToString()));
        Assert.Equal(
            [Row.Cancellation, Row.RequestOnly, Row.Restoration, Row.Settlement], Whole.Rows.Select(row => row.Kind).Distinct().Order());
    }

    [Fact]
    public void Repeat_that_is_settled_anew_is_noticed() =>
        AssertNoticed(SimulatedRun.Of(Kept.All & ~Kept.OnceOnly), Posted, OneOutcome, RowsAreTheModels);

    [Fact]
    public void Cap_that_is_not_kept_is_noticed() => AssertNoticed(SimulatedRun.Of(Kept.All & ~Kept.Cap), RowsAreTheModels, Cap);

    [Fact]
    public void Deductible_that_is_taken_for_each_visit_of_a_day_is_noticed() =>
        AssertNoticed(SimulatedRun.Of(Kept.All & ~Kept.SameDay), RowsAreTheModels, SameDay);

    [Fact]
    public void Answers_that_a_crash_took_along_are_noticed() =>
        AssertNoticed(SimulatedRun.Of(halfway: run => run.LoseNewest()), Posted);

    [Fact]
    public void Records_that_are_booked_beyond_the_watermark_again_are_noticed() =>
        AssertNoticed(SimulatedRun.Of(halfway: run => run.BookTwice()), Posted, RowsAreTheModels);

    [Fact]
    public void People_who_are_known_and_taken_for_new_are_noticed() =>
        AssertNoticed(SimulatedRun.Of(halfway: run => run.ForgetPeople()), RowsAreTheModels, Accumulators);

    [Fact]
    public void Row_that_is_missing_is_noticed() =>
        AssertNoticed(Whole with { Rows = Without(Whole.Rows, row => row.Sequence == 20) }, Posted, NoGap, Debits);

    [Fact]
    public void Row_that_nobody_sent_is_noticed() =>
        AssertNoticed(Bent(row => row with { Key = row.Key with { RequestId = "nobody's" } }), Posted);

    [Fact]
    public void Row_of_somebody_who_never_asked_is_noticed_by_nothing_but_what_was_sent()
    {
        // Everything else that the books say goes with it.
        Row like = Whole.Rows.First(row => row is { Kind: Row.Settlement, FundPayFen: > 0, UsedBeforeFen: 0 });
        RequestKey key = like.Key with { InsuredId = "410105999999999" };
        Row row = like with { Sequence = Whole.Rows.Count(row => row.Shard == like.Shard) + 1, SettlementId = "strange", Key = key };
        (string, DateOnly) day = (key.FacilityCode, row.VisitDate!.Value);
        Held held = new(key.InsuredId, row.VisitDate.Value.Year, row.FundPayFen,
            new Dictionary<(string, DateOnly), long> { [day] = row.DeductibleFen }.Where(one => one.Value != 0).ToDictionary(),
            [(key.FacilityCode, key.RequestId)]);
        GeneralLedger ledger = Whole.GeneralLedger;

        AssertNoticedAlone(
            Whole with
            {
                Rows = [.. Whole.Rows, row],
                Held = [.. Whole.Held, held],
                Years = [.. Whole.Years, new YearOfBooks(key.InsuredId, held.Year, row.FundPayFen, 1)],
                GeneralLedger = ledger with
                {
                    FundPaidFen = ledger.FundPaidFen + row.FundPayFen,
                    StandingSettlements = ledger.StandingSettlements + 1,
                },
                Watermarks = [.. Whole.Watermarks.Select(shard =>
                    shard.Shard == row.Shard ? (row.Shard, row.Sequence, row.Sequence) : shard)],
            },
            Posted);
    }

    public static TheoryData<string> BentRows => [.. Bends.Keys];

    [Theory]
    [MemberData(nameof(BentRows))]
    public void Each_figure_of_a_row_is_held_against_its_answer_and_against_its_neighbours(string what)
    {
        (Func<Row, bool> which, Func<Row, Row> bend, string[] noticed) = Bends[what];

        AssertNoticed(Bent(bend, which), noticed);
    }

    [Fact]
    public void Row_of_another_amount_is_noticed() => AssertNoticed(
        Bent(row => row with { FundPayFen = row.FundPayFen + 1, UsedAfterFen = row.UsedAfterFen + 1 }), BooksAreAnswers, RowsAreTheModels,
        Cap, Debits, Accumulators, Years);

    [Fact]
    public void Other_words_on_repeat_are_noticed() => AssertNoticed(
        Reanswered(call => call is { Final: true, Reply.HasEffect: true }, reply => reply with { Words = reply.Words + 1 }), OneOutcome);

    [Fact]
    public void Refusal_that_no_moment_explains_is_noticed() => AssertNoticed(
        Reanswered(call => call.Reply is { Outcome: Reply.Refused }, reply => reply with { Reason = "ALREADY_CANCELLED" },
            call => call.Op.Kind == OpKind.Settle), AnswersAreTheModels);

    [Fact]
    public void Answer_of_a_state_that_was_over_is_noticed()
    {
        // Once more the first answer to what has been cancelled since.
        Call cancelled = Whole.Calls.First(call => call is { Final: true, Reply.Reason: "REQUEST_CANCELLED" });
        Reply first = Whole.Calls.First(call => call.Op == cancelled.Op && call.Reply is { HasEffect: true }).Reply!.Value;
        AssertNoticed(Reanswered(call => call == cancelled, _ => first), AnswersAreTheModels);
    }

    [Fact]
    public void Answer_of_a_state_that_was_still_to_come_is_noticed()
    {
        // The first answer to what was cancelled later, as if it had been already.
        Call cancelled = Whole.Calls.First(call => call is { Final: true, Reply.Reason: "REQUEST_CANCELLED" });
        Call first = Whole.Calls.First(call => call.Op == cancelled.Op && call.Reply is { HasEffect: true });
        AssertNoticed(Reanswered(call => call == first, _ => cancelled.Reply!.Value), AnswersAreTheModels);
    }

    [Fact]
    public void Row_that_stands_before_what_was_answered_before_it_was_asked_for_is_noticed()
    {
        Row[] rows = [.. Whole.Rows];
        (int first, int second) = Enumerable.Range(0, rows.Length).SelectMany(one => Enumerable.Range(one + 1, rows.Length - one - 1)
            .Select(other => (one, other))).First(pair => rows[pair.one].Shard == rows[pair.other].Shard
                && rows[pair.one].Key.InsuredId == rows[pair.other].Key.InsuredId);
        (rows[first], rows[second]) =
            (rows[second] with { Sequence = rows[first].Sequence }, rows[first] with { Sequence = rows[second].Sequence });
        AssertNoticed(Whole with { Rows = rows }, Order);
    }

    [Fact]
    public void Undoing_of_another_sum_is_noticed()
    {
        Row cancellation = Whole.Rows.First(row => row is { Kind: Row.Cancellation, TotalFen: < 0 });
        Row other = cancellation with { TotalFen = cancellation.TotalFen - 1 };
        AssertNoticed(Whole with { Rows = [.. Whole.Rows.Select(row => row == cancellation ? other : row)] }, Pairs);
    }

    [Fact]
    public void Debits_without_credits_are_noticed()
    {
        AssertNoticed(Whole with { GeneralLedger = Whole.GeneralLedger with { CreditFen = Whole.GeneralLedger.CreditFen - 1 } }, Debits);
        AssertNoticed(Whole with { GeneralLedger = Whole.GeneralLedger with { JournalsApart = 1 } }, Debits);
    }

    [Fact]
    public void General_ledger_that_paid_or_counts_something_else_than_the_rows_is_noticed()
    {
        GeneralLedger ledger = Whole.GeneralLedger;
        AssertNoticedAlone(Whole with { GeneralLedger = ledger with { FundPaidFen = ledger.FundPaidFen + 1 } }, Debits);
        AssertNoticedAlone(Whole with { GeneralLedger = ledger with { StandingSettlements = ledger.StandingSettlements + 1 } }, Debits);
    }

    [Fact]
    public void Accumulators_other_than_the_fold_are_noticed()
    {
        Held first = Whole.Held.First(held => held.BorneFen.Count > 0);
        AssertNoticed(Holding(first with { FundPaidFen = first.FundPaidFen + 1 }), Accumulators);
        AssertNoticed(Holding(first with { BorneFen = first.BorneFen.ToDictionary(day => day.Key, day => day.Value - 1) }), Accumulators);
        AssertNoticed(Holding(first with { Standing = [] }), Accumulators);
        AssertNoticed(Holding(first with { Standing = [.. first.Standing.Skip(1), (City.FacilityCode(0), "another")] }), Accumulators);
        Dictionary<(string, DateOnly), long> one = new(first.BorneFen) { [(City.FacilityCode(0), new DateOnly(first.Year, 1, 31))] = 1 };
        AssertNoticed(Holding(first with { BorneFen = one }), Accumulators);
        AssertNoticed(Whole with { Held = [.. Whole.Held.Where(held => held.InsuredId != first.InsuredId)] }, Accumulators);

        Recording Holding(Held other) => Whole with { Held = [.. Whole.Held.Select(held => held == first ? other : held)] };
    }

    [Fact]
    public void Accumulators_are_held_against_the_fold_also_where_the_model_knows_no_further()
    {
        // Its last row is not the model's.
        Row last = Whole.Rows.Last(Pays);
        Recording bent = Bent(row => row with { VisitDate = row.VisitDate!.Value.AddDays(300) }, row => row == last);
        int year = last.VisitDate!.Value.AddDays(300).Year;
        Held[] others = [.. bent.Held.Where(held => held.InsuredId != last.Key.InsuredId)];
        Held[] folded =
        [
            .. City.Years.Append(year).Distinct().Select(of => FoldOf(bent, last.Key.InsuredId, of)),
        ];

        Assert.DoesNotContain(Failing(bent with { Held = [.. others, .. folded] }), name =>
            name.StartsWith(Accumulators, StringComparison.Ordinal));
        folded[0] = folded[0] with { FundPaidFen = folded[0].FundPaidFen + 1 };
        AssertNoticed(bent with { Held = [.. others, .. folded] }, RowsAreTheModels, Accumulators);

        static Held FoldOf(Recording run, string insured, int year)
        {
            Row[] own = [.. run.Rows.Where(row =>
                row.Key.InsuredId == insured && row.VisitDate?.Year == year && row.Kind != Row.RequestOnly)];
            return new Held(insured, year, own.Sum(row => row.FundPayFen),
                own.GroupBy(row => (row.Key.FacilityCode, row.VisitDate!.Value)).ToDictionary(
                    day => day.Key, day => day.Sum(row => row.DeductibleFen)).Where(day => day.Value != 0).ToDictionary(),
                []);
        }
    }

    [Fact]
    public void Years_other_than_the_fold_are_noticed()
    {
        YearOfBooks first = Whole.Years[0];
        AssertNoticedAlone(Whole with { Years = [.. Whole.Years.Skip(1)] }, Years);
        AssertNoticedAlone(Whole with { Years = [.. Whole.Years, first] }, Years);
        AssertNoticedAlone(Whole with { Years = [.. Whole.Years, new YearOfBooks("410105999999999", 2025, 0, 0)] }, Years);
        AssertNoticedAlone(Beginning(first with { StandingSettlements = first.StandingSettlements + 1 }), Years);
        AssertNoticedAlone(Beginning(first with { CappedFundPayFen = first.CappedFundPayFen + 1 }), Years);

        static Recording Beginning(YearOfBooks other) => Whole with { Years = [other, .. Whole.Years.Skip(1)] };
    }

    [Fact]
    public void First_row_of_a_shard_that_is_missing_is_noticed() =>
        AssertNoticed(Whole with { Rows = [.. Whole.Rows.Where(row => row is not { Shard: 1, Sequence: 1 })] }, NoGap);

    [Fact]
    public void What_the_services_find_themselves_decides_as_well() =>
        AssertNoticedAlone(Whole with { Others = [new Check("the ledger verifies its books", false, "")] }, "the ledger verifies");

    [Fact]
    public void Watermark_beyond_the_rows_and_backlog_are_noticed()
    {
        AssertNoticed(Ahead(booked: 1), NoGap);
        AssertNoticed(Ahead(booked: 0), Drained);

        Recording Ahead(int booked) => Whole with
        {
            Watermarks = [.. Whole.Watermarks.Select(shard => (shard.Shard, shard.Given + 1, shard.Booked + booked))],
        };
    }

    [Fact]
    public void Gap_that_a_row_of_lost_numbers_explains_is_none()
    {
        Row last = Whole.Rows.Last(row => row.Shard == 0);
        Row lost = new(0, last.Sequence + 50_000, Row.NumbersLost, "", "", default, null, 0, 0, 0, 0, 0);
        Row[] rows = [.. Whole.Rows.SelectMany(row => row == last ? new[] { row, lost } : [row])];

        Recording recording = Whole with
        {
            Rows = rows,
            Watermarks = [.. Whole.Watermarks.Select(shard => shard.Shard == 0 ? (0, lost.Sequence, lost.Sequence) : shard)],
        };

        Assert.All(SimulatedRun.Judge(recording), check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public void Request_without_an_answer_and_status_that_no_contract_knows_are_noticed()
    {
        AssertNoticed(Whole with { Calls = [.. Whole.Calls, new Call(Whole.Calls[0].Op)] }, Answered);
        AssertNoticed(Whole with { Statuses = new Dictionary<string, long> { ["Internal: something"] = 1 } }, Statuses);
    }

    [Fact]
    public void Run_in_which_nothing_was_acknowledged_does_not_pass() => AssertNoticed(
        new Recording([], [], [], [], new GeneralLedger(0, 0, 0, 0, 0), [], new Dictionary<string, long>(), []), Posted, Drained);

    private static bool Pays(Row row) => row is { Kind: Row.Settlement, FundPayFen: > 0 };

    private static bool Undoes(Row row) => row is { Kind: Row.Cancellation, FundPayFen: < 0 };

    private static string[] Failing(Recording recording) =>
        [.. SimulatedRun.Judge(recording).Where(check => !check.Holds).Select(check => check.Name)];

    private static void AssertNoticedAlone(Recording recording, string name) =>
        Assert.StartsWith(name, Assert.Single(Failing(recording)), StringComparison.Ordinal);

    private static void AssertNoticed(Recording recording, params string[] names)
    {
        IReadOnlyList<Check> checks = SimulatedRun.Judge(recording);
        string said = string.Join('\n', checks);
        Assert.All(names, name => Assert.True(
            checks.Any(check => !check.Holds && check.Name.StartsWith(name, StringComparison.Ordinal)), $"{name} holds:\n{said}"));
    }

    private static Row[] Without(IEnumerable<Row> rows, Func<Row, bool> which)
    {
        Row first = rows.First(row => which(row) && row.FundPayFen > 0);
        return [.. rows.Where(row => row != first)];
    }

    private static Recording Bent(Func<Row, Row> bend, Func<Row, bool>? which = null)
    {
        Row first = Whole.Rows.First(which ?? Pays);
        return Whole with { Rows = [.. Whole.Rows.Select(row => row == first ? bend(row) : row)] };
    }

    private static Recording Reanswered(Func<Call, bool> which, Func<Reply, Reply> bend, Func<Call, bool>? also = null)
    {
        Call first = Whole.Calls.First(call => which(call) && (also?.Invoke(call) ?? true));
        Call other = new(first.Op) { Final = first.Final, FirstSentTicks = first.FirstSentTicks, Attempts = 1 };
        other.Answered(bend(first.Reply!.Value), first.SentTicks, first.AnsweredTicks);
        return Whole with { Calls = [.. Whole.Calls.Select(call => call == first ? other : call)] };
    }
}
