using System.Text.RegularExpressions;
using Claims.V1;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>One row a facility; a facility that the registry knows is replaced.</summary>
internal sealed partial class FacilityFile(IReadOnlyCollection<string> counties) : IRegistryFile
{
    private static readonly Dictionary<string, AdminLevel> AdminLevels = new(StringComparer.Ordinal)
    {
        ["province"] = AdminLevel.Province,
        ["city"] = AdminLevel.City,
        ["county"] = AdminLevel.County,
        ["township"] = AdminLevel.Township,
        ["community"] = AdminLevel.Community,
        ["village"] = AdminLevel.Village,
    };

    public IReadOnlyList<RegistryColumn> Columns { get; } =
    [
        new("facility_code", NpgsqlDbType.Text),
        new("name", NpgsqlDbType.Text),
        new("county", NpgsqlDbType.Text),
        new("admin_level", NpgsqlDbType.Smallint),
        new("grade", NpgsqlDbType.Text),
        new("kind", NpgsqlDbType.Text),
        new("pooled_from", NpgsqlDbType.Date),
        new("pooled_to", NpgsqlDbType.Date),
    ];

    public IReadOnlyList<string> Key { get; } = ["facility_code"];

    public string Table => "facility";

    public object?[] Read(CsvRow row)
    {
        DateOnly? from = row.Date(6);
        DateOnly? to = row.Date(7);
        if (to is not null && from is null) throw row.Fault(7, "is the end of an agreement that has no pooled_from");
        if (to < from) throw row.Fault(7, "is before pooled_from");
        return [row.Code(0), row.Name(1), row.County(2, counties), (short)AdminLevels[row.OneOf(3, AdminLevels.Keys)], Grade(row),
            row.Code(5), from, to];
    }

    private static string Grade(CsvRow row)
    {
        string grade = row.Code(4);
        return GradeForm().IsMatch(grade) ? grade : throw row.Fault(4, "is not a grade such as 3A, 2B or none");
    }

    [GeneratedRegex("^([1-3][A-Z]?|none)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex GradeForm();
}
