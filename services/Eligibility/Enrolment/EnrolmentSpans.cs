using Claims.Eligibility.History;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Enrolment;

/// <summary>A span as it was registered, and by which change.</summary>
internal sealed record RegisteredSpan(EnrolmentRow Row, string Name, long ChangeId, Change Change);

/// <summary>Reads the newest spans of each plan year.</summary>
internal static class EnrolmentSpans
{
    // Ordered by change: a later one's rows replace an earlier one's as they come. Answered by the index alone.
    public const string Sql =
        """
        SELECT insured_id, plan_year, change_id, scheme, county, category, paid_on, birth_date, transfer_ended_on, begins_on, ended_on,
            end_cause
        FROM enrolment_span WHERE insured_id = ANY($1) ORDER BY insured_id, plan_year, change_id, span
        """;

    /// <param name="add">Is given the spans of one insured after those of another, by year.</param>
    public static async Task ReadAsync(NpgsqlDataReader reader, Action<string, EnrolmentRow> add, CancellationToken cancellationToken)
    {
        string insuredId = "";
        long change = 0;
        List<EnrolmentRow> spans = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            EnrolmentRow row = Read(reader);
            bool sameYear = spans is [var first, ..] && first.PlanYear == row.PlanYear && reader.GetString(0) == insuredId;
            if (!sameYear) Add();
            if (!sameYear || reader.GetInt64(2) != change)
            {
                spans.Clear();
                change = reader.GetInt64(2);
            }

            if (!sameYear) insuredId = reader.GetString(0);
            spans.Add(row);
        }

        Add();

        void Add()
        {
            foreach (EnrolmentRow span in spans) add(insuredId, span);
        }
    }

    /// <summary>The spans of every plan year of one insured, with the change that each year stands by.</summary>
    /// <param name="asOf">As they were known at the end of that day; null: now.</param>
    public static async Task<List<RegisteredSpan>> ReadAsync(
        NpgsqlConnection connection, string insuredId, DateOnly? asOf, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new("""
            SELECT insured_id, plan_year, change_id, scheme, county, category, paid_on, birth_date, transfer_ended_on, begins_on, ended_on,
                end_cause, name, made_at, made_by, reason, college
            FROM enrolment_span JOIN registry_change USING (change_id)
            WHERE insured_id = $1 AND made_at < $2 ORDER BY plan_year, change_id, span
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = insuredId });
        command.Parameters.Add(RegistryChange.Until(asOf));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        List<RegisteredSpan> spans = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            RegisteredSpan span = new(Read(reader) with { College = reader.GetString(16) }, reader.GetString(12), reader.GetInt64(2),
                RegistryChange.Read(reader, 13));
            spans.RemoveAll(earlier => earlier.Row.PlanYear == span.Row.PlanYear && earlier.ChangeId != span.ChangeId);
            spans.Add(span);
        }

        return spans;
    }

    private static EnrolmentRow Read(NpgsqlDataReader reader) => new(
        reader.GetInt16(1), reader.GetString(3), reader.GetString(4), reader.GetString(5), Date(reader, 6), Date(reader, 7),
        Date(reader, 8), Date(reader, 9), Date(reader, 10), reader.GetString(11));

    private static DateOnly? Date(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetFieldValue<DateOnly>(column);
}
