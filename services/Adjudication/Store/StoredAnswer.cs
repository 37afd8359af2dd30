namespace Claims.Adjudication.Store;

/// <summary>A stored record with the key it lies under.</summary>
/// <param name="Bytes">The record as the script packed it.</param>
public sealed record StoredAnswer(RequestField.Key Key, RecordHeader Header, ReadOnlyMemory<byte> Bytes)
{
    public string FacilityCode => Key.FacilityCode;

    public string RequestId => Key.RequestId;

    /// <summary>Where the record stands among all of the insured, by number: a merge ranks what it brings behind what was there.</summary>
    private long Rank => MovedNumbers.IsMoved(Header.Sequence) ? Header.Order : Header.Sequence;

    /// <summary>The answers among an insured's fields, oldest first.</summary>
    public static IReadOnlyList<StoredAnswer> AllOf(IEnumerable<(string Field, byte[] Value)> fields) =>
    [
        .. fields
            .Where(field => field.Field[0] == 'q')
            .Select(field => new StoredAnswer(RequestField.Parse(field.Field), RecordHeader.Read(field.Value), field.Value))
            .Where(answer => answer.Header.Kind is not RecordKind.Merge)
            .OrderBy(answer => answer.Rank),
    ];
}
