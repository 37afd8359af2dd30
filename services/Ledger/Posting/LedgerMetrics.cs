using System.Diagnostics.Metrics;
using Claims.Ledger.SubLedger;

namespace Claims.Ledger.Posting;

internal sealed class LedgerMetrics : IDisposable
{
    private readonly Meter _meter = new("Claims.Ledger");
    private volatile IReadOnlyDictionary<int, long> _lagRecords = new Dictionary<int, long>();
    private readonly Counter<long> _posted;
    private readonly Histogram<double> _batchSeconds;
    private readonly Histogram<int> _batchRecords;
    private readonly Counter<long> _repeats;
    private readonly Counter<long> _gaps;
    private readonly Counter<long> _poison;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _unauthentic;

    public LedgerMetrics(Watermarks watermarks, OwnShards own)
    {
        _posted = _meter.CreateCounter<long>("claims_ledger_posted_total", description: "Records booked, by kind.");
        _batchSeconds = _meter.CreateHistogram<double>("claims_ledger_batch_duration_seconds", description: "One posting transaction.");
        _batchRecords = _meter.CreateHistogram<int>("claims_ledger_batch_records", description: "Records in one posting transaction.");
        _repeats = _meter.CreateCounter<long>("claims_ledger_repeats_total", description: "Records dropped since the books have them.");
        _gaps = _meter.CreateCounter<long>("claims_ledger_gaps_total", description: "Gaps announced.");
        _poison = _meter.CreateCounter<long>("claims_ledger_poison_total", description: "Records set aside; each stops its shard.");
        _retries = _meter.CreateCounter<long>("claims_ledger_batch_retries_total", description: "Posting transactions tried again.");
        _unauthentic = _meter.CreateCounter<long>("claims_ledger_unauthentic_messages_total",
            description: "Messages of the topic that Adjudication has not signed; each is skipped.");
        _meter.CreateObservableGauge("claims_ledger_lag_records", ObserveLag,
            description: "Records in the broker that have not been read, by shard.");
        _meter.CreateObservableGauge("claims_ledger_own_shards", () => own.Shards.Count, description: "Shards that this instance posts.");
        _meter.CreateObservableGauge("claims_ledger_unposted_shards", () => Unposted, description: "Shards that no instance posts.");
        _meter.CreateObservableGauge("claims_ledger_stopped_shards", () => watermarks.Stopped.Count,
            description: "Shards that stand at a record set aside, of all instances.");
    }

    /// <summary>Shards that no instance holds, as last seen; all of them while this instance has no session to see any.</summary>
    public int Unposted { get; set; }

    /// <summary>Records not yet read, for each shard that this instance reads.</summary>
    public IReadOnlyDictionary<int, long> LagRecords
    {
        set => _lagRecords = value;
    }

    public void Posted(Selection selection, TimeSpan duration)
    {
        foreach (IGrouping<V1.SettledClaim.Types.Kind, BookableRecord> kind in selection.Records.GroupBy(record => record.Claim.Kind))
            _posted.Add(kind.Count(), new KeyValuePair<string, object?>("kind", SubLedgerTable.Name(kind.Key)));
        _batchSeconds.Record(duration.TotalSeconds);
        _batchRecords.Record(selection.Records.Count);
    }

    public void Dropped(Selection selection)
    {
        _repeats.Add(selection.Repeats.Count);
        _gaps.Add(selection.Gaps.Count);
        _poison.Add(selection.Poison.Count);
    }

    public void Retried() => _retries.Add(1);

    public void Unauthentic() => _unauthentic.Add(1);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> ObserveLag() =>
        _lagRecords.Select(lag => new Measurement<long>(lag.Value, new KeyValuePair<string, object?>("shard", lag.Key)));
}
