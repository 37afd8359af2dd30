using Claims.Adjudication.Settling;
using System.Buffers;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Adjudication.Tests.Settling;

public sealed class AnswerTests
{
    private static readonly Citations Cited =
        new("p", new string('0', 64), "郑医保〔2023〕6号 三", "郑医保〔2023〕6号 三", "郑医保〔2023〕6号 三", "郑医保〔2023〕6号 三");

    [Fact]
    public void Serialize_of_a_settlement_gives_the_whole_message()
    {
        Answer answer = Settled(new Answer(), new Terms(5_500, 4_000, 30_000, null), 123_456);

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
        Terms allowance = new(0, 0, 30_000, 100_000);
        Answer used = new();
        used.Reply.MergeFrom(Used.Message<SettleReply>());
        used.Stored.MergeFrom(Used.Message<StoredRequest>());

        Assert.Equal(Settled(new Answer(), allowance, 123_456).Whole(), Settled(used, allowance, 123_456).Whole());
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

    private static Answer Settled(Answer answer, Terms terms, long totalFen)
    {
        Standing before = new(20_000, 0);
        Settlement settlement = Adjudicator.Adjudicate(terms, totalFen, totalFen, before);
        RecordHeader header = new(
            RecordKind.Settlement, RecordState.Active, terms.Capped, 7, 7, 20250618, settlement.DeductibleFen, 0, settlement.FundPayFen,
            20_000, terms.TariffFen, terms.CapFen,
            settlement.UncappedFen - settlement.FundPayFen);
        StoredRequest stored = new()
        {
            VisitType = 1,
            TotalFen = totalFen,
            InScopeFen = totalFen,
            RateBp = terms.RateBasisPoints,
            AllowanceFen = terms.AllowanceFen ?? 0,
            Tier = 2,
        };
        StoredRecord.Clear(answer.Stored);
        answer.Stored.MergeFrom(stored);
        Replies.Settle(answer, Decision.Settled, "2025-03-0000000007", "r", "f", "i", new StoredRecord(header, default, answer.Stored),
            Cited, replayed: false);
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
