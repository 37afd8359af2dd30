using System.Diagnostics;
using Google.Protobuf;

namespace Claims.Adjudication.Store;

/// <summary>The trace that a stored request belongs to: 16 bytes of trace id and 8 of span id, nothing where the trace is not
/// recorded.</summary>
internal static class StoredTrace
{
    private const int TraceBytes = 16;
    private const int Bytes = 24;

    /// <summary>The trace of the call under way; empty where it is not recorded.</summary>
    public static ByteString OfCall()
    {
        if (Activity.Current is not { Recorded: true, IdFormat: ActivityIdFormat.W3C } call) return ByteString.Empty;
        Span<byte> trace = stackalloc byte[Bytes];
        call.TraceId.CopyTo(trace[..TraceBytes]);
        call.SpanId.CopyTo(trace[TraceBytes..]);
        return ByteString.CopyFrom(trace);
    }

    /// <returns>W3C traceparent, or null.</returns>
    public static string? Read(ByteString stored) => stored.Length == Bytes
        ? $"00-{Convert.ToHexStringLower(stored.Span[..TraceBytes])}-{Convert.ToHexStringLower(stored.Span[TraceBytes..])}-01"
        : null;
}
