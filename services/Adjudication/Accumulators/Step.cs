using System.Buffers.Binary;
using Claims.Adjudication.Rules;
using StackExchange.Redis;

namespace Claims.Adjudication.Accumulators;

/// <summary>What the script is asked to do for one request.</summary>
public enum StepMode
{
    /// <summary>Settle, unless the request was settled before.</summary>
    Settle,

    /// <summary>Compute, without a look at stored requests and without effect.</summary>
    Quote,

    /// <summary>Look for the stored settlement only.</summary>
    Look,

    /// <summary>Cancel a settlement.</summary>
    Cancel,

    /// <summary>Undo whatever a request did.</summary>
    Reverse,
}

/// <summary>One item of a batch for settle.lua.</summary>
/// <param name="What">Terms of the visit, or the target of a cancellation or reversal.</param>
/// <param name="Content">Fingerprint, and what is stored with it.</param>
/// <param name="Stored">What a settlement stores, where it is at hand: the same as in <paramref name="Content"/>.</param>
public sealed record Step(StepMode Mode, string InsuredId, RedisValue What, string RequestField, byte[] Content, StoredRequest? Stored = null)
{
    public const int Arguments = 4;

    /// <summary>
    /// Largest base that the script computes with, 10^14 fen: exact in its doubles, and so large that the smallest rate
    /// (1 basis point gives 10^10 fen) passes the largest cap or allowance of a policy (10^9 fen). Amounts above it settle the same.
    /// </summary>
    private const long BaseLimitFen = 100_000_000_000_000;

    // By mode, in the order of the enumeration; converted once, not for every visit.
    private static readonly RedisValue[] ModeArguments = ["S", "Q", "L", "C", "V"];

    /// <summary>For a look at what is stored: nothing is computed.</summary>
    public static byte[] NoTerms { get; } = PackTerms(default, DateOnly.MinValue, 0, 0);

    /// <summary>TERMS of settle.lua.</summary>
    public static byte[] PackTerms(Terms terms, DateOnly date, long totalFen, long inScopeFen)
    {
        byte[] packed = new byte[33];
        packed[0] = (byte)(terms.Capped ? 'P' : 'F');
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(1), (uint)((date.Year * 10_000) + (date.Month * 100) + date.Day));
        BigEndian.WriteUInt48(packed.AsSpan(5), Math.Min(inScopeFen, BaseLimitFen));
        BigEndian.WriteUInt48(packed.AsSpan(11), Math.Min(totalFen, BaseLimitFen));
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(17), (uint)terms.TariffFen);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(21), (uint)terms.RateBasisPoints);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(25), (uint)terms.CapFen);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(29), (uint)(terms.AllowanceFen ?? 0));
        return packed;
    }

    /// <summary>A settlement named by its sequence, as the target of a cancellation.</summary>
    public static string TargetOf(long sequence) => $"#{sequence}";

    /// <summary>The record that the script has appended to the outbox for this step, from its own words and what it answered.</summary>
    /// <param name="reply">New and with a sequence.</param>
    internal OutboxRecord Appended(StepReply reply)
    {
        if (Mode is not StepMode.Settle) return OutboxRecord.Read(reply.Bytes);
        RecordHeader header = reply.Header;
        return new OutboxRecord(header, Stored is null ? StoredRecord.Read(header, Content) : new StoredRecord(header, Content.AsMemory(0, Fingerprints.Bytes), Stored), null);
    }

    public void WriteArguments(Span<RedisValue> arguments)
    {
        arguments[0] = ModeArguments[(int)Mode];
        arguments[1] = What;
        arguments[2] = RequestField;
        arguments[3] = Content;
    }
}

public enum StepOutcome
{
    /// <summary>Done now; the bytes say how.</summary>
    New,

    /// <summary>The same request was answered before; the bytes are its record.</summary>
    Replay,

    /// <summary>The key was used before, with other content.</summary>
    Conflict,

    /// <summary>Nothing is stored under the key.</summary>
    Missing,

    /// <summary>The request's settlement was cancelled since.</summary>
    Cancelled,

    /// <summary>The request was reversed, before or after it came.</summary>
    Reversed,

    /// <summary>No settlement is stored under what the request names.</summary>
    TargetUnknown,

    /// <summary>The settlement was undone already.</summary>
    TargetUndone,

    /// <summary>The settlement consumed deductible, and a later one of that insured, facility and day stands.</summary>
    BlockedByLater,

    /// <summary>The cap or the day's deductible has been used since.</summary>
    RestoreImpossible,

    /// <summary>The year of the visit is closed.</summary>
    YearClosed,
}

/// <summary>What the script did for one request.</summary>
/// <param name="Bytes">New: the header of a settlement or quote, the record of a cancellation or reversal. Replay: the record.</param>
public readonly record struct StepReply(StepOutcome Outcome, ReadOnlyMemory<byte> Bytes)
{
    public RecordHeader Header => RecordHeader.Read(Bytes.Span);

    /// <summary>The header's sequence alone.</summary>
    public long Sequence => RecordHeader.ReadSequence(Bytes.Span);

    public static StepReply Read(byte[] reply) => new(
        (char)reply[0] switch
        {
            'N' => StepOutcome.New,
            'R' => StepOutcome.Replay,
            'C' => StepOutcome.Conflict,
            'M' => StepOutcome.Missing,
            'X' => StepOutcome.Cancelled,
            'V' => StepOutcome.Reversed,
            'K' => StepOutcome.TargetUnknown,
            'A' => StepOutcome.TargetUndone,
            'B' => StepOutcome.BlockedByLater,
            'I' => StepOutcome.RestoreImpossible,
            'Y' => StepOutcome.YearClosed,
            char other => throw new InvalidDataException($"settle.lua answered with an unknown outcome '{other}'."),
        },
        reply.AsMemory(1));
}
