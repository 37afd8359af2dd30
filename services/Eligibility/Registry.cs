using Claims.Eligibility.Enrolment;
using Claims.Eligibility.Facilities;
using Claims.Policy;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility;

/// <summary>Facilities, coverage and items of the catalogue, in one round trip.</summary>
internal sealed class Registry(NpgsqlDataSource database, PolicyPack policy)
{
    // The version is read first: data may then be newer than the version that it is labelled with, never older,
    // so that whoever caches it drops it once too often at worst.
    private const string Version = "SELECT version FROM registry_version";

    private const string Items =
        """
        SELECT item_code, class, first_self_pay_bp, price_limit_milli_fen, valid_from, valid_to
        FROM catalogue_item WHERE item_code = ANY($1) ORDER BY item_code, valid_from
        """;

    /// <summary>Only what is asked for is queried: most look-ups name insured alone.</summary>
    /// <param name="inNumbers">Insured as <see cref="Enrolled"/>.</param>
    public async Task<LookupReply> LookupAsync(
        IReadOnlyCollection<string> facilityCodes, IReadOnlyList<string> insuredIds, IReadOnlyCollection<string> itemCodes, bool inNumbers,
        CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlBatch batch = new(connection) { BatchCommands = { new(Version) } };
        if (facilityCodes.Count > 0)
        {
            batch.BatchCommands.Add(Any(FacilityPeriods.Sql, facilityCodes));
            batch.BatchCommands.Add(Any(FacilityPeriods.SuspensionsSql, facilityCodes));
        }

        if (insuredIds.Count > 0) batch.BatchCommands.Add(Any(EnrolmentSpans.Sql, insuredIds));
        if (itemCodes.Count > 0) batch.BatchCommands.Add(Any(Items, itemCodes));
        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken);

        await reader.ReadAsync(cancellationToken);
        LookupReply reply = new() { Version = reader.GetInt64(0) };
        if (facilityCodes.Count > 0)
        {
            await reader.NextResultAsync(cancellationToken);
            await FacilityPeriods.ReadAsync(reader, reply, cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            await FacilityPeriods.ReadSuspensionsAsync(reader, reply, cancellationToken);
        }

        if (insuredIds.Count > 0)
        {
            await reader.NextResultAsync(cancellationToken);
            InsuredAnswers answers = new(reply, insuredIds, inNumbers);
            await EnrolmentSpans.ReadAsync(
                reader, (insuredId, row) => answers.Add(insuredId, row, CoverageOf.Row(row, policy.CoverageFor(row.PlanYear))),
                cancellationToken);
        }

        if (itemCodes.Count > 0)
        {
            await reader.NextResultAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) reply.Items.Add(ReadItem(reader));
        }

        return reply;
    }

    /// <summary>Per county of enrolment, ascending: each insured once, however many spans he has there. Who was withdrawn as a duplicate is
    /// none.</summary>
    /// <param name="county">Empty: all.</param>
    public async Task<CountHeadsReply> CountHeadsAsync(string scheme, int planYear, string county, CancellationToken cancellationToken)
    {
        // A head is of the category and college of its first span there that is paid, so each is asked for itself.
        const string EarlierSpan = """
            SELECT FROM enrolment_span AS earlier
            WHERE earlier.insured_id = head.insured_id AND earlier.plan_year = head.plan_year AND earlier.change_id = head.change_id
                AND earlier.span < head.span AND earlier.scheme = head.scheme AND earlier.county = head.county
                AND earlier.end_cause <> 'withdrawn_duplicate'
            """;
        await using NpgsqlCommand command = database.CreateCommand($"""
            SELECT county, category, college, count(*) FILTER (WHERE span = 1 OR NOT EXISTS ({EarlierSpan})),
                count(*) FILTER (WHERE paid_on IS NOT NULL AND (span = 1 OR NOT EXISTS ({EarlierSpan} AND earlier.paid_on IS NOT NULL)))
            FROM enrolment AS head
            WHERE scheme = $1 AND plan_year = $2 AND ($3 = '' OR county = $3) AND end_cause <> 'withdrawn_duplicate'
            GROUP BY county, category, college ORDER BY county, category, college
            """);
        command.Parameters.Add(new() { Value = scheme });
        command.Parameters.Add(new() { Value = planYear });
        command.Parameters.Add(new() { Value = county });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        CountHeadsReply reply = new();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reply.Counties.Count == 0 || reply.Counties[^1].County != reader.GetString(0))
                reply.Counties.Add(new CountyHeads { County = reader.GetString(0) });
            CountyHeads heads = reply.Counties[^1];
            (long enrolled, long paid) = (reader.GetInt64(3), reader.GetInt64(4));
            heads.Enrolled += enrolled;
            heads.Paid += paid;
            if (paid > 0) heads.Of.Add(new HeadsOf { Category = reader.GetString(1), College = reader.GetString(2), Paid = paid });
        }

        return reply;
    }

    private static NpgsqlBatchCommand Any(string sql, IEnumerable<string> keys) =>
        new(sql)
        {
            Parameters =
                { new NpgsqlParameter<string[]> { TypedValue = [.. keys], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text } },
        };

    private static CatalogueItem ReadItem(NpgsqlDataReader reader)
    {
        CatalogueItem item = new()
        {
            ItemCode = reader.GetString(0),
            ItemClass = (ItemClass)reader.GetInt16(1),
            FirstSelfPayBp = reader.GetInt32(2),
            ValidFrom = WireDate.Text(Date(reader, 4)),
            ValidTo = WireDate.Text(Date(reader, 5)),
        };
        if (!reader.IsDBNull(3)) item.PriceLimitMilliFen = reader.GetInt64(3);
        return item;
    }

    private static DateOnly? Date(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetFieldValue<DateOnly>(column);
}
