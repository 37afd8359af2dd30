using System.Diagnostics.Metrics;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>Shows, as metrics, how far the plans of the present and the previous year are used.</summary>
internal sealed class PlanWatch : BackgroundService
{
    private const string Scheme = "resident";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(60);

    private readonly Plans _plans;
    private readonly TimeProvider _clock;
    private readonly ILogger<PlanWatch> _logger;
    private readonly Meter _meter = new("Claims.Ledger.Funding");
    private volatile IReadOnlyList<Plan> _latest = [];

    public PlanWatch(Plans plans, TimeProvider clock, ILogger<PlanWatch> logger)
    {
        (_plans, _clock, _logger) = (plans, clock, logger);
        _meter.CreateObservableGauge("claims_ledger_plan_used_ratio", () => Observe(plan => (double)plan.SpentFen / plan.PlanFen),
            description: "Benefit expense of the year's visits, of the county's plan.");
        _meter.CreateObservableGauge("claims_ledger_plan_fen", () => Observe(plan => plan.PlanFen),
            description: "The county's plan for the year's visits, in fen.");
        _meter.CreateObservableGauge("claims_ledger_plan_spent_fen", () => Observe(plan => plan.SpentFen),
            description: "Benefit expense of the year's visits, in fen.");
        _meter.CreateObservableGauge("claims_ledger_plan_warning_percent", () => Observe(plan => plan.WarningPercent),
            description: "The highest threshold of the county's plan that is reached; 0 for none.");
    }

    /// <summary>Reads the plans once; without an answer nothing is shown rather than what was.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            int year = ChinaTime.Today(_clock).Year;
            _latest = [.. await _plans.ListAsync(Scheme, year - 1, cancellationToken),
                .. await _plans.ListAsync(Scheme, year, cancellationToken)];
        }
        catch (NpgsqlException exception)
        {
            _latest = [];
            _logger.LogWarning("The plans could not be read: {Reason}", exception.Message);
        }
    }

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, _clock);
        do await RefreshAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private IEnumerable<Measurement<T>> Observe<T>(Func<Plan, T> value) where T : struct => _latest.Select(plan => new Measurement<T>(
        value(plan), new KeyValuePair<string, object?>("county", plan.County), new KeyValuePair<string, object?>("year", plan.Year)));
}
