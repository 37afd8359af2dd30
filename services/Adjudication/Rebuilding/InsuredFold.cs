using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;

namespace Claims.Adjudication.Rebuilding;

/// <summary>
/// What the store holds of one insured, from the records as they were appended. It computes nothing anew: a record says what it moved in
/// each accumulator, and what it undid or restored.
/// </summary>
public sealed class InsuredFold
{
    private const int StateAt = 2;
    private const int KindAt = 1;
    private const int OrderAt = 10;

    private readonly Dictionary<string, byte[]> _fields = new(StringComparer.Ordinal);
    private MergeRecord? _mergedAway;

    /// <summary>Field to value.</summary>
    public IReadOnlyDictionary<string, byte[]> Fields => _fields;

    /// <summary>Keys of the terms that the records refer to.</summary>
    public HashSet<uint> Terms { get; } = [];

    /// <summary>Whether what the record undoes or restores is here.</summary>
    public bool CanTake(in OutboxRecord record) => record.Undoing is not { Target: not null } undoing
        || (_fields.ContainsKey(undoing.TargetField)
            && (record.Header.State is not RecordState.UndidCancellation || CancellationOf(undoing.TargetField) is not null));

    /// <param name="request">The request field.</param>
    /// <param name="appended">The record as it was appended. Ascending by sequence.</param>
    public void Add(string request, ReadOnlySpan<byte> appended)
    {
        byte[] record = appended.ToArray();
        OutboxRecord read = OutboxRecord.Read(record, new StoredRequest());
        if (read.Terms is { } terms) Terms.Add(terms);
        _fields[request] = record;
        if (read.Settlement is { } settlement)
        {
            Move(settlement.Limits);
            Stand(request, settlement.VisitId, request);
        }
        else if (read.Undoing is { } undoing)
        {
            Undo(record, read.Header, undoing);
        }
        else if (read.Merge is { } merge)
        {
            Merge(merge);
        }

        Count(_fields);
        if (_mergedAway is { Content: { } away })
            _fields[MergedInto.Field] = new MergedInto(away.Name, _fields.Count - 1, away.OtherId).Text;
    }

    /// <summary>Says in a hash's fields how many they are.</summary>
    public static void Count(Dictionary<string, byte[]> fields)
    {
        fields.Remove(MergedInto.Field);
        fields[MergedInto.Field] = Encoding.ASCII.GetBytes(fields.Count.ToString(CultureInfo.InvariantCulture));
    }

    private void Undo(byte[] own, in RecordHeader header, UndoingRecord undoing)
    {
        string target = undoing.TargetField;
        if (header.State is RecordState.UndidNothing)
        {
            byte[] tombstone = own[..RecordHeader.Bytes];
            tombstone[KindAt] = (byte)RecordKind.Tombstone;
            _fields[target] = tombstone;
        }

        if (undoing.Target is not { } settlement) return;
        Move(undoing.Limits);
        byte[] record = _fields[target];
        if (header.State is RecordState.UndidCancellation)
        {
            record[StateAt] = (byte)RecordState.Active;
            BigEndian.WriteUInt48(record.AsSpan(OrderAt), header.Sequence);
            CancellationOf(target)![StateAt] = (byte)RecordState.Undone;
            Stand(target, settlement.VisitId, target);
        }
        else
        {
            record[StateAt] = (byte)(header.Kind is RecordKind.Cancellation ? RecordState.Cancelled : RecordState.Reversed);
            NoLongerStands(target, settlement.VisitId);
        }
    }

    /// <summary>The cancellation that is in effect: a settlement has one at most.</summary>
    private byte[]? CancellationOf(string target) => _fields.Values.SingleOrDefault(value =>
        value.Length > RecordHeader.Bytes && value[0] == RecordHeader.Format
        && value[KindAt] == (byte)RecordKind.Cancellation && value[StateAt] == (byte)RecordState.Active
        && UndoingRecord.Read(value).TargetField == target);

    /// <summary>The accumulators, by what the record moved.</summary>
    private void Move(in StoredLimits limits)
    {
        LimitsBlock.Reader block = new(limits.Block.Span);
        ReadOnlySpan<byte> numbers = limits.Numbers.Span;
        while (block.MoveNext())
        {
            long before = Take(ref numbers);
            long moved = Take(ref numbers) - before;
            if (block.Name.IsEmpty || moved == 0) continue;
            Move(Encoding.UTF8.GetString(block.Name), moved);
        }
    }

    private void Move(string accumulator, long moved)
    {
        long held = _fields.TryGetValue(accumulator, out byte[]? value)
            ? long.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture)
            : 0;
        _fields[accumulator] = Encoding.ASCII.GetBytes((held + moved).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>As merge.lua does it.</summary>
    private void Merge(MergeRecord merge)
    {
        StoredMerge content = merge.Content;
        switch (merge.Header.State)
        {
            case RecordState.MergedAway:
                _mergedAway = merge;
                return;
            case RecordState.Parted:
                _mergedAway = null;
                return;
        }

        bool brings = merge.Header.State is RecordState.MergedIn;
        foreach (StoredField accumulator in content.Accumulators)
            Move(accumulator.Field, merge.Sign * MergeRecord.AmountOf(accumulator));
        long rank = merge.Header.Order;
        foreach (StoredField brought in content.Fields)
        {
            byte[] value = brought.Value.ToByteArray();
            switch (brought.Field[0])
            {
                case 'q' when brings:
                    BigEndian.WriteUInt48(value.AsSpan(OrderAt), rank++);
                    _fields[brought.Field] = value;
                    if (MovedRecords.TermsOf(value) is { } terms) Terms.Add(terms);
                    break;
                case 'v' when brings:
                    if (!_fields.TryGetValue(brought.Field, out byte[]? stands) || stands.Length == 0) _fields[brought.Field] = value;
                    break;
                case 'v':
                    if (_fields.TryGetValue(brought.Field, out byte[]? stood) && stood.AsSpan().SequenceEqual(value))
                        _fields[brought.Field] = [];
                    break;
                case 'm' when brings:
                    _fields[brought.Field] = value;
                    break;
                default:
                    _fields.Remove(brought.Field);
                    break;
            }
        }

        _fields[MergedInto.MarkOf(content.OtherId)] = Encoding.ASCII.GetBytes((brings ? "+" : "-") + content.Name);
    }

    private void Stand(string settlement, string visitId, string request)
    {
        if (visitId.Length > 0) _fields[VisitFieldOf(settlement, visitId)] = Encoding.UTF8.GetBytes(request);
    }

    /// <summary>Where two merged ids had the same visit settled, another settlement may stand for it.</summary>
    private void NoLongerStands(string settlement, string visitId)
    {
        string field = VisitFieldOf(settlement, visitId);
        if (_fields.TryGetValue(field, out byte[]? stands) && Encoding.UTF8.GetString(stands) == settlement) _fields[field] = [];
    }

    private static string VisitFieldOf(string settlement, string visitId) =>
        $"v{RequestField.Parse(settlement).FacilityCode}\n{visitId}";

    private static long Take(ref ReadOnlySpan<byte> numbers)
    {
        int end = numbers.IndexOf((byte)' ');
        ReadOnlySpan<byte> digits = end < 0 ? numbers : numbers[..end];
        numbers = end < 0 ? [] : numbers[(end + 1)..];
        return long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
    }
}
