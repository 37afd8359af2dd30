using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.Hosting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Ledger.Reconciliation;

/// <summary>
/// Holds a facility's lines against the sub-ledger [3202]. The lines go into a temporary table as they arrive and the differences
/// leave as they are found, so memory does not grow with the file; everything is read in one snapshot, and nothing is kept.
/// </summary>
internal sealed class LineReconciliation(NpgsqlDataSource database, FileSlots slots, TimeProvider clock)
{
    private const int MostLines = 5_000_000;
    private const int TimeoutSeconds = 300;

    // Beyond it, further lines of one settlement are reported as duplicates without being compared with each other.
    private const int MostLinesOfOneSettlement = 1_000;

    // How far before the period, or before the earliest visit listed, a request is looked for that the period has nothing of.
    private const int SearchDays = 31;

    private const string SettledOn = "(settled_at AT TIME ZONE 'Asia/Shanghai')::date";
    private const string Subject = "coalesce(nullif(original_settlement_id, ''), settlement_id)";

    /// <summary>Every difference, settlement by settlement in the order of their first lines, those of the centre alone last; then one
    /// summary.</summary>
    /// <exception cref="ReconciliationRequestException">A line cannot be compared.</exception>
    /// <exception cref="TooManyFilesException">Others are being compared.</exception>
    public async IAsyncEnumerable<ReconcileLinesReply> ReconcileAsync(
        string facilityCode, Period period, IAsyncEnumerable<FacilityLine> lines,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using IDisposable slot = slots.Take();
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await CreateTablesAsync(connection, cancellationToken);
        SettlementTotals facility = new();
        await CopyAsync(connection, CheckAsync(), cancellationToken);
        await foreach (ReconcileLinesReply reply in CompareListedAsync(connection, facilityCode, period, facility, cancellationToken))
            yield return reply;

        async IAsyncEnumerable<ListedLine> CheckAsync()
        {
            long previous = 0;
            await foreach (FacilityLine sent in lines.WithCancellation(cancellationToken))
            {
                ListedLine line = ListedLine.Check(sent, facilityCode, previous);
                previous = line.Number;
                TotalsComparison.Add(facility, line.Totals);
                yield return line;
            }
        }
    }

    /// <summary>The tables of a comparison, for the transaction.</summary>
    internal static Task CreateTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, Tables, cancellationToken);

    /// <summary>Empties them for the next facility of a file: tables made anew for each would hold their locks until the end.</summary>
    internal static Task EmptyTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) => ExecuteAsync(connection, """
        TRUNCATE listed, entered, found, by_request, by_settlement, unfound, searched, suspect, suspect_entry, bill, twin
        """, cancellationToken);

    /// <summary>The lines in table listed against the books.</summary>
    /// <param name="facility">The sums of the lines.</param>
    internal async IAsyncEnumerable<ReconcileLinesReply> CompareListedAsync(NpgsqlConnection connection, string facilityCode,
        Period period, SettlementTotals facility, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LinesSummary summary = new() { Facility = facility, Complete = period.IsComplete(clock), Notice = period.NoticeOf(clock) };
        await ReadPeriodAsync(connection, facilityCode, period, summary, cancellationToken);
        await FindSubjectsAsync(connection, facilityCode, period, cancellationToken);
        await GatherSuspectsAsync(connection, facilityCode, cancellationToken);
        await FindTwinsAsync(connection, cancellationToken);

        SortedDictionary<DifferenceCause, long> causes = [];
        await foreach (LineDifference difference in CompareAsync(connection, period, cancellationToken))
        {
            causes[difference.Cause] = causes.GetValueOrDefault(difference.Cause) + 1;
            summary.Differences++;
            yield return new ReconcileLinesReply { Difference = difference };
        }

        summary.Reconciled = summary.Differences == 0;
        summary.Outcome = TotalsComparison.OutcomeOf(summary.Centre, summary.Facility);
        summary.Causes.AddRange(causes.Select(cause => new LinesSummary.Types.CauseCount { Cause = cause.Key, Count = cause.Value }));
        yield return new ReconcileLinesReply { Summary = summary };
    }

    // A subject is a settlement with everything that was done to it: its settlement_id.
    private const string Tables = """
        CREATE TEMP TABLE listed (
            line_number bigint PRIMARY KEY, cancels boolean, settlement_id text, request_id text, original_request_id text, insured_id text,
            visit_date date, settled_on date, visit_type text, total_fen bigint, fund_pay_fen bigint
        ) ON COMMIT DROP;
        CREATE TEMP TABLE entered (
            subject text, shard integer, sequence bigint, kind text, settlement_id text, original_settlement_id text, request_id text,
            original_request_id text, insured_id text, visit_date date, settled_on date, visit_type text, total_fen bigint,
            fund_pay_fen bigint
        ) ON COMMIT DROP;
        CREATE TEMP TABLE by_request (insured_id text, request_id text, subject text) ON COMMIT DROP;
        CREATE TEMP TABLE by_settlement (settlement_id text, subject text) ON COMMIT DROP;
        CREATE TEMP TABLE found (line_number bigint PRIMARY KEY, subject text, is_foreign boolean, reversed boolean) ON COMMIT DROP;
        CREATE TEMP TABLE unfound (LIKE listed) ON COMMIT DROP;
        CREATE TEMP TABLE searched (kind text, insured_id text, request_id text, original_request_id text, subject text) ON COMMIT DROP;
        CREATE TEMP TABLE suspect (subject text PRIMARY KEY) ON COMMIT DROP;
        CREATE TEMP TABLE suspect_entry (LIKE entered) ON COMMIT DROP;
        CREATE TEMP TABLE bill (
            subject text, insured_id text, visit_date date, visit_type text, total_fen bigint, is_listed boolean
        ) ON COMMIT DROP;
        CREATE TEMP TABLE twin (of_line bigint, of_subject text, twin text) ON COMMIT DROP;
        """;

    private const string EntryColumns = $"""
        {Subject} AS subject, shard, sequence, kind, settlement_id, original_settlement_id, request_id, original_request_id, insured_id,
        visit_date, {SettledOn} AS settled_on, visit_type, total_fen, fund_pay_fen
        """;

    private static async Task CopyAsync(
        NpgsqlConnection connection, IAsyncEnumerable<ListedLine> lines, CancellationToken cancellationToken)
    {
        await using (NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(
            $"COPY listed ({ListedColumns}) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
            long count = 0;
            await foreach (ListedLine line in lines.WithCancellation(cancellationToken))
            {
                RequireFew(++count);
                await rows.StartRowAsync(cancellationToken);
                await WriteAsync(rows, line, cancellationToken);
            }

            await rows.CompleteAsync(cancellationToken);
        }

        await ExecuteAsync(connection, "ANALYZE listed", cancellationToken);
    }

    internal const string ListedColumns = """
        line_number, cancels, settlement_id, request_id, original_request_id, insured_id, visit_date, settled_on, visit_type, total_fen,
            fund_pay_fen
        """;

    internal static void RequireFew(long lines)
    {
        if (lines > MostLines)
            throw new ReconciliationRequestException(
                string.Create(CultureInfo.InvariantCulture, $"there are more than {MostLines} lines"),
                string.Create(CultureInfo.InvariantCulture, $"明细超过 {MostLines} 行"));
    }

    /// <summary>The line's columns, in the order of <see cref="ListedColumns"/>.</summary>
    internal static async Task WriteAsync(NpgsqlBinaryImporter rows, ListedLine line, CancellationToken cancellationToken)
    {
        await rows.WriteAsync(line.Number, NpgsqlDbType.Bigint, cancellationToken);
        await rows.WriteAsync(line.Cancels, NpgsqlDbType.Boolean, cancellationToken);
        await rows.WriteAsync(line.SettlementId, NpgsqlDbType.Text, cancellationToken);
        await rows.WriteAsync(line.RequestId, NpgsqlDbType.Text, cancellationToken);
        await rows.WriteAsync(line.OriginalRequestId, NpgsqlDbType.Text, cancellationToken);
        await rows.WriteAsync(line.InsuredId, NpgsqlDbType.Text, cancellationToken);
        await WriteAsync(rows, line.VisitDate, cancellationToken);
        await WriteAsync(rows, line.SettledOn, cancellationToken);
        if (line.VisitType == VisitType.Unspecified) await rows.WriteNullAsync(cancellationToken);
        else await rows.WriteAsync(SubLedgerTable.Name(line.VisitType), NpgsqlDbType.Text, cancellationToken);
        await rows.WriteAsync(line.TotalFen, NpgsqlDbType.Bigint, cancellationToken);
        await rows.WriteAsync(line.FundPayFen, NpgsqlDbType.Bigint, cancellationToken);
    }

    private static async Task ReadPeriodAsync(
        NpgsqlConnection connection, string facilityCode, Period period, LinesSummary summary, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, $"""
            INSERT INTO entered SELECT {EntryColumns} FROM sub_ledger WHERE facility_code = $1 AND {period.SqlCondition}
            """, cancellationToken, command => period.AddParameters(command, facilityCode));
        await ExecuteAsync(connection, "ANALYZE entered", cancellationToken);
        await using NpgsqlCommand sums = new("""
            SELECT count(*), coalesce(sum(CASE kind WHEN 'CANCELLATION' THEN -1 ELSE 1 END), 0)::bigint,
                coalesce(sum(total_fen), 0)::bigint, coalesce(sum(fund_pay_fen), 0)::bigint, (SELECT count(*) FROM listed)
            FROM entered
            """, connection) { CommandTimeout = TimeoutSeconds };
        await using NpgsqlDataReader row = await sums.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        summary.Entries = row.GetInt64(0);
        summary.Lines = row.GetInt64(4);
        summary.Centre = new SettlementTotals { Count = row.GetInt64(1), TotalFen = row.GetInt64(2), FundPayFen = row.GetInt64(3) };
    }

    /// <summary>Which settlement each line is about: by its request, then by the request it cancels, then by settlement_id.</summary>
    private static async Task FindSubjectsAsync(
        NpgsqlConnection connection, string facilityCode, Period period, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, """
            INSERT INTO by_request
                SELECT DISTINCT ON (insured_id, request_id) insured_id, request_id, subject FROM (
                    SELECT insured_id, request_id, subject FROM entered
                    UNION ALL SELECT insured_id, original_request_id, subject FROM entered WHERE original_request_id <> ''
                ) AS key ORDER BY insured_id, request_id;
            INSERT INTO by_settlement
                SELECT DISTINCT ON (settlement_id) settlement_id, subject FROM (
                    SELECT settlement_id, subject FROM entered UNION ALL SELECT subject, subject FROM entered
                ) AS key ORDER BY settlement_id;
            ANALYZE by_request, by_settlement;
            INSERT INTO found
                SELECT line_number, coalesce(own.subject, original.subject, by_settlement.subject), false, false
                FROM listed
                    LEFT JOIN by_request AS own ON own.insured_id = listed.insured_id AND own.request_id = listed.request_id
                    LEFT JOIN by_request AS original ON original.insured_id = listed.insured_id
                        AND original.request_id = listed.original_request_id
                    LEFT JOIN by_settlement ON by_settlement.settlement_id = listed.settlement_id;
            INSERT INTO unfound SELECT listed.* FROM listed JOIN found USING (line_number) WHERE subject IS NULL;
            ANALYZE unfound;
            """, cancellationToken);

        // What the period has nothing of may stand on another day. settlement_id has an index of its own; a request is searched for.
        await ExecuteAsync(connection, $"""
            INSERT INTO searched SELECT kind, insured_id, request_id, original_request_id, {Subject} FROM sub_ledger
            WHERE facility_code = $1 AND EXISTS (SELECT FROM unfound)
                AND settled_at >= least($2, (SELECT min(visit_date)
                    FROM unfound)::timestamp AT TIME ZONE 'Asia/Shanghai') - make_interval(days => $3)
            """, cancellationToken, command =>
        {
            command.Parameters.Add(new() { Value = facilityCode });
            command.Parameters.Add(new() { Value = ChinaTime.StartOf(period.From) });
            command.Parameters.Add(new() { Value = SearchDays });
        });
        await ExecuteAsync(connection, "ANALYZE searched", cancellationToken);
        await ExecuteAsync(connection, """
            WITH elsewhere AS (
                SELECT line_number, searched.subject, false AS is_foreign, false AS reversed, 1 AS preference
                FROM unfound JOIN searched USING (insured_id, request_id) WHERE searched.kind <> 'REQUEST_ONLY'
                UNION ALL
                SELECT line_number, searched.subject, false, false, 2
                FROM unfound JOIN searched ON searched.insured_id = unfound.insured_id AND searched.request_id = unfound.original_request_id
                WHERE searched.kind <> 'REQUEST_ONLY'
                UNION ALL
                SELECT line_number, CASE WHEN facility_code = $1 THEN coalesce(nullif(original_settlement_id, ''),
                    sub_ledger.settlement_id) END,
                    facility_code <> $1, false, 3
                FROM unfound JOIN sub_ledger USING (settlement_id) WHERE sub_ledger.kind <> 'REQUEST_ONLY'
                UNION ALL
                SELECT line_number, NULL, false, true, 4
                FROM unfound JOIN searched ON searched.insured_id = unfound.insured_id AND searched.original_request_id = unfound.request_id
                WHERE searched.kind = 'REQUEST_ONLY'
            ), best AS (
                SELECT DISTINCT ON (line_number) * FROM elsewhere ORDER BY line_number, preference
            )
            UPDATE found SET subject = best.subject, is_foreign = best.is_foreign, reversed = best.reversed FROM best
                WHERE best.line_number = found.line_number
            """, cancellationToken, command => command.Parameters.Add(new() { Value = facilityCode }));
        await ExecuteAsync(connection, "ANALYZE found", cancellationToken);
    }

    /// <summary>The settlements whose lines and entries do not pair off exactly, with all their entries of any day.</summary>
    private static async Task GatherSuspectsAsync(
        NpgsqlConnection connection, string facilityCode, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, """
            INSERT INTO suspect
            SELECT DISTINCT subject FROM (
                SELECT subject, kind = 'CANCELLATION' AS cancels, count(*) AS entries, 0 AS lines, 0 AS exact FROM entered GROUP BY 1, 2
                UNION ALL
                SELECT subject, cancels, 0, count(*), 0 FROM listed JOIN found USING (line_number) WHERE subject IS NOT NULL GROUP BY 1, 2
                UNION ALL
                SELECT found.subject, cancels, 0, 0, count(DISTINCT line_number)
                FROM listed JOIN found USING (line_number)
                    JOIN entered AS entry ON entry.subject = found.subject AND (entry.kind = 'CANCELLATION') = listed.cancels
                        AND entry.total_fen = listed.total_fen AND entry.fund_pay_fen = listed.fund_pay_fen
                        AND entry.insured_id = listed.insured_id
                        AND (listed.visit_date IS NULL OR entry.visit_date = listed.visit_date)
                        AND (listed.settled_on IS NULL OR entry.settled_on = listed.settled_on)
                        AND (listed.visit_type IS NULL OR entry.visit_type = listed.visit_type)
                        AND listed.settlement_id IN ('', entry.settlement_id, entry.original_settlement_id)
                        AND listed.request_id IN ('', entry.request_id, entry.original_request_id)
                GROUP BY 1, 2
            ) AS side
            GROUP BY subject, cancels HAVING sum(entries) <> sum(lines) OR sum(exact) <> sum(lines);
            ANALYZE suspect;
            INSERT INTO suspect_entry SELECT entered.* FROM entered JOIN suspect USING (subject);
            """, cancellationToken);

        // The settlements themselves by their ids; what was done to them later by the time at which it can have been done.
        await ExecuteAsync(connection, $"""
            WITH settled AS MATERIALIZED (
                SELECT {EntryColumns}, settled_at FROM sub_ledger
                WHERE settlement_id IN (SELECT subject FROM suspect) AND facility_code = $1
            ), undone AS MATERIALIZED (
                SELECT {EntryColumns} FROM sub_ledger
                WHERE facility_code = $1 AND kind IN ('CANCELLATION', 'RESTORATION') AND original_settlement_id IN (SELECT subject
                    FROM suspect)
                    AND settled_at >= (SELECT min(settled_at) FROM settled) - interval '1 day'
            ), all_days AS (
                SELECT subject, shard, sequence, kind, settlement_id, original_settlement_id, request_id, original_request_id, insured_id,
                    visit_date, settled_on, visit_type, total_fen, fund_pay_fen FROM settled
                UNION ALL SELECT * FROM undone
            )
            INSERT INTO suspect_entry
            SELECT all_days.* FROM all_days WHERE NOT EXISTS (SELECT FROM entered WHERE entered.shard = all_days.shard
                AND entered.sequence = all_days.sequence)
            """, cancellationToken, command => command.Parameters.Add(new() { Value = facilityCode }));
        await ExecuteAsync(connection, "ANALYZE suspect_entry", cancellationToken);
    }

    /// <summary>
    /// Settlements of the period that look like one bill under two requests: of what is not listed, its twin is one that is; of a line
    /// that the centre has nothing of, one that stands here.
    /// </summary>
    private static Task FindTwinsAsync(NpgsqlConnection connection, CancellationToken cancellationToken) => ExecuteAsync(connection, """
        INSERT INTO bill
            SELECT subject, min(insured_id), min(visit_date), min(visit_type), max(total_fen),
                subject IN (SELECT subject FROM found WHERE subject IS NOT NULL)
            FROM entered
            WHERE insured_id IN (
                SELECT insured_id FROM listed JOIN found USING (line_number) WHERE subject IS NULL
                UNION SELECT insured_id FROM suspect_entry)
            GROUP BY subject HAVING sum(CASE kind WHEN 'CANCELLATION' THEN -1 ELSE 1 END) > 0;
        ANALYZE bill;
        INSERT INTO twin (of_line, twin)
            SELECT DISTINCT ON (line_number) line_number, bill.subject
            FROM listed JOIN found USING (line_number)
                JOIN bill ON bill.insured_id = listed.insured_id AND bill.total_fen = listed.total_fen
                AND bill.visit_date = coalesce(listed.visit_date, bill.visit_date)
                AND bill.visit_type = coalesce(listed.visit_type, bill.visit_type)
            WHERE found.subject IS NULL AND NOT found.is_foreign AND NOT listed.cancels ORDER BY line_number, bill.subject;
        INSERT INTO twin (of_subject, twin)
            SELECT DISTINCT ON (own.subject) own.subject, other.subject
            FROM bill AS own JOIN bill AS other USING (insured_id, visit_date, visit_type, total_fen)
            WHERE NOT own.is_listed AND other.is_listed ORDER BY own.subject, other.subject;
        ANALYZE twin;
        """, cancellationToken);

    private static async IAsyncEnumerable<LineDifference> CompareAsync(
        NpgsqlConnection connection, Period period, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Lines of which the centre knows nothing belong together by the request or settlement they name.
        await using NpgsqlCommand command = new("""
            WITH suspicious AS (
                SELECT coalesce(found.subject,
                        E'\n' || insured_id || E'\n'
                            || coalesce(nullif(original_request_id, ''), nullif(request_id, ''), settlement_id)) AS subject,
                    line_number, is_foreign, reversed, NULL::integer AS shard, NULL::bigint AS sequence,
                    CASE WHEN cancels THEN 'CANCELLATION' ELSE 'SETTLEMENT' END AS kind, settlement_id, '' AS original_settlement_id,
                    request_id, original_request_id, insured_id, visit_date, settled_on, visit_type, total_fen, fund_pay_fen, twin
                FROM listed JOIN found USING (line_number) LEFT JOIN suspect ON suspect.subject = found.subject
                    LEFT JOIN twin ON twin.of_line = line_number
                WHERE found.subject IS NULL OR suspect.subject IS NOT NULL
                UNION ALL
                SELECT subject, NULL, NULL, NULL, shard, sequence, kind, settlement_id, original_settlement_id, request_id,
                    original_request_id, insured_id, visit_date, settled_on, visit_type, total_fen, fund_pay_fen, twin
                FROM suspect_entry LEFT JOIN twin ON twin.of_subject = subject
            )
            SELECT subject, line_number, is_foreign, reversed, kind, settlement_id, original_settlement_id, request_id, original_request_id,
                insured_id, visit_date, settled_on, total_fen, fund_pay_fen, visit_type, twin
            FROM (SELECT *, min(line_number) OVER (PARTITION BY subject) AS first_line FROM suspicious) AS grouped
            ORDER BY first_line NULLS LAST, subject COLLATE "C", line_number NULLS FIRST, shard, sequence
            """, connection) { CommandTimeout = TimeoutSeconds };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        string? subject = null;
        List<CentreRecord> entries = [];
        List<ListedLine> lines = [];
        bool foreign = false;
        bool reversed = false;
        string twin = "";
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetString(0) != subject)
            {
                foreach (LineDifference difference in Differences()) yield return difference;
                subject = row.GetString(0);
                entries = [];
                lines = [];
                foreign = reversed = false;
                twin = "";
            }

            if (!row.IsDBNull(15)) twin = row.GetString(15);

            if (row.IsDBNull(1))
            {
                entries.Add(EntryOf(row));
            }
            else if (lines.Count < MostLinesOfOneSettlement)
            {
                lines.Add(LineOf(row));
                foreign |= row.GetBoolean(2);
                reversed |= row.GetBoolean(3);
            }
            else
            {
                yield return SettlementComparison.Duplicate(LineOf(row), lines[0]);
            }
        }

        foreach (LineDifference difference in Differences()) yield return difference;

        List<LineDifference> Differences() => SettlementComparison.Of(period, new SettlementCase(entries, lines, foreign, reversed, twin));
    }

    private static CentreRecord EntryOf(NpgsqlDataReader row) => new(
        row.GetString(4), row.GetString(5), row.GetString(6), row.GetString(7), row.GetString(8), row.GetString(9),
        row.GetFieldValue<DateOnly>(10), row.GetFieldValue<DateOnly>(11), TypeOf(row), row.GetInt64(12), row.GetInt64(13));

    private static ListedLine LineOf(NpgsqlDataReader row) => new(
        row.GetInt64(1), row.GetString(4) == "CANCELLATION", row.GetString(5), row.GetString(7), row.GetString(8), row.GetString(9),
        row.IsDBNull(10) ? null : row.GetFieldValue<DateOnly>(10), row.IsDBNull(11) ? null : row.GetFieldValue<DateOnly>(11),
        TypeOf(row), row.GetInt64(12), row.GetInt64(13));

    private static VisitType TypeOf(NpgsqlDataReader row) =>
        row.IsDBNull(14) ? VisitType.Unspecified : SubLedgerTable.VisitTypeOf(row.GetString(14));

    private static Task WriteAsync(NpgsqlBinaryImporter rows, DateOnly? day, CancellationToken cancellationToken) =>
        day is { } given ? rows.WriteAsync(given, NpgsqlDbType.Date, cancellationToken) : rows.WriteNullAsync(cancellationToken);

    internal static async Task ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, Action<NpgsqlCommand>? parameters = null)
    {
        await using NpgsqlCommand command = new(sql, connection) { CommandTimeout = TimeoutSeconds };
        parameters?.Invoke(command);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
