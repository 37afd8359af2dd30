using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using Claims.V1;

namespace Claims.Adjudication;

/// <summary>New answers by facility and by rate. Replays and quotes are nobody's visit and are left out.</summary>
/// <remarks>Counted here and observed: two counters with tags cost as much as a look-up.</remarks>
internal sealed class FacilityMetrics
{
    private const string Others = "other";

    /// <summary>The first that settle have series of their own, the others one together: each has five, and a scrape carries all.</summary>
    private readonly int _mostFacilities;
    private readonly ConcurrentDictionary<string, Counts> _facilities = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, Counts> _rates = new();
    private readonly Counts _rest = new();
    private long _deductibleFen;

    public FacilityMetrics(Meter meter, int mostFacilities)
    {
        _mostFacilities = mostFacilities;
        meter.CreateObservableCounter("claims_facility_answers_total",
            () => Every().SelectMany(facility => new[]
            {
                Of(facility.Value.Settled, facility.Key, "SETTLED"), Of(facility.Value.Refused, facility.Key, "REFUSED"),
                Of(facility.Value.Cancelled, facility.Key, "CANCELLED"),
            }),
            description: "New answers, by facility and decision.");
        meter.CreateObservableCounter("claims_facility_billed_fen_total",
            () => Every().Select(facility => Of(facility.Value.BilledFen, facility.Key)),
            description: "Totals of new settlements, in fen.");
        meter.CreateObservableCounter("claims_facility_fund_fen_total",
            () => Every().Select(facility => Of(facility.Value.FundFen, facility.Key)),
            description: "What the fund pays of new settlements, in fen; what is cancelled later is not taken off.");
        meter.CreateObservableCounter("claims_settlements_total",
            () => _rates.Select(rate => new Measurement<long>(rate.Value.Settled,
                new KeyValuePair<string, object?>("rate_basis_points", rate.Key.ToString(CultureInfo.InvariantCulture)))),
            description: "New settlements, by the rate of their tier; 0 for fixed sums.");
        meter.CreateObservableCounter("claims_deductible_fen_total", () => Volatile.Read(ref _deductibleFen),
            description: "Deductible that new settlements bear, in fen.");
    }

    public static FacilityMetrics Shared { get; } = new(new Meter("Claims.Adjudication.Facilities"), mostFacilities: 300);

    public void Answered(SettleReply reply)
    {
        if (reply.Replayed) return;
        // A code that has settled nothing may be anything that a caller made up.
        bool known = _facilities.TryGetValue(reply.FacilityCode, out Counts? counts);
        if (!known && reply.Decision == Decision.Settled && _facilities.Count < _mostFacilities)
            (known, counts) = (true, _facilities.GetOrAdd(reply.FacilityCode, static _ => new Counts()));
        counts = known ? counts! : _rest;
        switch (reply.Decision)
        {
            case Decision.Settled:
                Interlocked.Increment(ref counts.Settled);
                Interlocked.Add(ref counts.BilledFen, reply.TotalFen);
                Interlocked.Add(ref counts.FundFen, reply.FundPayFen);
                Interlocked.Add(ref _deductibleFen, reply.DeductibleFen);
                Interlocked.Increment(ref _rates.GetOrAdd(reply.RateBp, static _ => new Counts()).Settled);
                break;
            case Decision.Refused:
                Interlocked.Increment(ref counts.Refused);
                break;
            case Decision.Cancelled:
                Interlocked.Increment(ref counts.Cancelled);
                break;
        }
    }

    private IEnumerable<KeyValuePair<string, Counts>> Every() => _facilities.Append(KeyValuePair.Create(Others, _rest));

    private static Measurement<long> Of(long fen, string facility) => new(fen, new KeyValuePair<string, object?>("facility", facility));

    private static Measurement<long> Of(long count, string facility, string decision) =>
        new(count, new("facility", facility), new("decision", decision));

    private sealed class Counts
    {
        public long Settled;
        public long Refused;
        public long Cancelled;
        public long BilledFen;
        public long FundFen;
    }
}
