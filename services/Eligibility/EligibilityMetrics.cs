using System.Diagnostics.Metrics;

namespace Claims.Eligibility;

internal sealed class EligibilityMetrics : IDisposable
{
    private readonly Meter meter = new("Claims.Eligibility");

    public EligibilityMetrics(ChangeFeed feed)
    {
        LookupSeconds = meter.CreateHistogram<double>(
            "claims_eligibility_lookup_seconds", "s", "Time of one batched look-up, database included.");
        ImportedRows = meter.CreateCounter<long>("claims_eligibility_imported_rows", description: "Rows of committed imports, by kind.");
        meter.CreateObservableGauge("claims_eligibility_registry_version", () => feed.Version,
            description: "Version of the registry as this instance knows it.");
    }

    public Histogram<double> LookupSeconds { get; }

    public Counter<long> ImportedRows { get; }

    public void Dispose() => meter.Dispose();
}
