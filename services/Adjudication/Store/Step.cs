using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Adjudication.Store;

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
/// <param name="Holder">Whose hash it goes to.</param>
/// <param name="Item">As the script reads it, from its end: the mode, then VISIT or UNDOING with what they name.</param>
/// <param name="ContentStart">Where in the item the content begins: fingerprint, and what is stored with it. Before it a visit has its
/// terms, and behind them the names of accumulators.</param>
/// <param name="ContentEnd">Where it ends.</param>
public readonly record struct Step(
    StepMode Mode, Holder Holder, string FacilityCode, string RequestId, byte[] Item, int ContentStart, int ContentEnd)
{
    /// <summary>
    /// Largest base that the script computes with, 10^14 fen: exact in its doubles, and so large that the smallest rate
    /// (1 basis point gives 10^10 fen) passes the largest cap or allowance of a policy (10^9 fen). Amounts above it settle the same.
    /// </summary>
    internal const long BaseLimitFen = 100_000_000_000_000;

    public string InsuredId => Holder.InsuredId;

    private const int ModeBytes = 1;
    private const int VisitBytes = 21;
    private const int UndoingBytes = 2;

    /// <summary>Fingerprint, message and visit id: what the script keeps of the request.</summary>
    public ReadOnlyMemory<byte> Content => Item.AsMemory(ContentStart..ContentEnd);

    /// <summary>Terms and names of accumulators of a visit, which the script keeps too.</summary>
    public ReadOnlyMemory<byte> Limits => Item.AsMemory(..ContentStart);

    /// <summary>All that the script keeps of a visit, as its record has it.</summary>
    public ReadOnlySpan<byte> Kept => Item.AsSpan(..ContentEnd);

    /// <param name="mode">Settle, Quote or Look.</param>
    /// <param name="terms">Null for a look at what is stored, which computes nothing.</param>
    /// <param name="stored">What is to be kept; null where nothing is.</param>
    public static Step Visit(StepMode mode, SettleRequest request, DateOnly date, Terms? terms, long totalFen, long inScopeFen,
        StoredRequest? stored) => Visit(mode, new Holder(request.InsuredId), request, date, terms, totalFen, inScopeFen, stored);

    /// <inheritdoc cref="Visit(StepMode, SettleRequest, DateOnly, Terms?, long, long, StoredRequest?)"/>
    public static Step Visit(StepMode mode, in Holder holder, SettleRequest request, DateOnly date, Terms? terms, long totalFen,
        long inScopeFen, StoredRequest? stored)
    {
        int facilityBytes = Encoding.UTF8.GetByteCount(request.FacilityCode);
        int requestBytes = RequestField.BytesOf(facilityBytes, request.RequestId, holder.StatedId);
        int visitIdBytes = Encoding.UTF8.GetByteCount(request.VisitId);
        Span<byte> limits = stackalloc byte[LimitsBlock.MostBytes];
        limits = limits[..(terms is null ? 0 : LimitsBlock.Write(terms, date, request.FacilityCode, inScopeFen, limits))];
        int visitIdStart = limits.Length + Fingerprints.Bytes + (stored?.CalculateSize() ?? 0);
        int contentEnd = visitIdStart + visitIdBytes;
        int suffixStart = contentEnd + requestBytes + VisitBytes + ModeBytes;
        byte[] item = new byte[suffixStart + holder.SuffixBytes];
        limits.CopyTo(item);
        Fingerprints.Write(request, item.AsSpan(limits.Length));
        stored?.WriteTo(item.AsSpan((limits.Length + Fingerprints.Bytes)..visitIdStart));
        if (visitIdBytes > 0) Encoding.UTF8.GetBytes(request.VisitId, item.AsSpan(visitIdStart));
        RequestField.Write(request.FacilityCode, request.RequestId, holder.StatedId, item.AsSpan(contentEnd));
        Span<byte> visit = item.AsSpan(contentEnd + requestBytes, VisitBytes + ModeBytes);
        visit[0] = checked((byte)facilityBytes);
        visit[1] = checked((byte)requestBytes);
        BigEndian.WriteUInt48(visit[2..], Math.Min(inScopeFen, BaseLimitFen));
        BigEndian.WriteUInt48(visit[8..], Math.Min(terms?.FixedSumFen ?? 0, totalFen));
        BinaryPrimitives.WriteInt32BigEndian(visit[14..], (date.Year * 10_000) + (date.Month * 100) + date.Day);
        visit[18] = checked((byte)visitIdBytes);
        BinaryPrimitives.WriteUInt16BigEndian(visit[19..], checked((ushort)limits.Length));
        visit[VisitBytes] = (byte)Letter(mode);
        holder.WriteSuffix(item.AsSpan(suffixStart));
        return new Step(mode, holder, request.FacilityCode, request.RequestId, item, limits.Length, contentEnd);
    }

    /// <param name="mode">Cancel or Reverse.</param>
    /// <param name="target">The request field of what is undone, or <see cref="TargetOf"/> of an id.</param>
    public static Step Undoing(StepMode mode, string insuredId, string facilityCode, string requestId, string target,
        StoredUndoing stored) => Undoing(mode, new Holder(insuredId), facilityCode, requestId, target, target, stored);

    /// <inheritdoc cref="Undoing(StepMode, string, string, string, string, StoredUndoing)"/>
    /// <param name="asked">The target as a request names it, whoever was merged since: what a repeat is known by.</param>
    public static Step Undoing(StepMode mode, in Holder holder, string facilityCode, string requestId, string target, string asked,
        StoredUndoing stored)
    {
        int targetBytes = Encoding.UTF8.GetByteCount(target);
        int requestBytes = RequestField.BytesOf(Encoding.UTF8.GetByteCount(facilityCode), requestId, holder.StatedId);
        int contentStart = UndoingBytes + targetBytes + requestBytes;
        int contentEnd = contentStart + Fingerprints.Bytes + stored.CalculateSize();
        byte[] item = new byte[contentEnd + ModeBytes + holder.SuffixBytes];
        item[0] = checked((byte)targetBytes);
        item[1] = checked((byte)requestBytes);
        Span<byte> names = item.AsSpan(UndoingBytes);
        Encoding.UTF8.GetBytes(target, names);
        RequestField.Write(facilityCode, requestId, holder.StatedId, names[targetBytes..]);
        Fingerprints.Write(Letter(mode), asked, item.AsSpan(contentStart));
        stored.WriteTo(item.AsSpan((contentStart + Fingerprints.Bytes)..contentEnd));
        item[contentEnd] = (byte)Letter(mode);
        holder.WriteSuffix(item.AsSpan(contentEnd + ModeBytes));
        return new Step(mode, holder, facilityCode, requestId, item, contentStart, contentEnd);
    }

    /// <summary>A settlement named by year of visit and sequence, as the target of a cancellation.</summary>
    public static string TargetOf(int visitYear, long sequence) => $"#{visitYear}-{sequence}";

    /// <summary>The same where the settlement may have come by a merge.</summary>
    /// <param name="shard">Of the id.</param>
    /// <param name="lookedForIn">The shard that is asked.</param>
    public static string TargetOf(int visitYear, int shard, long sequence, int lookedForIn) =>
        $"{TargetOf(visitYear, shard == lookedForIn ? sequence : 0)}-{MovedNumbers.Of(shard, sequence)}";

    private static char Letter(StepMode mode) => mode switch
    {
        StepMode.Settle => 'S',
        StepMode.Quote => 'Q',
        StepMode.Look => 'L',
        StepMode.Cancel => 'C',
        StepMode.Reverse => 'V',
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
    };
}

public enum StepOutcome
{
    /// <summary>Done now; the bytes say how.</summary>
    New,

    /// <summary>The same request was answered before; the bytes are its record.</summary>
    Replay,

    /// <summary>Nothing is stored under the key.</summary>
    Missing,

    /// <summary>Refused; the reply has the reason, and the record that it speaks of, where there is one.</summary>
    Refused,

    /// <summary>A stored record of the insured has a format that the script does not read; nothing happened.</summary>
    FormatUnknown,

    /// <summary>Something was stored of the insured and is not there any more; nothing happened.</summary>
    Gone,

    /// <summary>The insured was merged into another; the bytes are <see cref="MergedInto"/>. Nothing happened.</summary>
    Merged,

    /// <summary>The hash does not have, or not any more, what the merged id had: the merge, or its undoing, is half done. Nothing
    /// happened.</summary>
    HalfMerged,
}

/// <summary>What the script did for one request.</summary>
/// <param name="Bytes">New: header and numbers of a settlement or quote, the record of a cancellation or reversal. Replay: the
/// record.</param>
/// <param name="SettlementId">The id of a new settlement; otherwise empty.</param>
public readonly record struct StepReply(StepOutcome Outcome, ReadOnlyMemory<byte> Bytes, string SettlementId = "")
{
    public RecordHeader Header => RecordHeader.Read(Bytes.Span);

    /// <summary>Terms and names of a new settlement or quote, from its step: the script does not say them again.</summary>
    public ReadOnlyMemory<byte> LimitsBlock { get; init; }

    /// <summary>The limits of a new settlement or quote.</summary>
    public StoredLimits Limits => new(Bytes.Slice(RecordHeader.Bytes, Header.NumbersBytes), LimitsBlock);

    /// <summary>Whether the insured's records lie under another id, or are on their way: see where before anything is answered.</summary>
    public bool IsElsewhere => Outcome is StepOutcome.Merged or StepOutcome.HalfMerged;

    /// <summary>Of an id that was merged: into which.</summary>
    public MergedInto Into() => MergedInto.Read([(byte)'>', .. Bytes.Span])!;

    /// <summary>The header's sequence alone.</summary>
    public long Sequence => RecordHeader.ReadSequence(Bytes.Span);

    /// <summary>Of a refusal: the reason's code (<see cref="Reasons"/>).</summary>
    public string ReasonCode => Encoding.ASCII.GetString(Bytes.Span.Slice(1, Bytes.Span[0]));

    /// <summary>The record that a refusal speaks of: what stands under the id, what blocks, what was undone; null where there is
    /// none.</summary>
    public StoredAnswer? Named()
    {
        if (Outcome is not StepOutcome.Refused) return null;
        ReadOnlyMemory<byte> named = Bytes[(1 + Bytes.Span[0])..];
        if (named.IsEmpty) return null;
        int length = BinaryPrimitives.ReadUInt16BigEndian(named.Span);
        RequestField.Key key = RequestField.Parse(named.Span.Slice(sizeof(ushort), length));
        ReadOnlyMemory<byte> record = named[(sizeof(ushort) + length)..];
        return new StoredAnswer(key, RecordHeader.Read(record.Span), record);
    }

    /// <summary>The replies of a batch, in the order of its items.</summary>
    public static void ReadAll(ReadOnlyMemory<byte> batch, Span<StepReply> replies)
    {
        foreach (ref StepReply reply in replies)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(batch.Span);
            reply = Read(batch.Slice(sizeof(int), length));
            batch = batch[(sizeof(int) + length)..];
        }

        if (!batch.IsEmpty) throw new InvalidDataException($"settle.lua answered more than the {replies.Length} items that it was asked.");
    }

    private static StepReply Read(ReadOnlyMemory<byte> reply) => new(
        (char)reply.Span[0] switch
        {
            'N' => StepOutcome.New,
            'R' => StepOutcome.Replay,
            'M' => StepOutcome.Missing,
            '-' => StepOutcome.Refused,
            'F' => StepOutcome.FormatUnknown,
            'G' => StepOutcome.Gone,
            '>' => StepOutcome.Merged,
            'H' => StepOutcome.HalfMerged,
            char other => throw new InvalidDataException($"settle.lua answered with an unknown outcome '{other}'."),
        },
        reply[1..]);
}
