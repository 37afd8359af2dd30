using System.Globalization;
using Claims.Cli;
using Claims.Cli.Audit;
using Claims.Cli.Commands;
using Claims.Cli.Demo;
using Claims.LoadTests.Chaos.Calls;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>Reads what the services and the ledger's tables say, once nothing moves any more.</summary>
public sealed class RecordingReader(Services services, string ledgerDatabase)
{
    private const int ReadersOfAccumulators = 32;
    private const string Verifies = "the ledger verifies its books";
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ListBound = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BooksBound = TimeSpan.FromMinutes(2);

    /// <param name="others">What was found by others already.</param>
    public async Task<Recording> ReadAsync(
        IReadOnlyList<Call> calls, IReadOnlyDictionary<string, long> statuses, IReadOnlyList<Check> others,
        CancellationToken cancellationToken)
    {
        await using NpgsqlDataSource ledger = NpgsqlDataSource.Create(ledgerDatabase);
        List<Row> rows = await ReadRowsAsync(ledger, cancellationToken);
        Check verified = await VerifyAsync(cancellationToken);
        return new Recording(
            calls, rows, await ReadAccumulatorsAsync(rows, cancellationToken), await ReadYearsAsync(cancellationToken),
            await ReadGeneralLedgerAsync(ledger, cancellationToken), await ReadWatermarksAsync(cancellationToken), statuses,
            [verified, .. others]);
    }

    private static async Task<List<Row>> ReadRowsAsync(NpgsqlDataSource ledger, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = ledger.CreateCommand("""
            SELECT shard, sequence, kind, coalesce(settlement_id, ''), original_settlement_id, insured_id, facility_code, request_id,
                visit_date, total_fen, deductible_fen, fund_pay_fen, cap_used_before_fen, cap_used_after_fen
            FROM sub_ledger ORDER BY shard, sequence
            """);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        List<Row> rows = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new Row(
                reader.GetInt32(0), reader.GetInt64(1), reader.GetString(2), reader.GetString(3), reader.GetString(4),
                new RequestKey(reader.GetString(5), reader.GetString(6), reader.GetString(7)),
                await reader.IsDBNullAsync(8, cancellationToken) ? null : reader.GetFieldValue<DateOnly>(8),
                reader.GetInt64(9), reader.GetInt64(10), reader.GetInt64(11), reader.GetInt64(12), reader.GetInt64(13)));
        }

        return rows;
    }

    private async Task<IReadOnlyList<Held>> ReadAccumulatorsAsync(List<Row> rows, CancellationToken cancellationToken)
    {
        V1.Adjudication.AdjudicationClient client = new(services.Connect(services.Layout.AdjudicationAddress));
        (string Insured, int Year)[] asked = [.. rows.Where(row => row.VisitDate is not null)
            .Select(row => row.Key.InsuredId).Distinct().SelectMany(insured => City.Years.Select(year => (insured, year)))];
        Held[] held = new Held[asked.Length];
        ParallelOptions bounded = new() { MaxDegreeOfParallelism = ReadersOfAccumulators, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, asked.Length, bounded, async (index, cancel) =>
        {
            (string insured, int year) = asked[index];
            Accumulators answer = await client.GetAccumulatorsAsync(
                new GetAccumulatorsRequest { InsuredId = insured, Year = year }, null, DateTime.UtcNow + CallBound, cancel);
            held[index] = new Held(
                insured, year, answer.FundPaidFen,
                answer.FacilityDays.Where(day => day.DeductibleBorneFen != 0).ToDictionary(
                    day => (day.FacilityCode, DateOnly.ParseExact(day.Date, "yyyy-MM-dd", CultureInfo.InvariantCulture)),
                    day => day.DeductibleBorneFen),
                [.. answer.Settlements.Select(settlement => (settlement.FacilityCode, settlement.RequestId))]);
        });
        return held;
    }

    private async Task<IReadOnlyList<YearOfBooks>> ReadYearsAsync(CancellationToken cancellationToken)
    {
        Ledger.LedgerClient ledger = new(services.Connect(services.Layout.LedgerAddress));
        using AsyncServerStreamingCall<InsuredYear> years =
            ledger.ListInsuredYears(new ListInsuredYearsRequest(), null, DateTime.UtcNow + ListBound, cancellationToken);
        List<YearOfBooks> read = [];
        await foreach (InsuredYear year in years.ResponseStream.ReadAllAsync(cancellationToken))
            read.Add(new YearOfBooks(year.InsuredId, year.Year, year.CappedFundPayFen, year.StandingSettlements));
        return read;
    }

    private async Task<GeneralLedger> ReadGeneralLedgerAsync(NpgsqlDataSource ledger, CancellationToken cancellationToken)
    {
        long journalsApart = await CountJournalsApartAsync(ledger, cancellationToken);
        TrialBalance balance = await LedgerTrialBalance.ReadAsync(services, cancellationToken);
        return new GeneralLedger(
            balance.DebitFen, balance.CreditFen, journalsApart, balance.FundPaidFen, balance.StandingSettlements);
    }

    internal static async Task<long> CountJournalsApartAsync(NpgsqlDataSource ledger, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand apart = ledger.CreateCommand("""
            SELECT count(*) FROM (SELECT 1 FROM posting GROUP BY journal_id HAVING sum(debit_fen) <> sum(credit_fen)) AS apart
            """);
        return (long)(await apart.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<IReadOnlyList<(int Shard, long Given, long Booked)>> ReadWatermarksAsync(CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient client =
            new(services.Connect(services.Layout.AdjudicationOperatorsAddress));
        Outbox outbox = await client.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
        return [.. outbox.Shards.Select(shard => (shard.Shard, shard.Sequence, shard.Committed))];
    }

    private async Task<Check> VerifyAsync(CancellationToken cancellationToken)
    {
        AuditReport audit;
        try
        {
            audit = await LedgerVerify.VerifyAsync(services, new VerifyRequest(), BooksBound, cancellationToken);
        }
        catch (CommandException e)
        {
            return new Check(Verifies, false, e.Message);
        }

        return CheckOf(audit);
    }

    /// <remarks>What cannot be known does not hold.</remarks>
    internal static Check CheckOf(AuditReport audit)
    {
        string[] wrong = [.. audit.Findings.Where(finding => finding.Holds != true).Select(finding => $"{finding.Name}: {finding.Detail}")];
        return new Check(Verifies, audit.Holds,
            wrong.Length == 0 ? $"head {audit.Head.Link}" : string.Join("; ", wrong));
    }
}
