using Claims.Cli.Audit;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class AuditTests
{
    [Theory]
    [InlineData(AccumulatorsCheck.Types.Verdict.Equal, true, "")]
    [InlineData(AccumulatorsCheck.Types.Verdict.Different, false, "shard 3")]
    [InlineData(AccumulatorsCheck.Types.Verdict.Moving, null, "shard 3")]
    public void Verdict_on_the_accumulators_is_a_finding(AccumulatorsCheck.Types.Verdict verdict, bool? holds, string key)
    {
        Finding finding = BooksAudit.Of(new AccumulatorsCheck { Verdict = verdict, Examined = 9, Shard = 3, Detail = "why" });

        Assert.Equal(("ACCUMULATORS", holds, 9L, "why", key), (finding.Code, finding.Holds, finding.Examined, finding.Detail, finding.Key));
    }

    [Fact]
    public void Verdict_that_there_is_no_word_for_is_refused() =>
        Assert.Throws<CommandException>(() => BooksAudit.Of(new AccumulatorsCheck { Verdict = (AccumulatorsCheck.Types.Verdict)9 }));

    [Theory]
    [InlineData("60:CC6C124809B1625AF35A50307D6B768F14C4F74627CFB9DAC545F9F25ADE052A", true)]
    [InlineData("0:cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a", false)]
    [InlineData("60:cc6c", false)]
    [InlineData("60", false)]
    [InlineData("x:cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a", false)]
    public void Noted_head_is_a_link_and_a_hash(string text, bool valid) =>
        Assert.Equal(
            valid
            ? new VerifyRequest { ExpectLink = 60, ExpectHash = "cc6c124809b1625af35a50307d6b768f14c4f74627cfb9dac545f9f25ade052a" }
            : null, NotedHead.Parse(text));
}
