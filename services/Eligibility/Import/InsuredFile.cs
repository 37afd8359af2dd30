using Claims.Policy;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>One row an insured and plan year; a year that the registry has for the insured is replaced.</summary>
internal sealed class InsuredFile(PolicyPack policy) : IRegistryFile
{
    private static readonly string[] Schemes = ["resident", "employee"];

    private readonly IReadOnlyCollection<string> counties = [.. policy.Counties.Keys];
    private readonly Dictionary<int, HashSet<string>> categoriesByPlanYear = [];

    public IReadOnlyList<RegistryColumn> Columns { get; } =
    [
        new("insured_id", NpgsqlDbType.Text),
        new("name", NpgsqlDbType.Text),
        new("scheme", NpgsqlDbType.Text),
        new("county", NpgsqlDbType.Text),
        new("category", NpgsqlDbType.Text),
        new("plan_year", NpgsqlDbType.Smallint),
        new("paid_on", NpgsqlDbType.Date),
        new("birth_date", NpgsqlDbType.Date),
        new("transfer_ended_on", NpgsqlDbType.Date),
    ];

    public IReadOnlyList<string> Key { get; } = ["insured_id", "plan_year"];

    public string Table => "enrolment";

    public object?[] Read(CsvRow row)
    {
        int planYear = row.Year(5);
        return
        [
            row.Code(0), row.Name(1), row.OneOf(2, Schemes), row.County(3, counties), row.OneOf(4, CategoriesOf(planYear)),
            (short)planYear, row.Date(6), row.Date(7), row.Date(8),
        ];
    }

    // A category that no rule knows would lose its exemption unseen, so it is refused here.
    private HashSet<string> CategoriesOf(int planYear)
    {
        if (categoriesByPlanYear.TryGetValue(planYear, out HashSet<string>? categories)) return categories;
        CoverageRules rules = policy.CoverageFor(planYear) ?? policy.Coverage;
        return categoriesByPlanYear[planYear] = [.. rules.ExemptCategories.Keys, .. rules.OtherCategories];
    }
}
