using System.Diagnostics.Metrics;
using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>Shows, as metrics, what the fund's accounts hold and what a month of benefits takes.</summary>
internal sealed class FundWatch : Watch
{
    private const int TimeoutSeconds = 60;
    private const int MonthDays = 30;

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<FundWatch> _logger;
    private volatile Reading _latest = Reading.None;

    public FundWatch(NpgsqlDataSource database, TimeProvider clock, ILogger<FundWatch> logger)
        : base("Claims.Ledger.Fund", clock)
    {
        (_database, _clock, _logger) = (database, clock, logger);
        Meter.CreateObservableGauge("claims_ledger_account_balance_fen",
            () => _latest.Balances.Select(
                balance => new Measurement<long>(balance.Fen, new KeyValuePair<string, object?>("kind", balance.Kind))),
            description: "Debit less credit of a kind of account, all counties, in fen.");
        Meter.CreateObservableGauge("claims_ledger_benefits_30_days_fen", () => _latest.Benefits,
            description: "Benefit expense posted in the last 30 days, in fen.");
    }

    /// <summary>Reads the books once; without an answer nothing is shown rather than what was.</summary>
    public override async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlCommand read = _database.CreateCommand("""
                SELECT kind, sum(debit_fen - credit_fen)::bigint,
                    coalesce(sum(debit_fen - credit_fen) FILTER (WHERE posting_date > $1), 0)::bigint
                FROM account JOIN posting USING (account_code) JOIN journal USING (journal_id)
                WHERE account.scheme = 'resident' GROUP BY kind ORDER BY kind
                """);
            read.CommandTimeout = TimeoutSeconds;
            read.Parameters.Add(new() { Value = ChinaTime.Today(_clock).AddDays(-MonthDays) });
            List<(string Kind, long Fen)> balances = [];
            long benefitsFen = 0;
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                balances.Add((row.GetString(0), row.GetInt64(1)));
                if (row.GetString(0).StartsWith('5')) benefitsFen += row.GetInt64(2);
            }

            _latest = new Reading(balances, [new(benefitsFen)]);
        }
        catch (NpgsqlException exception)
        {
            _latest = Reading.None;
            _logger.LogWarning("The fund's accounts could not be read: {Reason}", exception.Message);
        }
    }

    private sealed record Reading(IReadOnlyList<(string Kind, long Fen)> Balances, IReadOnlyList<Measurement<long>> Benefits)
    {
        public static readonly Reading None = new([], []);
    }
}
