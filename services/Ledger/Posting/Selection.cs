using System.Collections.Frozen;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Ledger.Posting;

/// <summary>A record as it came from partition <paramref name="Shard"/>; without a claim the message could not be read.</summary>
/// <param name="Value">The message, other records among it.</param>
/// <param name="TraceParent">W3C trace context of whoever settled it, where it was recorded.</param>
internal sealed record FeedRecord(
    int Shard, long Offset, byte[] Value, SettledClaim? Claim, string? Unreadable, string? TraceParent = null);

/// <summary>A record that cannot be booked: its shard stops at it.</summary>
internal sealed record PoisonRecord(FeedRecord Record, string Reason)
{
    /// <summary>The record alone where it could be read.</summary>
    public byte[] Bytes => Record.Claim?.ToByteArray() ?? Record.Value;

    /// <summary>What the shard's watchers and operators read.</summary>
    public string StopReason => $"the record at offset {Record.Offset} {Reason}";
}

/// <summary>What of some received records is booked, from the shards' watermarks on, and what the rest means.</summary>
internal sealed class Selection
{
    private readonly Dictionary<int, long> _beyond = [];
    private readonly SortedDictionary<int, (long First, long Last)> _ranges = [];

    private Selection()
    {
    }

    public List<BookableRecord> Records { get; } = [];

    /// <summary>Index in <see cref="Records"/> to the record as it came.</summary>
    public List<FeedRecord> Sources { get; } = [];

    /// <summary>Ascending by shard; without a gap, from the watermark on.</summary>
    public IReadOnlyDictionary<int, (long First, long Last)> Ranges => _ranges;

    public List<PoisonRecord> Poison { get; } = [];

    /// <summary>Shards in which a record beyond the next sequence arrived, and nothing since has filled the hole.</summary>
    public List<int> Gaps { get; } = [];

    /// <summary>Records whose number the books have; what they say there is not looked at here.</summary>
    public List<FeedRecord> Repeats { get; } = [];

    public bool IsEmpty => Records.Count == 0 && Poison.Count == 0;

    /// <param name="own">Records of other shards are dropped: another instance reads them too.</param>
    public static Selection Of(ReadOnlySpan<FeedRecord> received, string epoch, Watermarks watermarks, FrozenSet<int> own)
    {
        Selection selection = new();
        HashSet<int> stopped = [];
        foreach (FeedRecord record in received)
        {
            if (!own.Contains(record.Shard) || stopped.Contains(record.Shard) || watermarks.IsStopped(record.Shard)) continue;
            if (selection.Take(record, epoch, watermarks) is not { } reason) continue;
            selection.Poison.Add(new PoisonRecord(record, reason));
            stopped.Add(record.Shard);
        }

        foreach ((int shard, long sequence) in selection._beyond)
        {
            if (sequence > selection.Position(shard, watermarks) && !stopped.Contains(shard)) selection.Gaps.Add(shard);
        }

        return selection;
    }

    /// <summary>Nothing but one record, to be set aside.</summary>
    public static Selection OfPoison(FeedRecord record, string reason)
    {
        Selection selection = new();
        selection.Poison.Add(new PoisonRecord(record, reason));
        return selection;
    }

    /// <returns>Why the record cannot be booked, or null.</returns>
    private string? Take(FeedRecord record, string epoch, Watermarks watermarks)
    {
        if (record.Claim is not { } claim) return record.Unreadable;
        if (claim.Epoch != epoch) return $"belongs to another store: its epoch is {Shortened(claim.Epoch)}, not {Shortened(epoch)}";
        if (claim.Shard != record.Shard) return $"is of shard {claim.Shard} and came through partition {record.Shard}";

        long position = Position(record.Shard, watermarks);
        if (claim.Sequence <= position)
        {
            Repeats.Add(record);
            return null;
        }

        long first = claim.FirstSequence > 0 ? claim.FirstSequence : claim.Sequence;
        if (first > position + 1)
        {
            _beyond[record.Shard] = Math.Max(claim.Sequence, _beyond.GetValueOrDefault(record.Shard));
            return null;
        }

        try
        {
            Records.Add(BookableRecord.Check(claim));
        }
        catch (UnbookableRecordException exception)
        {
            return $"(sequence {claim.Sequence}) {exception.Message}";
        }

        Sources.Add(record);
        _ranges[record.Shard] = (_ranges.TryGetValue(record.Shard, out (long First, long Last) range) ? range.First : position + 1,
            claim.Sequence);
        return null;
    }

    private long Position(int shard, Watermarks watermarks) =>
        _ranges.TryGetValue(shard, out (long First, long Last) range) ? range.Last : watermarks.Sequence(shard);

    /// <summary>Enough to recognise it by; whatever a foreign record put there is not passed on.</summary>
    private static string Shortened(string epoch) =>
        epoch.Length > 8 && epoch.All(char.IsAsciiHexDigit) ? epoch[..8] + "…" : "not an epoch";
}
