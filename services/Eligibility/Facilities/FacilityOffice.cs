using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Facilities;

/// <summary>Why a facility is not suspended or resumed, in one sentence.</summary>
internal sealed class FacilityRefusedException(string message) : Exception(message);

/// <summary>Suspends facilities and resumes them, and shows what they were and are, with who changed it.</summary>
internal sealed class FacilityOffice(NpgsqlDataSource database, TimeProvider clock)
{
    private static readonly TimeSpan ChangeBound = TimeSpan.FromSeconds(30);

    /// <param name="asOf">As it was known at the end of that day; null: now.</param>
    /// <returns>Null where the registry does not know the facility.</returns>
    public async Task<FacilityRecord?> ShowAsync(string code, DateOnly? asOf, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        return await ReadAsync(connection, code, asOf, cancellationToken);
    }

    /// <param name="from">The first suspended day; null: today.</param>
    /// <exception cref="FacilityRefusedException">It is suspended already, or the day lies in a closed year.</exception>
    /// <returns>Null where the registry does not know the facility.</returns>
    public async Task<FacilityRecord?> SuspendAsync(
        string code, DateOnly? from, ChangeCause cause, CancellationToken cancellationToken)
    {
        DateOnly first = from ?? ChinaTime.Today(clock);
        return await ChangeAsync(code, first, "SUSPEND_FACILITY", cause, async (connection, record, changeId) =>
        {
            foreach (SuspensionRecord standing in record.Suspensions)
            {
                if (standing.Resumed is null)
                    throw new FacilityRefusedException($"{code} is suspended already, from {standing.Suspension.SuspendedFrom} on");
                if (WireDate.Parse(standing.Suspension.ResumedFrom) > first)
                    throw new FacilityRefusedException(
                        $"{code} was suspended until {standing.Suspension.ResumedFrom}, and a new suspension cannot begin before");
            }

            await using NpgsqlCommand insert = new(
                "INSERT INTO facility_suspension (change_id, facility_code, suspended_from) VALUES ($1, $2, $3)", connection);
            insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = changeId });
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = code });
            insert.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = first });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }, cancellationToken);
    }

    /// <param name="from">The first day that is pooled again; null: today.</param>
    /// <exception cref="FacilityRefusedException">It is not suspended, or the day lies before the suspension or in a closed
    /// year.</exception>
    /// <returns>Null where the registry does not know the facility.</returns>
    public async Task<FacilityRecord?> ResumeAsync(string code, DateOnly? from, ChangeCause cause, CancellationToken cancellationToken)
    {
        DateOnly first = from ?? ChinaTime.Today(clock);
        return await ChangeAsync(code, first, "RESUME_FACILITY", cause, async (connection, record, changeId) =>
        {
            if (record.Suspensions.LastOrDefault(suspension => suspension.Resumed is null) is not { } standing)
                throw new FacilityRefusedException($"{code} is not suspended");
            if (first < WireDate.Parse(standing.Suspension.SuspendedFrom))
            {
                // Suspended for a day to come, and taken back before: the suspension holds on no day.
                if (from is not null)
                    throw new FacilityRefusedException(
                        $"{code} is suspended from {standing.Suspension.SuspendedFrom} on, and cannot be resumed before");
                first = WireDate.Parse(standing.Suspension.SuspendedFrom)!.Value;
            }

            await using NpgsqlCommand insert = new("""
                INSERT INTO facility_resumption (suspension_id, change_id, resumed_from)
                SELECT max(suspension_id), $2, $3 FROM facility_suspension WHERE facility_code = $1
                """, connection);
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = code });
            insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = changeId });
            insert.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = first });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }, cancellationToken);
    }

    private async Task<FacilityRecord?> ChangeAsync(string code, DateOnly first, string kind, ChangeCause cause,
        Func<NpgsqlConnection, FacilityRecord, long, Task> change, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        RegistryChange begun = await RegistryChange.BeginAsync(connection, kind, cause, clock, ChangeBound, cancellationToken);
        if (await ReadAsync(connection, code, null, cancellationToken) is not { } record) return null;
        int closed = await ClosedYears.ThroughAsync(connection, cancellationToken);
        if (first.Year <= closed) throw new FacilityRefusedException($"{WireDate.Text(first)} lies in {first.Year}, which is closed");
        await change(connection, record, begun.ChangeId);
        record = (await ReadAsync(connection, code, null, cancellationToken))!;
        await transaction.CommitAsync(cancellationToken);
        return record;
    }

    private static async Task<FacilityRecord?> ReadAsync(
        NpgsqlConnection connection, string code, DateOnly? asOf, CancellationToken cancellationToken)
    {
        const string Known = "(SELECT change_id FROM registry_change WHERE made_at < $2)";
        await using NpgsqlBatch batch = new(connection)
        {
            BatchCommands =
            {
                new("SELECT version FROM registry_version"),
                Of($"""
                    SELECT facility_code, change_id, name, county, admin_level, grade, period.kind, pooled_from, pooled_to, valid_from,
                        valid_to, made_at, made_by, reason
                    FROM facility_period AS period JOIN registry_change USING (change_id)
                    WHERE facility_code = $1 AND change_id =
                        (SELECT max(change_id) FROM facility_period WHERE facility_code = $1 AND change_id IN {Known})
                    ORDER BY valid_from
                    """),
                Of($"""
                    SELECT suspended_from, made.made_at, made.made_by, made.reason, resumed_from, ended.made_at, ended.made_by, ended.reason
                    FROM facility_suspension AS suspension JOIN registry_change AS made USING (change_id)
                    LEFT JOIN (SELECT suspension_id, resumed_from, change_id FROM facility_resumption WHERE change_id IN {Known})
                        AS resumption USING (suspension_id)
                    LEFT JOIN registry_change AS ended ON ended.change_id = resumption.change_id
                    WHERE facility_code = $1 AND suspension.change_id IN {Known} ORDER BY suspended_from, suspension_id
                    """),
            },
        };
        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        FacilityRecord record = new() { FacilityCode = code, Version = reader.GetInt64(0) };
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            record.Periods.Add(FacilityPeriods.Read(reader));
            record.Change = RegistryChange.Read(reader, 11);
        }

        if (record.Periods.Count == 0) return null;
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            bool resumed = !reader.IsDBNull(4);
            record.Suspensions.Add(new SuspensionRecord
            {
                Suspension = new Suspension
                {
                    SuspendedFrom = WireDate.Text(reader.GetFieldValue<DateOnly>(0)),
                    ResumedFrom = resumed ? WireDate.Text(reader.GetFieldValue<DateOnly>(4)) : "",
                },
                Suspended = RegistryChange.Read(reader, 1),
                Resumed = resumed ? RegistryChange.Read(reader, 5) : null,
            });
        }

        return record;

        NpgsqlBatchCommand Of(string sql) => new(sql)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = code },
                RegistryChange.Until(asOf),
            },
        };
    }
}
