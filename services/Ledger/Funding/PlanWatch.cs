using System.Diagnostics.Metrics;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Funding;

/// <summary>Shows, as metrics, how far the plans of the present and the previous year are used.</summary>
internal sealed class PlanWatch : Watch
{
    private const string Scheme = "resident";

    private readonly Plans _plans;
    private readonly TimeProvider _clock;
    private readonly ILogger<PlanWatch> _logger;
    private volatile IReadOnlyList<Plan> _latest = [];

    public PlanWatch(Plans plans, TimeProvider clock, ILogger<PlanWatch> logger)
        : base("Claims.Ledger.Funding", clock)
    {
        (_plans, _clock, _logger) = (plans, clock, logger);
        Meter.CreateObservableGauge("claims_ledger_plan_used_ratio", () => Observe(plan => (double)plan.SpentFen / plan.PlanFen),
            description: "Benefit expense of the year's visits, of the county's plan.");
        Meter.CreateObservableGauge("claims_ledger_plan_fen", () => Observe(plan => plan.PlanFen),
            description: "The county's plan for the year's visits, in fen.");
        Meter.CreateObservableGauge("claims_ledger_plan_spent_fen", () => Observe(plan => plan.SpentFen),
            description: "Benefit expense of the year's visits, in fen.");
        Meter.CreateObservableGauge("claims_ledger_plan_warning_percent", () => Observe(plan => plan.WarningPercent),
            description: "The highest threshold of the county's plan that is reached; 0 for none.");
    }

    /// <summary>Reads the plans once; without an answer nothing is shown rather than what was.</summary>
    public override async Task RefreshAsync(CancellationToken cancellationToken)
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

    private IEnumerable<Measurement<T>> Observe<T>(Func<Plan, T> value) where T : struct => _latest.Select(plan => new Measurement<T>(
        value(plan), new KeyValuePair<string, object?>("county", plan.County), new KeyValuePair<string, object?>("year", plan.Year)));
}
