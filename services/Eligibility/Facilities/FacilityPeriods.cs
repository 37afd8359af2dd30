using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Facilities;

/// <summary>A facility's history as it is read.</summary>
internal static class FacilityPeriods
{
    // Ordered by change: a later one's rows replace an earlier one's as they come.
    public const string Sql =
        """
        SELECT facility_code, change_id, name, county, admin_level, grade, kind, pooled_from, pooled_to, valid_from, valid_to
        FROM facility_period WHERE facility_code = ANY($1) ORDER BY facility_code, change_id, valid_from
        """;

    public const string SuspensionsSql =
        """
        SELECT facility_code, suspended_from, resumed_from
        FROM facility_suspension LEFT JOIN facility_resumption USING (suspension_id)
        WHERE facility_code = ANY($1) ORDER BY facility_code, suspended_from, suspension_id
        """;

    /// <summary>A query for a facility's name on a day: that of the period which the day is in, or of the nearest.</summary>
    /// <param name="code">The expression that says which facility.</param>
    /// <param name="day">The expression that says which day.</param>
    public static string NameSql(string code, string day) =>
        $"SELECT name FROM facility AS period WHERE period.facility_code = {code} "
        + $"ORDER BY valid_from <= {day} DESC, CASE WHEN valid_from <= {day} THEN valid_from END DESC, valid_from LIMIT 1";

    /// <summary>Reads the newest periods of each facility, ascending.</summary>
    public static async Task ReadAsync(NpgsqlDataReader reader, LookupReply reply, CancellationToken cancellationToken)
    {
        string code = "";
        long change = 0;
        List<FacilityPeriod> periods = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetString(0) != code || reader.GetInt64(1) != change)
            {
                if (reader.GetString(0) != code) Add();
                periods.Clear();
                (code, change) = (reader.GetString(0), reader.GetInt64(1));
            }

            periods.Add(Read(reader));
        }

        Add();

        void Add()
        {
            if (periods is not [.., var last]) return;
            Facility facility = new()
            {
                FacilityCode = code,
                Name = last.Name,
                County = last.County,
                AdminLevel = last.AdminLevel,
                Grade = last.Grade,
                Kind = last.Kind,
                PooledFrom = last.PooledFrom,
                PooledTo = last.PooledTo,
            };
            if (periods is not [{ ValidFrom: "", ValidTo: "" }]) facility.Periods.AddRange(periods);
            reply.Facilities.Add(facility);
        }
    }

    public static async Task ReadSuspensionsAsync(NpgsqlDataReader reader, LookupReply reply, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken))
        {
            string code = reader.GetString(0);
            reply.Facilities.Single(facility => facility.FacilityCode == code).Suspensions.Add(new Suspension
            {
                SuspendedFrom = WireDate.Text(Date(reader, 1)),
                ResumedFrom = WireDate.Text(Date(reader, 2)),
            });
        }
    }

    /// <summary>A row of <see cref="Sql"/>.</summary>
    public static FacilityPeriod Read(NpgsqlDataReader reader) => new()
    {
        Name = reader.GetString(2),
        County = reader.GetString(3),
        AdminLevel = (AdminLevel)reader.GetInt16(4),
        Grade = reader.GetString(5),
        Kind = reader.GetString(6),
        PooledFrom = WireDate.Text(Date(reader, 7)),
        PooledTo = WireDate.Text(Date(reader, 8)),
        ValidFrom = WireDate.Text(Bound(reader, 9, DateOnly.MinValue)),
        ValidTo = WireDate.Text(Bound(reader, 10, DateOnly.MaxValue)),
    };

    private static DateOnly? Date(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetFieldValue<DateOnly>(column);

    // PostgreSQL's infinities are read as the type's first and last day.
    private static DateOnly? Bound(NpgsqlDataReader reader, int column, DateOnly infinity) =>
        reader.GetFieldValue<DateOnly>(column) is var day && day == infinity ? null : day;
}
