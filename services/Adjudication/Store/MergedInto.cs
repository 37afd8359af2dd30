using System.Globalization;
using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>What stands in place of the number of fields (<c>#</c>) of a hash that was merged into another: nothing is settled from it any
/// more.</summary>
/// <param name="Merge">The merge's name, 16 hexadecimal digits.</param>
/// <param name="Fields">How many other fields the hash has.</param>
/// <param name="InsuredId">The id that it was merged into.</param>
public sealed record MergedInto(string Merge, int Fields, string InsuredId)
{
    /// <summary>The field that says how many others there are.</summary>
    public const string Field = "#";

    /// <returns>Null where it is but a number.</returns>
    public static MergedInto? Read(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty || value[0] != (byte)'>') return null;
        string[] parts = Encoding.UTF8.GetString(value[1..]).Split(' ', 3);
        return new MergedInto(parts[0], int.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture), parts[2]);
    }

    public static MergedInto? Of(IEnumerable<(string Field, byte[] Value)> fields) =>
        fields.FirstOrDefault(field => field.Field == Field) is { Value: { } value } ? Read(value) : null;

    public byte[] Text => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $">{Merge} {Fields} {InsuredId}"));

    /// <summary>The field of the other hash that says whether it has the records of a merged id: + and the merge's name while it has,
    /// - and the name once they were given back.</summary>
    public static string MarkOf(string mergedId) => $"m{mergedId}";
}
