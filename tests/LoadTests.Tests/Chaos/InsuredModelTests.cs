using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Judging;
using Claims.Rules;

namespace Claims.LoadTests.Tests.Chaos;

/// <summary>The model against answers that were worked out by hand: 55 % at a county's hospital, ¥40 a day, ¥300 a year.</summary>
public sealed class InsuredModelTests
{
    private const int County = 1;
    private const int Township = 2;
    private static readonly DateOnly Day = new(2025, 1, 3);

    private readonly InsuredModel _model = new(Tariffs.Shipped, new DateOnly(2026, 1, 1));

    [Fact]
    public void Deductible_of_a_day_is_borne_once_and_the_share_rounded_half_up()
    {
        Assert.Equal(new Said(Reply.Settled, "", 3_000, 0, 0, 0), _model.Apply(Visit("a", 3_000)));
        // (10 001 − 1 000) × 0.55 = 4 950.55
        Assert.Equal(new Said(Reply.Settled, "", 1_000, 4_951, 0, 4_951), _model.Apply(Visit("b", 10_001)));
        Assert.Equal(new Said(Reply.Settled, "", 0, 550, 4_951, 5_501), _model.Apply(Visit("c", 1_000)));
        Assert.Equal(new Said(Reply.Settled, "", 0, 650, 5_501, 6_151), _model.Apply(Visit("d", 1_000, Township)));
    }

    [Fact]
    public void Cap_cuts_and_then_empties_what_is_paid_and_each_year_has_its_own()
    {
        Assert.Equal(27_500, _model.Apply(Visit("a", 54_000)).FundPayFen);
        Assert.Equal(new Said(Reply.Settled, "", 0, 2_500, 27_500, 30_000), _model.Apply(Visit("b", 54_000)));
        Assert.Equal(new Said(Reply.Settled, "", 0, 0, 30_000, 30_000), _model.Apply(Visit("c", 54_000)));
        Assert.Equal(0, _model.Apply(Visit("d", 54_000) with { VisitDate = new DateOnly(2024, 12, 31) }).UsedBeforeFen);
    }

    [Fact]
    public void Repeat_gets_its_first_answer_another_content_a_conflict_and_what_was_undone_says_so()
    {
        Said first = _model.Apply(Visit("a", 20_000));

        Assert.Equal(first, _model.Ask(Visit("a", 20_000)));
        Assert.Equal(Said.Refused(Reasons.DuplicateConflict), _model.Ask(Visit("a", 20_001)));
        Assert.Equal(new Said(Reply.Cancelled, "", -4_000, -8_800, 8_800, 0), _model.Apply(Undo(OpKind.Cancel, "x", "a")));
        Assert.Equal(Said.Refused(Reasons.RequestCancelled), _model.Ask(Visit("a", 20_000)));
        Assert.Equal(Said.Refused(Reasons.AlreadyCancelled), _model.Ask(Undo(OpKind.Cancel, "y", "a")));
        Assert.Equal(new Said(Reply.CancellationUndone, "", 4_000, 8_800, 0, 8_800), _model.Apply(Undo(OpKind.Reverse, "z", "x")));
        Assert.Equal(first, _model.Ask(Visit("a", 20_000)));
        Assert.Equal(Said.Refused(Reasons.RequestReversed), _model.Ask(Undo(OpKind.Cancel, "x", "a")));
        Assert.Equal(Reply.SettlementUndone, _model.Apply(Undo(OpKind.Reverse, "w", "a")).Outcome);
        Assert.Equal(Said.Refused(Reasons.RequestReversed), _model.Ask(Visit("a", 20_000)));
        Assert.Equal(Reply.NothingToUndo, _model.Ask(Undo(OpKind.Reverse, "v", "a")).Outcome);
        Assert.Empty(_model.Standing);
    }

    [Fact]
    public void Whoever_bore_the_deductible_is_undone_last_and_not_restored_once_another_has_borne_it()
    {
        _model.Apply(Visit("a", 20_000));
        _model.Apply(Visit("b", 20_000));
        Assert.Equal(Said.Refused(Reasons.CancelBlockedByLaterSettlement), _model.Ask(Undo(OpKind.Cancel, "x", "a")));
        Assert.Equal(Reply.Cancelled, _model.Apply(Undo(OpKind.Cancel, "x", "b")).Outcome);
        Assert.Equal(Reply.Cancelled, _model.Apply(Undo(OpKind.Cancel, "y", "a")).Outcome);
        _model.Apply(Visit("c", 20_000));
        Assert.Equal(Said.Refused(Reasons.RestoreImpossible), _model.Ask(Undo(OpKind.Reverse, "z", "y")));
    }

    [Fact]
    public void Late_original_of_a_reversal_is_refused_and_so_is_a_visit_that_is_settled_or_in_the_future()
    {
        Assert.Equal(Reply.NothingToUndo, _model.Apply(Undo(OpKind.Reverse, "x", "late")).Outcome);
        Assert.Equal(Said.Refused(Reasons.RequestReversed), _model.Ask(Visit("late", 20_000)));
        Assert.Equal(Said.Refused(Reasons.SettlementUnknown), _model.Ask(Undo(OpKind.Cancel, "y", "late")));
        _model.Apply(Visit("a", 20_000) with { VisitId = "V1" });
        Assert.Equal(Said.Refused(Reasons.VisitAlreadySettled), _model.Ask(Visit("b", 20_000) with { VisitId = "V1" }));
        Assert.Equal(Said.Refused(Reasons.VisitInFuture), _model.Ask(Visit("a", 20_000) with { VisitDate = new DateOnly(2026, 1, 2) }));
    }

    [Fact]
    public void Cancelled_visit_stands_again_only_while_the_cap_has_room_for_it()
    {
        _model.Apply(Visit("a", 54_000));
        _model.Apply(Undo(OpKind.Cancel, "x", "a"));
        DateOnly next = Day.AddDays(1);
        _model.Apply(Visit("b", 8_546) with { VisitDate = next });
        // 27 500 + 2 500 are the cap: a fen more is too much.
        Assert.Equal(2_500, _model.UsedFen[Day.Year]);
        Assert.Equal(Reply.CancellationUndone, _model.Ask(Undo(OpKind.Reverse, "z", "x")).Outcome);
        Assert.Equal(1, _model.Apply(Visit("c", 2) with { VisitDate = next }).FundPayFen);
        Assert.Equal(Said.Refused(Reasons.RestoreImpossible), _model.Ask(Undo(OpKind.Reverse, "z", "x")));
    }

    [Fact]
    public void Number_of_a_visit_is_free_again_once_it_is_cancelled_and_is_not_taken_from_whoever_has_it_then()
    {
        _model.Apply(Visit("a", 20_000) with { VisitId = "V1" });
        _model.Apply(Undo(OpKind.Cancel, "x", "a"));
        Assert.Equal(Reply.Settled, _model.Ask(Visit("b", 3_000, Township) with { VisitId = "V1" }).Outcome);
        _model.Apply(Visit("b", 20_000) with { VisitId = "V1", VisitDate = Day.AddDays(1) });
        Assert.Equal(Said.Refused(Reasons.RestoreImpossible), _model.Ask(Undo(OpKind.Reverse, "z", "x")));
        Assert.Equal(["b"], _model.Standing.Select(op => op.Key.RequestId));
    }

    [Fact]
    public void Only_a_later_visit_of_the_same_day_and_facility_keeps_whoever_bore_the_deductible_from_being_undone()
    {
        _model.Apply(Visit("a", 20_000));
        _model.Apply(Visit("other day", 20_000) with { VisitDate = Day.AddDays(1) });
        _model.Apply(Visit("elsewhere", 20_000, Township));
        Assert.Equal(Reply.Cancelled, _model.Ask(Undo(OpKind.Cancel, "x", "a")).Outcome);
        _model.Apply(Visit("later", 1_000));
        Assert.Equal(Said.Refused(Reasons.CancelBlockedByLaterSettlement), _model.Ask(Undo(OpKind.Reverse, "x", "a")));
        Assert.Equal(Reply.Cancelled, _model.Ask(Undo(OpKind.Cancel, "x", "later")).Outcome);
    }

    [Fact]
    public void Somebody_whom_no_registry_knows_is_refused_by_name_of_what_is_missing()
    {
        Op visit = Visit("a", 20_000);
        Assert.Equal(Said.Refused(Reasons.FacilityUnknown), _model.Ask(visit with { Key = visit.Key with { FacilityCode = "H1" } }));
        Assert.Equal(Said.Refused(Reasons.InsuredUnknown), _model.Ask(visit with { Key = visit.Key with { InsuredId = "4101X" } }));
    }

    private static RequestKey Key(string request, int facility) => new("410105000000001", City.FacilityCode(facility), request);

    private static Op Visit(string request, long totalFen, int facility = County) =>
        new(OpKind.Settle, Key(request, facility), Day, totalFen);

    private static Op Undo(OpKind kind, string request, string target) => new(kind, Key(request, County), Target: target);
}
