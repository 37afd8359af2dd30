using System.Diagnostics.Metrics;
using Claims.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Hosting.Tests;

public sealed class PrometheusTextTests
{
    [Fact]
    public void Counter_ends_in_total_once_and_adds_up_by_label()
    {
        Exposition exposition = Write(meter =>
        {
            Counter<long> plain = meter.CreateCounter<long>("claims_visits");
            Counter<long> named = meter.CreateCounter<long>("claims_replies_total", description: "Replies.\nSecond \\ line.");
            plain.Add(2, new KeyValuePair<string, object?>("decision", "SETTLED"));
            plain.Add(3, new KeyValuePair<string, object?>("decision", "SETTLED"));
            plain.Add(1, new KeyValuePair<string, object?>("decision", "REFUSED"));
            named.Add(7);
        });

        Assert.Equal(5, exposition.Value("claims_visits_total", ("decision", "SETTLED")));
        Assert.Equal(1, exposition.Value("claims_visits_total", ("decision", "REFUSED")));
        Assert.Equal(7, exposition.Value("claims_replies_total"));
        Assert.Equal("Replies.\\nSecond \\\\ line.", exposition.Families["claims_replies_total"].Help);
    }

    [Fact]
    public void Up_down_counter_and_gauge_are_gauges()
    {
        Exposition exposition = Write(meter =>
        {
            UpDownCounter<int> queue = meter.CreateUpDownCounter<int>("claims_queue_depth");
            queue.Add(5);
            queue.Add(-7);
            meter.CreateGauge<double>("claims_lag_seconds", unit: "s").Record(0.25);
            meter.CreateObservableGauge("claims_odd", () => double.PositiveInfinity);
        });

        Assert.Equal("gauge", exposition.Families["claims_queue_depth"].Type);
        Assert.Equal(-2, exposition.Value("claims_queue_depth"));
        Assert.Equal(0.25, exposition.Value("claims_lag_seconds"));
        Assert.Equal(double.PositiveInfinity, exposition.Value("claims_odd"));
    }

    [Fact]
    public void Histogram_has_cumulative_buckets_sum_and_count_per_label()
    {
        Exposition exposition = Write(meter =>
        {
            Histogram<double> duration = meter.CreateHistogram(
                "claims_settle_duration_seconds", unit: "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
            duration.Record(0.05, new KeyValuePair<string, object?>("method", "Settle"));
            duration.Record(0.5, new KeyValuePair<string, object?>("method", "Settle"));
            duration.Record(5, new KeyValuePair<string, object?>("method", "Settle"));
            duration.Record(0.1, new KeyValuePair<string, object?>("method", "PreSettle"));
        });

        (string, string) settle = ("method", "Settle");
        Assert.Equal(1, exposition.Value("claims_settle_duration_seconds_bucket", settle, ("le", "0.1")));
        Assert.Equal(2, exposition.Value("claims_settle_duration_seconds_bucket", settle, ("le", "1")));
        Assert.Equal(3, exposition.Value("claims_settle_duration_seconds_bucket", settle, ("le", "+Inf")));
        Assert.Equal(3, exposition.Value("claims_settle_duration_seconds_count", settle));
        Assert.Equal(5.55, exposition.Value("claims_settle_duration_seconds_sum", settle), precision: 6);
        Assert.Equal(1, exposition.Value("claims_settle_duration_seconds_bucket", ("method", "PreSettle"), ("le", "0.1")));
    }

    [Fact]
    public void Label_values_are_escaped_and_label_names_made_valid()
    {
        Exposition exposition = Write(meter => meter.CreateCounter<int>("claims.odd-name").Add(1,
            new KeyValuePair<string, object?>("error.text", "a \"b\" \\ c\nd 郑州"),
            new KeyValuePair<string, object?>("9th", true),
            new KeyValuePair<string, object?>("none", null)));

        Assert.Equal(1, exposition.Value("claims_odd_name_total", ("error_text", "a \"b\" \\ c\nd 郑州"), ("_9th", "true"), ("none", "")));
    }

    [Theory]
    [InlineData("claims_wait", "s", "claims_wait_seconds")]
    [InlineData("claims_wait_seconds", "s", "claims_wait_seconds")]
    [InlineData("claims_wait", "ms", "claims_wait_milliseconds")]
    [InlineData("claims_heap", "By", "claims_heap_bytes")]
    [InlineData("claims_heap_bytes", "By", "claims_heap_bytes")]
    [InlineData("claims_used", "1", "claims_used_ratio")]
    [InlineData("claims_used", "{visits}", "claims_used")]
    [InlineData("claims.used-part", null, "claims_used_part")]
    public void Unit_of_a_gauge_stands_last_in_its_name(string instrument, string? unit, string name)
    {
        Exposition exposition = Write(meter => meter.CreateGauge<long>(instrument, unit).Record(7));

        Assert.Equal(7, exposition.Value(name));
        Assert.Equal(("gauge", instrument), (exposition.Families[name].Type, exposition.Families[name].Help));
    }

    [Fact]
    public void Unit_of_a_counter_stands_before_total_and_a_ratio_is_no_counters_unit()
    {
        Exposition exposition = Write(meter =>
        {
            meter.CreateCounter<double>("claims_busy", unit: "s").Add(1.5);
            meter.CreateCounter<long>("claims_sent_total", unit: "By").Add(6);
            meter.CreateCounter<long>("claims_tries", unit: "1").Add(2);
            meter.CreateUpDownCounter<double>("claims_open", unit: "1").Add(-0.5);
        });

        Assert.Equal(["claims_busy_seconds_total", "claims_open_ratio", "claims_sent_bytes_total", "claims_tries_total"],
            exposition.Families.Keys);
        Assert.Equal((1.5, 6, 2, -0.5), (exposition.Value("claims_busy_seconds_total"), exposition.Value("claims_sent_bytes_total"),
            exposition.Value("claims_tries_total"), exposition.Value("claims_open_ratio")));
    }

    [Fact]
    public void Odd_numbers_are_written_as_Prometheus_reads_them()
    {
        Exposition exposition = Write(meter =>
        {
            meter.CreateGauge<double>("claims_below").Record(double.NegativeInfinity);
            meter.CreateGauge<double>("claims_nothing").Record(double.NaN);
            meter.CreateGauge<double>("claims_third").Record(1d / 3);
        });

        Assert.Equal((double.NegativeInfinity, double.NaN, 1d / 3),
            (exposition.Value("claims_below"), exposition.Value("claims_nothing"), exposition.Value("claims_third")));
    }

    [Fact]
    public void Labels_that_collide_keep_both_values()
    {
        Exposition exposition = Write(meter => meter.CreateCounter<int>("claims_odd").Add(1,
            new KeyValuePair<string, object?>("a.b", "first"),
            new KeyValuePair<string, object?>("a_b", "second")));

        Assert.Equal("first;second", Assert.Single(Assert.Single(exposition.Families["claims_odd_total"].Samples).Labels).Value);
    }

    [Fact]
    public void Instruments_of_one_name_in_two_meters_share_a_family_without_a_series_twice()
    {
        Exposition exposition = Write(
            meter => meter.CreateCounter<int>("claims_shared").Add(1, new KeyValuePair<string, object?>("by", "one")),
            meter =>
            {
                Counter<int> counter = meter.CreateCounter<int>("claims_shared");
                counter.Add(2, new KeyValuePair<string, object?>("by", "two"));
                counter.Add(4, new KeyValuePair<string, object?>("by", "one"));
            });

        Assert.Equal(2, exposition.Families["claims_shared_total"].Samples.Count);
        Assert.Equal(2, exposition.Value("claims_shared_total", ("by", "two")));
    }

    [Fact]
    public void Instruments_of_one_name_and_two_types_keep_the_first_type()
    {
        Exposition exposition = Write(
            meter => meter.CreateGauge<int>("claims_torn_total").Record(1),
            meter => meter.CreateCounter<int>("claims_torn").Add(2));

        Assert.Equal("gauge", exposition.Families["claims_torn_total"].Type);
        Assert.Single(exposition.Families["claims_torn_total"].Samples);
    }

    private static Exposition Write(params Action<Meter>[] record)
    {
        string prefix = $"Test.{Guid.NewGuid():N}";
        Exporter exporter = new();
        using BaseExportingMetricReader reader = new(exporter);
        using MeterProvider provider = Sdk.CreateMeterProviderBuilder().AddMeter(prefix + ".*").AddReader(reader).Build();
        List<Meter> meters = [];
        foreach (Action<Meter> instruments in record)
        {
            Meter meter = new($"{prefix}.{meters.Count}");
            meters.Add(meter);
            instruments(meter);
        }

        Assert.True(reader.Collect());
        meters.ForEach(meter => meter.Dispose());
        return Exposition.Parse(exporter.Text);
    }

    private sealed class Exporter : BaseExporter<Metric>
    {
        public string Text { get; private set; } = "";

        public override ExportResult Export(in Batch<Metric> batch)
        {
            Text = PrometheusText.Write(batch);
            return ExportResult.Success;
        }
    }
}
