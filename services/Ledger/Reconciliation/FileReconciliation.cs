using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.Policy;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Ledger.Reconciliation;

/// <summary>
/// A whole file of one facility or of all: totals first [3201], lines where the totals differ or where asked [3202]. Everything is read
/// in one snapshot. The file waits in a temporary table, so memory does not grow with it.
/// </summary>
internal sealed class FileReconciliation(NpgsqlDataSource database, FileSlots slots, LineReconciliation lineByLine, TimeProvider clock)
{
    private const int MaxFacilityCodeLength = 30;
    private const int MostFacilities = 20_000;

    /// <summary>Facility by facility, in the order of their codes: its differences, then its outcome; then one summary.</summary>
    /// <param name="facilityCode">Empty: every facility that a line names, and every one that has entries in the period.</param>
    /// <param name="stated">What the lines must come to, where the facility says it.</param>
    /// <exception cref="ReconciliationRequestException">A line cannot be compared, or the sums are not those stated.</exception>
    /// <exception cref="SubLedger.UnknownFacilityException">Nothing of a facility was ever booked.</exception>
    /// <exception cref="TooManyFilesException">Others are being compared.</exception>
    public async IAsyncEnumerable<ReconcileFileReply> ReconcileAsync(
        string facilityCode, Period period, bool alwaysLines, SettlementTotals? stated, IAsyncEnumerable<FacilityLine> lines,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using IDisposable slot = slots.Take();
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await LineReconciliation.CreateTablesAsync(connection, cancellationToken);
        SortedDictionary<string, FacilitySums> facilities = new(StringComparer.Ordinal);
        if (facilityCode.Length > 0) facilities.Add(facilityCode, new FacilitySums());
        long count = await CopyAsync(connection, facilityCode, facilities, lines, cancellationToken);
        if (stated is not null && facilities.GetValueOrDefault(facilityCode)?.All is { } sums && !stated.Equals(sums))
            throw NotStated(stated, sums);

        Dictionary<string, Dictionary<VisitType, SettlementTotals>> centre =
            await TotalsReader.ByFacilityAndTypeAsync(connection, facilityCode, period, cancellationToken);
        await TotalsReader.RequireKnownAsync(connection, facilities.Keys.Except(centre.Keys), cancellationToken);
        foreach (string code in centre.Keys) facilities.TryAdd(code, new FacilitySums());

        FileSummary summary = new() { Lines = count, Complete = period.IsComplete(clock), Notice = period.NoticeOf(clock) };
        foreach ((string code, FacilitySums facility) in facilities)
        {
            FacilityOutcome outcome = new()
            {
                FacilityCode = code,
                Totals = TotalsComparison.Compare(centre.GetValueOrDefault(code) ?? [], facility.Figures),
            };
            (outcome.Totals.Complete, outcome.Totals.Notice) = (summary.Complete, summary.Notice);
            outcome.Reconciled = outcome.Totals.Outcome == TotalsOutcome.Balanced;
            if (alwaysLines || !outcome.Reconciled)
            {
                await TakeLinesAsync(connection, code, cancellationToken);
                await foreach (ReconcileLinesReply reply in lineByLine.CompareListedAsync(
                    connection, code, period, facility.All, cancellationToken))
                {
                    if (reply.Difference is { } difference) yield return new ReconcileFileReply { Difference = difference };
                    else outcome.Lines = reply.Summary;
                }

                outcome.Reconciled = outcome.Lines.Reconciled;
            }

            summary.Facilities++;
            if (!outcome.Reconciled) summary.FacilitiesDiffering++;
            yield return new ReconcileFileReply { Facility = outcome };
        }

        summary.Reconciled = summary.FacilitiesDiffering == 0;
        yield return new ReconcileFileReply { Summary = summary };
    }

    /// <summary>The whole file into a table, checked line by line and summed.</summary>
    private static async Task<long> CopyAsync(
        NpgsqlConnection connection, string facilityCode, SortedDictionary<string, FacilitySums> facilities,
        IAsyncEnumerable<FacilityLine> lines, CancellationToken cancellationToken)
    {
        await LineReconciliation.ExecuteAsync(connection,
            "CREATE TEMP TABLE file_line (facility_code text, LIKE listed) ON COMMIT DROP", cancellationToken);
        long count = 0;
        await using (NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(
            $"COPY file_line (facility_code, {LineReconciliation.ListedColumns}) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
            long previous = 0;
            await foreach (FacilityLine sent in lines.WithCancellation(cancellationToken))
            {
                LineReconciliation.RequireFew(++count);
                string code = facilityCode.Length > 0 ? facilityCode : FacilityOf(sent);
                ListedLine line = ListedLine.Check(sent, code, previous);
                previous = line.Number;
                if (!facilities.TryGetValue(code, out FacilitySums? sums)) facilities.Add(code, sums = new FacilitySums());
                if (facilities.Count > MostFacilities) throw TooManyFacilities();
                sums.Add(line);
                await rows.StartRowAsync(cancellationToken);
                await rows.WriteAsync(code, NpgsqlDbType.Text, cancellationToken);
                await LineReconciliation.WriteAsync(rows, line, cancellationToken);
            }

            await rows.CompleteAsync(cancellationToken);
        }

        await LineReconciliation.ExecuteAsync(
            connection, "CREATE INDEX ON file_line (facility_code); ANALYZE file_line", cancellationToken);
        return count;
    }

    private static async Task TakeLinesAsync(NpgsqlConnection connection, string facilityCode, CancellationToken cancellationToken)
    {
        await LineReconciliation.EmptyTablesAsync(connection, cancellationToken);
        await LineReconciliation.ExecuteAsync(connection, $"""
            INSERT INTO listed ({LineReconciliation.ListedColumns}) SELECT {LineReconciliation.ListedColumns} FROM file_line
            WHERE facility_code = $1
            """, cancellationToken, command => command.Parameters.Add(new() { Value = facilityCode }));
        await LineReconciliation.ExecuteAsync(connection, "ANALYZE listed", cancellationToken);
    }

    private static string FacilityOf(FacilityLine line) =>
        line.FacilityCode.Length is > 0 and <= MaxFacilityCodeLength && PlainText.Is(line.FacilityCode)
            ? line.FacilityCode
            : throw new ReconciliationRequestException(
                string.Create(CultureInfo.InvariantCulture, $"line {line.LineNumber}: facility_code is missing or no code"),
                string.Create(CultureInfo.InvariantCulture, $"第 {line.LineNumber} 行：机构编码（facility_code）未填或有误"));

    private static ReconciliationRequestException TooManyFacilities() => new(
        string.Create(CultureInfo.InvariantCulture, $"there are more than {MostFacilities} facilities"),
        string.Create(CultureInfo.InvariantCulture, $"机构超过 {MostFacilities} 家"));

    private static ReconciliationRequestException NotStated(SettlementTotals stated, SettlementTotals sums) => new(
        $"the stated totals {Text(stated)} are not the sums of the lines, {Text(sums)}",
        $"所报合计 {Text(stated)} 与明细合计 {Text(sums)} 不符（依次为笔数、总费用、基金支付，单位为分）");

    private static string Text(SettlementTotals totals) =>
        string.Create(CultureInfo.InvariantCulture, $"{totals.Count},{totals.TotalFen},{totals.FundPayFen}");

    /// <summary>What a facility's lines come to.</summary>
    private sealed class FacilitySums
    {
        private readonly SortedDictionary<VisitType, SettlementTotals> _byType = [];

        public SettlementTotals All { get; } = new();

        /// <summary>All together; where every line states its visit type, type by type as well.</summary>
        public List<ReconcileTotalsRequest.Types.FacilityFigures> Figures
        {
            get
            {
                List<ReconcileTotalsRequest.Types.FacilityFigures> figures = [new() { Totals = All }];
                if (!_byType.ContainsKey(VisitType.Unspecified))
                    figures.AddRange(_byType.Select(type => new ReconcileTotalsRequest.Types.FacilityFigures
                    {
                        VisitType = type.Key,
                        Totals = type.Value,
                    }));
                return figures;
            }
        }

        public void Add(ListedLine line)
        {
            TotalsComparison.Add(All, line.Totals);
            if (!_byType.TryGetValue(line.VisitType, out SettlementTotals? sums))
                _byType.Add(line.VisitType, sums = new SettlementTotals());
            TotalsComparison.Add(sums, line.Totals);
        }
    }
}
