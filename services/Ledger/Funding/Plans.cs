using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>The plan of each county and year (总额控制, 郑政办〔2021〕24号 四(五)), and how far its benefits have come (风险预警, 三(三)).</summary>
internal sealed class Plans(
    NpgsqlDataSource database, PostgresTrust trust, LedgerSettings settings, FundPolicy policy, TimeProvider clock)
{
    private const int TimeoutSeconds = 60;
    private const int Whole = 10_000;

    private readonly int[] _warningPercents =
        Array.ConvertAll(settings.PlanWarningPercents.Split(','), text => int.Parse(text, CultureInfo.InvariantCulture));

    /// <summary>Adds a revision. The same request again answers the plan that it made.</summary>
    /// <exception cref="FundingRefusedException">The revision is not the next, or was another.</exception>
    /// <exception cref="Policy.PolicyException">The county is unknown or outside the pooling area.</exception>
    /// <param name="caller">Who asks for it, a URI.</param>
    public async Task<Plan> SetAsync(string scheme, SetPlanRequest request, string caller, CancellationToken cancellationToken)
    {
        policy.County(request.County);
        await trust.RequireAsync(cancellationToken);
        await using NpgsqlCommand insert = database.CreateCommand("""
            WITH planned AS (
                INSERT INTO plan_revision (scheme, county, year, revision, plan_fen, memo, actor, set_at)
                SELECT $1, $2, $3, $4, $5, $6, $7, $8
                WHERE $4 = 1 + coalesce((SELECT max(revision) FROM plan_revision WHERE scheme = $1 AND county = $2 AND year = $3), 0)
                ON CONFLICT DO NOTHING RETURNING *
            ), added AS (
                INSERT INTO batch (posted_at) SELECT set_at FROM planned RETURNING batch_id
            )
            INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
            SELECT batch_id, 'PLAN_SET', concat_ws('/', scheme, county, year, revision), plan_fen::text, $9, actor, set_at
            FROM planned, added
            """);
        foreach (object value in new object[]
        {
            scheme, request.County, request.Year, request.Revision, request.PlanFen, request.Memo, request.Actor, clock.GetUtcNow(),
            caller,
        })
            insert.Parameters.Add(new() { Value = value });
        await insert.ExecuteNonQueryAsync(cancellationToken);
        Plan? plan = (await ListAsync(scheme, request.Year, cancellationToken)).SingleOrDefault(plan => plan.County == request.County);
        if (plan is not null && plan.Revision == request.Revision && plan.PlanFen == request.PlanFen && plan.Memo == request.Memo)
            return plan;
        throw new FundingRefusedException(plan is null
            ? $"{request.County} has no plan for {request.Year} yet: its first revision is 1"
            : $"the plan of {request.County} for {request.Year} is at revision {plan.Revision}, {plan.PlanFen} fen: the next one "
                + $"is {plan.Revision + 1}");
    }

    /// <summary>Ascending by county; counties without a plan are left out.</summary>
    public async Task<List<Plan>> ListAsync(string scheme, int year, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand("""
            SELECT county, county.name, revision, plan_fen, actor, memo, set_at, coalesce(spent.fen, 0)::bigint
            FROM (
                SELECT DISTINCT ON (county) * FROM plan_revision WHERE scheme = $1 AND year = $2 ORDER BY county, revision DESC
            ) AS plan
                JOIN county USING (county)
                LEFT JOIN (
                    SELECT county, sum(debit_fen - credit_fen) AS fen FROM account JOIN posting USING (account_code)
                        JOIN journal USING (journal_id)
                    WHERE kind LIKE '5%' AND account.scheme = $1 AND business_date BETWEEN make_date($2, 1, 1) AND make_date($2, 12, 31)
                        GROUP BY county
                ) AS spent USING (county)
            ORDER BY county
            """);
        read.CommandTimeout = TimeoutSeconds;
        read.Parameters.Add(new() { Value = scheme });
        read.Parameters.Add(new() { Value = year });
        List<Plan> plans = [];
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            (long planFen, long spentFen) = (row.GetInt64(3), row.GetInt64(7));
            plans.Add(new Plan
            {
                County = row.GetString(0),
                Name = row.GetString(1),
                Year = year,
                Revision = row.GetInt32(2),
                PlanFen = planFen,
                SpentFen = spentFen,
                UsedBasisPoints = (long)((Int128)spentFen * Whole / planFen),
                WarningPercent = _warningPercents.LastOrDefault(percent => (Int128)spentFen * 100 >= (Int128)planFen * percent),
                Actor = row.GetString(4),
                Memo = row.GetString(5),
                SetAt = row.GetFieldValue<DateTime>(6).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            });
        }

        return plans;
    }
}
