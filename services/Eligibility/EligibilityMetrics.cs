using System.Diagnostics.Metrics;
using System.Text.Json;
using Claims.V1;

namespace Claims.Eligibility;

internal sealed class EligibilityMetrics : IDisposable
{
    private readonly Meter meter = new("Claims.Eligibility");

    public EligibilityMetrics(ChangeFeed feed)
    {
        LookupSeconds = meter.CreateHistogram<double>(
            "claims_eligibility_lookup_seconds", "s", "Time of one batched look-up, database included.");
        ImportedRows = meter.CreateCounter<long>("claims_eligibility_imported_rows", description: "Rows of committed imports, by kind.");
        ClinicLogIns = meter.CreateCounter<long>(
            "claims_clinic_logins_total", description: "Logins of clinics' clerks, by outcome: logged_in, wrong_credentials, locked_out.");
        foreach (LogInOutcome outcome in Enum.GetValues<LogInOutcome>().Skip(1)) ClinicLogIns.Add(0, Tag(outcome));
        meter.CreateObservableGauge("claims_eligibility_registry_version", () => feed.Version,
            description: "Version of the registry as this instance knows it.");
    }

    public Histogram<double> LookupSeconds { get; }

    public Counter<long> ImportedRows { get; }

    public void CountLogIn(LogInOutcome outcome) => ClinicLogIns.Add(1, Tag(outcome));

    private Counter<long> ClinicLogIns { get; }

    private static KeyValuePair<string, object?> Tag(LogInOutcome outcome) =>
        new("outcome", JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.ToString()));

    public void Dispose() => meter.Dispose();
}
