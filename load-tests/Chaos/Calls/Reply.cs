using System.Buffers.Binary;
using System.Security.Cryptography;
using Claims.V1;
using Google.Protobuf;

namespace Claims.LoadTests.Chaos.Calls;

/// <summary>What a request was answered, without the word that it is a repeat.</summary>
/// <param name="Outcome">SETTLED, CANCELLED, SETTLEMENT_UNDONE, CANCELLATION_UNDONE, NOTHING_TO_UNDO or REFUSED.</param>
/// <param name="Reason">Its code; of an outcome with an effect it plays no part.</param>
/// <param name="SettlementId">Of the settlement or mirror; empty where there is none.</param>
/// <param name="Words">Of the whole message, so that a repeat can be held to the letter.</param>
public readonly record struct Reply(
    string Outcome, string Reason, string SettlementId, long DeductibleFen, long FundPayFen, long UsedBeforeFen, long UsedAfterFen,
    ulong Words)
{
    public const string Refused = "REFUSED";
    public const string Settled = "SETTLED";
    public const string Cancelled = "CANCELLED";
    public const string SettlementUndone = "SETTLEMENT_UNDONE";
    public const string CancellationUndone = "CANCELLATION_UNDONE";
    public const string NothingToUndo = "NOTHING_TO_UNDO";

    /// <summary>Whether it is stored, and therefore numbered and booked.</summary>
    public bool HasEffect => Outcome != Refused;

    public static Reply Of(SettleReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        string outcome = reply.Decision switch
        {
            Decision.Settled => Settled,
            Decision.Cancelled => Cancelled,
            _ => Refused,
        };
        return Of(outcome, reply.ReasonCode, reply, Digest(reply));
    }

    public static Reply Of(ReverseReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        string outcome = reply.Outcome switch
        {
            ReverseReply.Types.Outcome.SettlementUndone => SettlementUndone,
            ReverseReply.Types.Outcome.CancellationUndone => CancellationUndone,
            ReverseReply.Types.Outcome.NothingToUndo => NothingToUndo,
            _ => Refused,
        };
        ulong words = Digest(reply);
        return reply.Mirror is { } mirror
            ? Of(outcome, reply.ReasonCode, mirror, words)
            : new Reply(outcome, reply.ReasonCode, "", 0, 0, 0, 0, words);
    }

    public override string ToString() =>
        HasEffect ? $"{Outcome} {SettlementId} deductible {DeductibleFen} pays {FundPayFen} used {UsedBeforeFen}→{UsedAfterFen}" : Reason;

    private static Reply Of(string outcome, string reason, SettleReply reply, ulong words) => new(
        outcome, reason, reply.SettlementId, reply.DeductibleFen, reply.FundPayFen, reply.CapUsedBeforeFen, reply.CapUsedAfterFen, words);

    private static ulong Digest(SettleReply reply)
    {
        bool replayed = reply.Replayed;
        reply.Replayed = false;
        ulong digest = Digest((IMessage)reply);
        reply.Replayed = replayed;
        return digest;
    }

    private static ulong Digest(ReverseReply reply)
    {
        if (reply.Mirror is not null) reply.Mirror.Replayed = false;
        return Digest((IMessage)reply);
    }

    private static ulong Digest(IMessage message) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(message.ToByteArray()));
}
