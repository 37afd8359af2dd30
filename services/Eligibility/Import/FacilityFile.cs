using System.Globalization;
using System.Text.RegularExpressions;
using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>One row a period of a facility; a facility that the registry knows is replaced with all its periods. A row without
/// <c>valid_from</c> and <c>valid_to</c> holds always where it is its facility's only one, and for its agreement else.</summary>
internal sealed partial class FacilityFile(IReadOnlyCollection<string> counties) : IRegistryFile
{
    private const string Names =
        "facility_code, valid_from, valid_to, name, county, admin_level, grade, kind, pooled_from, pooled_to";

    private static readonly PeriodColumns Periods = new(["facility_code"], "valid_from", "valid_to");

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

    public IReadOnlyList<RegistryColumn[]> MoreColumns { get; } =
        [[new("valid_from", NpgsqlDbType.Date), new("valid_to", NpgsqlDbType.Date)]];

    public string Table => "facility_period";

    public string Change => "IMPORT_FACILITIES";

    public async Task<ImportFaultException?> FindContradictionAsync(IncomingRows incoming, CancellationToken cancellationToken)
    {
        ImportFaultException? withoutDays = await FindWithoutDaysAsync(incoming, cancellationToken);
        await incoming.ExecuteAsync("""
            UPDATE incoming SET valid_from = pooled_from, valid_to = COALESCE(pooled_to, 'infinity')
            WHERE valid_from IS NULL AND valid_to IS NULL
                AND facility_code IN (SELECT facility_code FROM incoming GROUP BY facility_code HAVING count(*) > 1);
            UPDATE incoming SET valid_from = COALESCE(valid_from, '-infinity'), valid_to = COALESCE(valid_to, 'infinity')
            """, cancellationToken);
        return IncomingRows.First(withoutDays, IncomingRows.First(
            await incoming.FindRepeatedAsync(["facility_code", "valid_from"], ["facility_code"], cancellationToken),
            await PeriodOverlap.FindInFileAsync(incoming, Periods, cancellationToken)));
    }

    /// <summary>The first line of two for one facility of which one says no days.</summary>
    private static async Task<ImportFaultException?> FindWithoutDaysAsync(IncomingRows incoming, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = incoming.Command("""
            SELECT greatest(bare.line, other.line) AS line, least(bare.line, other.line), facility_code
            FROM incoming AS bare JOIN incoming AS other USING (facility_code)
            WHERE bare.line <> other.line AND bare.valid_from IS NULL AND bare.valid_to IS NULL AND bare.pooled_from IS NULL
            ORDER BY line LIMIT 1
            """);
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        return await found.ReadAsync(cancellationToken)
            ? new ImportFaultException(found.GetInt64(0), "facility_code", string.Create(CultureInfo.InvariantCulture,
                $"'{found.GetString(2)}' stands in line {found.GetInt64(1)} already, and one of the two names no days"))
            : null;
    }

    public async Task MergeAsync(IncomingRows incoming, long changeId, CancellationToken cancellationToken)
    {
        // A facility of which the file says what is known already has no new entry.
        await incoming.ExecuteAsync($"""
            CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
            WITH known AS (SELECT {Names} FROM facility WHERE facility_code IN (SELECT facility_code FROM incoming)),
                said AS (SELECT {Names} FROM incoming)
            SELECT facility_code FROM (SELECT * FROM said EXCEPT SELECT * FROM known) AS added
            UNION SELECT facility_code FROM (SELECT * FROM known EXCEPT SELECT * FROM said) AS gone
            """, cancellationToken);
        int closed = await ClosedYears.ThroughAsync(incoming.Connection, cancellationToken);
        if (closed > 0 && await FindIntoClosedAsync(incoming, closed, cancellationToken) is { } fault) throw fault;
        await incoming.ExecuteAsync($"""
            INSERT INTO facility_period (change_id, {Names})
            SELECT {changeId.ToString(CultureInfo.InvariantCulture)}, {Names} FROM incoming JOIN changed USING (facility_code)
            ORDER BY facility_code, valid_from
            """, cancellationToken);
    }

    /// <summary>The first line of a facility whose pooled days of closed years, or what decides visits of them, would be others than they
    /// were.</summary>
    private static async Task<ImportFaultException?> FindIntoClosedAsync(
        IncomingRows incoming, int closed, CancellationToken cancellationToken)
    {
        // Day by day: periods that say the same in other pieces are the same. Closed years are few, and so are facilities that change.
        await using NpgsqlCommand command = incoming.Command("""
            WITH days AS (SELECT day::date FROM generate_series(
                    (SELECT greatest(min(pooled_from), '2000-01-01')
                        FROM (SELECT pooled_from FROM incoming UNION ALL SELECT pooled_from FROM facility) AS any_from),
                    make_date($1, 12, 31), interval '1 day') AS day),
                said AS (SELECT facility_code, day, county, admin_level, grade FROM incoming JOIN changed USING (facility_code), days
                    WHERE day BETWEEN valid_from AND valid_to AND day BETWEEN pooled_from AND COALESCE(pooled_to, 'infinity')),
                known AS (SELECT facility_code, day, county, admin_level, grade FROM facility JOIN changed USING (facility_code), days
                    WHERE day BETWEEN valid_from AND valid_to AND day BETWEEN pooled_from AND COALESCE(pooled_to, 'infinity')),
                different AS (SELECT * FROM (
                    (SELECT * FROM said EXCEPT SELECT * FROM known) UNION (SELECT * FROM known EXCEPT SELECT * FROM said)) AS either),
                lines AS (SELECT facility_code, min(line) AS line FROM incoming GROUP BY facility_code)
            SELECT line, facility_code, max(day) FROM different JOIN lines USING (facility_code)
            GROUP BY line, facility_code ORDER BY line LIMIT 1
            """);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = closed });
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        if (!await found.ReadAsync(cancellationToken)) return null;
        return new(found.GetInt64(0), "valid_from",
            $"'{found.GetString(1)}' would be another on {WireDate.Text(found.GetFieldValue<DateOnly>(2))}, and that year is closed");
    }

    public object?[] Read(CsvRow row)
    {
        DateOnly? from = row.Date(6);
        DateOnly? to = row.Date(7);
        if (to is not null && from is null) throw row.Fault(7, "is the end of an agreement that has no pooled_from");
        if (to < from) throw row.Fault(7, "is before pooled_from");
        DateOnly? validFrom = row.Date(8);
        DateOnly? validTo = row.Date(9);
        if (validTo < validFrom) throw row.Fault(9, "is before valid_from");
        return [row.Code(0), row.Name(1), row.County(2, counties), (short)AdminLevels[row.OneOf(3, AdminLevels.Keys)], Grade(row),
            row.Code(5), from, to, validFrom, validTo];
    }

    private static string Grade(CsvRow row)
    {
        string grade = row.Code(4);
        return GradeForm().IsMatch(grade) ? grade : throw row.Fault(4, "is not a grade such as 3A, 2B or none");
    }

    [GeneratedRegex("^([1-3][A-Z]?|none)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex GradeForm();
}
