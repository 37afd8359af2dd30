using System.Buffers;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Adjudication.Settling;

/// <summary>
/// The answer to one visit, used again for the next. The trace took most of a settlement's memory: it is kept as the
/// figures in it, and written straight into the bytes of the wire.
/// </summary>
public sealed class Answer
{
    private static readonly uint TraceTag = (SettleReply.TraceFieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited;

    /// <summary>Everything but the trace of a settled or quoted visit. Whoever answers writes every field of it.</summary>
    public SettleReply Reply { get; } = new();

    private readonly LimitUse[] _uses = new LimitUse[Terms.MostLimits];
    private readonly List<Limit> _limits = [];

    /// <summary>What is stored of the request; like the reply, written anew for each visit.</summary>
    public StoredRequest Stored { get; } = new();

    /// <summary>The figures of the trace; null where the reply has its own, or none.</summary>
    public Calculation? Calculation { get; set; }

    /// <returns>Until the answer is used again.</returns>
    public ReadOnlyMemory<LimitUse> UsesOf(in StoredLimits limits)
    {
        limits.CopyTo(_uses);
        return _uses.AsMemory(0, limits.Count);
    }

    /// <summary>Adds a limit to the reply; all of its fields may be another visit's and have to be written.</summary>
    internal Limit NextLimit()
    {
        int next = Reply.Limits.Count;
        if (next == _limits.Count) _limits.Add(new Limit());
        Reply.Limits.Add(_limits[next]);
        return _limits[next];
    }

    /// <summary>As one message of the contract.</summary>
    public SettleReply Whole()
    {
        SettleReply whole = Reply.Clone();
        if (Calculation is { } told) whole.Trace = Trace.Of(told);
        return whole;
    }

    /// <summary>The bytes that <see cref="Whole"/> has on the wire; the order of fields is free.</summary>
    public static void Serialize(Answer answer, SerializationContext context)
    {
        ReadOnlySpan<byte> trace = answer.Calculation is { } told ? Trace.Utf8Of(told) : [];
        int traceBytes = trace.IsEmpty
            ? 0
            : CodedOutputStream.ComputeUInt32Size(TraceTag) + CodedOutputStream.ComputeLengthSize(trace.Length) + trace.Length;
        context.SetPayloadLength(answer.Reply.CalculateSize() + traceBytes);
        IBufferWriter<byte> payload = context.GetBufferWriter();
        answer.Reply.WriteTo(payload);
        if (!trace.IsEmpty)
        {
            WriteVarint(payload, TraceTag);
            WriteVarint(payload, (uint)trace.Length);
            payload.Write(trace);
        }

        context.Complete();
    }

    private static void WriteVarint(IBufferWriter<byte> target, uint value)
    {
        Span<byte> bytes = target.GetSpan(5);
        int length = 0;
        for (; value >= 0x80; value >>= 7) bytes[length++] = (byte)((value & 0x7F) | 0x80);
        bytes[length++] = (byte)value;
        target.Advance(length);
    }
}
