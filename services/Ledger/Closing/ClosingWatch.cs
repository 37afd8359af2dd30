using System.Diagnostics.Metrics;
using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Closing;

/// <summary>Shows, as a metric, which years are proposed to be closed, so that whoever would take one back hears of it in time.</summary>
internal sealed class ClosingWatch : Watch
{
    private readonly YearProposals _proposals;
    private readonly ILogger<ClosingWatch> _logger;
    private volatile IReadOnlyList<(int Year, DateTimeOffset Due)> _pending = [];

    public ClosingWatch(YearProposals proposals, TimeProvider clock, ILogger<ClosingWatch> logger)
        : base("Claims.Ledger.Closing", clock)
    {
        (_proposals, _logger) = (proposals, logger);
        Meter.CreateObservableGauge("claims_ledger_year_closing_due_seconds", () => _pending.Select(year => new Measurement<double>(
            (year.Due - clock.GetUtcNow()).TotalSeconds, new KeyValuePair<string, object?>("year", year.Year))),
            description: "Until the year may be closed that is proposed to be; below 0 it may be.");
    }

    public override async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            _pending = await _proposals.PendingAsync(cancellationToken);
        }
        catch (NpgsqlException exception)
        {
            _pending = [];
            _logger.LogWarning("The proposals to close a year could not be read: {Reason}", exception.Message);
        }
    }
}
