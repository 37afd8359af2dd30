using System.Diagnostics;
using System.Diagnostics.Metrics;
using Claims.Rules;

namespace Claims.Adjudication;

/// <summary>What operators see of settlements: counts by decision and reason, durations in seconds, sizes in items.</summary>
public static class AdjudicationMetrics
{
    private static readonly Meter Meter = new("Claims.Adjudication");
    private static readonly Counter<long> Answers =
        Meter.CreateCounter<long>("claims_answers", description: "Answers given, by operation, decision and reason.");
    private static readonly UpDownCounter<long> FundPaidFen =
        Meter.CreateUpDownCounter<long>(
        "claims_fund_paid_fen", description: "What new settlements pay less what cancellations give back, in fen.");
    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram("claims_settle_duration_seconds", "s", "From request to answer.",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
        });

    private static readonly Histogram<double> ScriptDuration =
        Meter.CreateHistogram("claims_script_duration_seconds", "s", "One call of settle.lua, fsync included.",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
        });

    private static readonly Histogram<int> BatchVisits =
        Meter.CreateHistogram("claims_batch_visits", "{visits}", "Visits in one call of settle.lua.",
        advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] });

    // Two look-ups a visit: counted here and observed, since the tags of a counter cost as much as the look-up.
    private static readonly string[] LookupKinds = ["facility", "insured", "item"];
    private static readonly long[] Lookups = new long[2 * LookupKinds.Length];

    static AdjudicationMetrics() => Meter.CreateObservableCounter(
        "claims_eligibility_lookups",
        () => Enumerable.Range(0, Lookups.Length).Select(index => new Measurement<long>(
            Volatile.Read(ref Lookups[index]), new("kind", LookupKinds[index / 2]), new("cached", index % 2 == 0 ? "no" : "yes"))),
        description: "Eligibility look-ups, by kind and whether the cache held them.");
    private static readonly Counter<long> Published =
        Meter.CreateCounter<long>("claims_outbox_published", description: "Outbox records that Kafka acknowledged.");
    private static readonly Counter<long> Unanswered =
        Meter.CreateCounter<long>("claims_unanswered_total",
            description: "Requests without an answer, by operation and why: busy or nothing (nothing happened), unknown (the sender asks "
                + "again).");
    private static readonly Counter<long> Rewinds =
        Meter.CreateCounter<long>("claims_outbox_rewinds", description: "Times a relay went back to the ledger's watermark, by cause.");

    private static readonly Counter<long> Restored = Meter.CreateCounter<long>("claims_insured_restored",
        description: "Insured of whom something was gone from the store, and who were put back from the books.");

    public static void Answer(string operation, string decision, string reason, long fundPaidFen, TimeSpan elapsed)
    {
        Answers.Add(1, new("operation", operation), new("decision", decision), new("reason", reason));
        Duration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
        if (fundPaidFen != 0) FundPaidFen.Add(fundPaidFen);
    }

    /// <summary>Shows what is rare as 0 from the start: an alert does not see the increase of a series that was not there.</summary>
    public static void ShowRare()
    {
        foreach (string operation in new[] { "settle", "settle_stream", "cancel", "reverse" })
        {
            foreach (string why in new[] { "busy", "nothing", "unknown" }) Unanswered.Add(0, new("operation", operation), new("why", why));
            string refused = operation == "reverse" ? "REVERSE_REFUSED" : "REFUSED";
            Answers.Add(0, new("operation", operation), new("decision", refused), new("reason", Reasons.RecordsLost));
        }

        foreach (string cause in new[] { "connect", "gap", "stall", "delivery", "back", "rebuilt" })
            Rewinds.Add(0, new KeyValuePair<string, object?>("cause", cause));
        Restored.Add(0);
    }

    /// <param name="why"><c>busy</c>, <c>nothing</c> or <c>unknown</c>.</param>
    public static void NotAnswered(string operation, string why) => Unanswered.Add(1, new("operation", operation), new("why", why));

    /// <summary>An insured of whom something was lost is whole again.</summary>
    public static void InsuredRestored() => Restored.Add(1);

    public static void Batch(int visits, TimeSpan elapsed)
    {
        BatchVisits.Record(visits);
        ScriptDuration.Record(elapsed.TotalSeconds);
    }

    public static void Lookup(LookupKind kind, bool cached) => Interlocked.Increment(ref Lookups[(2 * (int)kind) + (cached ? 1 : 0)]);

    public static void RecordsPublished(long records) => Published.Add(records);

    public static void Rewound(string cause) => Rewinds.Add(1, new KeyValuePair<string, object?>("cause", cause));

    /// <summary>Observes how far the ledger is behind, per shard, in records and in time.</summary>
    public static void ObserveOutbox(Func<IEnumerable<Measurement<long>>> lag, Func<IEnumerable<Measurement<double>>> oldestAge)
    {
        Meter.CreateObservableGauge("claims_outbox_lag_records", lag, description: "Records given out but not committed by the ledger.");
        Meter.CreateObservableGauge("claims_outbox_oldest_unbooked_age_seconds", oldestAge, "s",
            "Since when the oldest of them waits; 0 where none does.");
    }
}

/// <summary>What Eligibility is asked for.</summary>
public enum LookupKind
{
    Facility,
    Insured,
    Item,
}
