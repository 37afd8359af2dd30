using Claims.Adjudication.Settling;
using System.Buffers;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Adjudication.Tests.Settling;

public sealed class AnswerTests
{
    [Fact]
    public void Serialize_of_a_settlement_gives_the_whole_message()
    {
        Answer answer = Settled(new Answer(), SampleTerms.Of(5_500, 4_000, 30_000), 123_456);

        SettleReply sent = SettleReply.Parser.ParseFrom(Serialized(answer));

        Assert.Equal(answer.Whole(), sent);
        Assert.StartsWith("一、费用总额1234.56元", sent.Trace, StringComparison.Ordinal);
        Assert.Contains("CAP_REACHED", sent.ReasonCode, StringComparison.Ordinal);
    }

    [Fact]
    public void Serialize_of_a_refusal_gives_the_whole_message()
    {
        Answer answer = new();
        Replies.Refuse(answer.Reply, "r", "f", "i", Refusal.Of(Reasons.FacilityUnknown));

        SettleReply sent = SettleReply.Parser.ParseFrom(Serialized(answer));

        Assert.Equal(answer.Whole(), sent);
        Assert.Equal((Decision.Refused, "FACILITY_UNKNOWN", ""), (sent.Decision, sent.ReasonCode, sent.Trace));
    }

    [Fact]
    public void Settle_in_an_answer_that_said_something_else_leaves_nothing_of_it()
    {
        Terms allowance = SampleTerms.Of(0, 0, 30_000, 100_000);
        Answer used = new();
        used.Reply.MergeFrom(Used.Message<SettleReply>());
        used.Stored.MergeFrom(Used.Message<StoredRequest>());

        Assert.Equal(Settled(new Answer(), allowance, 123_456).Whole(), Settled(used, allowance, 123_456).Whole());

        // Of several limits each has its own place.
        Terms two = SampleTerms.Of(5_500, 4_000, 30_000);
        Settled(used, two, 1_000);
        Replies.Clear(used.Reply);
        SettleReply again = Settled(used, two, 123_456).Whole();
        Assert.Equal(Settled(new Answer(), two, 123_456).Whole(), again);
        Assert.Equal(2, again.Limits.Count);
    }

    [Theory]
    [InlineData(Period.Day, "2025-06-18")]
    [InlineData(Period.Month, "2025-06")]
    [InlineData(Period.Quarter, "2025-Q2")]
    [InlineData(Period.Year, "2025")]
    public void Limit_is_told_with_its_period_and_nothing_remains_of_one_that_is_overdrawn(Period per, string told)
    {
        Terms terms = SampleTerms.Of(5_500, 0, 30_000);
        terms = terms with { Limits = [terms.Limits[0] with { Per = per }] };

        Limit within = Assert.Single(Settled(new Answer(), terms, 1_000).Reply.Limits);
        Limit beyond = Assert.Single(Settled(new Answer(), terms, 1_000, capUsedFen: 40_000).Reply.Limits);

        Assert.Equal((told, 20_000, 20_550, 9_450), (within.Period, within.UsedBefore, within.UsedAfter, within.Remaining));
        Assert.Equal((told, 40_000, 40_000, 0), (beyond.Period, beyond.UsedBefore, beyond.UsedAfter, beyond.Remaining));
    }

    [Fact]
    public void Clear_leaves_nothing_in_a_reply_or_a_stored_request()
    {
        SettleReply reply = Used.Message<SettleReply>();
        StoredRequest stored = Used.Message<StoredRequest>();

        Replies.Clear(reply);
        StoredRecord.Clear(stored);

        Assert.Equal(new SettleReply(), reply);
        Assert.Equal(new StoredRequest(), stored);
    }

    private static Answer Settled(Answer answer, Terms terms, long totalFen, long capUsedFen = 20_000)
    {
        Calculation calculation = SampleTerms.Calculate(terms, new FeeParts(0, 0, 0, totalFen), capUsedFen, borneFen: 0);
        Settlement settlement = calculation.Settlement;
        RecordHeader header = new(
            RecordKind.Settlement, RecordState.Active, terms.FixedSumFen is null, 7, 7, 20250618, settlement.DeductibleFen,
            settlement.FundPayFen, settlement.UncappedFen - settlement.FundPayFen);
        StoredLimits limits = SampleTerms.Limits([.. terms.Limits.Select((limit, index) =>
            ((char)limit.Kind, limit.Limit, calculation.Uses.Span[index].UsedBefore, calculation.Uses.Span[index].Moved, "x"))]);
        StoredRequest stored = new() { VisitType = 1, TotalFen = totalFen, InScopeFen = totalFen };
        StoredRecord.Clear(answer.Stored);
        answer.Stored.MergeFrom(stored);
        Replies.Settle(answer, Decision.Settled, "2025-03-0000000007", "r", "f", "i",
            new StoredRecord(header, limits, default, answer.Stored), answer.UsesOf(limits), terms, replayed: false);
        return answer;
    }

    private static byte[] Serialized(Answer answer)
    {
        Payload payload = new();
        Answer.Serialize(answer, payload);
        Assert.Equal(payload.Declared, payload.Bytes.WrittenCount);
        Assert.True(payload.IsComplete);
        return payload.Bytes.WrittenSpan.ToArray();
    }

    private sealed class Payload : SerializationContext
    {
        public ArrayBufferWriter<byte> Bytes { get; } = new();

        public int Declared { get; private set; }

        public bool IsComplete { get; private set; }

        public override void SetPayloadLength(int payloadLength) => Declared = payloadLength;

        public override IBufferWriter<byte> GetBufferWriter() => Bytes;

        public override void Complete() => IsComplete = true;

        public override void Complete(byte[] payload) => throw new InvalidOperationException("An answer writes itself.");
    }
}
