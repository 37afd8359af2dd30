using System.Buffers.Binary;
using Claims.Adjudication.Rules;
using StackExchange.Redis;

namespace Claims.Adjudication.Accumulators;

/// <summary>What the script is asked to do for one visit.</summary>
public enum StepMode
{
    /// <summary>Settle, unless the request was settled before.</summary>
    Settle = 'S',

    /// <summary>Compute, without a look at stored requests and without effect.</summary>
    Quote = 'Q',

    /// <summary>Look for the stored request only.</summary>
    Look = 'L',
}

/// <summary>One item of a batch for settle.lua.</summary>
public sealed record Step(StepMode Mode, string InsuredId, RedisValue Terms, string RequestField, string DayField, byte[] Content)
{
    public const int Arguments = 5;

    /// <summary>
    /// Largest base that the script computes with, 10^14 fen: exact in its doubles, and so large that the smallest rate
    /// (1 basis point gives 10^10 fen) passes the largest cap or allowance of a policy (10^9 fen). Amounts above it settle the same.
    /// </summary>
    private const long BaseLimitFen = 100_000_000_000_000;

    /// <summary>For a look at what is stored: nothing is computed.</summary>
    public static byte[] NoTerms { get; } = PackTerms(default, 0, 0, 0);

    /// <summary>TERMS of settle.lua.</summary>
    public static byte[] PackTerms(Terms terms, int year, long totalFen, long inScopeFen)
    {
        byte[] packed = new byte[31];
        packed[0] = (byte)(terms.Capped ? 'P' : 'F');
        BinaryPrimitives.WriteUInt16BigEndian(packed.AsSpan(1), (ushort)year);
        WriteUInt48(packed.AsSpan(3), Math.Min(inScopeFen, BaseLimitFen));
        WriteUInt48(packed.AsSpan(9), Math.Min(totalFen, BaseLimitFen));
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(15), (uint)terms.TariffFen);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(19), (uint)terms.RateBasisPoints);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(23), (uint)terms.CapFen);
        BinaryPrimitives.WriteUInt32BigEndian(packed.AsSpan(27), (uint)(terms.AllowanceFen ?? 0));
        return packed;
    }

    public static string DayFieldOf(DateOnly date, string facilityCode) => $"d{date:yyyyMMdd}:{facilityCode}";

    public void WriteArguments(Span<RedisValue> arguments)
    {
        arguments[0] = Mode switch { StepMode.Settle => "S", StepMode.Quote => "Q", _ => "L" };
        arguments[1] = Terms;
        arguments[2] = RequestField;
        arguments[3] = DayField;
        arguments[4] = Content;
    }

    private static void WriteUInt48(Span<byte> bytes, long value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)(value & uint.MaxValue));
    }
}

public enum StepOutcome
{
    /// <summary>Settled now; the header says how.</summary>
    New,

    /// <summary>The same request was settled before; the record is its answer.</summary>
    Replay,

    /// <summary>Computed without effect.</summary>
    Quoted,

    /// <summary>The key was used before, with other content.</summary>
    Conflict,

    /// <summary>Nothing is stored under the key.</summary>
    Missing,
}

/// <param name="Header">For New and Quoted.</param>
/// <param name="Record">For Replay.</param>
public sealed record StepReply(StepOutcome Outcome, RecordHeader Header = default, StoredRecord? Record = null)
{
    public static StepReply Read(byte[] reply) => (char)reply[0] switch
    {
        'N' => new StepReply(StepOutcome.New, RecordHeader.Read(reply.AsSpan(1))),
        'Q' => new StepReply(StepOutcome.Quoted, RecordHeader.Read(reply.AsSpan(1))),
        'R' => new StepReply(StepOutcome.Replay, Record: StoredRecord.Read(reply.AsMemory(1))),
        'C' => new StepReply(StepOutcome.Conflict),
        'M' => new StepReply(StepOutcome.Missing),
        char other => throw new InvalidDataException($"settle.lua answered with an unknown outcome '{other}'."),
    };
}
