using System.Diagnostics.Metrics;
using Claims.Adjudication;
using Claims.V1;

namespace Adjudication.Tests;

public sealed class FacilityMetricsTests : IDisposable
{
    private readonly Meter _meter = new("facility metrics under test");

    public void Dispose() => _meter.Dispose();

    [Fact]
    public void Answers_are_counted_by_facility_rate_and_money_and_those_beyond_the_bound_together()
    {
        FacilityMetrics metrics = new(_meter, mostFacilities: 2);
        metrics.Answered(Reply("H1", Decision.Refused));
        metrics.Answered(Reply("H1", Decision.Settled, billedFen: 20_000, deductibleFen: 4_000, rate: 5_500, fundFen: 8_800));
        metrics.Answered(Reply("H1", Decision.Settled, billedFen: 20_000, deductibleFen: 0, rate: 5_500, fundFen: 11_000, replayed: true));
        metrics.Answered(Reply("H1", Decision.Settled, billedFen: 10_000, deductibleFen: 0, rate: 5_500, fundFen: 5_500));
        metrics.Answered(Reply("H1", Decision.Refused));
        metrics.Answered(Reply("H1", Decision.Quoted, billedFen: 10_000, rate: 5_500, fundFen: 5_500));
        metrics.Answered(Reply("H1", Decision.Cancelled, billedFen: -10_000, rate: 5_500, fundFen: -5_500));
        metrics.Answered(Reply("H2", Decision.Settled, billedFen: 1_000, rate: 6_500, fundFen: 650));
        metrics.Answered(Reply("H3", Decision.Settled, billedFen: 2_000, deductibleFen: 500, rate: 4_500, fundFen: 675));
        metrics.Answered(Reply("H4", Decision.Refused));

        Assert.Equal(
            [
                "claims_deductible_fen_total 4500",
                "claims_facility_answers_total H1 CANCELLED 1", "claims_facility_answers_total H1 REFUSED 1",
                "claims_facility_answers_total H1 SETTLED 2",
                "claims_facility_answers_total H2 CANCELLED 0", "claims_facility_answers_total H2 REFUSED 0",
                "claims_facility_answers_total H2 SETTLED 1",
                "claims_facility_answers_total other CANCELLED 0", "claims_facility_answers_total other REFUSED 2",
                "claims_facility_answers_total other SETTLED 1",
                "claims_facility_billed_fen_total H1 30000", "claims_facility_billed_fen_total H2 1000",
                "claims_facility_billed_fen_total other 2000",
                "claims_facility_fund_fen_total H1 14300", "claims_facility_fund_fen_total H2 650",
                "claims_facility_fund_fen_total other 675",
                "claims_settlements_total 4500 1", "claims_settlements_total 5500 2", "claims_settlements_total 6500 1",
            ],
            Shown());
    }

    private string[] Shown()
    {
        List<string> shown = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter == _meter) listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            shown.Add(string.Join(' ', [instrument.Name, .. tags.ToArray().Select(tag => (string)tag.Value!), $"{value}"])));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. shown.Order(StringComparer.Ordinal)];
    }

    private static SettleReply Reply(
        string facility, Decision decision, long billedFen = 0, long deductibleFen = 0, int rate = 0, long fundFen = 0,
        bool replayed = false) =>
        new()
        {
            FacilityCode = facility,
            Decision = decision,
            TotalFen = billedFen,
            DeductibleFen = deductibleFen,
            RateBp = rate,
            FundPayFen = fundFen,
            Replayed = replayed,
        };
}
