using Claims.LoadTests.Chaos.Calls;
using Claims.V1;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class ReplyTests
{
    private static readonly SettleReply Settled = new()
    {
        Decision = Decision.Settled,
        SettlementId = "S1",
        DeductibleFen = 1,
        FundPayFen = 2,
        CapUsedBeforeFen = 3,
        CapUsedAfterFen = 5,
        ReasonText = "已结算",
    };

    [Fact]
    public void Answer_has_the_figures_of_the_message_each_in_its_place()
    {
        Reply reply = Reply.Of(Settled.Clone());

        Assert.Equal(new Reply(Reply.Settled, "", "S1", 1, 2, 3, 5, reply.Words), reply);
        Assert.Equal(
            reply with { Outcome = Reply.CancellationUndone, Words = 0 },
            Reply.Of(new ReverseReply { Outcome = ReverseReply.Types.Outcome.CancellationUndone, Mirror = Settled.Clone() }) with
            {
                Words = 0,
            });
    }

    [Fact]
    public void Repeat_is_held_to_every_word_of_the_message_but_that_it_is_a_repeat()
    {
        Reply first = Reply.Of(Settled.Clone());

        Assert.Equal(first, Reply.Of(new SettleReply(Settled) { Replayed = true }));
        Assert.NotEqual(first, Reply.Of(new SettleReply(Settled) { ReasonText = "已受理" }));
    }

    [Fact]
    public void Repeat_of_a_reversal_is_held_to_every_word_of_the_message_but_that_it_is_a_repeat()
    {
        ReverseReply undone = new() { Outcome = ReverseReply.Types.Outcome.SettlementUndone, Mirror = Settled.Clone() };
        Reply first = Reply.Of(undone.Clone());

        Assert.Equal(first, Reply.Of(new ReverseReply(undone) { Mirror = new SettleReply(Settled) { Replayed = true } }));
        Assert.NotEqual(first, Reply.Of(new ReverseReply(undone) { ReasonText = "已撤销" }));
    }

    [Fact]
    public void Answer_without_a_decision_has_no_effect()
    {
        Assert.False(Reply.Of(new SettleReply()).HasEffect);
        Assert.False(Reply.Of(new ReverseReply()).HasEffect);
        Assert.True(Reply.Of(new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo }).HasEffect);
    }
}
