using System.Diagnostics.Metrics;

namespace Claims.Ledger.Audit;

internal sealed class AuditMetrics : IDisposable
{
    private readonly Meter _meter = new("Claims.Ledger.Audit");
    private readonly Counter<long> _links;
    private long _clean;
    private long _bad;
    private long _waiting;
    private int _broken;

    public AuditMetrics()
    {
        _links = _meter.CreateCounter<long>("claims_ledger_chain_links_total", description: "Batches chained by this instance.");
        // Observed, so that both series are there from the start: an alert does not see the increase of one that was not.
        _meter.CreateObservableCounter(
            "claims_ledger_verifications_total", ObserveVerifications, description: "Verifications of the books, by verdict: clean, bad.");
        _meter.CreateObservableGauge("claims_ledger_chain_lag_batches", () => Interlocked.Read(ref _waiting),
            description: "Batches in the books that are not chained yet.");
        _meter.CreateObservableGauge("claims_ledger_chain_broken", () => Volatile.Read(ref _broken),
            description: "1: the chain in the database is not the one that this instance has extended.");
    }

    public void Chained(int links) => _links.Add(links);

    public void Observe(ChainState state)
    {
        Interlocked.Exchange(ref _waiting, state.Waiting);
        Volatile.Write(ref _broken, state.Broken.Length > 0 ? 1 : 0);
    }

    public void Verified(bool clean) => Interlocked.Increment(ref clean ? ref _clean : ref _bad);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> ObserveVerifications() =>
    [
        new(Interlocked.Read(ref _clean), new KeyValuePair<string, object?>("verdict", "clean")),
        new(Interlocked.Read(ref _bad), new KeyValuePair<string, object?>("verdict", "bad")),
    ];
}
