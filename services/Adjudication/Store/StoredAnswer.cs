namespace Claims.Adjudication.Store;

/// <summary>A stored record with the key it lies under.</summary>
/// <param name="Bytes">The record as the script packed it.</param>
public sealed record StoredAnswer(string FacilityCode, string RequestId, RecordHeader Header, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The answers among an insured's fields, oldest first.</summary>
    public static IReadOnlyList<StoredAnswer> AllOf(IEnumerable<(string Field, byte[] Value)> fields) =>
    [
        .. fields
            .Where(field => field.Field[0] == 'q')
            .Select(field => (Key: RequestField.Parse(field.Field), field.Value))
            .Select(field => new StoredAnswer(field.Key.FacilityCode, field.Key.RequestId, RecordHeader.Read(field.Value), field.Value))
            .OrderBy(answer => answer.Header.Sequence),
    ];
}
