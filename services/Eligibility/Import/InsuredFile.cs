using System.Globalization;
using Claims.Eligibility.Enrolment;
using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.Policy;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>One row an insured and plan year, or with <see cref="MoreColumns"/> one row a span of cover; a year that the registry has for
/// the insured is replaced with all its spans.</summary>
internal sealed class InsuredFile(PolicyPack policy) : IRegistryFile
{
    private const string Said =
        "name, scheme, county, category, paid_on, birth_date, transfer_ended_on, begins_on, ended_on, end_cause, college";

    private const string IsNotTheOnlySpan =
        """
        NOT EXISTS (
            SELECT FROM enrolment_span AS known
            WHERE known.insured_id = incoming.insured_id AND known.plan_year = incoming.plan_year AND known.change_id = (
                    SELECT max(change_id) FROM enrolment_span AS newest
                    WHERE newest.insured_id = incoming.insured_id AND newest.plan_year = incoming.plan_year)
            HAVING count(*) = 1 AND bool_and(
                (known.name, known.scheme, known.county, known.category, known.paid_on, known.birth_date, known.transfer_ended_on,
                    known.begins_on, known.ended_on, known.end_cause, known.college)
                IS NOT DISTINCT FROM
                (incoming.name, incoming.scheme, incoming.county, incoming.category, incoming.paid_on, incoming.birth_date,
                    incoming.transfer_ended_on, incoming.begins_on, incoming.ended_on, incoming.end_cause, incoming.college)))
        """;

    private const string FindChanged =
        $"""
        CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
        WITH years AS (
                SELECT insured_id, plan_year, (
                    SELECT max(change_id) FROM enrolment_span AS newest
                    WHERE newest.insured_id = named.insured_id AND newest.plan_year = named.plan_year) AS change_id
                FROM (SELECT DISTINCT insured_id, plan_year FROM incoming) AS named),
            known AS (SELECT insured_id, plan_year, {Said} FROM years JOIN enrolment_span USING (insured_id, plan_year, change_id)),
            said AS (SELECT insured_id, plan_year, {Said} FROM incoming)
        SELECT insured_id, plan_year FROM (SELECT * FROM said EXCEPT SELECT * FROM known) AS added
        UNION SELECT insured_id, plan_year FROM (SELECT * FROM known EXCEPT SELECT * FROM said) AS gone
        """;

    private static readonly string[] YearKey = ["insured_id", "plan_year"];
    private static readonly string[] OfOneCounty = ["insured_id", "plan_year", "scheme", "county"];
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

    public IReadOnlyList<RegistryColumn[]> MoreColumns { get; } =
    [
        [new("begins_on", NpgsqlDbType.Date), new("ended_on", NpgsqlDbType.Date), new("end_cause", NpgsqlDbType.Text)],
        [new("college", NpgsqlDbType.Text)],
    ];

    public string Table => "enrolment_span";

    public string Change => "IMPORT_INSURED";

    public object?[] Read(CsvRow row)
    {
        int planYear = row.Year(5);
        (DateOnly? begins, DateOnly? ended, string cause) = Span(row, planYear);
        return
        [
            row.Code(0), row.Name(1), row.OneOf(2, Schemes), row.County(3, counties), row.OneOf(4, CategoriesOf(planYear)),
            (short)planYear, row.Date(6), row.Date(7), row.Date(8), begins, ended, cause, row.OneOfOrNone(12, Colleges.All),
        ];
    }

    public async Task<ImportFaultException?> FindContradictionAsync(IncomingRows incoming, CancellationToken cancellationToken)
    {
        if (!HasSpans(incoming)) return await incoming.FindRepeatedAsync(YearKey, YearKey, cancellationToken);
        return IncomingRows.First(
            await incoming.FindRepeatedAsync([.. OfOneCounty, "begins_on"], YearKey, cancellationToken),
            await PeriodOverlap.FindInFileAsync(incoming, new(OfOneCounty, "begins_on", "ended_on"), cancellationToken));
    }

    public async Task MergeAsync(IncomingRows incoming, long changeId, CancellationToken cancellationToken)
    {
        await incoming.ExecuteAsync("ANALYZE incoming", cancellationToken);
        // A year of which the file says what is known already has no new entry.
        string isNew = HasSpans(incoming) ? "(insured_id, plan_year) IN (SELECT insured_id, plan_year FROM changed)" : IsNotTheOnlySpan;
        if (HasSpans(incoming)) await incoming.ExecuteAsync(FindChanged, cancellationToken);
        int closed = await ClosedYears.ThroughAsync(incoming.Connection, cancellationToken);
        if (closed > 0 && await FindIntoClosedAsync(incoming, isNew, closed, cancellationToken) is { } fault) throw fault;
        string span = HasSpans(incoming)
            ? "row_number() OVER (PARTITION BY insured_id, plan_year ORDER BY begins_on, scheme, county)"
            : "1";
        await incoming.ExecuteAsync($"""
            INSERT INTO enrolment_span (change_id, span, insured_id, plan_year, {Said})
            SELECT {changeId.ToString(CultureInfo.InvariantCulture)}, {span} AS span, insured_id, plan_year, {Said}
            FROM incoming WHERE {isNew} ORDER BY insured_id, plan_year, span
            """, cancellationToken);
        await incoming.AnalyseAsync("enrolment_replaced", cancellationToken);
    }

    private static async Task<ImportFaultException?> FindIntoClosedAsync(
        IncomingRows incoming, string isNew, int closed, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = incoming.Command(
            $"SELECT line, insured_id, plan_year FROM incoming WHERE plan_year <= $1 AND {isNew} ORDER BY line LIMIT 1");
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = closed });
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        return await found.ReadAsync(cancellationToken)
            ? new ImportFaultException(found.GetInt64(0), "plan_year", string.Create(CultureInfo.InvariantCulture,
                $"'{found.GetString(1)}' would be another in {found.GetInt16(2)}, and that year is closed"))
            : null;
    }

    private static (DateOnly? Begins, DateOnly? Ended, string Cause) Span(CsvRow row, int planYear)
    {
        if (!row.Has(9)) return (null, null, "");
        DateOnly first = new(planYear, 1, 1);
        DateOnly? begins = row.Date(9);
        DateOnly? ended = row.Date(10);
        string cause = row.OneOfOrNone(11, EndCauses.All);
        if (begins?.Year is { } year && year != planYear) throw row.Fault(9, "is not a day of the plan year");
        if (ended < begins) throw row.Fault(10, "is before begins_on");
        // The day before the year: nothing of it was ever covered.
        if (ended < first.AddDays(-1) || ended?.Year > planYear)
            throw row.Fault(10, "is not a day of the plan year, nor the day before it");
        if (ended is null && cause.Length > 0) throw row.Fault(11, "is the cause of an end that has no ended_on");
        if (ended is not null && cause.Length == 0) throw row.Fault(11, "is no cause, which an ended_on has");
        return (begins ?? first, ended, cause);
    }

    private static bool HasSpans(IncomingRows incoming) => incoming.Columns.Contains("begins_on");

    // A category that no rule knows would lose its exemption unseen, so it is refused here.
    private HashSet<string> CategoriesOf(int planYear)
    {
        if (categoriesByPlanYear.TryGetValue(planYear, out HashSet<string>? categories)) return categories;
        CoverageRules rules = policy.CoverageFor(planYear) ?? policy.Coverage;
        return categoriesByPlanYear[planYear] = [.. rules.ExemptCategories.Keys, .. rules.OtherCategories];
    }
}
