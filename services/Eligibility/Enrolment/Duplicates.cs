using System.Runtime.CompilerServices;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Enrolment;

/// <summary>Who is enrolled twice in a plan year (豫医保办〔2023〕71号 十). What was withdrawn as a duplicate is none any more.</summary>
internal sealed class Duplicates(NpgsqlDataSource database)
{
    private const int TimeoutSeconds = 300;

    // A year's spans that were paid for, those too that a later change replaced; a county or scheme that was left by an end is no
    // duplicate.
    private const string OneId =
        """
        WITH several AS MATERIALIZED (
            SELECT insured_id, max(change_id) AS change_id FROM enrolment_span WHERE plan_year = $1
            GROUP BY insured_id HAVING count(*) > 1),
        paid AS MATERIALIZED (
            SELECT insured_id, span.change_id, span.change_id = several.change_id AS stands, scheme, county,
                COALESCE(begins_on, make_date($1, 1, 1)) AS first_day, COALESCE(ended_on, make_date($1, 12, 31)) AS last_day
            FROM several JOIN enrolment_span AS span USING (insured_id)
            WHERE plan_year = $1 AND paid_on IS NOT NULL AND end_cause <> 'withdrawn_duplicate')
        SELECT DISTINCT one.insured_id, one.scheme, one.county, other.scheme, other.county, NOT one.stands
        FROM paid AS one JOIN paid AS other USING (insured_id)
        WHERE other.stands AND (one.scheme, one.county) <> (other.scheme, other.county)
            AND one.first_day <= other.last_day AND other.first_day <= one.last_day
            AND (NOT one.stands OR (one.scheme, one.county) < (other.scheme, other.county))
            AND (one.stands OR NOT EXISTS (
                SELECT FROM enrolment_span AS ended WHERE ended.insured_id = one.insured_id AND ended.plan_year = $1
                    AND ended.change_id > one.change_id AND ended.scheme = one.scheme AND ended.county = one.county
                    AND ended.ended_on IS NOT NULL))
        ORDER BY 1, 2, 3
        """;

    private const string TwoIds =
        """
        WITH head AS MATERIALIZED (
            SELECT DISTINCT name, birth_date, insured_id FROM enrolment
            WHERE plan_year = $1 AND birth_date IS NOT NULL AND name <> '' AND paid_on IS NOT NULL AND ended_on IS NULL),
        twice AS (SELECT name, birth_date FROM head GROUP BY name, birth_date HAVING count(*) > 1),
        one AS (SELECT head.*, row_number() OVER (PARTITION BY name, birth_date ORDER BY insured_id) AS place
            FROM head JOIN twice USING (name, birth_date))
        SELECT one.insured_id, a.scheme, a.county, other.insured_id, b.scheme, b.county
        FROM one JOIN one AS other ON (other.name, other.birth_date, other.place) = (one.name, one.birth_date, one.place + 1)
        JOIN enrolment AS a ON a.insured_id = one.insured_id AND a.plan_year = $1 AND a.span = 1
        JOIN enrolment AS b ON b.insured_id = other.insured_id AND b.plan_year = $1 AND b.span = 1
        ORDER BY 1, 4
        """;

    public async IAsyncEnumerable<Duplicate> ListAsync(int planYear, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using (NpgsqlCommand command = Of(OneId))
        {
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                yield return new Duplicate
                {
                    Kind = reader.GetString(1) == reader.GetString(3) ? DuplicateKind.TwoCounties : DuplicateKind.TwoSchemes,
                    InsuredId = reader.GetString(0),
                    Scheme = reader.GetString(1),
                    County = reader.GetString(2),
                    OtherInsuredId = reader.GetString(0),
                    OtherScheme = reader.GetString(3),
                    OtherCounty = reader.GetString(4),
                    Replaced = reader.GetBoolean(5),
                };
            }
        }

        await using NpgsqlCommand ids = Of(TwoIds);
        await using NpgsqlDataReader pairs = await ids.ExecuteReaderAsync(cancellationToken);
        while (await pairs.ReadAsync(cancellationToken))
        {
            yield return new Duplicate
            {
                Kind = DuplicateKind.TwoIds,
                InsuredId = pairs.GetString(0),
                Scheme = pairs.GetString(1),
                County = pairs.GetString(2),
                OtherInsuredId = pairs.GetString(3),
                OtherScheme = pairs.GetString(4),
                OtherCounty = pairs.GetString(5),
            };
        }

        NpgsqlCommand Of(string sql)
        {
            NpgsqlCommand command = new(sql, connection) { CommandTimeout = TimeoutSeconds };
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = planYear });
            return command;
        }
    }
}
